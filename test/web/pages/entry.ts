// Coming in: by password, by link, with two roles, in English.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

describe('sign-in', () => {
  it('says in words when the password is wrong, and goes to the first page of the role when it is right', async () => {
    await go('/', '[data-testid=sign-in-form]');
    await page.getByTestId('email').fill('yamada@example.jp');
    await page.getByTestId('password').fill('wrong');
    await page.getByTestId('sign-in').click();
    await expect.poll(() => page.getByTestId('sign-in-problem').textContent()).toContain('違います');
    await page.getByTestId('password').fill('correct horse battery');
    await page.getByTestId('sign-in').click();
    await page.getByTestId('new-encounter').waitFor();
    expect(new URL(page.url()).pathname).toBe('/worklist');
  });

  it('by link takes the patient to today, and leaves no token in the address', async () => {
    await go('/s#good-token-of-a-patient', '[data-testid=prepare]');
    expect(page.url()).toBe(`${hub.url}/today`);
    expect(hub.requests.every(({ line }) => !line.includes('good-token'))).toBe(true);
    expect(hub.requests.filter(({ line }) => line === 'POST /api/session/link')).toHaveLength(1);
  });

  it('by a used link says whom to ask', async () => {
    await go('/s#used-token-of-a-patient', 'text=新しいリンクを頼んでください');
    await shot('link-over');
  });

  it('comes back to the page that was asked for', async () => {
    await go('/documents', '[data-testid=sign-in-form]');
    await page.getByTestId('email').fill('yamada@example.jp');
    await page.getByTestId('password').fill('correct horse battery');
    await page.getByTestId('sign-in').click();
    await page.getByTestId('delivery-d1').waitFor();
  });
});

describe('someone', () => {
  it('with two roles switches between them', async () => {
    hub.signIn('manager', 'caregiver');
    await go('/', '[data-testid=new-device]');
    await page.getByTestId('menu').click();
    await shot('menu');
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: /^介護職/ }).click();
    await page.getByTestId('tile-r01').waitFor();
  });

  it('sees the pages in English if so wanted, and the account keeps it', async () => {
    hub.signIn('caregiver');
    await go('/floor', '[data-testid=tile-r01]');
    await page.getByTestId('menu').click();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Last prediction').waitFor();
    expect(await page.evaluate('document.documentElement.lang')).toBe('en');
    expect(hub.requests.some(({ line }) => line === 'PUT /api/session/language')).toBe(true);
    await shot('floor-english');
  });
});
