// A maker: messages with their verdicts, first steps, code with the own device in it, the check and its signed report.
import { describe, expect, it } from 'vitest';
import { formerRun, RUN, runView } from '../bench-fixtures.ts';
import { context, go, hub, overflow, PHONE, page, shot, violations } from './stand.ts';

describe('a maker', () => {
  it('sees a message and its verdict as it arrives', async () => {
    hub.signIn('maker');
    await go('/bench', '[data-testid=bench-bench-bed]');
    await page.getByText('聞いています').waitFor();
    hub.bench({
      device: 'bench-bed',
      at: new Date().toISOString(),
      topic: 'care/1/kikai/bench-bed/json',
      bytes: 128,
      verdict: 'refused',
      samples: 0,
      refusals: [{ reason: 'unit-wrong', text: { ja: 'heart_rate の単位が Hz です。', en: 'heart_rate has unit Hz.' } }],
      excerpt: '[{"bn":"bench-bed:","n":"heart_rate","u":"Hz","v":1.1}]',
    });
    await page.getByTestId('bench-message').waitFor();
    expect(await page.getByTestId('bench-message').textContent()).toContain('単位が Hz');
    await shot('bench-live');
    expect(await violations()).toEqual([]);
  });

  it('who is new sees the three steps and where to begin', async () => {
    hub.signIn('maker');
    hub.facts.benchDevices = [];
    await go('/bench', '[data-testid=first-steps]');
    await shot('bench-empty');
    expect(await violations()).toEqual([]);
    await page.getByTestId('first-steps').getByRole('link').click();
    await page.locator('#examples').waitFor();
  });

  it('copies code with the own device in it', async () => {
    hub.signIn('maker');
    await go('/contract', '#examples');
    expect(await page.locator('main').textContent()).toContain('care/1/f1/bed-201/json');
    await page.getByTestId('contract-device').selectOption('bench-bed');
    await expect.poll(() => page.locator('main').textContent()).toContain('-u kikai/bench-bed');
    expect(await page.locator('main').textContent()).toContain('mosquitto_pub -h hub.example');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'MicroPython (umqtt.robust)をコピー' }).click();
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toContain('MQTTClient("bench-bed", "hub.example"');
    await page.getByTestId('contract-way').selectOption('tls');
    expect(await page.locator('main').textContent()).toContain('-p 8883 --cafile ca.pem -i bench-bed -u kikai/bench-bed');
    expect(await page.getByRole('link', { name: 'ca.pem を保存' }).getAttribute('href')).toBe('/api/devices/ca.pem');
    await shot('contract-tls');
    expect(await violations()).toEqual([]);
    await page.setViewportSize(PHONE);
    await shot('contract-tls-phone');
    expect(await overflow()).toBeLessThanOrEqual(0);
  });

  it('has a device that was just registered before them', async () => {
    hub.signIn('maker');
    await go('/bench', '[data-testid=bench-bench-bed]');
    hub.facts.benchDevices.push({ ...hub.facts.benchDevices[0]!, device: 'bed-999', state: 'never', accepted: 0, refused: 0 });
    await page.getByTestId('new-device').click();
    await page.getByTestId('create-device').click();
    await page.getByTestId('secret-noted').click();
    await expect.poll(() => page.getByTestId('bench-bed-999').getAttribute('aria-pressed')).toBe('true');
  });

  it('starts the check, sees each verdict as it comes, and ends at the signed report', async () => {
    hub.signIn('maker');
    hub.checks.list([formerRun()]);
    await go('/bench', '[data-testid=bench-bench-bed]');
    await page.getByTestId('tab-check').click();
    await page.getByTestId('start-check').click();
    await page.getByTestId('stop-check').waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/bench/runs')?.body).toEqual({ facility: 'kikai', device: 'bench-bed' });
    expect(await page.getByTestId('check-unit').getAttribute('data-status')).toBe('waiting');
    await expect
      .poll(async () => {
        hub.checks.tell(runView('running', { 'sign-in': 'pass', protocol: 'pass', 'client-id': 'pass', unit: 'fail' }));
        return page.getByTestId('check-unit').getAttribute('data-status');
      })
      .toBe('fail');
    expect(await page.getByTestId('check-unit').textContent()).toContain('届いたのは「Hz」');
    await shot('bench-check');
    expect(await violations()).toEqual([]);
    await page.setViewportSize(PHONE);
    await shot('bench-check-phone');
    expect(await overflow()).toBeLessThanOrEqual(0);
    const done = runView('done', { unit: 'fail', rotation: 'not-applicable' });
    hub.checks.list([done, formerRun()]);
    hub.checks.tell(done);
    await expect.poll(() => page.getByTestId('check-outcome').textContent()).toContain('不合格');
    await page.getByTestId('open-report').click();
    await page.getByTestId('report-result').waitFor();
    expect(await page.getByTestId('report-json').getAttribute('href')).toBe(`/api/bench/runs/${RUN}/report.json`);
    await shot('bench-report-phone');
  });
});
