// What a patient decides counts at once: open pages hear of it within a second, by a word or by the clock, and nobody else hears anything.
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { addRule, rulesOf, setRule, setSharing, sharingOf } from '../../hub/records/access/sharing.ts';
import { attachRights } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let server: Server;
let http: HttpServer;
let stop: () => Promise<void>;
let shift = 0;
const now = () => new Date(Date.now() + shift);
const open: Socket[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database, now);
  http = createServer();
  server = new Server(http);
  server.of('/live').use((socket, next) => {
    socket.data.actor = world[socket.handshake.auth.who as 'doctor'];
    next();
  });
  stop = await attachRights({ namespace: server.of('/live'), database, records: world.records, log: silent });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const socket of open) socket.disconnect();
  await stop?.();
  await server?.close();
  await database?.close();
});

async function follower(who: string) {
  const socket = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}/live`, { auth: { who }, transports: ['websocket'] });
  open.push(socket);
  const heard: number[] = [];
  socket.on('rights:changed', () => heard.push(Date.now()));
  await socket.emitWithAck('rights:follow', { patient: world.patient.id });
  return heard;
}
const sees = async (actor: Person) =>
  world.records
    .as(actor)
    .read('Patient', world.patient.id)
    .then(
      () => true,
      () => false,
    );

let doctor: number[];
let specialist: number[];
beforeEach(async () => {
  doctor ??= await follower('doctor');
  specialist ??= await follower('specialist');
  doctor.length = 0;
});

test('a page of a denied organization hears of it within a second and is refused when it asks again', async () => {
  expect(await sees(world.doctor)).toBe(true);
  const before = Date.now();
  await setSharing(world.records, world.self, world.hospital.id, false);
  await expect.poll(() => doctor.length).toBeGreaterThan(0);
  expect(doctor[0]! - before).toBeLessThan(1000);
  expect(await sees(world.doctor)).toBe(false);
  expect((await sharingOf(world.records, world.self)).find(({ organization }) => organization === world.hospital.id)).toMatchObject({
    allowed: false,
    open: [],
  });
  await setSharing(world.records, world.self, world.hospital.id, true);
  await expect.poll(() => doctor.length).toBeGreaterThan(1);
  expect(await sees(world.doctor)).toBe(true);
  // Who has nothing to do with the patient hears nothing.
  expect(specialist).toEqual([]);
});

test('a rule for one kind and a time is spelled out, ends by itself and tells open pages when it does', async () => {
  const until = new Date(now().getTime() + 3_600_000).toISOString();
  const hospital = `Organization/${world.hospital.id}`;
  const consent = await addRule(world.records, world.self, {
    effect: 'deny',
    party: hospital,
    categories: ['demographics'],
    purposes: null,
    from: null,
    until,
  });
  expect(await sees(world.doctor)).toBe(false);
  const { rules, history } = await rulesOf(world.records, world.self);
  expect(rules).toMatchObject([
    { consent, effect: 'deny', party: hospital, name: '島しょ病院', categories: ['demographics'], standing: 'now' },
  ]);
  expect(history[0]).toMatchObject({ change: 'decided', by: '田中 ハナ' });
  await setRule(world.records, world.self, consent, false);
  expect(await sees(world.doctor)).toBe(true);
  await setRule(world.records, world.self, consent, true);
  expect((await rulesOf(world.records, world.self)).history.map(({ change }) => change).slice(0, 3)).toEqual(['again', 'ended', 'decided']);
  expect(await sees(world.doctor)).toBe(false);
  await expect.poll(() => doctor.length).toBeGreaterThan(2);
  doctor.length = 0;
  shift += 2 * 3_600_000;
  await expect.poll(() => doctor.length, { timeout: 5000 }).toBeGreaterThan(0);
  expect(await sees(world.doctor)).toBe(true);
  expect((await rulesOf(world.records, world.self)).rules).toMatchObject([{ standing: 'over' }]);
});

test('a permit opens the record to a doctor who stands in no relation, for reading only', async () => {
  const someone = world.specialist;
  expect(await sees(someone)).toBe(false);
  const rule = { effect: 'permit' as const, party: someone.reference, categories: null, purposes: null, from: null, until: null };
  const consent = await addRule(world.records, world.self, rule);
  expect(await sees(someone)).toBe(true);
  const patient = await world.records.as(someone).read('Patient', world.patient.id);
  await expect(world.records.as(someone).update(patient)).rejects.toMatchObject({ status: 403 });
  expect((await sharingOf(world.records, world.self)).map(({ organization }) => organization)).not.toContain(undefined);
  await setRule(world.records, world.self, consent, false);
  expect(await sees(someone)).toBe(false);
});
