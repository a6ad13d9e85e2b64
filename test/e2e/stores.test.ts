// The stores and the supervisor may be killed under load: the roles go on, nothing acknowledged is lost, and the next start finds its data.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeviceClient } from '../../devices/index.ts';
import { processesBelow, startHub, type TestHub, temporaryFolder } from '../harness/hub.ts';
import { makeWorld, type TestWorld } from '../harness/world.ts';

const environment = { HUB_MEDIA_WORKERS: '1' };
const dataDirectory = temporaryFolder();
let hub: TestHub;
let world: TestWorld;

beforeAll(async () => {
  hub = await startHub({ dataDirectory, environment });
  world = await makeWorld(hub, 1);
});
afterAll(async () => {
  await hub?.stop();
  rmSync(dataDirectory, { recursive: true, force: true });
});

const ready = async () => (await fetch(`${hub.url}/health/ready`).catch(() => undefined))?.status === 200;

/** Sends a sample every 10 ms while `meanwhile` runs; every one that was acknowledged must be in the store. */
async function underLoad(meanwhile: (device: DeviceClient) => Promise<void>) {
  const bed = world.residents[0]!.devices.find(({ profile }) => profile === 'bed')!;
  const device = new DeviceClient({
    url: `mqtt://127.0.0.1:${hub.mqttPort}`,
    facility: world.organizations.home,
    device: bed.device,
    secret: bed.secret,
    bufferPacks: 100_000,
    reconnectMilliseconds: 200,
  });
  const sent: number[] = [];
  const sending = setInterval(() => {
    const time = Math.max(Date.now(), (sent.at(-1) ?? 0) + 1);
    sent.push(time);
    device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60 + (sent.length % 20), time }]);
  }, 10);
  try {
    await expect.poll(() => device.counts().acknowledged).toBeGreaterThan(50);
    await meanwhile(device);
    const before = device.counts().acknowledged;
    await expect.poll(() => device.counts().acknowledged, { timeout: 30_000 }).toBeGreaterThan(before + 50);
    clearInterval(sending);
    await device.flushed();
    expect(device.counts()).toMatchObject({ acknowledged: sent.length, dropped: 0 });
  } finally {
    clearInterval(sending);
    await device.close();
  }
  const caregiver = await world.as('caregiver');
  const day = await caregiver.send<{ series: { quantity: string; points: [number, number | null][] }[] }>(
    'GET',
    `/api/vitals/${world.residents[0]!.patient}?from=${new Date(sent[0]!).toISOString()}&to=${new Date(sent.at(-1)! + 1).toISOString()}`,
  );
  const stored = new Set(day.series.find(({ quantity }) => quantity === 'heart_rate')?.points.map(([time]) => time));
  expect(sent.filter(time => !stored.has(time))).toEqual([]);
}

test.each(['postgres', 'influxd'])('kill -9 of %s under load: every role goes on, and nothing acknowledged is lost', async store => {
  await expect.poll(ready).toBe(true);
  const roles = hub.roles();
  await underLoad(async () => {
    const running = processesBelow(hub.pid).find(
      ({ command }) => command.includes(dataDirectory) && command.split(' ')[0]!.endsWith(store),
    );
    expect(running, store).toBeDefined();
    process.kill(running!.pid, 'SIGKILL');
    await expect.poll(ready).toBe(false);
    await expect.poll(ready, { timeout: 30_000 }).toBe(true);
  });
  expect(hub.roles()).toEqual(roles);
  // The roles hear each other again: a new device may sign in and its owner sees it.
  const manager = await world.as('manager');
  expect(await manager.send('POST', '/api/devices', { facility: world.organizations.home, profile: 'room' })).toHaveProperty('secret');
});

test('kill -9 of the supervisor: its roles end by themselves, and the next start works on the same data', async () => {
  const roles = Object.values(hub.roles());
  expect(roles.length).toBe(3);
  process.kill(hub.pid, 'SIGKILL');
  const alive = () =>
    roles.filter(pid => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    });
  await expect.poll(alive).toEqual([]);
  hub = await startHub({ dataDirectory, environment });
  await expect.poll(ready, { timeout: 30_000 }).toBe(true);
  // The account, its password and the record are those of before.
  const answer = await fetch(`${hub.url}/api/session/password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@hub.example', password: 'a password for tests' }),
  });
  expect(answer.status).toBe(200);
});
