// Alarms in the facility: raised within a second by what devices send, whether the hub is there or not, until a person has seen to them.
import { request } from 'node:http';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeviceClient, gatewayAlarmTopic } from '../../devices/index.ts';
import type { Edge, LocalAlarm } from '../../edge/index.ts';
import { expectNoBarrier, openBrowser } from '../harness/browser.ts';
import { FACILITY, gatewayBench, hubGone, listKnown } from './gateway.ts';

const SECRETS = { 'bed-1': 'secret-of-bed-1', 'call-1': 'secret-of-call-1', 'fall-1': 'secret-of-fall-1', 'lamp-1': 'secret-of-lamp-1' };
const bench = gatewayBench(SECRETS, {
  'bed-1': { limits: { 'heart-high': { above: 100 } } },
  'call-1': { profile: 'call-button', place: '2かい つきの部屋' },
  'fall-1': { profile: 'fall' },
  'lamp-1': { profile: 'presence' },
});
const { hubAt, edgeFor, device, rawDevice } = bench;

const MINUTE = 60_000;
const press = (button: DeviceClient, value = true, time = Date.now()) => button.publish([{ name: 'pressed', unit: '', value, time }]);
const open = (edge: Edge) => edge.status().alarms.filter(({ ended, acknowledged }) => !ended || !acknowledged);
/** A facility whose connection to the hub is cut. */
async function cutOff(given: Parameters<typeof edgeFor>[1] = {}, now?: () => number) {
  const hub = await hubAt();
  const edge = await edgeFor(hub.url, given, now);
  await listKnown(edge);
  await hub.close();
  await hubGone(edge);
  return { edge, port: hub.port };
}
/** A lamp or siren of the facility: a registered device that listens to the alarms. */
async function lamp(edge: Edge) {
  const seen: { id: string; alarm: LocalAlarm | null; at: number; retained: boolean }[] = [];
  const client = await rawDevice(edge.port, 'lamp-1');
  client.on('message', (topic, payload, { retain }) =>
    seen.push({
      id: topic.split('/').at(-1)!,
      alarm: payload.length ? JSON.parse(payload.toString()) : null,
      at: Date.now(),
      retained: retain,
    }),
  );
  await client.subscribeAsync(gatewayAlarmTopic(FACILITY, '+'), { qos: 1 });
  return seen;
}
const post = (edge: Edge, id: string, { body = {}, headers = {} }: { body?: object; headers?: Record<string, string> } = {}) =>
  fetch(`http://127.0.0.1:${edge.statusPort}/alarms/${id}/acknowledge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }).then(({ status }) => status);

describe('with no connection to the hub', () => {
  test('a call is on the facility’s broker and page within a second, with its place and no name of a person', async () => {
    const { edge, port } = await cutOff();
    const seen = await lamp(edge);
    const shown: { at: number; text: string }[] = [];
    const events = await fetch(`http://127.0.0.1:${edge.statusPort}/events`);
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    const reading = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) shown.push({ at: Date.now(), text: part.value });
    })();
    const button = device(edge.port, 'call-1');
    await expect.poll(() => button.connected).toBe(true);
    press(button, false);
    await button.flushed();

    const pressedAt = Date.now();
    press(button);
    await expect.poll(() => seen.length, { interval: 5 }).toBe(1);
    await expect
      .poll(() => shown.some(({ text }) => text.includes('つきの部屋') && text.includes('"kind":"call"')), { interval: 5 })
      .toBe(true);
    expect(seen[0]!.at - pressedAt).toBeLessThan(1000);
    expect(shown.find(({ text }) => text.includes('"kind":"call"'))!.at - pressedAt).toBeLessThan(1000);
    expect(seen[0]!.alarm).toMatchObject({
      device: 'call-1',
      profile: 'call-button',
      place: '2かい つきの部屋',
      kind: 'call',
      acknowledged: null,
    });
    expect(edge.status().hub.connected).toBe(false);

    // The reading itself waits on disk and reaches the hub when it is back.
    const hub = await hubAt(port);
    await expect.poll(() => hub.packs.some(({ readings }) => readings[0]?.value === true), { timeout: 15_000 }).toBe(true);
    await reader.cancel();
    await reading;
  });

  test('an alarm stays until its cause is over and a person has seen to it, in either order', async () => {
    const { edge } = await cutOff();
    const seen = await lamp(edge);
    const button = device(edge.port, 'call-1');
    press(button);
    await expect.poll(() => open(edge)).toHaveLength(1);
    const [{ id }] = open(edge) as [LocalAlarm];
    press(button, false);
    await expect.poll(() => open(edge)[0]?.ended).toEqual(expect.any(String));
    expect(await post(edge, id)).toBe(204);
    await expect.poll(() => seen.at(-1)).toMatchObject({ id, alarm: null });
    expect(open(edge)).toEqual([]);
    expect(edge.status().alarms).toHaveLength(1);

    press(button);
    await expect.poll(() => open(edge)).toHaveLength(1);
    const second = open(edge)[0]!.id;
    expect(second).not.toBe(id);
    await post(edge, second);
    expect(open(edge)[0]).toMatchObject({ id: second, ended: null, acknowledged: expect.any(String) });
    press(button, false);
    await expect.poll(() => open(edge)).toEqual([]);
  });

  test('an alarm that was seen to, and whose device says nothing more, is taken back from lamps and sirens after a day', async () => {
    let time = Date.now();
    const { edge } = await cutOff({}, () => time);
    const seen = await lamp(edge);
    press(device(edge.port, 'call-1'));
    await expect.poll(() => open(edge)).toHaveLength(1);
    const { id } = open(edge)[0]!;
    await post(edge, id);
    await expect.poll(() => seen.at(-1)?.alarm?.acknowledged).toEqual(expect.any(String));
    time += 25 * 60 * MINUTE;
    expect(edge.status().alarms).toEqual([]);
    await expect.poll(() => seen.at(-1)).toMatchObject({ id, alarm: null });
  });

  test('a restart of the gateway keeps open alarms, says them again, and raises none twice', async () => {
    const first = await cutOff();
    const button = await rawDevice(first.edge.port, 'call-1');
    const pack = JSON.stringify([{ bn: 'call-1:', bt: Date.now() / 1000, n: 'pressed', vb: true }]);
    await button.publishAsync(`care/1/${FACILITY}/call-1/json`, pack, { qos: 1 });
    const [before] = open(first.edge);
    await first.edge.close();

    const edge = await edgeFor(`mqtt://127.0.0.1:${first.port}`);
    const seen = await lamp(edge);
    await expect.poll(() => seen).toMatchObject([{ id: before!.id, retained: true, alarm: { kind: 'call' } }]);
    const again = await rawDevice(edge.port, 'call-1');
    await again.publishAsync(`care/1/${FACILITY}/call-1/json`, pack, { qos: 1 });
    expect(open(edge)).toEqual([before]);
    expect(seen).toHaveLength(1);
  });

  test('a call of yesterday that comes late raises nothing', async () => {
    const { edge } = await cutOff();
    const button = device(edge.port, 'call-1');
    press(button, false);
    await button.flushed();
    press(button, true, Date.now() - 1440 * MINUTE);
    await button.flushed();
    expect(edge.status().alarms).toEqual([]);
  });

  test('an alarm is raised while the disk takes no more packs', async () => {
    const { edge } = await cutOff({ maxPacks: 1 });
    const bed = device(edge.port, 'bed-1');
    bed.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60, time: Date.now() }]);
    await bed.flushed();
    const button = device(edge.port, 'fall-1');
    button.publish([{ name: 'fallen', unit: '', value: true, time: Date.now() }]);
    await expect.poll(() => open(edge)).toMatchObject([{ device: 'fall-1', kind: 'fall' }]);
    expect(edge.status().queue.full).toBe('packs');
  });

  test('a resident’s own limit counts, and the reading is told in the unit people read', async () => {
    const { edge } = await cutOff();
    const bed = device(edge.port, 'bed-1');
    const start = Date.now() - 90_000;
    for (let count = 0; count < 4; count++)
      bed.publish([{ name: 'heart_rate', unit: 'beat/min', value: 110, time: start + count * 30_000 }]);
    await bed.flushed();
    expect(open(edge)).toMatchObject([{ rule: 'heart-high', measured: { label: { ja: '心拍数' }, value: 110, unit: { ja: '拍/分' } } }]);
  });
});

test('a button whose clock is a quarter of an hour slow is heard at its first press', async () => {
  const { edge } = await cutOff();
  const button = await rawDevice(edge.port, 'call-1');
  const clock = Date.now() / 1000 - 900;
  const pack = [
    { bn: 'call-1:', bt: clock, n: 'seq', v: 0 },
    { n: 'clock', u: 's', v: clock },
    { n: 'pressed', vb: true },
  ];
  await button.publishAsync(`care/1/${FACILITY}/call-1/json`, JSON.stringify(pack), { qos: 1 });
  expect(open(edge)).toHaveLength(1);
});

test('the same button pressed twice without a clock and a number is two packs', async () => {
  const { edge } = await cutOff();
  const button = await rawDevice(edge.port, 'call-1');
  for (let count = 0; count < 2; count++)
    await button.publishAsync(`care/1/${FACILITY}/call-1/json`, '[{"bn":"call-1:","n":"pressed","vb":true}]', { qos: 1 });
  expect(edge.status().queue.packs).toBe(2);
});

test('when the hub is back it gets the readings of alarms before the backlog', async () => {
  const { edge, port } = await cutOff({ backlogRate: 20 });
  const bed = device(edge.port, 'bed-1');
  for (let count = 0; count < 300; count++)
    bed.publish([{ name: 'movement', unit: '/', value: 0.1, time: Date.now() - 3_600_000 + count }]);
  await bed.flushed();
  const button = device(edge.port, 'call-1');
  press(button, false);
  press(button);
  await button.flushed();
  const hub = await hubAt(port);
  await expect
    .poll(() => hub.packs.some(pack => pack.device === 'call-1' && pack.readings[0]?.value === true), { timeout: 10_000 })
    .toBe(true);
  expect(hub.packs.length).toBeLessThan(100);
});

describe('acknowledging', () => {
  test('takes the PIN where one is set; a few wrong ones end the guessing', async () => {
    const { edge } = await cutOff({ statusPin: '4711' });
    press(device(edge.port, 'call-1'));
    await expect.poll(() => open(edge)).toHaveLength(1);
    const { id } = open(edge)[0]!;
    expect(await post(edge, id)).toBe(403);
    for (let count = 0; count < 5; count++) expect(await post(edge, id, { body: { pin: `000${count}` } })).toBe(403);
    expect(await post(edge, id, { body: { pin: '4711' } })).toBe(429);
    expect(open(edge)[0]!.acknowledged).toBeNull();
  });

  test('is not possible by a name of the internet that its owner pointed at the gateway, unless it is the facility’s own', async () => {
    const { edge } = await cutOff({ statusNames: ['gateway.home.example'] });
    press(device(edge.port, 'call-1'));
    await expect.poll(() => open(edge)).toHaveLength(1);
    const { id } = open(edge)[0]!;
    const by = (name: string, method: 'GET' | 'POST') =>
      new Promise<number>((resolve, reject) => {
        const host = `${name}:${edge.statusPort}`;
        const headers = { host, origin: `http://${host}`, 'content-type': 'application/json' };
        const path = method === 'GET' ? '/status' : `/alarms/${id}/acknowledge`;
        request({ host: '127.0.0.1', port: edge.statusPort, path, method, headers }, response => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .once('error', reject)
          .end(method === 'POST' ? '{}' : undefined);
      });
    expect([await by('attacker.example', 'GET'), await by('attacker.example', 'POST')]).toEqual([421, 421]);
    expect(open(edge)[0]!.acknowledged).toBeNull();
    for (const name of ['localhost', 'gateway', 'gateway.local', '[::1]', 'gateway.home.example'])
      expect(await by(name, 'GET'), name).toBe(200);
    expect(await by('gateway.home.example', 'POST')).toBe(204);
  });

  test('is not possible from a page of another site, nor for an alarm that is none', async () => {
    const { edge } = await cutOff();
    press(device(edge.port, 'call-1'));
    await expect.poll(() => open(edge)).toHaveLength(1);
    const { id } = open(edge)[0]!;
    expect(await post(edge, id, { headers: { origin: 'http://elsewhere.example' } })).toBe(403);
    expect(await post(edge, id, { headers: { 'content-type': 'text/plain' } })).toBe(403);
    expect(await post(edge, 'none')).toBe(404);
    expect(open(edge)[0]!.acknowledged).toBeNull();
  });
});

describe('the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  async function pageOf(edge: Edge, width = 1200): Promise<Page> {
    const context = await browser.newContext({ locale: 'ja-JP', viewport: { width, height: 900 } });
    bench.closing.push(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${edge.statusPort}/`);
    return page;
  }

  test('shows an alarm at once in large words of both languages, and one press says that somebody has seen to it', async () => {
    const { edge } = await cutOff({ statusPin: '4711' });
    const page = await pageOf(edge, 390);
    await page.getByText('今、お知らせはありません。').waitFor();
    const button = device(edge.port, 'call-1');
    press(button);
    await page
      .getByRole('listitem')
      .filter({ hasText: '呼んでいます。' })
      .filter({ hasText: 'Someone is calling.' })
      .waitFor({ timeout: 5000 });
    await page.getByText('2かい つきの部屋 ・ ナースコール ・ call-1', { exact: true }).waitFor();
    await expectNoBarrier(page);
    await page.getByRole('button', { name: /^確認しました/ }).click();
    await page.getByLabel('暗証番号', { exact: true }).fill('4711');
    await page.getByRole('button', { name: '確認', exact: true }).click();
    await page.getByText(/だれかが確認しました/).waitFor();
    press(button, false);
    await page.getByText('今、お知らせはありません。').waitFor();
    await expect.poll(() => page.locator('#history').textContent()).toContain('呼んでいます。');
  });

  test('tells connection, queue and devices in both languages, on a phone too', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const bed = await rawDevice(edge.port, 'bed-1');
    await bed.publishAsync(`care/1/${FACILITY}/bed-1/state`, '{"state":"online","battery":0.15}', { qos: 1, retain: true });
    const page = await pageOf(edge);
    await page.getByText(/ハブとつながっています/).waitFor();
    const row = page.getByRole('row').filter({ hasText: 'bed-1' });
    await row.getByText('接続中').waitFor();
    await row.getByText('15 %').waitFor();
    await expectNoBarrier(page);
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText(/Connected to the hub/).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await expectNoBarrier(page);
    await hub.close();
    await page.getByText(/No connection to the hub/).waitFor();
  });
});
