// A carer and the residents: risk in words, live samples, an episode that nobody warned of, limits of alarms, furigana.
import { beforeEach, describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

describe('a carer', () => {
  beforeEach(() => hub.signIn('caregiver'));

  it('reads risk in natural frequencies, never as a percentage', async () => {
    await go('/alert/alert-r04', '[data-testid=outcome-episode]');
    const text = await page.locator('main').textContent();
    expect(text).toContain('10回のうち6回');
    expect(text).not.toMatch(/\d\s*[%％]/);
    await go('/floor', '[data-testid=tile-r01]');
    expect(await page.locator('main').textContent()).not.toMatch(/\d\s*[%％]/);
    expect(await page.locator('main').textContent()).toContain('シミュレーションの入居者');
  });

  it('sees new samples of a resident without reloading', async () => {
    await go('/resident/r04', '.uplot canvas');
    hub.vitals({ patient: 'r04', profile: 'bed', samples: [{ time: Date.now(), values: { heart_rate: 133 } }] });
    await expect.poll(() => page.getByTestId('vitals').textContent()).toContain('133 拍/分');
  });

  it('can switch furigana on', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    await page.getByTestId('menu').click();
    await page.getByTestId('furigana-on').click();
    await page.locator('main ruby').first().waitFor();
    await page.keyboard.press('Escape');
    await shot('floor-furigana');
  });

  it('records an episode that nobody was warned of', async () => {
    await go('/resident/r04', '[data-testid=missed-episode]');
    await page.getByTestId('missed-episode').click();
    await page.getByTestId('missed-save').click();
    await expect
      .poll(() => hub.requests.find(({ line }) => line === 'POST /api/learning/himawari/episodes')?.body)
      .toMatchObject({ patient: 'r04' });
  });

  it('sets at which heart rate of a resident to be alarmed, not at one that no heart has', async () => {
    await go('/resident/r04', '[data-testid=change-limits]');
    await page.getByTestId('limits').getByText('心拍数が 110 拍/分 より高いとき').waitFor();
    await page.getByTestId('change-limits').click();
    await page.getByTestId('limit-heart-high').fill('900');
    await page.getByText('20 から 250 までの数にしてください。').waitFor();
    expect(await page.getByTestId('save-limits').isDisabled()).toBe(true);
    await page.getByTestId('limit-heart-high').fill('105');
    await page.getByTestId('off-heart-low').check();
    expect(await violations()).toEqual([]);
    await shot('limits');
    await page.getByTestId('save-limits').click();
    await page.getByTestId('change-limits').waitFor();
    expect(hub.requests.find(({ line }) => line === 'PUT /api/alarms/limits/r04')?.body).toEqual({
      limits: { 'heart-low': { limit: null, off: true }, 'heart-high': { limit: 105, off: false } },
    });
  });
});
