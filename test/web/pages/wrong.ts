// When something is wrong a page says so in words: what happened, what to do.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

describe('when something is wrong, a page says', () => {
  const cases = [
    { status: 500, state: 'state-error', words: 'もう一度試す' },
    { status: 403, state: 'state-no-right', words: '管理者' },
    { status: 0, state: 'state-offline', words: 'つながりませんでした' },
  ];
  it.each(cases)('what to do on $status', async ({ status, state, words }) => {
    hub.signIn('caregiver');
    hub.fail('/api/alerts/floor', status);
    await go('/floor', `[data-testid=${state}]`);
    expect(await page.getByTestId(state).textContent()).toContain(words);
    await shot(`floor-${state}`);
    expect(await violations()).toEqual([]);
  });

  it('that a page belongs to another role', async () => {
    hub.signIn('maker');
    await go('/coverage', '[data-testid=page-message]');
    expect(await page.getByTestId('page-message').textContent()).toContain('権限がありません');
  });

  it('what will be here, when there is nothing yet', async () => {
    hub.signIn('doctor');
    hub.facts.encounters = [];
    await go('/worklist', '[data-testid=state-empty]');
    await shot('worklist-empty');
  });

  it('since when live news is missing, and gets what was missed once it is back', async () => {
    hub.signIn('caregiver');
    await go('/floor', '[data-testid=tile-r01]');
    hub.cutLive(true);
    await page.getByTestId('state-partial').waitFor({ timeout: 5_000 });
    expect(await page.getByTestId('state-partial').textContent()).toContain('見回って');
    hub.raise('r01');
    hub.cutLive(false);
    await page.getByTestId('alert-banner').waitFor();
    await expect.poll(() => page.getByTestId('tile-r01').getAttribute('data-state')).toBe('act');
    await expect.poll(() => page.getByTestId('state-partial').count()).toBe(0);
  });
});
