// A manager and the facility’s devices: which is ill, a new one with its secret, a new key or certificate.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DESK, go, hub, PHONE, page, shot, violations } from './stand.ts';

describe('a manager', () => {
  it('sees the worst device first in words, looks closer at it by keyboard, and the page follows what the hub tells', async () => {
    hub.signIn('manager');
    await go('/coverage', '[data-testid=device-bed-201]');
    const rows = () => page.locator('tbody tr').evaluateAll(list => list.map(row => (row as HTMLElement).dataset.testid));
    expect(await rows()).toEqual(['bed-201', 'door-spare', 'wrist-205', 'bed-101', 'room-101', 'bed-099'].map(name => `device-${name}`));
    await page.getByTestId('device-bed-201').getByText('電池がのこりすくないです（12％）。').waitFor();
    await page.getByTestId('look-bed-201').focus();
    await page.keyboard.press('Enter');
    const detail = page.getByRole('dialog');
    await detail.getByText('この24時間で 3回').waitFor();
    await detail.getByText('電池をかえるか、充電してください。').waitFor();
    expect(await violations()).toEqual([]);
    await shot('coverage-detail');
    await page.setViewportSize(PHONE);
    await shot('coverage-detail-phone');
    await page.setViewportSize(DESK);
    await page.keyboard.press('Escape');
    await expect.poll(() => detail.count()).toBe(0);
    const [first, ...others] = hub.facts.coverage.devices;
    const health = { ...first!.health!, worst: 'bad' as const, signs: hub.facts.coverage.devices[2]!.health!.signs };
    hub.facts.coverage = {
      ...{ ...hub.facts.coverage, gateway: { connected: false, since: new Date().toISOString() } },
      devices: [{ ...first!, state: 'silent', health }, ...others],
    };
    hub.coverageChanged('himawari');
    await page.getByTestId('gateway-away').waitFor();
    await page.getByTestId('device-bed-101').getByText('データが届いていません。').waitFor();
    expect(await violations()).toEqual([]);
    await shot('coverage-gateway-away');
  });

  it('shows the gateway and asks it to renew its certificate', async () => {
    hub.signIn('manager');
    await go('/coverage', '[data-testid=gateway]');
    await page.getByTestId('gateway').getByText('証明書は').waitFor();
    await shot('coverage-gateway');
    await page.getByTestId('renew-gateway').click();
    await page.getByTestId('gateway').getByText('更新を頼んであります').waitFor();
    expect(await page.getByTestId('renew-gateway').count()).toBe(0);
    expect(await violations()).toEqual([]);
  });

  it('registers a device, sees its secret once, and is asked before revoking', async () => {
    hub.signIn('manager');
    await go('/coverage', '[data-testid=new-device]');
    await page.getByTestId('new-device').click();
    await page.getByTestId('create-device').click();
    await page.getByText('kq0m3-XhYJtq5dTn0pVbQ2sW8zRf1LcAe7uGi9oPx4M').waitFor();
    await shot('coverage-secret');
    expect(await violations()).toEqual([]);
    await page.getByTestId('secret-noted').click();
    await expect.poll(() => page.getByText('kq0m3-XhYJtq5dTn0pVbQ2sW8zRf1LcAe7uGi9oPx4M').count()).toBe(0);
    await page.getByRole('button', { name: 'bed-101 を止める' }).click();
    expect(hub.requests.some(({ line }) => line.includes('revoke'))).toBe(false);
    await page.getByTestId('confirm').click();
    await expect.poll(() => hub.requests.some(({ line }) => line === 'POST /api/devices/bed-101/revoke')).toBe(true);
  });

  it('rotates to a certificate for the device’s own request, or saves the key that the hub made, once', async () => {
    hub.signIn('manager');
    await page.setViewportSize(PHONE);
    const certificate = { pem: 'CERT', key: 'KEY', ca: 'CA', notAfter: '2027-12-24T00:00:00Z' };
    const made = { ...{ device: 'bed-101', facility: 'himawari', username: 'himawari/bed-101', secret: '', topic: 't' } };
    const answer = { ...made, certificate, mqttUrl: 'mqtt://hub:1883', mqttsUrl: 'mqtts://hub:8883', formerUntil: '2026-12-01T00:00:00Z' };
    await page.route('**/api/devices/bed-101/rotate*', route => route.fulfill({ json: answer }));
    await go('/coverage', '[data-testid=device-bed-101]');
    await page.getByRole('button', { name: 'bed-101 の新しい鍵' }).click();
    expect(await page.getByTestId('ask-renewal').count()).toBe(0);
    await page.getByTestId('credential-kind').selectOption('csr');
    await page.getByTestId('csr-text').fill('hello');
    await shot('coverage-csr');
    expect(await violations()).toEqual([]);
    expect(await page.getByTestId('make-key').isDisabled()).toBe(true);
    const request = '-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n';
    await page.getByTestId('csr-file').setInputFiles({ name: 'bed.csr', mimeType: 'text/plain', buffer: Buffer.from(request) });
    const sent = page.waitForRequest('**/rotate*');
    await page.getByTestId('make-key').click();
    expect((await sent).postDataJSON()).toEqual({ credential: 'certificate', csr: request });
    await page.getByTestId('former-until').waitFor();
    await shot('coverage-certificate');
    expect(await violations()).toEqual([]);
    const saving = page.waitForEvent('download');
    await page.getByTestId('save-key').click();
    const saved = await saving;
    expect([saved.suggestedFilename(), readFileSync(await saved.path(), 'utf8')]).toEqual(['bed-101.key.pem', 'KEY']);
    await page.getByTestId('secret-noted').click();
    await expect.poll(() => page.getByTestId('save-key').count()).toBe(0);
  });
});
