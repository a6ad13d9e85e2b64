// Outcomes become a proposal, a person puts it in force, the next predictions carry it, and the former model can be had back.
import { Hono } from 'hono';
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { LearningView } from '../../hub/learning/contract.ts';
import { adoptedCalibrations, learningRoutes, reviewAll } from '../../hub/learning/index.ts';
import { openRecords } from '../../hub/records/index.ts';
import { HOUR, MINUTE } from '../../models/channels.ts';
import { seeded } from '../../models/random.ts';
import { type Home, home } from '../alerts/people.ts';
import { freshDatabase } from '../harness/index.ts';

const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
const BASE = 'test-1';
const model = { version: BASE, alertHorizon: 60 };
const now = Date.parse('2026-05-01T03:00:00Z');
let place: Home;
let manager: Person;
let caregiver: Person;
let actor: Person;
const app = new Hono<HubEnv>();
app.onError((error, context) =>
  error instanceof Problem ? context.json(error.body(), error.status) : context.text(String((error as Error).stack), 500),
);
app.use(async (context, next) => {
  context.set('actor', actor);
  await next();
});
app.route('/api/learning', learningRoutes({ database, records, currentModel: async () => model, now: () => now }));

beforeAll(async () => {
  place = await home(records);
  ({ manager, caregiver } = place);
});
afterAll(() => database.close());

async function ask(method: string, path: string, body?: unknown) {
  const answer = await app.request(`/api/learning${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: answer.status, json: (await answer.json()) as LearningView };
}

/** Seven weeks of a model that promises far more than comes: an alert at each high probability, mostly false. */
async function sevenWeeks(facility: string, patients: string[]) {
  const random = seeded(3);
  const rows: { patient: string; at: Date; p: number }[] = [];
  const alerts: { patient: string; raised: Date; outcome: string; onset: Date | null }[] = [];
  for (const patient of patients) {
    for (let time = now - 49 * 24 * HOUR; time < now - 2 * HOUR; time += 10 * MINUTE)
      rows.push({ patient, at: new Date(time), p: 0.05 + random() * 0.15 });
    for (let day = 1; day < 49; day++) {
      const raised = now - day * 24 * HOUR;
      const came = day % 3 === 0;
      alerts.push({
        patient,
        raised: new Date(raised),
        outcome: came ? 'episode' : 'false',
        onset: came ? new Date(raised + 20 * MINUTE) : null,
      });
    }
  }
  await sql`
    insert into predictions (patient, facility, at, made_at, stands_until, horizon_minutes, probability, base_probability, probabilities, coverage,
      reasons, level, level_since, model_name, model_version)
    select patient, ${facility}, at, at, at, 60, p, p, '{}', 1, '[]', 'calm', at, 'facility', ${BASE}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(patient text, at timestamptz, p double precision)`.execute(
    database.kysely,
  );
  await sql`
    insert into alerts (patient, facility, raised_at, prediction, state, outcome, onset)
    select patient, ${facility}, raised, '{}', 'resolved', outcome, onset
    from jsonb_to_recordset(${JSON.stringify(alerts)}::jsonb) as r(patient text, raised timestamptz, outcome text, onset timestamptz)`.execute(
    database.kysely,
  );
}

test('without outcomes there is a review and no proposal; with them a better version is proposed, adopted, and restored', async () => {
  actor = manager;
  const { facility } = place;
  const empty = await ask('POST', `/${facility}/review`);
  expect(empty.status).toBe(201);
  expect(empty.json.versions.map(version => version.version)).toEqual([BASE]);
  expect(empty.json.reviews[0]!.conclusion.ja).toContain('結果の記録がまだ少ない');

  await sevenWeeks(facility, place.patients.slice(0, 2));
  await reviewAll({ database, model, log, now: () => now });
  const proposed = (await ask('GET', `/${facility}`)).json;
  const [proposal] = proposed.versions;
  expect(proposal).toMatchObject({ state: 'proposed', version: expect.stringContaining(`${BASE}+20260501`) });
  expect(proposed.current).toMatchObject({ id: null, version: BASE });
  const { own, before, episodes } = proposal!.figures!;
  expect(own.logLoss).toBeLessThan(before.logLoss);
  expect(Math.abs(own.observed - own.expected)).toBeLessThan(Math.abs(before.observed - before.expected));
  expect(episodes).toBeGreaterThan(5);
  expect(proposed.reviews[0]).toMatchObject({ outcomes: { episode: 32, false: 64 }, episodes: 32 });
  expect(proposed.reviews[0]!.falsePerResidentWeek).toBeGreaterThan(3);

  // A proposal changes nothing until somebody decides.
  const calibrations = adoptedCalibrations(database);
  expect((await calibrations.inForce(BASE)).get(facility)).toBeUndefined();
  const heard: unknown[] = [];
  await database.listen(calibrations.channel, payload => heard.push(payload));
  const adopted = await ask('POST', `/${facility}/adopt`, { version: proposal!.id });
  expect(adopted.json.current).toMatchObject({ id: proposal!.id, decidedBy: manager.name, state: 'adopted' });
  await expect.poll(() => heard).toEqual([{ facility }]);
  const inForce = (await calibrations.inForce(BASE)).get(facility)!;
  expect(inForce.version).toBe(proposal!.version);
  expect(inForce.calibrate(0.12)).toBeLessThan(0.12);
  expect((await calibrations.inForce('another model')).size).toBe(0);

  const restored = await ask('POST', `/${facility}/adopt`, { version: null });
  expect(restored.json.current).toMatchObject({ id: null, version: BASE });
  expect(restored.json.versions[0]!.state).toBe('former');
  expect((await calibrations.inForce(BASE)).size).toBe(0);
  expect((await ask('POST', `/${facility}/adopt`, { version: proposal!.id })).json.current.id).toBe(proposal!.id);
});

test('a declined proposal cannot be adopted, and a new review makes a new one', async () => {
  actor = manager;
  const { facility } = place;
  await ask('POST', `/${facility}/adopt`, { version: null });
  const { versions } = (await ask('POST', `/${facility}/review`)).json;
  const open = versions.find(version => version.state === 'proposed')!;
  expect((await ask('POST', `/${facility}/decline`, { version: open.id })).json.versions.find(({ id }) => id === open.id)!.state).toBe(
    'declined',
  );
  expect((await ask('POST', `/${facility}/adopt`, { version: open.id })).status).toBe(409);
  expect((await ask('POST', `/${facility}/decline`, { version: open.id })).status).toBe(404);
  const again = (await ask('POST', `/${facility}/review`)).json.versions.filter(version => version.state === 'proposed');
  expect(again).toHaveLength(1);
  expect(again[0]!.version).not.toBe(open.version);
});

test('a caregiver sees the reviews and reports an episode that nobody was warned of, but does not decide', async () => {
  actor = caregiver;
  const { facility } = place;
  const patient = place.patients[0]!;
  expect((await ask('GET', `/${facility}`)).json.mayDecide).toBe(false);
  expect((await ask('POST', `/${facility}/review`)).status).toBe(403);
  expect((await ask('POST', `/${facility}/adopt`, { version: null })).status).toBe(403);
  const onset = new Date(now - 5 * HOUR).toISOString();
  expect((await ask('POST', `/${facility}/episodes`, { patient, onset })).status).toBe(201);
  expect((await ask('POST', `/${facility}/episodes`, { patient, onset })).status).toBe(201);
  expect((await ask('POST', `/${facility}/episodes`, { patient, onset: new Date(now + HOUR).toISOString() })).status).toBe(422);
  expect((await ask('POST', `/${facility}/episodes`, { patient: 'somebody-else', onset })).status).toBe(403);
  actor = manager;
  expect((await ask('POST', `/${facility}/review`)).json.reviews[0]).toMatchObject({ missed: 1, episodes: 33 });
  actor = { ...caregiver, roles: [] };
  expect((await ask('GET', `/${facility}`)).status).toBe(403);
});
