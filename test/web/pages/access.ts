// A patient decides in detail who sees what; staff open a record in an emergency; administrators review it and begin disaster mode.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

const sent = (line: string) => hub.requests.findLast(request => request.line === line)?.body;

describe('a patient', () => {
  it('hides one kind of information until a day, told first what that means', async () => {
    hub.signIn('patient');
    await go('/sharing', '[data-testid=sharing-detail-shima]');
    await page.getByTestId('sharing-detail-shima').click();
    await page.getByTestId('decide-some').check();
    await page.getByTestId('decide-document').check();
    await page.getByTestId('decide-until').fill('2027-01-31');
    const meaning = page.getByTestId('decide-meaning');
    expect(await meaning.textContent()).toContain('青島診療所は「文書」を見ることができません');
    expect(await meaning.textContent()).toContain('ほかの情報は、今までどおり');
    await shot('decide-dialog');
    expect(await violations()).toEqual([]);
    await page.getByTestId('decide').click();
    await page.getByText('決めました。今すぐ有効です。').waitFor();
    expect(sent('POST /api/records/sharing/rules')).toMatchObject({
      effect: 'deny',
      party: 'Organization/shima',
      categories: ['document'],
      purposes: null,
      until: '2027-01-31T14:59:59.000Z',
    });
    await page.getByRole('button', { name: 'もどす' }).click();
    await expect.poll(() => sent('PUT /api/records/sharing/rules/c2')).toEqual({ stands: false });
  });

  it('names who looks in their place and ends it, and reads of an emergency', async () => {
    hub.signIn('patient');
    await go('/sharing', '[data-testid=add-proxy]');
    await page.getByTestId('opened-notice').waitFor();
    await page.getByTestId('opened-seen').click();
    await page.getByTestId('opened-notice').waitFor({ state: 'detached' });
    await page.getByTestId('add-proxy').click();
    await page.getByTestId('proxy-name').fill('山本 次郎');
    await page.getByTestId('save-proxy').click();
    await page.getByText('窓口でリンクを受け取ってください').waitFor();
    expect(sent('POST /api/records/proxies/r01')).toMatchObject({ name: '山本 次郎', relationship: 'family' });
    await page.getByTestId('end-proxy').first().click();
    await page.getByTestId('confirm-end-proxy').click();
    await page.getByText('もう見ることができません').waitFor();
  });

  it('sees who looked and who was refused, by name', async () => {
    hub.signIn('patient');
    await go('/looked', '[data-testid=looked-search]');
    await page.getByText('断りました').first().waitFor();
    await page.getByTestId('looked-who').fill('佐藤');
    await page.getByTestId('looked-kind').selectOption('refused');
    await page.getByTestId('looked-search').click();
    await expect
      .poll(() => hub.requests.at(-1)?.line.includes('who=%E4%BD%90%E8%97%A4') && hub.requests.at(-1)?.line.includes('allowed=false'))
      .toBe(true);
  });
});

describe('in an emergency', () => {
  it('a doctor finds the person, says why and reads the summary while the time runs', async () => {
    hub.signIn('doctor');
    await go('/emergency', '[data-testid=emergency-find]');
    await page.getByTestId('emergency-name').fill('山本 ハル');
    await page.getByTestId('emergency-birth').fill('1938-04-01');
    await page.getByTestId('emergency-find').click();
    await page.getByTestId('emergency-person').check();
    await page.getByTestId('emergency-reason').selectOption('unconscious');
    await page.getByTestId('emergency-words').fill('救急車で来院');
    await shot('emergency-reason');
    await page.getByTestId('emergency-open').click();
    await page.getByTestId('emergency-summary').waitFor();
    expect(sent('POST /api/emergency/grants')).toEqual({ patient: 'r01', reason: 'unconscious', words: '救急車で来院', area: null });
    expect(await page.getByTestId('emergency-summary').textContent()).toContain('ペニシリン');
    expect(await page.getByRole('timer').textContent()).toMatch(/あと5\d分/);
    await shot('emergency-summary');
    expect(await violations()).toEqual([]);
    await page.getByTestId('emergency-end').click();
    await page.getByTestId('emergency-summary').waitFor({ state: 'detached' });
  });

  it('a specialist without the flag comes in by the disaster that every page tells of', async () => {
    hub.signIn('specialist');
    await go('/inbox', '[data-testid=disaster-notice]');
    await shot('disaster-notice');
    await page.getByTestId('disaster-notice').getByRole('link').click();
    await page.getByTestId('emergency-area').waitFor();
  });

  it('an administrator reviews, ends disaster mode and gives the flag', async () => {
    hub.signIn('administrator');
    await go('/emergency/reviews', '[data-testid=review-g1]');
    expect(await page.getByTestId('review-notice').textContent()).toContain('72時間');
    await page.getByTestId('review-g0').click();
    await page.getByTestId('verdict').selectOption('justified');
    await page.getByTestId('verdict-words').fill('意識がなかった');
    await shot('review-dialog');
    expect(await violations()).toEqual([]);
    await page.getByTestId('verdict-save').click();
    await page.getByText('意識がなかった').waitFor();
    await page.getByTestId('entitle-pr2').check();
    await expect.poll(() => sent('POST /api/emergency/staff/pr2')).toEqual({ entitled: true });
    await page.getByTestId('new-area').click();
    await page.getByTestId('area-name').fill('大雨');
    await page.getByTestId('area-reason').fill('川があふれた');
    await page.getByTestId('area-prefectures').fill('東京都、神奈川県');
    await page.getByTestId('begin-area').click();
    await page.getByText('災害モードを始めました').waitFor();
    expect(sent('POST /api/emergency/areas')).toMatchObject({ name: '大雨', prefectures: ['東京都', '神奈川県'] });
    await page.getByTestId('end-area').first().click();
    await page.getByText('災害モードを終えました').waitFor();
  });
});

describe('a page that is open when the patient says no', () => {
  it('loses what it shows within a second', async () => {
    for (const [role, at, ready, asks] of [
      ['doctor', '/chart/r01', '.timeline', '/api/records/timeline'],
      ['caregiver', '/resident/r04', '.uplot canvas', '/api/vitals'],
    ] as const) {
      hub.reset();
      hub.signIn(role);
      await go(at, ready);
      hub.fail(asks, 403);
      const before = Date.now();
      hub.rights(at.split('/')[2]!);
      await page.locator(ready).first().waitFor({ state: 'detached', timeout: 1000 });
      expect(Date.now() - before).toBeLessThan(1000);
    }
  });
});
