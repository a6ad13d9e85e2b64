// A carer and an alert: it is seen at once, taken, its outcome recorded, the shift handed over, a device notified.
import { beforeEach, describe, expect, it } from 'vitest';
import { context, go, hub, page, shot, violations } from './stand.ts';

describe('a carer', () => {
  beforeEach(() => hub.signIn('caregiver'));

  it('sees an alert within a second, takes it by keyboard alone and records what became of it', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    await expect.poll(() => page.getByTestId('tile-r01').getAttribute('data-state')).toBe('calm');
    const raised = performance.now();
    const alert = hub.raise('r01');
    await page.getByTestId('alert-banner').waitFor();
    expect(performance.now() - raised).toBeLessThan(1000);
    expect(await page.getByTestId('alert-banner').textContent()).toContain('山本 ハナ');
    expect(await page.getByTestId('tile-r01').getAttribute('data-state')).toBe('act');
    await shot('floor-alert');
    expect(await violations()).toEqual([]);

    await page.getByTestId('tile-r01').focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/alert/${alert.id}`);
    const focused = () => page.evaluate<string | null>('document.activeElement?.getAttribute("data-testid")');
    await page.getByRole('heading', { level: 1 }).waitFor();
    for (let step = 0; step < 12 && (await focused()) !== 'acknowledge'; step++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('acknowledge');
    await page.keyboard.press('Enter');
    await page.getByTestId('acknowledged').waitFor();
    expect(hub.requests.some(({ line }) => line === `POST /api/alerts/${alert.id}/acknowledge`)).toBe(true);

    await page.getByTestId('outcome-episode').click();
    await page.getByTestId('outcome-onset').fill('2026-11-22T18:40');
    await page.getByTestId('outcome-comment').fill('お茶を飲んで落ち着かれた。');
    await page.getByTestId('outcome-save').click();
    await page.getByTestId('outcome').waitFor();
    expect(hub.requests.find(({ line }) => line.endsWith('/outcome'))?.body).toEqual({
      outcome: 'episode',
      onset: '2026-11-22T18:40:00+09:00',
      comment: 'お茶を飲んで落ち着かれた。',
    });
  });

  it('can take an alert from the banner on any page', async () => {
    await go('/handover', 'ol a');
    hub.raise('r02');
    await page.getByTestId('alert-banner').getByTestId('acknowledge').click();
    await expect.poll(() => page.getByTestId('alert-banner').count()).toBe(0);
  });

  it('sees a call above everything else, and hears of it only when the on-call list says so', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    hub.raise('r02', {
      kind: 'call',
      tier: 'urgent',
      prediction: null,
      detail: { ja: 'ナースコール', en: 'Call button' },
      paged: ['manager'],
    });
    await expect.poll(() => page.getByTestId('tile-r02').textContent()).toContain('呼んでいます');
    expect(await page.getByTestId('alert-banner').count()).toBe(0);
    hub.raise('r02', {
      kind: 'call',
      tier: 'urgent',
      prediction: null,
      paged: ['caregiver'],
      detail: { ja: 'ナースコール', en: 'Call button' },
    });
    await page.getByTestId('alert-banner').waitFor();
    expect(await page.getByTestId('alert-banner').textContent()).toContain('呼び出しがありました');
    await shot('floor-call');
    expect(await violations()).toEqual([]);
    await page.getByTestId('tile-r02').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('ナースコール');
    await shot('alert-call');
  });

  it('asks the doctor from an alert with one press, and has the way to the room', async () => {
    await go('/alert/alert-r04', '[data-testid=ask-doctor]');
    await page.getByTestId('ask-doctor').click();
    expect(await page.getByTestId('open-consultation').getAttribute('href')).toBe('/room/enc-1');
  });

  it('takes over the shift with one press, and sees who did before', async () => {
    await go('/handover', '[data-testid=take-over]');
    expect(await page.locator('main').textContent()).toContain('林 大輔さん');
    await page.getByTestId('take-over').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('前の引き継ぎ: 佐藤 美咲さん');
  });

  it('can be notified on this device; a locked screen shows that there is something, and nothing about anyone', async () => {
    await context.grantPermissions(['notifications'], { origin: hub.url });
    // The browser maker's own push service is out of reach of a test: its answer is put in its place.
    await page.addInitScript(`{
      let made = null;
      const endpoint = 'https://push.example/1';
      const subscription = { endpoint, toJSON: () => ({ endpoint, keys: { p256dh: 'p', auth: 'a' } }), unsubscribe: async () => ((made = null), true) };
      PushManager.prototype.subscribe = async options => (made = options.userVisibleOnly ? subscription : null);
      PushManager.prototype.getSubscription = async () => made;
    }`);
    const session = await context.newCDPSession(page);
    let registration = '';
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      registration = registrations[0]?.registrationId ?? registration;
    });
    await session.send('ServiceWorker.enable');
    await go('/floor', '[data-testid=notifications]');
    const button = page.getByTestId('notifications');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await button.click();
    await expect.poll(() => button.getAttribute('aria-pressed')).toBe('true');
    expect(hub.requests.find(({ line }) => line === 'POST /api/alerts/push')?.body).toMatchObject({ endpoint: 'https://push.example/1' });

    await expect.poll(() => registration).not.toBe('');
    const data = JSON.stringify({ title: 'つうちがあります', body: 'ひらいて見てください', path: '/alert/alert-r04', tag: 'page-1' });
    for (let time = 0; time < 2; time++)
      await session.send('ServiceWorker.deliverPushMessage', { origin: hub.url, registrationId: registration, data });
    const shown = () =>
      page.evaluate<string[]>(
        `navigator.serviceWorker.getRegistration().then(one => one.getNotifications()).then(all => all.map(one => one.title + ' ' + one.body))`,
      );
    await expect.poll(shown).toEqual(['つうちがあります ひらいて見てください']);

    await button.click();
    await expect.poll(() => button.getAttribute('aria-pressed')).toBe('false');
    expect(hub.requests.some(({ line }) => line === 'POST /api/alerts/push/end')).toBe(true);
  });
});
