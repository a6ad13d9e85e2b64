// One person's outcomes become a value for this person: proposed by a review, in force by a person's word, bounded by recall, and taken back.
import { Hono } from 'hono';
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actInForce } from '../../hub/alerts/index.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { LearningView } from '../../hub/learning/contract.ts';
import { adoptedCalibrations, learningRoutes, reviewAll } from '../../hub/learning/index.ts';
import { type Known, personValue } from '../../hub/learning/people.ts';
import { predictCycle } from '../../hub/predict/cycle.ts';
import { latestPredictions, storePredictions } from '../../hub/predict/predictions.ts';
import { riskAssessment } from '../../hub/predict/risk-assessment.ts';
import { openRecords } from '../../hub/records/index.ts';
import { decide, type LastAlert, levelsAround } from '../../models/alert-rule.ts';
import { adapted, HOUR, MINUTE, ResidentWindow, type RiskModel } from '../../models/index.ts';
import { seeded } from '../../models/random.ts';
import { type Home, home } from '../alerts/people.ts';
import { freshDatabase } from '../harness/index.ts';
import { quiet } from '../models/resident.ts';

const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
const DAY = 24 * HOUR;
const BASE = 'test-1';
const model = { version: BASE, alertHorizon: 60 };
const now = Date.parse('2026-05-01T03:00:00Z');
const act = await actInForce(database.kysely, 'a facility without a budget');
const calibrations = adoptedCalibrations(database);
let place: Home;
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
  place = await home(records, 3);
  actor = place.manager;
});
afterAll(() => database.close());

async function ask(method: string, path: string, body?: unknown) {
  const answer = await app.request(`/api/learning/${place.facility}${path}`, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as LearningView };
}

/** An alert and the predictions around it. `peak` is the highest probability after it. */
async function alerted(patient: string, daysAgo: number, outcome: 'false' | 'episode' | 'prevented' | 'unknown', peak: number) {
  const raised = now - daysAgo * DAY;
  const course = [act * 0.4, act + 0.02, peak, act * 0.5];
  for (const [step, p] of course.entries()) {
    const at = new Date(raised + (step - 1) * 5 * MINUTE);
    await sql`
      insert into predictions (patient, facility, at, made_at, stands_until, horizon_minutes, probability, base_probability, probabilities, coverage,
        reasons, level, level_since, model_name, model_version)
      values (${patient}, ${place.facility}, ${at}, ${at}, ${at}, 60, ${p}, ${p}, '{}', 1, '[]', 'calm', ${at}, 'facility', ${BASE})`.execute(
      database.kysely,
    );
  }
  const onset = outcome === 'episode' ? new Date(raised + 20 * MINUTE) : null;
  await sql`
    insert into alerts (patient, facility, raised_at, prediction, state, outcome, onset)
    values (${patient}, ${place.facility}, ${new Date(raised)}, '{}', 'resolved', ${outcome}, ${onset})`.execute(database.kysely);
}

describe('a value for one person', () => {
  test('is proposed for who had many false alerts, not for who had few outcomes, and names what it would have done', async () => {
    const [many, few, risen] = place.patients as [string, string, string];
    for (let day = 1; day <= 12; day++) await alerted(many, day, 'false', act + 0.03);
    for (const [index, day] of [15, 18, 21, 24, 27].entries()) await alerted(many, day, index % 2 ? 'prevented' : 'episode', 0.97);
    await alerted(few, 2, 'false', act + 0.03);
    await alerted(few, 3, 'unknown', act + 0.03);
    for (let day = 1; day <= 5; day++) await alerted(risen, day, 'episode', act + 0.05);
    for (let day = 6; day <= 10; day++) {
      const at = now - day * DAY;
      await storePredictions(database, [prediction(risen, at - 10 * MINUTE, 0.2)]);
      expect((await ask('POST', '/episodes', { patient: risen, onset: new Date(at).toISOString() })).status).toBe(201);
    }
    await reviewAll({ database, model, log, now: () => now });
    const { people } = (await ask('GET', '')).json;
    expect(people.map(one => one.patient).sort()).toEqual([many, risen].sort());
    const [value] = people.find(one => one.patient === many)!.values;
    expect(value).toMatchObject({
      state: 'proposed',
      number: 1,
      figures: { false: 12, episode: 3, prevented: 2, warnedOf: 5, warnedOfWith: 5 },
    });
    expect(value!.offset).toBeLessThan(-0.1);
    expect(value!.figures.falseWith).toBeLessThan(value!.figures.false);
    const [up] = people.find(one => one.patient === risen)!.values;
    expect(up!.offset).toBeGreaterThan(0.1);
    expect(up!.figures).toMatchObject({ missed: 5, episode: 5 });
    // Nothing is in force by itself.
    expect((await calibrations.people()).size).toBe(0);
  });

  test('is in force from a manager’s word on, can be taken back and restored, and a declined one cannot be adopted', async () => {
    const patient = place.patients[0]!;
    const of = (view: LearningView) => view.people.find(one => one.patient === patient)!.values;
    const [value] = of((await ask('GET', '')).json);
    const heard: unknown[] = [];
    await database.listen(calibrations.channel, payload => heard.push(payload));
    actor = place.caregiver;
    expect((await ask('POST', '/person', { patient, value: value!.id })).status).toBe(403);
    actor = place.manager;
    expect((await ask('POST', '/person', { patient: 'somebody-else', value: value!.id })).status).toBe(403);
    expect((await ask('POST', '/person', { patient: place.patients[1], value: value!.id })).status).toBe(404);
    const adopted = of((await ask('POST', '/person', { patient, value: value!.id })).json);
    expect(adopted[0]).toMatchObject({ state: 'adopted', decidedBy: place.manager.name });
    await expect.poll(() => heard).toContainEqual({ facility: place.facility });
    const own = (await calibrations.people()).get(patient)!;
    expect(own).toMatchObject({ base: BASE, version: `${BASE}~1`, offset: value!.offset });
    expect(own.adapt(0.7)).toBeCloseTo(adapted({ offset: value!.offset, weight: 0 }, 0.7), 9);

    expect(of((await ask('POST', '/person', { patient, value: null })).json)[0]!.state).toBe('former');
    expect((await calibrations.people()).get(patient)).toBeUndefined();
    expect(of((await ask('POST', '/person', { patient, value: value!.id })).json)[0]!.state).toBe('adopted');
    // What is in force already is not proposed once more.
    await reviewAll({ database, model, log, now: () => now });
    expect(of((await ask('GET', '')).json).filter(({ state }) => state === 'proposed')).toHaveLength(0);

    const other = place.patients[2]!;
    const [open] = (await ask('GET', '')).json.people.find(one => one.patient === other)!.values;
    expect((await ask('POST', '/person/decline', { patient: other, value: open!.id })).status).toBe(200);
    expect((await ask('POST', '/person', { patient: other, value: open!.id })).status).toBe(409);
    expect((await ask('POST', '/person/decline', { patient: other, value: open!.id })).status).toBe(404);
  });
});

const prediction = (patient: string, at: number, probability: number) => ({
  ...{ patient, facility: place.facility, at, madeAt: at, standsUntil: at, horizonMinutes: 60, probability, probabilities: {} },
  ...{ coverage: 1, reasons: [], abstained: null, level: 'calm' as const, levelSince: at, model: { name: 'facility', version: BASE } },
});

describe('with the value', () => {
  test('a person with many false alerts gets fewer, and keeps at least four of five that were right', () => {
    const random = seeded(5);
    const known: Known[] = Array.from({ length: 60 }, (_, index) => {
      const right = index % 4 === 0;
      const peak = right ? act + random() * (0.98 - act) : act + random() * 0.1;
      return { at: now - index * HOUR, kind: right ? 'episode' : 'false', probability: act, peak };
    });
    const { adaptation, figures } = personValue(known, act, now);
    expect(figures.falseWith).toBeLessThan(figures.false);
    expect(figures.warnedOfWith).toBeGreaterThanOrEqual(0.8 * figures.warnedOf);
    // The alert rule itself, over a course in which each alert's peak comes once an hour apart.
    const alerts = (adapt: (p: number) => number) => {
      let last: LastAlert | undefined;
      let count = 0;
      known.forEach(({ peak }, index) => {
        for (const [step, p] of [0.1, peak, 0.05].entries()) {
          const at = (index * 3 + step) * HOUR;
          const what = decide(last, levelsAround(act), adapt(p), at);
          if (what === 'fallen') last!.fallen = true;
          if (what === 'raise') {
            last = { raisedAt: at, fallen: false };
            count++;
          }
        }
      });
      return count;
    };
    expect(alerts(p => adapted(adaptation, p))).toBeLessThan(alerts(p => p));
  });

  test('predictions are the person’s own, carry their version and offset, and the record says so; a value for another version is not used', async () => {
    const [own, everybody] = place.patients as [string, string];
    const window = new ResidentWindow();
    for (const sample of quiet({ hours: 25, from: now - 25 * HOUR })) window.add(sample);
    const flat = { name: 'facility', version: BASE, horizons: [30, 60], alertHorizon: 60, levels: levelsAround(act) };
    const risk = {
      ...flat,
      explain: (vectors: unknown[]) =>
        vectors.map(() => ({
          probabilities: [0.4, 0.7],
          reasons: [{ feature: 'x', text: { ja: '脈', en: 'pulse' }, weight: 0.2, value: 1, unit: 'σ' }],
        })),
    } as unknown as RiskModel;
    const people = await calibrations.people();
    const cycle = (version: string) =>
      predictCycle({
        model: risk,
        residents: [own, everybody].map(patient => ({ patient, facility: place.facility })),
        windowOf: () => window,
        standing: new Map(),
        now,
        standsFor: 1000,
        tuningOf: () => ({ version, levels: levelsAround(act), calibrate: p => p }),
        personalOf: (patient, of) => (people.get(patient)?.base === of ? people.get(patient) : undefined),
      });
    const [mine, others] = cycle(BASE);
    expect(others).toMatchObject({ probability: 0.7, personal: null, model: { version: BASE } });
    expect(mine!.probability).toBeLessThan(0.7);
    expect(mine).toMatchObject({ baseProbability: 0.7, model: { version: `${BASE}~1` } });
    expect(mine!.probabilities['30']).toBeLessThan(0.4);
    expect(mine!.reasons[0]!.weight).toBeGreaterThan(0);
    await storePredictions(database, [mine!, others!]);
    const stored = (await latestPredictions(database, [own])).get(own)!.view;
    expect(stored.personal).toBeCloseTo(people.get(own)!.offset, 6);
    expect(riskAssessment(own, stored).note![0]!.text).toMatch(/test-1~1.*この人に合わせた値/);
    expect(cycle('another version')[0]).toMatchObject({ probability: 0.7, personal: null });
  });
});
