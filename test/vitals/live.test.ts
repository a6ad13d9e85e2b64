// Live samples over a real socket.io server: from a device's message to a watching page, for those with the right only.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { connect, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/actor.ts';
import type { BenchMessage } from '../../hub/ingest/contract.ts';
import type { LiveVitals } from '../../hub/vitals/contract.ts';
import { attachVitals } from '../../hub/vitals/index.ts';
import { bedPack, log, openStand } from '../ingest/bench-facility.ts';
import { type SmallWorld, smallWorld } from '../records/people.ts';

const stand = await openStand();
const http = createServer();
const io = new Server(http);
const pages: Socket[] = [];
let world: SmallWorld;
let people: Record<string, Person>;
let stop = () => {};

beforeAll(async () => {
  world = await smallWorld(stand.database);
  people = { caregiver: world.caregiver, specialist: world.specialist, maker: world.maker, manager: world.manager };
  const namespace = io.of('/live').use((socket, next) => {
    socket.data.actor = people[socket.handshake.auth.as];
    next();
  });
  stop = attachVitals({ namespace, records: world.records, mqtt: await stand.hub(), log });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const page of pages) page.close();
  stop();
  await io.close();
  await stand.close();
});

async function open(as: string) {
  const page = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}/live`, {
    auth: { as },
    forceNew: true,
    transports: ['websocket'],
  });
  pages.push(page);
  await new Promise<void>((resolve, reject) => page.once('connect', resolve).once('connect_error', reject));
  const vitals: LiveVitals[] = [];
  const bench: BenchMessage[] = [];
  page.on('vitals', message => vitals.push(message));
  page.on('bench', message => bench.push(message));
  return { page, vitals, bench, send: (event: string, message?: unknown) => page.timeout(5000).emitWithAck(event, message) };
}

async function residentBed() {
  const subject = `Patient/${world.patient.id}`;
  const credentials = await stand.registry.createDevice({ facility: world.facility.id, profile: 'bed', subject });
  const client = await stand.connect(credentials);
  let time = Math.ceil(Date.now() / 1000) * 1000;
  return {
    ...credentials,
    /** Sends one sample and returns its time once it is acknowledged. */
    async sample(heartRate: number, unit?: string) {
      time += 1000;
      await client.publishAsync(credentials.topic, bedPack(credentials.device, [time], heartRate, unit), { qos: 1 });
      return time;
    },
  };
}
/** The broker has the subscription when a sample comes through. */
const untilHeard = (bed: Awaited<ReturnType<typeof residentBed>>, heard: unknown[]) =>
  expect.poll(() => bed.sample(50).then(() => heard.length)).toBeGreaterThan(0);

test('a caregiver who watches a resident gets each sample once it is stored, until they stop watching', async () => {
  const { vitals, send } = await open('caregiver');
  const bed = await residentBed();
  expect(await send('vitals:watch', { patient: world.patient.id })).toEqual({ ok: true });
  await untilHeard(bed, vitals);
  const time = await bed.sample(77);
  await expect
    .poll(() => vitals.at(-1))
    .toEqual({ patient: world.patient.id, profile: 'bed', samples: [{ time, values: { heart_rate: 77 } }] });
  expect(await send('vitals:unwatch', { patient: world.patient.id })).toEqual({ ok: true });
  const other = await open('manager');
  expect(await other.send('vitals:watch', { patient: world.patient.id })).toEqual({ ok: true });
  await untilHeard(bed, other.vitals);
  expect(vitals.at(-1)!.samples[0]!.time).toBe(time);
});

test('who has no right is refused in words and gets nothing; others are not disturbed', async () => {
  const [watching, stranger] = [await open('caregiver'), await open('specialist')];
  const bed = await residentBed();
  await watching.send('vitals:watch', { patient: world.patient.id });
  expect(await stranger.send('vitals:watch', { patient: world.patient.id })).toMatchObject({
    ok: false,
    error: { code: 'not-allowed', ja: expect.any(String) },
  });
  await untilHeard(bed, watching.vitals);
  expect(stranger.vitals).toEqual([]);
});

test.each([
  ['nothing', undefined],
  ['text', 'x'],
  ['a wildcard', { patient: '+' }],
  ['a topic', { patient: '../#' }],
])('watching %s is refused, and the connection stays usable', async (_what, message) => {
  const { send } = await open('caregiver');
  expect(await send('vitals:watch', message)).toMatchObject({ ok: false, error: { code: 'invalid' } });
  expect(await send('vitals:watch', { patient: world.patient.id })).toEqual({ ok: true });
});

test('a manager hears the verdict on each message of a device at the bench, a maker of another organization does not', async () => {
  const [manager, maker, caregiver] = [await open('manager'), await open('maker'), await open('caregiver')];
  const bed = await residentBed();
  expect(await manager.send('bench:watch', { device: bed.device })).toEqual({ ok: true });
  expect(await maker.send('bench:watch', { device: bed.device })).toEqual({ ok: true });
  expect(await caregiver.send('bench:watch', { device: bed.device })).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
  await untilHeard(bed, manager.bench);
  await bed.sample(60, 'Hz');
  await expect.poll(() => manager.bench.at(-1)).toMatchObject({ verdict: 'refused', refusals: [{ reason: 'unit-wrong' }] });
  expect([maker.bench, caregiver.bench]).toEqual([[], []]);
});
