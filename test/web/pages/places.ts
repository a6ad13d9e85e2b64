// A carer and alerts that concern no resident: a call in a toilet, a facility that is not watched.
import { beforeEach, describe, expect, it } from 'vitest';
import type { AlertView } from '../../../hub/alerts/contract.ts';
import { go, hub, open, PHONE, page, shot, violations } from './stand.ts';

describe('a carer, where nobody lives,', () => {
  beforeEach(() => {
    hub.signIn('caregiver');
    const nobody: AlertView = {
      ...hub.facts.alerts[0]!,
      ...{ patient: null, residentName: '', room: '', careHint: null, prediction: null, consultation: null },
      ...{ state: 'open', acknowledgedBy: null, acknowledgedAt: null, raisedAt: new Date().toISOString() },
    };
    const call: AlertView = {
      ...nobody,
      ...{ id: 'alert-toilet', kind: 'call', tier: 'urgent', placeName: '2階 共用トイレ', paged: ['caregiver'] },
      detail: { ja: 'ナースコールが押されました', en: 'The call button was pressed' },
    };
    const silence: AlertView = {
      ...nobody,
      ...{ id: 'alert-facility', kind: 'uncovered', tier: 'watch', placeName: '特別養護老人ホーム ひまわり', paged: [] },
      detail: {
        ja: '施設のゲートウェイからデータが届いていません。12人を見守れていません。',
        en: 'No data from the gateway. 12 residents are not watched.',
      },
    };
    hub.facts.floor.places = [silence, call];
    hub.facts.alerts = [call, silence, ...hub.facts.alerts];
  });

  it('sees a call above the tiles, takes it and says that it was seen to', async () => {
    await go('/floor', '[data-testid=place-alert-toilet]');
    const strip = page.locator('[data-testid^=place-]');
    expect(await strip.allTextContents()).toEqual([expect.stringContaining('共用'), expect.stringContaining('ひまわり')]);
    expect(await page.getByTestId('alert-banner').textContent()).toContain('共用トイレ');
    expect(await violations()).toEqual([]);
    await shot('floor-places');
    await page.getByTestId('alert-banner').getByTestId('acknowledge').click();
    await expect.poll(() => page.getByTestId('place-alert-toilet').textContent()).toContain('佐藤 美咲さんが対応中');

    await open(PHONE);
    await go('/floor', '[data-testid=place-alert-toilet]');
    await shot('floor-places-phone');
    await go('/alert/alert-toilet', '[data-testid=outcome-handled]');
    expect(await page.locator('[data-testid=ask-doctor], [data-testid=outcome-episode], a[href^="/resident/"]').count()).toBe(0);
    expect(await violations()).toEqual([]);
    await shot('alert-place-phone');
    await page.getByTestId('outcome-handled').click();
    await page.getByTestId('outcome-save').click();
    await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('対応した');
  });
});
