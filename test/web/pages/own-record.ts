// A patient looks through the own record, brings files along, answers a doctor, shares by a link, takes a copy and asks for erasure.
import { describe, expect, it } from 'vitest';
import { SHARE_TOKEN } from '../phr-facts.ts';
import { context, go, hub, page, shot, violations } from './stand.ts';

describe('a patient', () => {
  it('looks through the own record in words and by kind, and further back', async () => {
    hub.signIn('patient');
    await go('/record', '.timeline');
    expect(await page.getByText('ご本人が持ってきた記録 (Apple Watch)').count()).toBe(1);
    await page.getByTestId('record-more').click();
    await page.getByText('アレルギー: ペニシリン').waitFor();
    await page.getByText('種類や時期でしぼる').click();
    await page.getByTestId('kind-allergy').check();
    await page.waitForFunction(() => document.querySelectorAll('.timeline li').length === 1);
    await shot('record-filtered');
    await page.getByTestId('kind-allergy').uncheck();
    await page.getByTestId('record-words').fill('歩数');
    await page.getByTestId('record-search').click();
    await page.waitForFunction(() => document.querySelector('.timeline')?.textContent?.includes('歩数 3120歩'));
    await page.getByTestId('record-words').fill('ない言葉');
    await page.getByTestId('record-search').click();
    await page.getByText('見つかりませんでした').waitFor();
  });

  it('sends a file in parts, sees what is in it and takes it over only after saying that it is the own one', async () => {
    hub.signIn('patient');
    await go('/record/import', '[data-testid=import-choose]');
    await page
      .getByTestId('import-file')
      .setInputFiles({ name: 'heart.json', mimeType: 'application/json', buffer: Buffer.alloc(1_500_000, 32) });
    const card = page.getByTestId('import-i-new');
    await card.waitFor();
    expect(hub.requests.filter(({ line }) => line.startsWith('PUT /api/phr/imports/i-new/parts/')).map(({ line }) => line.at(-1))).toEqual([
      '0',
      '1',
    ]);
    expect(await card.getByTestId('import-take').isDisabled()).toBe(true);
    await card.getByTestId('import-mine').check();
    await card.getByTestId('import-take').click();
    await card.getByText('取り込んでいます').first().waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/phr/imports/i-new/take')?.body).toEqual({ confirmed: true });
  });

  it('answers what a doctor asks for', async () => {
    hub.signIn('patient');
    await go('/record/import', '[data-testid=request-yes]');
    await page.getByTestId('request-yes').click();
    await page.getByTestId('request-end').waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/phr/requests/q1/answer')?.body).toEqual({ allow: true, days: 90 });
  });

  it('makes a link with a code, sees it listed, and ends it', async () => {
    hub.signIn('patient');
    await go('/links', '[data-testid=share-make]');
    await page.getByTestId('share-phr').check();
    await page.getByTestId('share-purpose').fill('薬局で見せる');
    await page.getByTestId('share-minutes').selectOption('15');
    await page.getByTestId('share-make').click();
    await page.getByTestId('share-made').waitFor();
    expect(await page.getByRole('img', { name: '記録を開く QR コード' }).isVisible()).toBe(true);
    await shot('links-made');
    expect(await violations()).toEqual([]);
    expect(hub.requests.find(({ line }) => line === 'POST /api/phr/shares')?.body).toMatchObject({
      categories: ['summary', 'phr'],
      minutes: 15,
      pin: null,
    });
    await page.getByTestId('share-end').first().click();
    await page.getByTestId('share-made').waitFor({ state: 'detached' });
  });

  it('reads what stays and until when, and asks for erasure', async () => {
    hub.signIn('patient');
    await go('/record/keep', '[data-testid=kept]');
    await page.getByText('2031年11月20日').first().waitFor();
    await page.getByTestId('erase-brought').click();
    expect(await violations()).toEqual([]);
    await page.getByTestId('erase-confirm').click();
    await page.getByText('消しました。').first().waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/phr/erasures')?.body).toMatchObject({ what: 'brought' });
  });

  it('can read all of it with letters twice as large', async () => {
    hub.signIn('patient');
    for (const at of ['/record/import', '/record/keep', '/links']) {
      await page.setViewportSize({ width: 640, height: 800 });
      await go(at, 'h2');
      await page.evaluate(() => {
        document.documentElement.style.fontSize = '200%';
      });
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
        at,
      ).toBeLessThanOrEqual(0);
    }
  });
});

describe('whoever holds a link', () => {
  it('sees what was shared after the PIN, and a blank page as soon as the person ends it', async () => {
    await go(`/shared#${SHARE_TOKEN}`, '[data-testid=shared-pin]');
    await page.getByTestId('shared-pin').fill('4711');
    await page.getByRole('button', { name: '開く' }).click();
    await page.getByText('山本 ハル さんの記録').first().waitFor();
    await page.locator('.timeline').waitFor();
    await shot('shared-open');
    expect(await violations()).toEqual([]);
    // The token is in no address that was asked.
    expect(hub.requests.every(({ line }) => !line.includes(SHARE_TOKEN))).toBe(true);
    hub.facts.phr.shares[0]!.state = 'ended';
    await page.getByTestId('shared-closed').waitFor();
    expect(await page.locator('.timeline').count()).toBe(0);
    expect(await context.cookies()).toEqual([]);
  });
});

describe('an administrator', () => {
  it('answers a wish for erasure with a reason', async () => {
    hub.signIn('administrator');
    await go('/erasures', '[data-testid=wish-answer]');
    await page.getByTestId('wish-answer').click();
    await page.getByTestId('wish-reason').fill('2031年まで残します');
    await page.getByTestId('wish-send').click();
    await page.getByText('残す: 2031年まで残します').waitFor();
  });
});
