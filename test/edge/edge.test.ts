// The gateway between real devices (mqtt) and a real broker: what is acknowledged arrives, whatever happens in between.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import path from 'node:path';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { type DeviceClient, gatewayDevicesTopic } from '../../devices/index.ts';
import type { Edge } from '../../edge/index.ts';
import { freePort } from '../../hub/store/child.ts';
import { FACILITY, gatewayBench, listKnown } from './gateway.ts';
import { GATEWAY_SECRET, rosterOf } from './hub-stand-in.ts';

const SECRETS = { 'bed-1': 'secret-of-bed-1', 'bed-2': 'secret-of-bed-2' };
const bench = gatewayBench(SECRETS);
const { hubAt, edgeFor, device } = bench;
const rawDevice = (port: number) => bench.rawDevice(port, 'bed-1');
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const beat = (client: DeviceClient, times: number) => {
  for (let count = 0; count < times; count++) client.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60, time: Date.now() }]);
};

describe('with the hub there', () => {
  test('packs arrive in order, and nothing stays on disk', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const bed = device(edge.port, 'bed-1');
    beat(bed, 300);
    await bed.flushed();
    await expect.poll(() => hub.sequences('bed-1')).toEqual(numbers(0, 300));
    await expect.poll(() => edge.status().queue.packs).toBe(0);
  });

  test('a device with a wrong secret is refused, and one that the hub does not know', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const faults: string[] = [];
    const bed = device(edge.port, 'bed-1', { secret: 'not-the-secret', faults });
    beat(bed, 1);
    await expect.poll(() => faults.join()).toContain('Bad username or password');
    expect(bed.counts().acknowledged).toBe(0);
    const stranger = connectAsync(`mqtt://127.0.0.1:${edge.port}`, {
      clientId: 'bed-9',
      username: `${FACILITY}/bed-9`,
      password: SECRETS['bed-1'],
      reconnectPeriod: 0,
    });
    await expect(stranger).rejects.toThrow('Bad username or password');
    expect(hub.packs).toEqual([]);
  });

  test('before the hub’s list came once nobody gets in; then devices get in by themselves', async () => {
    const port = await freePort();
    const edge = await edgeFor(`mqtt://127.0.0.1:${port}`);
    const faults: string[] = [];
    const bed = device(edge.port, 'bed-1', { faults });
    beat(bed, 2);
    await expect.poll(() => faults.join()).toContain('Server unavailable');
    const hub = await hubAt(port);
    await bed.flushed();
    await expect.poll(() => hub.sequences('bed-1')).toEqual([0, 1]);
  });

  test('a device whose secret was changed is cut off', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const bed = device(edge.port, 'bed-1');
    await expect.poll(() => bed.connected).toBe(true);
    hub.publish(gatewayDevicesTopic(FACILITY), rosterOf({ ...SECRETS, 'bed-1': 'a-new-secret' }), true);
    await expect.poll(() => bed.connected).toBe(false);
    await expect.poll(() => edge.status().devices.find(({ device }) => device === 'bed-1')?.connected).toBe(false);
  });

  test('while a secret is being changed the old and the new one let the device in', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const bed = device(edge.port, 'bed-1');
    await expect.poll(() => bed.connected).toBe(true);
    const formerSecretSha256 = createHash('sha256').update(SECRETS['bed-1']).digest('hex');
    const list = rosterOf({ 'bed-1': 'a-new-secret' }, { 'bed-1': { formerSecretSha256 } });
    hub.publish(gatewayDevicesTopic(FACILITY), list, true);
    await expect.poll(() => edge.status().devices).toHaveLength(1);
    const changed = device(edge.port, 'bed-1', { secret: 'a-new-secret' });
    await expect.poll(() => changed.connected).toBe(true);
  });

  test('a device’s state and its last will reach the hub, and the hub’s refusal reaches the device', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const refused: string[] = [];
    const bed = await rawDevice(edge.port);
    await bed.subscribeAsync(`care/1/${FACILITY}/bed-1/refused`, { qos: 1 });
    bed.on('message', (_topic, payload) => refused.push(payload.toString()));
    hub.publish(`care/1/${FACILITY}/bed-1/refused`, '{"reason":"unit-wrong"}');
    await expect.poll(() => refused).toEqual(['{"reason":"unit-wrong"}']);
    const other = device(edge.port, 'bed-2');
    await expect.poll(() => hub.states.get('bed-2')).toContain('online');
    await other.close();
    await expect.poll(() => hub.states.get('bed-2')).toContain('offline');
  });

  test('a topic that is not the device’s own is refused with a reason, and others are not disturbed', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const bed = await rawDevice(edge.port);
    const refused: { reason: string; text: { ja: string } }[] = [];
    await bed.subscribeAsync(`care/1/${FACILITY}/bed-1/refused`, { qos: 1 });
    bed.on('message', (_topic, payload) => refused.push(JSON.parse(payload.toString())));
    await bed.publishAsync(`care/1/${FACILITY}/bed-2/json`, '[]', { qos: 1 });
    await bed.publishAsync('anything', 'x', { qos: 1 });
    await expect.poll(() => refused.map(({ reason }) => reason)).toEqual(['topic-unknown', 'topic-unknown']);
    expect(refused[0]?.text.ja).toContain(`care/1/${FACILITY}/bed-1/json`);
    const granted = await bed.subscribeAsync(`care/1/${FACILITY}/+/config`).catch((error: Error) => error.message);
    expect(JSON.stringify(granted)).toMatch(/128|denied|Unspecified/i);
    expect(hub.packs).toEqual([]);
  });

  test('a packet of more than 64 KiB ends that connection only, and is counted', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const other = device(edge.port, 'bed-2');
    const bed = await rawDevice(edge.port);
    const closed = new Promise<void>(resolve => bed.once('close', () => resolve()));
    bed.publish(`care/1/${FACILITY}/bed-1/json`, Buffer.alloc(200_000, 0x20), { qos: 1 }, () => {});
    await closed;
    beat(other, 3);
    await other.flushed();
    expect(edge.status().devices.find(({ device }) => device === 'bed-1')).toMatchObject({ connected: false, packs: 0, refused: 1 });
    await expect.poll(() => hub.sequences('bed-2')).toEqual([0, 1, 2]);
  });

  test('a pack without times is of the moment the gateway got it', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    const port = hub.port;
    await hub.close();
    await expect.poll(() => edge.status().hub.connected).toBe(false);
    const before = Date.now();
    const bed = await rawDevice(edge.port);
    await bed.publishAsync(`care/1/${FACILITY}/bed-1/json`, '[{"bn":"bed-1:","n":"heart_rate","u":"beat/min","v":60}]', { qos: 1 });
    const after = Date.now();
    const again = await hubAt(port);
    await expect.poll(() => again.packs.length, { timeout: 10_000 }).toBe(1);
    const time = again.packs[0]!.readings[0]!.time;
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
  });
});

describe('while the hub is away', () => {
  test('packs queue on disk and arrive in order per device when it is back', async () => {
    const first = await hubAt();
    const edge = await edgeFor(first.url);
    await listKnown(edge);
    await first.close();
    await expect.poll(() => edge.status().hub.connected).toBe(false);
    const [one, two] = [device(edge.port, 'bed-1'), device(edge.port, 'bed-2')];
    beat(one, 200);
    beat(two, 150);
    await Promise.all([one.flushed(), two.flushed()]);
    expect(edge.status().queue.packs).toBe(350);
    const hub = await hubAt(first.port);
    await expect.poll(() => hub.packs.length, { timeout: 15_000 }).toBe(350);
    expect(hub.sequences('bed-1')).toEqual(numbers(0, 200));
    expect(hub.sequences('bed-2')).toEqual(numbers(0, 150));
    await expect.poll(() => edge.status().queue.packs).toBe(0);
  });

  test('live packs do not wait behind the backlog', async () => {
    const first = await hubAt();
    const edge = await edgeFor(first.url, { backlogRate: 20 });
    await listKnown(edge);
    await first.close();
    await expect.poll(() => edge.status().hub.connected).toBe(false);
    const [one, two] = [device(edge.port, 'bed-1'), device(edge.port, 'bed-2')];
    beat(one, 400);
    await one.flushed();
    const hub = await hubAt(first.port);
    await expect.poll(() => edge.status().hub.connected, { timeout: 10_000 }).toBe(true);
    beat(two, 5);
    await expect.poll(() => hub.sequences('bed-2')).toEqual(numbers(0, 5));
    expect(hub.sequences('bed-1').length).toBeLessThan(200);
  });

  test('a full disk holds devices back and loses nothing', async () => {
    const first = await hubAt();
    const edge = await edgeFor(first.url, { maxPacks: 50 });
    await listKnown(edge);
    await first.close();
    await expect.poll(() => edge.status().hub.connected).toBe(false);
    const bed = device(edge.port, 'bed-1');
    beat(bed, 80);
    await expect.poll(() => edge.status().queue).toMatchObject({ packs: 50, full: 'packs' });
    await expect.poll(() => bed.counts().acknowledged).toBe(50);
    const hub = await hubAt(first.port);
    await bed.flushed();
    await expect.poll(() => hub.sequences('bed-1'), { timeout: 15_000 }).toEqual(numbers(0, 80));
  });

  test('a hub that takes packs and does not acknowledge them keeps them on the gateway’s disk', async () => {
    const hub = await hubAt();
    const edge = await edgeFor(hub.url);
    await listKnown(edge);
    hub.withhold = true;
    const bed = device(edge.port, 'bed-1');
    beat(bed, 30);
    await bed.flushed();
    await expect.poll(() => edge.status().queue).toMatchObject({ packs: 30, inFlight: 30 });
    const port = hub.port;
    await hub.close();
    const again = await hubAt(port);
    await expect.poll(() => again.sequences('bed-1'), { timeout: 15_000 }).toEqual(numbers(0, 30));
    await expect.poll(() => edge.status().queue.packs).toBe(0);
  });
});

describe('as a process', () => {
  async function spawnEdge(environment: Record<string, string>): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'edge/main.ts'], {
      cwd: path.resolve(import.meta.dirname, '../..'),
      env: {
        ...process.env,
        EDGE_DATA: bench.folder,
        EDGE_FACILITY: FACILITY,
        EDGE_SECRET: GATEWAY_SECRET,
        EDGE_STATUS_PORT: '0',
        ...environment,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    bench.closing.push(() => child.kill('SIGKILL'));
    await new Promise<void>((resolve, reject) =>
      child.once('message', () => resolve()).once('exit', code => reject(new Error(`ended: ${code}`))),
    );
    return child;
  }

  test('after kill -9 every acknowledged pack arrives, and devices sign in without the hub', async () => {
    const first = await hubAt();
    const port = await freePort();
    const environment = { EDGE_PORT: String(port), EDGE_HUB_URL: first.url, EDGE_LOG: 'silent' };
    const child = await spawnEdge(environment);
    const bed = device(port, 'bed-1');
    beat(bed, 20);
    await bed.flushed();
    await expect.poll(() => first.sequences('bed-1').length).toBe(20);
    await first.close();
    beat(bed, 500);
    await expect.poll(() => bed.counts().acknowledged).toBeGreaterThan(100);
    child.kill('SIGKILL');
    const acknowledged = bed.counts().acknowledged;
    await new Promise(resolve => child.once('exit', resolve));

    await spawnEdge(environment);
    await bed.flushed();
    const hub = await hubAt(first.port);
    const arrived = () => new Set([...first.sequences('bed-1'), ...hub.sequences('bed-1')]);
    await expect.poll(() => arrived().size, { timeout: 15_000 }).toBe(520);
    expect(acknowledged).toBeGreaterThan(100);
    // A pack that was on disk and not yet acknowledged comes twice; the order is kept.
    const once = [...new Set(hub.sequences('bed-1'))];
    expect(once).toEqual(once.toSorted((a, b) => a! - b!));
  });

  test('a port that is taken ends it with status 1 and says which setting changes it', async () => {
    const hub = await hubAt();
    const child = spawn(process.execPath, ['edge/main.ts'], {
      cwd: path.resolve(import.meta.dirname, '../..'),
      env: {
        ...process.env,
        EDGE_DATA: bench.folder,
        EDGE_FACILITY: FACILITY,
        EDGE_SECRET: 's',
        EDGE_STATUS_PORT: '0',
        EDGE_PORT: String(hub.port),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    bench.closing.push(() => child.kill('SIGKILL'));
    let words = '';
    child.stderr.on('data', text => {
      words += text;
    });
    expect(await new Promise(resolve => child.once('exit', resolve))).toBe(1);
    expect(words).toContain('EDGE_PORT');
  });

  test('SIGTERM ends it with status 0', async () => {
    const child = await spawnEdge({ EDGE_PORT: '0', EDGE_HUB_URL: 'mqtt://127.0.0.1:1', EDGE_LOG: 'silent' });
    child.kill('SIGTERM');
    expect(await new Promise(resolve => child.once('exit', resolve))).toBe(0);
  });
});

test('the status page tells queue, hub and devices', async () => {
  const hub = await hubAt();
  const edge = await edgeFor(hub.url);
  await listKnown(edge);
  const bed = device(edge.port, 'bed-1');
  beat(bed, 3);
  await bed.flushed();
  const base = `http://127.0.0.1:${edge.statusPort}`;
  const status = (await (await fetch(`${base}/status`)).json()) as ReturnType<Edge['status']>;
  expect(status.hub.connected).toBe(true);
  expect(status.devices.find(({ device }) => device === 'bed-1')).toMatchObject({ connected: true, packs: 3 });
  expect(await (await fetch(base)).text()).toContain('ゲートウェイ');
  for (const file of ['page.css', 'page.js']) expect((await fetch(`${base}/${file}`)).status).toBe(200);
  expect((await fetch(`${base}/else`)).status).toBe(404);
});

test('an address that is none does not end the gateway', async () => {
  const hub = await hubAt();
  const edge = await edgeFor(hub.url);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    get({ host: '127.0.0.1', port: edge.statusPort, path: '//' }, answer => resolve(answer.resume().statusCode)).once('error', reject);
  });
  expect(status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${edge.statusPort}/status`)).status).toBe(200);
});
