// The registry over HTTP: who may keep whose devices, what is audited, and which residents are watched.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newRequest } from '../../devices/request.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import { openAuthority } from '../../hub/identity/index.ts';
import type { CoverageView, Credentials, DeviceView, RefusalView } from '../../hub/ingest/contract.ts';
import { deviceRoutes } from '../../hub/ingest/index.ts';
import { unique } from '../harness/index.ts';
import { person, type SmallWorld, smallWorld } from '../records/people.ts';
import { bedPack, heartRates, log, openStand } from './bench-facility.ts';

const dataDirectory = mkdtempSync(path.join(tmpdir(), 'hub-routes-'));
const authority = await openAuthority({ dataDirectory });
const stand = await openStand({ authority });
let world: SmallWorld;
let facility: string;
let resident: string;
let clock = Date.now();
let app: Hono<HubEnv>;
let actor: Person;

beforeAll(async () => {
  world = await smallWorld(stand.database);
  facility = world.facility.id;
  resident = `Patient/${world.patient.id}`;
  const config = {
    mqtt: { host: '127.0.0.1', port: stand.port, url: `mqtt://127.0.0.1:${stand.port}`, embedded: true },
    mqtts: { port: 8883, hosts: ['hub.example'], url: 'mqtts://hub.example:8883' },
  };
  app = new Hono<HubEnv>()
    .use(async (context, next) => {
      context.set('actor', actor);
      context.set('log', log);
      await next();
    })
    .route(
      '/api/devices',
      deviceRoutes({ database: stand.database, samples: stand.samples, records: world.records, config, authority, now: () => clock }),
    );
  app.onError((error, context) => {
    if (error instanceof Problem) return context.json(error.body(), error.status);
    throw error;
  });
});
afterAll(async () => {
  await stand.close();
  rmSync(dataDirectory, { recursive: true });
});

/** `T` is what the route answers; by default everything that the tests look at of credentials and refusals. */
async function call<T = Credentials & { error: { code: string } }>(as: Person, method: string, path: string, body?: object) {
  actor = as;
  const response = await app.request(`/api/devices${path}`, { method, body: body && JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as T };
}
const audited = async () => JSON.stringify((await stand.database.pool.query('select * from audit_events')).rows);

test('a manager registers a device for a resident; its credentials work at once and the registration is audited', async () => {
  const { status, body } = await call(world.manager, 'POST', '', { facility, profile: 'bed', subject: resident });
  expect(status).toBe(201);
  const credentials = body;
  expect((await stand.connect(credentials)).connected).toBe(true);
  const { body: list } = await call<DeviceView[]>(world.manager, 'GET', `?facility=${facility}`);
  const view = list.find(({ device }) => device === credentials.device);
  expect(view).toMatchObject({ profile: 'bed', subject: resident, subjectName: '田中 ハナ', state: 'never', accepted: 0, revokedAt: null });
  expect(JSON.stringify(list)).not.toContain(credentials.secret);
  expect(await audited()).toContain(credentials.device);
});

test('a manager of another facility, a caregiver and a maker are refused, reading and writing', async () => {
  const { body } = await call(world.manager, 'POST', '', { facility, profile: 'bed' });
  const elsewhere = person('Practitioner/x', [['manager', 'another-facility']]);
  for (const stranger of [elsewhere, world.caregiver, world.maker, world.self, world.doctor]) {
    for (const [method, path, sent] of [
      ['GET', `?facility=${facility}`],
      ['GET', `/coverage?facility=${facility}`],
      ['POST', '', { facility, profile: 'bed' }],
      ['POST', '/gateways', { facility }],
      ['PUT', `/${body.device}/assignment`, { subject: null }],
      ['PUT', `/${body.device}/assignment?facility=${facility}`, { subject: null }],
      ['GET', `/${body.device}/refusals`],
      ['POST', `/${body.device}/rotate`],
      ['POST', `/${body.device}/revoke`],
    ] as [string, string, object?][])
      expect([path, (await call(stranger, method, path, sent)).status]).toEqual([path, 403]);
  }
});

test('a device registered with the time since when it hangs there delivers what was kept until now, and no more', async () => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const from = new Date(now - 3_600_000).toISOString();
  const { body } = await call(world.manager, 'POST', '', { facility, profile: 'bed', subject: resident, from });
  const client = await stand.connect(body);
  await client.publishAsync(body.topic, bedPack(body.device, [now - 1_800_000, now - 7_200_000]), { qos: 1 });
  expect(await heartRates(stand.samples, resident, now - 86_400_000, now)).toEqual([[now - 1_800_000, 62]]);
  const ahead = { facility, profile: 'bed', subject: resident, from: new Date(now + 60_000).toISOString() };
  expect((await call(world.manager, 'POST', '', ahead)).body.error.code).toBe('invalid');
});

test('any signed-in person can read the profiles', async () => {
  const { body } = await call<{ id: string; quantities: object[] }[]>(world.maker, 'GET', '/profiles');
  expect(body.map(({ id }) => id)).toEqual(expect.arrayContaining(['bed', 'door', 'presence', 'room', 'toilet', 'wrist']));
});

test('a device can be assigned to residents and places of its own facility only', async () => {
  const { body } = await call(world.manager, 'POST', '', { facility, profile: 'presence' });
  const assign = (subject: string) => call(world.manager, 'PUT', `/${body.device}/assignment`, { subject });
  expect((await assign(`Location/${world.room.id}`)).status).toBe(200);
  expect((await assign(resident)).status).toBe(200);
  expect((await assign(`Patient/${world.foreign.id}`)).body.error.code).toBe('subject-not-here');
  const { body: list } = await call<DeviceView[]>(world.manager, 'GET', `?facility=${facility}`);
  expect(list.find(({ device }) => device === body.device)?.subject).toBe(resident);
});

test.each([
  ['an unknown profile', { profile: 'toaster' }, 422, 'profile-unknown'],
  ['a name that would change the topic', { profile: 'bed', device: 'a/b' }, 422, 'invalid'],
  ['the gateway’s name', { profile: 'bed', device: 'gateway' }, 422, 'name-reserved'],
])('%s is refused in words', async (_what, wrong, status, code) => {
  const refused = await call(world.manager, 'POST', '', { facility, ...wrong });
  expect(refused.status).toBe(status);
  expect(refused.body.error).toMatchObject({ code, ja: expect.any(String), en: expect.any(String) });
});

test('a name that is taken is refused, and the device that has it stays as it is', async () => {
  const device = unique('bed');
  const first = await call(world.manager, 'POST', '', { facility, device, profile: 'bed' });
  expect((await call(world.manager, 'POST', '', { facility, device, profile: 'room' })).body.error.code).toBe('device-taken');
  expect((await stand.connect(first.body)).connected).toBe(true);
});

test('a maker tries a device on the own bench: what fits is stored, what does not is listed with its reason', async () => {
  const { body } = await call(world.maker, 'POST', '', { facility: 'maker-org', profile: 'bed' });
  const client = await stand.connect(body);
  await client.publishAsync(body.topic, bedPack(body.device, [Date.now() + 1000]), { qos: 1 });
  await client.publishAsync(body.topic, bedPack(body.device, [Date.now() + 1000], 60, 'Hz'), { qos: 1 });
  await expect
    .poll(async () => (await call<RefusalView[]>(world.maker, 'GET', `/${body.device}/refusals`)).body.map(({ reason }) => reason))
    .toEqual(['unit-wrong']);
  const { body: list } = await call<DeviceView[]>(world.maker, 'GET', '?facility=maker-org');
  expect(list).toMatchObject([{ device: body.device, accepted: 1, refused: 1, state: 'online' }]);
});

test('a resident is covered while a bed or wrist sensor delivers, and not covered since it stopped', async () => {
  const manager = world.manager;
  for (const { device } of (await call<DeviceView[]>(manager, 'GET', `?facility=${facility}`)).body)
    await call(manager, 'POST', `/${device}/revoke`);
  const coverage = async () => (await call<CoverageView>(manager, 'GET', `/coverage?facility=${facility}`)).body.residents;
  expect(await coverage()).toMatchObject([{ name: '田中 ハナ', room: '101', devices: 0, coveredSince: null, notCoveredSince: null }]);

  const { body: bed } = await call(manager, 'POST', '', { facility, profile: 'bed', subject: resident });
  await call(manager, 'POST', '', { facility, profile: 'room', subject: resident });
  expect(await coverage()).toMatchObject([{ devices: 2, silent: 2, coveredSince: null, notCoveredSince: expect.any(String) }]);

  const client = await stand.connect(bed);
  const sampled = Date.now() + 1000;
  await client.publishAsync(bed.topic, bedPack(bed.device, [sampled]), { qos: 1 });
  await expect.poll(coverage).toMatchObject([{ silent: 1, coveredSince: new Date(sampled).toISOString(), notCoveredSince: null }]);

  clock = sampled + 5 * 60_000 + 1000;
  expect(await coverage()).toMatchObject([{ silent: 2, coveredSince: null, notCoveredSince: new Date(sampled).toISOString() }]);
  clock = Date.now();
});

test('a manager changes a device’s secret, whose former one stays until the new one is used, and ends both', async () => {
  const { body } = await call(world.manager, 'POST', '', { facility, profile: 'bed' });
  await stand.connect(body);
  const { body: rotated } = await call(world.manager, 'POST', `/${body.device}/rotate`);
  const { body: list } = await call<DeviceView[]>(world.manager, 'GET', `?facility=${facility}`);
  expect(list.find(({ device }) => device === body.device)).toMatchObject({ credential: 'secret', formerUntil: rotated.formerUntil });
  const sign = (credentials: Credentials) =>
    stand.connect(credentials).then(
      () => 'in',
      () => 'out',
    );
  expect(await sign(body)).toBe('in');
  expect(await sign(rotated)).toBe('in');
  await expect.poll(() => sign(body)).toBe('out');
  expect((await call(world.manager, 'POST', `/${body.device}/revoke`)).status).toBe(200);
  await expect.poll(() => sign(rotated)).toBe('out');
  expect((await call(world.manager, 'POST', `/${body.device}/rotate`)).body.error.code).toBe('device-revoked');
});

test('a manager gets a certificate, for a request or with a key that is shown once, and sees when it ends', async () => {
  const { body: made } = await call(world.manager, 'POST', '', { facility, profile: 'bed', credential: 'certificate' });
  expect(made).toMatchObject({ secret: '', mqttsUrl: 'mqtts://hub.example:8883', certificate: { ca: authority.caPem } });
  expect(made.certificate?.key).toContain('PRIVATE KEY');
  const { csr } = await newRequest('x');
  const { body: rotated } = await call(world.manager, 'POST', `/${made.device}/rotate`, { csr });
  expect(rotated.certificate).toMatchObject({ key: null, pem: expect.stringContaining('BEGIN CERTIFICATE') });
  const { body: list } = await call<DeviceView[]>(world.manager, 'GET', `?facility=${facility}`);
  const view = list.find(({ device }) => device === made.device);
  expect(view).toMatchObject({ credential: 'certificate', certificateEnds: rotated.certificate?.notAfter, renewAsked: false });
  expect((await call(world.manager, 'POST', '', { facility, profile: 'bed', csr: 'none' })).body.error.code).toBe('csr-unreadable');

  expect((await call(world.manager, 'POST', `/${made.device}/renew`)).status).toBe(200);
  const { body: back } = await call(world.manager, 'POST', `/${made.device}/rotate`, { credential: 'secret' });
  expect(back).toMatchObject({ certificate: null, secret: expect.stringMatching(/.{40}/) });
  expect((await call(world.manager, 'POST', `/${made.device}/renew`)).body.error.code).toBe('certificate-none');
});

test('the authority’s certificate is there for everyone who is signed in', async () => {
  actor = world.caregiver;
  const response = await app.request('/api/devices/ca.pem');
  expect([response.status, await response.text()]).toEqual([200, authority.caPem]);
});

test('a gateway’s credentials are changed and ended by the facility’s manager, not by a maker', async () => {
  const { body: gateway } = await call(world.manager, 'POST', '/gateways', { facility, credential: 'certificate' });
  expect(gateway.certificate?.key).toContain('PRIVATE KEY');
  const path = (deed: string) => `/gateway/${deed}?facility=${facility}`;
  expect((await call(world.manager, 'POST', path('rotate'))).body.certificate).not.toBeNull();
  for (const deed of ['rotate', 'renew', 'revoke']) {
    expect((await call(world.maker, 'POST', path(deed))).status).toBe(403);
    expect((await call(world.maker, 'POST', `/gateway/${deed}?facility=maker-org`)).status).toBe(403);
  }
  const shown = async () => (await call<CoverageView>(world.manager, 'GET', `/coverage?facility=${facility}`)).body.gateway;
  expect(await shown()).toMatchObject({ connected: null, credential: 'certificate', renewAsked: false });
  expect(Date.parse((await shown())!.certificateEnds!)).toBeGreaterThan(Date.now());
  expect((await call(world.manager, 'POST', path('renew'))).status).toBe(200);
  expect((await shown())?.renewAsked).toBe(true);
  expect((await call(world.manager, 'POST', path('revoke'))).status).toBe(200);
  expect(await shown()).toBeNull();
  expect((await call(world.manager, 'POST', path('rotate'))).body.error.code).toBe('gateway-unknown');
});

test('a device is configured from afar; what is too large or the hub’s own is refused in words', async () => {
  const { body } = await call(world.manager, 'POST', '', { facility, profile: 'bed' });
  const client = await stand.connect(body);
  const told: unknown[] = [];
  client.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`care/1/${facility}/${body.device}/config`, { qos: 1 });
  const put = (config: object, as = world.manager) => call<{ error: { code: string } }>(as, 'PUT', `/${body.device}/config`, config);
  expect((await put({ intervalSeconds: 30 })).status).toBe(200);
  await expect.poll(() => told).toEqual([{ intervalSeconds: 30 }]);
  expect((await call<object>(world.manager, 'GET', `/${body.device}/config`)).body).toEqual({ intervalSeconds: 30 });
  expect((await put({ note: 'x'.repeat(4096) })).body.error.code).toBe('config-too-large');
  expect((await put({ renew: false })).body.error.code).toBe('config-reserved');
  expect((await put([1])).body.error.code).toBe('invalid');
  expect((await put({}, world.caregiver)).status).toBe(403);
});
