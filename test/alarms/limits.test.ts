// A resident's own limits: set by carers of the facility alone, within what the sensor can measure, heeded by the hub and told to the gateway.
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LimitsView } from '../../hub/alarms/contract.ts';
import { limitRoutes, limitsOf, startAlarms } from '../../hub/alarms/index.ts';
import { openAlerts } from '../../hub/alerts/index.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import { openRecords } from '../../hub/records/index.ts';
import { type Home, home } from '../alerts/people.ts';
import { log, mqttInternal, openStand } from '../ingest/bench-facility.ts';

const stand = await openStand({ limitsOf: patients => limitsOf(stand.database, patients) });
const records = await openRecords({ database: stand.database, log });
let place: Home;
let actor: Person;
const app = new Hono<HubEnv>()
  .use(async (context, next) => {
    context.set('actor', actor);
    context.set('log', log);
    await next();
  })
  .route('/api/alarms', limitRoutes({ database: stand.database, records }));
app.onError((error, context) => {
  if (error instanceof Problem) return context.json(error.body(), error.status);
  throw error;
});
beforeAll(async () => {
  place = await home(records);
});
afterAll(() => stand.close());

async function call<T = LimitsView & { error: { code: string } }>(
  as: Person,
  method: string,
  limits?: object,
  patient = place.patients[0]!,
) {
  actor = as;
  const response = await app.request(`/api/alarms/limits/${patient}`, { method, body: limits && JSON.stringify({ limits }) });
  return { status: response.status, body: (await response.json()) as T };
}

test('limits are those of the devices that watch the resident; carers of the facility may change them, nobody else', async () => {
  expect((await call(place.caregiver, 'GET')).body).toMatchObject({ limits: [], mayChange: true });
  await stand.registry.createDevice({ facility: place.facility, profile: 'bed', subject: `Patient/${place.patients[0]}` });
  const { body } = await call(place.doctor, 'GET');
  expect(body.mayChange).toBe(false);
  expect(body.limits.find(({ rule }) => rule === 'heart-high')).toMatchObject({ side: 'above', standard: 130, own: null, off: false });
  const own = { 'heart-high': { limit: 110, off: false } };
  expect((await call(place.doctor, 'PUT', own)).status).toBe(403);
  const foreign = await home(records);
  expect((await call(foreign.caregiver, 'GET')).status).toBe(403);
  expect((await call(foreign.caregiver, 'PUT', own)).status).toBe(403);
  expect((await call(place.caregiver, 'PUT', own)).body.limits.find(({ rule }) => rule === 'heart-high')).toMatchObject({ own: 110 });
});

test('what the sensor cannot measure, and rules that there are not, are refused in words', async () => {
  expect((await call(place.manager, 'PUT', { 'heart-high': { limit: 4000, off: false } })).body.error.code).toBe('limit-implausible');
  expect((await call(place.manager, 'PUT', { 'no-such-rule': { limit: 1, off: false } })).body.error.code).toBe('rule-unknown');
  expect((await call(place.manager, 'PUT', { pressed: { limit: null, off: true } })).body.error.code).toBe('rule-unknown');
});

test('a limit that was set holds at once: in the hub, and in the list that the facility’s gateway is told', async () => {
  const alerts = openAlerts({ database: stand.database, records, log });
  const alarms = await startAlarms({
    ...{ database: stand.database, samples: stand.samples, records, alerts, log, mqttInternal, everyMilliseconds: 0 },
    mqttUrl: `mqtt://127.0.0.1:${stand.port}`,
  });
  await alarms.settled();
  const patient = place.patients[1]!;
  const from = new Date(Date.now() - 60_000);
  const bed = await stand.registry.createDevice({ facility: place.facility, profile: 'bed', subject: `Patient/${patient}`, from });
  const gateway = await stand.connect(await stand.registry.createGateway(place.facility));
  const lists: { device: string; limits?: object }[][] = [];
  gateway.on('message', (_topic, payload) => lists.push(JSON.parse(payload.toString())));
  await gateway.subscribeAsync(`care/1/${place.facility}/gateway/devices`);
  const told = () => lists.at(-1)?.find(({ device }) => device === bed.device);
  await expect.poll(told).toMatchObject({ device: bed.device });
  expect(told()).not.toHaveProperty('limits');
  await call(place.caregiver, 'PUT', { 'heart-high': { limit: 90, off: false }, 'heart-low': { limit: null, off: true } }, patient);
  await expect.poll(() => told()?.limits).toEqual({ 'heart-high': { above: 90 }, 'heart-low': { off: true } });
  await alarms.settled();
  const start = Date.now() / 1000 - 30;
  const beats = Array.from({ length: 8 }, (_, second) => ({ t: second, n: 'heart_rate', u: 'beat/min', v: 100 }));
  await gateway.publishAsync(bed.topic, JSON.stringify([{ bn: `${bed.device}:`, bt: start, ...beats[0] }, ...beats.slice(1)]), { qos: 1 });
  await expect.poll(() => alerts.list(place.caregiver, place.facility, ['open'])).toMatchObject([{ kind: 'vital', patient }]);
  await alarms.close();
});
