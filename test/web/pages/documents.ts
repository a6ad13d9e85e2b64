// Documents on the page: read with what proves them, corrected, written, confirmed; refusals of the platform mended.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

describe('a document', () => {
  it('says who answers for it, whether it is unchanged, its versions and where it is on its way', async () => {
    hub.signIn('doctor');
    await go('/document/d1', '[data-testid=proof]');
    const text = await page.locator('main').textContent();
    for (const words of [
      '佐藤 美咲',
      '山田 健',
      '代わりに書いたものを確認',
      '署名: 正しい',
      '時刻の証明: 待っています',
      '第2版',
      '第1版',
      '前の版を取り消してから送ります',
      '訂正の理由: 脈拍の書き間違い',
    ])
      expect(text).toContain(words);
    expect(await page.getByTestId('pdf').getAttribute('href')).toBe('/api/records/documents/d1.pdf');
    hub.facts.document = {
      ...hub.facts.document,
      signature: {
        ...hub.facts.document.signature,
        state: 'changed',
        reason: { ja: '署名したあとで、内容が変えられています。', en: 'changed' },
      },
    };
    await page.reload();
    await page.getByText('署名: 変えられている').waitFor();
    await shot('document-changed');
  });

  it('tells a patient in plain words, and offers nothing that is for doctors', async () => {
    hub.signIn('patient');
    hub.facts.document = { ...hub.facts.document, may: { amend: false, reply: false } };
    await go('/document/d1', '[data-testid=proof]');
    await page.getByText('先生が書いたときのままです').waitFor();
    for (const hidden of ['amend', 'reply']) expect(await page.getByTestId(hidden).count()).toBe(0);
    expect(await page.locator('main').textContent()).not.toContain('Simulated HPKI CA');
    await shot('document-patient');
  });

  it('is corrected as a new version, with a reason', async () => {
    hub.signIn('doctor');
    await go('/document/d1', '[data-testid=amend]');
    await page.getByTestId('amend').click();
    await page.getByTestId('amend-reason').fill('書き間違い');
    await page.getByTestId('amend-begin').click();
    await page.waitForURL('**/draft/draft-1');
    expect(hub.requests.find(({ line }) => line === 'POST /api/records/documents/d1/amend')?.body).toEqual({ reason: '書き間違い' });
  });
});

describe('a draft', () => {
  it('is filled, addressed and confirmed after a question', async () => {
    hub.signIn('doctor');
    await go('/draft/draft-1', '[data-testid=draft-confirm]');
    await page.getByTestId('draft-purpose').fill('夜の不穏の相談');
    await page.getByTestId('draft-illness').fill('8月から');
    await page.getByTestId('draft-recipient').selectOption('suzuki');
    await page.getByTestId('draft-confirm').click();
    await page.getByTestId('draft-confirmed').waitFor();
    expect(await violations()).toEqual([]);
    await shot('draft-question');
    await page.getByTestId('draft-confirmed').click();
    await page.waitForURL('**/document/d1');
    expect(hub.requests.find(({ line }) => line === 'PUT /api/records/drafts/draft-1')?.body).toMatchObject({
      version: 1,
      to: 'suzuki',
      withheld: null,
      content: { purpose: '夜の不穏の相談', complaint: 'レビー小体型認知症の疑い' },
    });
  });
});

describe('a refused document', () => {
  it('is mended with the insured number, or given up with a reason', async () => {
    hub.signIn('doctor');
    await go('/documents', '[data-testid=correct-d3]');
    expect(await page.locator('main').textContent()).toContain('R1012');
    await page.getByTestId('correct-d3').click();
    await page.getByTestId('delivery-text').fill('00012345:あ:187:05');
    await shot('delivery-correct');
    await page.getByTestId('delivery-send').click();
    await expect
      .poll(() => hub.requests.find(({ line }) => line === 'POST /api/records/deliveries/d3/correct')?.body)
      .toEqual({ insuredNumber: '00012345:あ:187:05' });
    await page.getByTestId('give-up-d2').click();
    await page.getByTestId('delivery-text').fill('患者さんが望まない');
    await page.getByTestId('delivery-send').click();
    await expect
      .poll(() => hub.requests.find(({ line }) => line === 'POST /api/records/deliveries/d2/give-up')?.body)
      .toEqual({ reason: '患者さんが望まない' });
  });
});

describe('records of other hospitals', () => {
  it('are asked for after the patient agreed', async () => {
    hub.signIn('patient');
    await go('/record', '[data-testid=elsewhere-allow]');
    await shot('record-elsewhere');
    await page.getByTestId('elsewhere-allow').click();
    await page.getByTestId('elsewhere-bring').click();
    await expect
      .poll(() => hub.requests.filter(({ line }) => line.endsWith('/api/records/elsewhere/r01')).map(({ line }) => line.split(' ')[0]))
      .toContain('POST');
  });
});
