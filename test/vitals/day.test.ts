// A resident's day over HTTP: through consent and audit, thinned for charts, gaps as gaps, with the person's own normal band.
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import type { Database, SamplePoint, SampleStore } from '../../hub/store/index.ts';
import type { DayView } from '../../hub/vitals/contract.ts';
import { vitalsRoutes } from '../../hub/vitals/index.ts';
import { freshDatabase, sampleStore } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from '../records/people.ts';

const NOW = Date.parse('2026-02-03T12:00:00Z');
const HOUR = 3_600_000;
let database: Database;
let samples: SampleStore;
let world: SmallWorld;
let app: Hono<HubEnv>;
let actor: Person;
const asked: unknown[] = [];

beforeAll(async () => {
  [database, samples] = [await freshDatabase(), await sampleStore()];
  world = await smallWorld(database);
  app = new Hono<HubEnv>()
    .use(async (context, next) => {
      context.set('actor', actor);
      context.set('log', silent);
      await next();
    })
    .route(
      '/api/vitals',
      vitalsRoutes({
        ...{ database, samples, records: world.records, now: () => NOW },
        predictionsOf: async (...span) => {
          asked.push(['predictions', ...span]);
          return [];
        },
        alertsOf: async (...span) => {
          asked.push(['alerts', ...span]);
          return [];
        },
      }),
    );
  app.onError((error, context) => {
    if (error instanceof Problem) return context.json(error.body(), error.status);
    throw error;
  });
});
afterAll(() => database?.close());

const point = (time: number, values: Record<string, number>, profile = 'bed'): SamplePoint => ({
  ...{ profile, time, values, facility: world.facility.id, device: `d-${profile}`, subject: `Patient/${world.patient.id}` },
});
async function day(as: Person, query = '', patient = world.patient.id) {
  actor = as;
  const response = await app.request(`/api/vitals/${patient}${query}`);
  return { status: response.status, body: (await response.json()) as DayView & { error?: { code: string } } };
}
const audit = async () => (await database.pool.query('select * from audit_events order by at')).rows;
const seriesOf = (view: DayView, quantity: string) => view.series.find(series => series.quantity === quantity);

test('a caregiver sees the last three hours with units, the room, and gaps as gaps', async () => {
  const before = NOW - 1000 * 30;
  await samples.write([
    ...[0, 1, 2].map(index => point(before - HOUR + index * 30_000, { heart_rate: 60 + index, in_bed: 1 })),
    ...[0, 1].map(index => point(before - index * 30_000, { heart_rate: 70 })),
    point(NOW - 4 * HOUR, { heart_rate: 99 }),
  ]);
  const { status, body } = await day(world.caregiver);
  expect(status).toBe(200);
  expect(body.patient).toEqual({
    id: world.patient.id,
    name: '田中 ハナ',
    room: '101',
    facility: world.facility.id,
    birthDate: '1938-04-01',
  });
  const heart = seriesOf(body, 'heart_rate')!;
  expect(heart).toMatchObject({ profile: 'bed', label: { ja: '心拍数' }, unit: { ja: '拍/分' }, normal: null });
  expect(heart.points.map(([, value]) => value)).toEqual([60, 61, 62, null, 70, 70]);
  expect(seriesOf(body, 'temperature')).toBeUndefined();
  expect(asked).toEqual(['predictions', 'alerts'].map(what => [what, world.patient.id, new Date(NOW - 3 * HOUR), new Date(NOW)]));
});

test('the normal band is the middle 90 % of the person’s own last seven days', async () => {
  const week = Array.from({ length: 100 }, (_, index) => point(NOW - 24 * HOUR + index * 120_000, { respiration_rate: 10 + index / 10 }));
  await samples.write(week);
  const { body } = await day(world.caregiver, `?from=${new Date(NOW - 24 * HOUR).toISOString()}`);
  expect(seriesOf(body, 'respiration_rate')!.normal).toEqual({ low: 10.4, high: 19.4 });
});

test('a long span is thinned to what a chart can show', async () => {
  const rows = Array.from({ length: 5000 }, (_, index) => point(NOW - index * 60_000, { pulse_rate: 60 + (index % 10) }, 'wrist'));
  await samples.write(rows);
  const from = new Date(NOW - 4 * 24 * HOUR).toISOString();
  const pulse = seriesOf((await day(world.caregiver, `?from=${from}`)).body, 'pulse_rate')!;
  expect(pulse.points.length).toBeGreaterThan(1000);
  expect(pulse.points.length).toBeLessThanOrEqual(1500);
  const hourly = seriesOf((await day(world.caregiver, `?from=${from}&every=3600`)).body, 'pulse_rate')!;
  expect(hourly.points.length).toBeLessThan(90);
});

test('who has no right gets 403 and the attempt is in the audit, as is every look', async () => {
  const before = (await audit()).length;
  expect((await day(world.specialist)).status).toBe(403);
  expect((await day(world.caregiver, '', world.foreign.id)).status).toBe(403);
  const refused = (await audit()).slice(before);
  expect(refused.map(({ patients, allowed }) => [patients, allowed])).toEqual([
    [[world.patient.id], false],
    [[world.foreign.id], false],
  ]);
  await day(world.caregiver);
  expect((await audit()).slice(before + 2).some(({ patients, allowed }) => allowed && patients.includes(world.patient.id))).toBe(true);
});

test.each([
  ['?from=yesterday'],
  ['?from=2026-02-03T12:00:00Z&to=2026-02-03T11:00:00Z'],
  ['?from=2025-01-01T00:00:00Z&to=2026-02-03T11:00:00Z'],
  ['?every=0'],
])('%s is refused with the place of the mistake', async query => {
  const { status, body } = await day(world.caregiver, query);
  expect([status, body.error?.code]).toEqual([422, 'invalid']);
});
