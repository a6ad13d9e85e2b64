// A device is checked where it really connects: at the hub's own broker, while the maker looks on.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunView, verifyReport } from '../../devices/conformance/index.ts';
import { DeviceClient } from '../../devices/index.ts';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { bedReadings, type Faults, startDevice } from '../devices/conformance/bench-devices.ts';
import { person } from '../records/people.ts';
import { openHubBench, quick } from './hub-bench.ts';

let hub: Awaited<ReturnType<typeof openHubBench>>;
beforeAll(async () => {
  hub = await openHubBench();
});
afterAll(() => hub.close());

interface Refused {
  error: { code: string; ja: string };
}
const start = (device: string) => hub.call<RunView & Refused>('POST', '/runs', { facility: hub.facility, device });
const viewOf = async (run: string) => (await hub.call<RunView>('GET', `/runs/${run}`)).body;
const ended = async (run: string) => {
  // Tests at the same time have no `expect` in common.
  await vi.waitUntil(async () => (await viewOf(run)).state !== 'running', { timeout: 25_000, interval: 200 });
  return viewOf(run);
};
const ofStatus = (view: RunView, status: string) => view.checks.filter(check => check.status === status).map(check => check.id);

function goodDevice({ device, secret }: Credentials) {
  const client = new DeviceClient({
    ...{ url: `mqtt://127.0.0.1:${hub.stand.port}`, facility: hub.facility, device, secret, reconnectMilliseconds: 50 },
    onFault: () => {},
  });
  const timer = setInterval(() => client.publish(bedReadings(Date.now())), 250);
  return {
    client,
    close() {
      clearInterval(timer);
      return client.close();
    },
  };
}
const faulty = ({ device, secret }: Credentials, faults: Faults) =>
  startDevice(hub.stand.port, quick, { secret, ...faults }, { facility: hub.facility, device });

describe.concurrent('a run at the hub', () => {
  test('passes a good device that was connected already; its report is signed, can be read, and loses no sample', async ({ expect }) => {
    const credentials = await hub.newDevice();
    const device = goodDevice(credentials);
    await expect.poll(() => device.client.counts().acknowledged).toBeGreaterThan(0);
    const { status, body } = await start(credentials.device);
    expect(status).toBe(201);
    expect(new Set(body.checks.map(check => check.status))).toEqual(new Set(['waiting']));
    const view = await ended(body.id);
    expect(ofStatus(view, 'fail')).toEqual([]);
    expect(ofStatus(view, 'not-seen')).toEqual([]);
    expect(ofStatus(view, 'not-applicable')).toEqual(['rotation']);
    expect(view).toMatchObject({ state: 'done', result: 'pass', step: null, reason: null });

    const { text } = await hub.call('GET', `/runs/${body.id}/report.json`);
    const report = verifyReport(text);
    expect(report).toMatchObject({ result: 'pass', device: credentials.device, hub: 'https://hub.example' });
    expect((await hub.call<{ thumbprint: string }>('GET', '/key')).body.thumbprint).toBe(report.key.kid);
    expect((await hub.call('GET', `/runs/${body.id}/report.html`)).text).toContain('<html lang="ja">');
    const { body: list } = await hub.call<RunView[]>('GET', `/runs?facility=${hub.facility}&device=${credentials.device}`);
    expect(list.map(run => run.id)).toEqual([body.id]);
    expect(hub.audited).toContainEqual({ action: 'create', en: expect.stringContaining(credentials.device), who: 'Practitioner/maker' });

    await device.client.flushed();
    const { acknowledged, dropped } = device.client.counts();
    await device.close();
    expect(dropped).toBe(0);
    const rows = await hub.stand.samples.read({
      ...{ subject: `Location/bench-${hub.facility}`, profile: 'bed', quantities: ['heart_rate'] },
      ...{ from: Date.now() - 60_000, to: Date.now() + 1000 },
    });
    expect(JSON.stringify(rows).length).toBeGreaterThan(0);
    expect(acknowledged).toBeGreaterThan(10);
  });

  test.for<[string, Faults, string[]]>([
    ['no last will', { noWill: true }, ['last-will']],
    ['a keep-alive of ten minutes', { keepAlive: 600 }, ['keep-alive']],
    ['QoS 0', { qos: 0 }, ['qos']],
    ['the topic of another device', { topicOfAnother: true }, ['topic']],
    ['packs that are not SenML', { notSenml: true }, ['pack']],
    ['a wrong unit', { wrongUnit: true }, ['unit']],
    ['impossible values', { outOfRange: true }, ['range']],
    ['samples too seldom', { slow: 2.4 }, ['interval']],
    ['skipped sequence numbers', { skipsNumbers: true }, ['sequence']],
    ['a clock five minutes behind', { clockAhead: -300_000 }, ['clock']],
    ['another client id', { clientId: 'x' }, ['client-id']],
    ['a state that is not retained', { stateNotRetained: true }, ['state']],
    ['MQTT 3.1', { protocolVersion: 3 }, ['protocol']],
    ['a wrong secret', { secret: 'other' }, ['sign-in']],
    ['no return after a lost connection', { staysAway: true }, ['reconnect']],
    ['nothing kept while the network is away', { noBacklog: true }, ['backlog']],
    ['packs forgotten before their PUBACK', { forgetful: true }, ['resend']],
  ])('fails a device with %s in just that', async ([, faults, checks], { expect }) => {
    const credentials = await hub.newDevice();
    const { body } = await start(credentials.device);
    await expect.poll(async () => (await viewOf(body.id)).step?.text.en, { timeout: 5000 }).toContain('Waiting');
    const device = faulty(credentials, faults);
    const view = await ended(body.id);
    await device.close();
    // What is forgotten when the line breaks for the first time leaves a gap in the numbers, too.
    expect(ofStatus(view, 'fail').filter(id => !(faults.forgetful && id === 'sequence'))).toEqual(checks);
    expect(view.result).toBe('fail');
    expect(JSON.stringify(view)).not.toContain(credentials.secret);
  });

  test('is told live: a wrong unit shows as failed while the run goes on', async ({ expect }) => {
    const credentials = await hub.newDevice();
    const { body } = await start(credentials.device);
    const socket = io(`${hub.url}/live`, { extraHeaders: { cookie: 'who=maker' }, transports: ['websocket'] });
    const views: RunView[] = [];
    socket.on('check', view => views.push(view));
    socket.on('connect', () => socket.emit('check:watch', { run: body.id }));
    const device = faulty(credentials, { wrongUnit: true });
    const early = () => views.find(view => view.state === 'running' && ofStatus(view, 'fail').includes('unit'));
    await expect.poll(early, { timeout: 10_000 }).toBeDefined();
    expect(ofStatus(early()!, 'waiting')).toContain('backlog');
    expect(early()!.step?.text.ja).toContain('観察');
    await hub.call('POST', `/runs/${body.id}/stop`);
    await expect.poll(() => views.at(-1)?.state, { timeout: 10_000 }).toBe('aborted');
    expect(views.at(-1)?.reason?.ja).toContain('止めました');
    expect((await hub.call('GET', `/runs/${body.id}/report.json`)).status).toBe(404);
    socket.disconnect();
    await device.close();
  });

  test('ends when its device begins to watch a resident', async ({ expect }) => {
    const credentials = await hub.newDevice();
    const { body } = await start(credentials.device);
    await hub.stand.registry.assign(hub.facility, credentials.device, 'Patient/p1');
    expect(await ended(body.id)).toMatchObject({ state: 'aborted', reason: { ja: expect.stringContaining('割り当て') } });
  });
});

test('one run per device; not for a device that watches a resident, nor for a stranger', async () => {
  const { device } = await hub.newDevice();
  const { body } = await start(device);
  expect(await start(device)).toMatchObject({ status: 409, body: { error: { code: 'run-goes-on' } } });
  await hub.call('POST', `/runs/${body.id}/stop`);
  await ended(body.id);
  const watching = await hub.newDevice('Patient/p2');
  expect(await start(watching.device)).toMatchObject({ status: 409, body: { error: { code: 'device-in-use' } } });
  expect(await start('nobody')).toMatchObject({ status: 404 });

  hub.as('stranger', person('Practitioner/x', [['maker', 'another']]));
  hub.as('carer', person('Practitioner/y', [['caregiver', hub.facility]]));
  for (const who of ['stranger', 'carer']) {
    const calls: [string, string, object?][] = [
      ['POST', '/runs', { facility: hub.facility, device }],
      ['GET', `/runs?facility=${hub.facility}&device=${device}`],
      ['GET', `/runs/${body.id}`],
      ['POST', `/runs/${body.id}/stop`],
      ['GET', `/runs/${body.id}/report.json`],
    ];
    for (const [method, at, sent] of calls) expect([403, 404], `${who} ${at}`).toContain((await hub.call(method, at, sent, who)).status);
  }
});

test('a run whose hub was killed is ended in words, and the device can be checked again', async () => {
  const { device } = await hub.newDevice();
  const { body } = await start(device);
  // The row of a process that is gone: it says nothing any more.
  await hub.stand.database.pool.query(
    `insert into bench_run select gen_random_uuid(), facility, 'gone', account, state, started, now() - interval '1 minute',
      jsonb_set(view, '{id}', to_jsonb('00000000-0000-4000-8000-000000000001'::text)), null from bench_run where id = $1`,
    [body.id],
  );
  await hub.stand.database.pool.query(`update bench_run set id = '00000000-0000-4000-8000-000000000001' where device = 'gone'`);
  await hub.closeBench();
  expect(await viewOf(body.id).catch(() => null)).toMatchObject({ state: 'aborted', reason: { ja: expect.stringContaining('再起動') } });
  await hub.reopen();
  expect(await viewOf('00000000-0000-4000-8000-000000000001')).toMatchObject({
    ...{ state: 'aborted', reason: { ja: expect.stringContaining('再起動') } },
  });
  const again = await start(device);
  expect(again.status).toBe(201);
  await hub.call('POST', `/runs/${again.body.id}/stop`);
  await ended(again.body.id);
});

describe('npm run conformance -- --host', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conformance-hub-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const MAIN = path.join(import.meta.dirname, '../../devices/conformance/main.ts');
  function command(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, CONFORMANCE_PASSWORD: 'password of the maker' } });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
    return new Promise<{ code: number | null; text: string }>(resolve => child.once('close', code => resolve({ code, text })));
  }

  test('has the hub check the device, says how it goes, and leaves the hub’s signed report, which verifies', async () => {
    const credentials = await hub.newDevice();
    const device = goodDevice(credentials);
    const report = path.join(folder, 'good');
    const who = ['--email', 'maker@example.jp', '--report', report];
    const { code, text } = await command('--host', hub.url, '--device', credentials.device, ...who);
    await device.close();
    expect(text).toContain('The network goes away');
    expect(text).toMatch(/合格 pass {2}再接続/);
    expect(code).toBe(0);
    const file = path.join(report, 'report.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ hub: 'https://hub.example', result: 'pass' });
    const { body } = await hub.call<{ thumbprint: string }>('GET', '/key');
    expect(await command('--verify', file, `--thumbprint=${body.thumbprint}`)).toMatchObject({ code: 0 });
  });

  test('says in words what the hub refuses, and that MQTT cannot be observed from outside', async () => {
    const who = ['--email', 'maker@example.jp', '--report', folder];
    expect(await command('--host', hub.url, '--device', 'nobody', ...who)).toMatchObject({
      ...{ code: 2, text: expect.stringContaining('先に登録してください') },
    });
    expect(await command('--host', `mqtt://127.0.0.1:${hub.stand.port}`, '--device', 'x')).toMatchObject({
      ...{ code: 2, text: expect.stringContaining('--listen') },
    });
  });
});
