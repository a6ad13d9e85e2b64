// The alarm budget: the level it sets, and the misses that go with it, are figures of the model's card and of nothing else.
import { Hono } from 'hono';
import pino from 'pino';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { chooseLevel, perShift, pointsOf, readCard } from '../../hub/alerts/budget.ts';
import type { ModelView } from '../../hub/alerts/contract.ts';
import { budgetRoutes, openAlerts } from '../../hub/alerts/index.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import { openRecords } from '../../hub/records/index.ts';
import { levelsAround } from '../../models/alert-rule.ts';
import { freshDatabase } from '../harness/index.ts';
import { type Home, home } from './people.ts';

const card = readCard();
const points = pointsOf(card);
const staff = { caregivers: 2, shiftsADay: 2 };

describe('choosing a level', () => {
  test('there are many points, each one that the card has measured, and fewer alerts mean more misses', () => {
    const measured = new Map([...card.evaluation.curve, card.evaluation.shipped].map(point => [point.act, point.sensitivity]));
    expect(points.length).toBeGreaterThanOrEqual(30);
    for (const { act, sensitivity } of points) expect(sensitivity).toBe(measured.get(act));
    expect(points.map(point => point.act)).toContain(card.levels.act);
    for (const [index, point] of points.entries()) {
      const before = points[index - 1];
      if (!before) continue;
      expect(point.act).toBeLessThan(before.act);
      expect(point.alertsPerResidentWeek).toBeGreaterThan(before.alertsPerResidentWeek);
      expect(point.sensitivity).toBeGreaterThanOrEqual(before.sensitivity);
    }
  });
  test('takes the level with the most alerts that stays within the budget', () => {
    const residents = 40;
    for (const wanted of points) {
      const budget = perShift(wanted.alertsPerResidentWeek, residents, staff);
      expect(chooseLevel(points, residents, { ...staff, perShift: budget })).toEqual({ point: wanted, within: true });
    }
  });
  test('says so when no level stays within the budget', () => {
    expect(chooseLevel(points, 500, { ...staff, perShift: 0.01 })).toEqual({ point: points[0], within: false });
  });
  test('seven alerts a week with one caregiver and one shift a day are one a shift', () => {
    expect(perShift(0.7, 10, { caregivers: 1, shiftsADay: 1 })).toBeCloseTo(1);
    expect(perShift(0.7, 10, { caregivers: 2, shiftsADay: 3 })).toBeCloseTo(1 / 6);
  });
});

describe('a facility’s budget', async () => {
  const log = pino({ level: 'silent' });
  const database = await freshDatabase();
  const records = await openRecords({ database, log });
  const alerts = openAlerts({ database, records, log });
  afterAll(() => database.close());
  let place: Home;
  beforeEach(async () => {
    place = await home(records);
  });
  const ask = async (actor: Person, method = 'GET', body?: object) => {
    const app = new Hono<HubEnv>()
      .onError((error, context) => {
        if (error instanceof Problem) return context.json(error.body(), error.status);
        throw error;
      })
      .use(async (context, next) => {
        context.set('actor', actor);
        await next();
      })
      .route('/', budgetRoutes({ database, alerts, card }));
    const answer = await app.request(`/${place.facility}`, { method, body: body && JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as ModelView };
  };
  const generous = { perShift: 20, caregivers: 1, shiftsADay: 1 };
  const inForce = async (version = card.version) =>
    (await alerts.levelsFor({ name: card.name, version }, [place.facility])).get(place.facility);

  test('sets the level at which its alerts are raised, until it is taken away', async () => {
    expect((await ask(place.manager)).body).toMatchObject({ budget: null, act: card.levels.act, residents: 2, mayChange: true });
    expect(await inForce()).toBeUndefined();
    const { act } = points.at(-1)!;
    expect((await ask(place.manager, 'PUT', generous)).body).toMatchObject({ act, budget: { ...generous, changedBy: '施設長 梅' } });
    expect(await inForce()).toEqual(levelsAround(act));
    expect((await ask(place.manager, 'DELETE')).body).toMatchObject({ budget: null, act: card.levels.act });
    expect(await inForce()).toBeUndefined();
  });
  test('does not count for another version of the model, whose figures are others', async () => {
    await ask(place.manager, 'PUT', generous);
    expect(await inForce('another')).toBeUndefined();
  });
  test('is read by those of the facility and changed by its manager', async () => {
    expect((await ask(place.caregiver)).body.mayChange).toBe(false);
    expect((await ask(place.caregiver, 'PUT', generous)).status).toBe(403);
    expect((await ask((await home(records)).manager)).status).toBe(403);
    expect((await ask(place.manager, 'PUT', { ...generous, caregivers: 0 })).status).toBe(422);
  });
});
