// Any role process may be killed: the others go on, it is back within five seconds, and nothing acknowledged or signed is lost.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeviceClient } from '../../devices/index.ts';
import { freePort } from '../../hub/store/index.ts';
import { processesBelow, startHub, type TestHub, temporaryFolder } from '../harness/hub.ts';
import { makeWorld, type TestWorld } from '../harness/world.ts';

const BACK_MS = 5000;
const PART_OF = { care: 'mediaWorkers', ingest: 'broker', predict: 'modelBackend' } as const;

let hub: TestHub;
let world: TestWorld;
let platformPort: number;

beforeAll(async () => {
  platformPort = await freePort();
  hub = await startHub({ environment: { HUB_PLATFORM_URL: `http://127.0.0.1:${platformPort}` } });
  world = await makeWorld(hub, 2);
});
afterAll(() => hub?.stop());

async function ready(): Promise<boolean> {
  const answer = await fetch(`${hub.url}/health/ready`).catch(() => undefined);
  return answer?.status === 200;
}

/** Kills a role and returns after how many milliseconds another process of it serves again. */
async function killAndWait(role: keyof typeof PART_OF): Promise<number> {
  const before = hub.roles();
  process.kill(before[role]!, 'SIGKILL');
  const begun = performance.now();
  for (;;) {
    const now = hub.roles()[role];
    if (now && now !== before[role] && (await serves(role, now))) return performance.now() - begun;
    if (performance.now() - begun > 20_000) throw new Error(`${role} did not come back; ${hub.lines.slice(-10).join('\n')}`);
    await sleep(25);
  }
}

/** The new process is at work: its HTTP answers, its broker takes connections, its model is loaded. */
async function serves(role: keyof typeof PART_OF, pid: number): Promise<boolean> {
  if (role === 'care') return ready();
  const parts = await world.administrator.send<{ role: string; pid: number }[]>('GET', '/api/state/roles').catch(() => []);
  return parts.some(part => part.role === role && part.pid === pid);
}

test.each(['care', 'ingest', 'predict'] as const)('kill -9 of %s: the others go on, and it is back within 5 s', async role => {
  await expect.poll(ready, { timeout: 15_000 }).toBe(true);
  const before = hub.roles();
  const took = await killAndWait(role);
  const after = hub.roles();
  for (const other of Object.keys(PART_OF).filter(name => name !== role)) expect(after[other], `${other} went on`).toBe(before[other]);
  expect(took).toBeLessThan(BACK_MS);
});

test('samples acknowledged while the ingest role is killed are all in the store', async () => {
  const resident = world.residents[0]!;
  const bed = resident.devices.find(device => device.profile === 'bed')!;
  const device = new DeviceClient({
    url: `mqtt://127.0.0.1:${hub.mqttPort}`,
    facility: world.organizations.home,
    device: bed.device,
    secret: bed.secret,
    reconnectMilliseconds: 200,
  });
  const begun = Date.now() - 60_000;
  const sent: number[] = [];
  const send = () => {
    const time = begun + sent.length * 10;
    sent.push(time);
    device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60 + (sent.length % 20), time }]);
  };
  const sending = setInterval(send, 5);
  await expect.poll(() => device.counts().acknowledged, { timeout: 10_000 }).toBeGreaterThan(100);
  await killAndWait('ingest');
  await expect.poll(() => device.counts().acknowledged, { timeout: 15_000 }).toBeGreaterThan(300);
  clearInterval(sending);
  await device.flushed();
  const acknowledged = device.counts().acknowledged;
  await device.close();

  const manager = await world.as('manager');
  const day = await manager.send<{ series: { quantity: string; points: [number, number][] }[] }>(
    'GET',
    `/api/vitals/${resident.patient}?from=${new Date(begun - 1).toISOString()}&to=${new Date(begun + sent.length * 10).toISOString()}`,
  );
  const stored = new Set(day.series.find(series => series.quantity === 'heart_rate')?.points.map(([time]) => time));
  expect(acknowledged).toBe(sent.length);
  expect(sent.filter(time => !stored.has(time))).toEqual([]);
});

test('a signed note survives the death of every role, and reaches the record platform once that is there', async () => {
  const doctor = await world.as('doctor');
  const encounter = await doctor.send<{ id: string }>('POST', '/api/consult/encounters', {
    pattern: 'DtoP',
    patient: world.residents[0]!.patient,
    reason: '夜間の不穏',
    invite: [world.practitioners.specialist],
  });
  const note = `/api/consult/encounters/${encounter.id}/note`;
  const draft = await doctor.send<{ version: number }>('PUT', note, {
    subjective: '夜に眠れない',
    objective: '脈拍 72',
    assessment: '不穏の増加',
    plan: '環境を整える',
    to: world.practitioners.specialist,
    version: 0,
  });
  await doctor.send('POST', `${note}/sign`, { version: draft.version });
  for (const pid of Object.values(hub.roles())) process.kill(pid, 'SIGKILL');
  await sleep(200);
  await expect.poll(ready, { timeout: 20_000 }).toBe(true);
  const again = await world.as('doctor');
  const signed = await again.send<{ status: string; plan: string; document: { delivery: string } }>('GET', note);
  expect(signed).toMatchObject({ status: 'signed', plan: '環境を整える', document: { delivery: 'waiting' } });

  const platformData = temporaryFolder();
  const platform = spawn(
    process.execPath,
    [path.resolve('simulator/national/main.ts'), '--port', String(platformPort), '--data', platformData],
    { stdio: 'ignore' },
  );
  try {
    await expect
      .poll(async () => (await again.send<typeof signed>('GET', note)).document.delivery, { timeout: 60_000, interval: 500 })
      .toBe('delivered');
  } finally {
    platform.kill();
  }
});

test('asked to end, the hub leaves no process behind', async () => {
  const below = processesBelow(hub.pid).map(each => each.pid);
  expect(below.length).toBeGreaterThan(4);
  expect(await hub.stop()).toBe(0);
  const alive = below.filter(pid => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  });
  expect(alive).toEqual([]);
});
