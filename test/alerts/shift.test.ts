// What a shift does besides its alerts: the on-call list, the hand-over, and asking the doctor from an alert.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Encounter, Practitioner, PractitionerRole } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import pino from 'pino';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { askDoctor } from '../../hub/alerts/ask-doctor.ts';
import type { AlertView, HandoverView, Happening, OnCallView } from '../../hub/alerts/contract.ts';
import { alertRoutes, handoverRoutes, onCallRoutes, openAlerts, openHandovers } from '../../hub/alerts/index.ts';
import { DEFAULT_ON_CALL } from '../../hub/alerts/on-call.ts';
import { requestConsultation } from '../../hub/consult/requested.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import { type Person, service } from '../../hub/identity/actor.ts';
import { openRecords } from '../../hub/records/index.ts';
import { ROLE_SYSTEM } from '../../hub/records/systems.ts';
import { openDatabase } from '../../hub/store/index.ts';
import { freshDatabase, unique } from '../harness/index.ts';
import { type Home, home, person } from './people.ts';

const MINUTE = 60_000;
const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
let now = Date.parse('2026-01-10T16:30:00+09:00');
const alerts = openAlerts({ database, records, log, now: () => now });
afterAll(() => database.close());

const staff = async () => [
  { account: 'a', name: '介護 桜', email: 'a@hub.example', language: 'ja' as const, roles: ['caregiver' as const] },
];
const app = (actor: Person) =>
  new Hono<HubEnv>()
    .onError((error, context) => {
      if (error instanceof Problem) return context.json(error.body(), error.status);
      throw error;
    })
    .use(async (context, next) => {
      context.set('actor', actor);
      await next();
    })
    .route('/on-call', onCallRoutes({ database, ways: ['live', 'push'], staff, now: () => now }))
    .route('/handover', handoverRoutes({ handovers: openHandovers({ database, alerts, now: () => now }), database, now: () => now }))
    .route(
      '/',
      alertRoutes({
        alerts,
        records,
        config: { predictSeconds: 60 },
        askDoctor: askDoctor({ database, alerts, request: (who, asked) => requestConsultation(records, who, asked, new Date(now)) }),
      }),
    );
const ask = async <T>(actor: Person, path: string, method = 'GET', body?: object) => {
  const answer = await app(actor).request(path, { method, body: body && JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as T };
};
let place: Home;
const raise = async (kind: 'call' | 'fall' = 'call', patient = place.patients[0]!) =>
  (await alerts.raise({
    patient,
    facility: place.facility,
    kind,
    detail: { ja: 'ナースコール', en: 'call button' },
    at: now,
    key: unique('cause'),
  }))!;
beforeEach(async () => {
  place = await home(records);
});

describe('the on-call list', () => {
  const path = () => `/on-call/${place.facility}`;
  test('is the hub’s own until the manager changes it, and again when the own one is taken away', async () => {
    expect((await ask<OnCallView>(place.manager, path())).body).toMatchObject({ standard: true, mayChange: true, ways: ['live', 'push'] });
    const steps = DEFAULT_ON_CALL.steps.map(step => ({ ...step, afterSeconds: step.afterSeconds * 2 }));
    const changed = await ask<OnCallView>(place.manager, path(), 'PUT', { ...DEFAULT_ON_CALL, steps });
    expect(changed.body).toMatchObject({ standard: false, changedBy: '施設長 梅', changedAt: new Date(now).toISOString(), steps });
    expect((await ask<OnCallView>(place.caregiver, path())).body).toMatchObject({ steps, mayChange: false });
    expect((await ask<OnCallView>(place.manager, path(), 'PUT', { ...DEFAULT_ON_CALL, steps: [] })).body.standard).toBe(true);
  });
  test('is not for those of elsewhere, and not for caregivers to change', async () => {
    const { caregiver, manager } = await home(records);
    expect((await ask(caregiver, path())).status).toBe(403);
    expect((await ask(manager, path(), 'PUT', DEFAULT_ON_CALL)).status).toBe(403);
    expect((await ask(place.caregiver, path(), 'PUT', DEFAULT_ON_CALL)).status).toBe(403);
  });
  test('without anybody for an urgent alert is refused', async () => {
    const steps = DEFAULT_ON_CALL.steps.map(step => ({ ...step, tiers: ['act'] }));
    expect(await ask(place.manager, path(), 'PUT', { ...DEFAULT_ON_CALL, steps })).toMatchObject({
      status: 422,
      body: { error: { code: 'nobody-on-call' } },
    });
  });
});

test('an alert keeps what happened with it, for those who may see it', async () => {
  const id = await raise();
  now += MINUTE;
  await alerts.acknowledge(place.caregiver, id);
  const { body } = await ask<Happening[]>(place.caregiver, `/${id}/history`);
  expect(body.map(({ what, by, at }) => [what, by, at])).toEqual([
    ['raised', null, new Date(now - MINUTE).toISOString()],
    ['paged', null, new Date(now - MINUTE).toISOString()],
    ['acknowledged', '介護 桜', new Date(now).toISOString()],
  ]);
  expect((await ask((await home(records)).caregiver, `/${id}/history`)).status).toBe(403);
});

describe('the hand-over', () => {
  const path = () => `/handover/${place.facility}`;
  test('says what is open and what happened in the shift, until the next person takes it over', async () => {
    const open = await raise('call');
    const closed = await raise('fall', place.patients[1]);
    now += MINUTE;
    await alerts.acknowledge(place.caregiver, closed);
    now += MINUTE;
    await alerts.recordOutcome(place.caregiver, closed, { outcome: 'false', onset: null, comment: '座りこんだだけ' });
    now = Date.parse('2026-01-10T17:05:00+09:00');
    const { body } = await ask<HandoverView>(place.caregiver, path());
    expect(body).toMatchObject({ shift: '日勤', from: '2026-01-10T00:00:00.000Z', taken: [], mayTake: true });
    expect(body.alerts.map(({ id, state }) => [id, state]).sort()).toEqual(
      [
        [open, 'open'],
        [closed, 'resolved'],
      ].sort(),
    );
    expect(body.happened.filter(one => one.alert === closed).map(({ what, by }) => [what, by])).toEqual([
      ['raised', null],
      ['paged', null],
      ['acknowledged', '介護 桜'],
      ['resolved', '介護 桜'],
    ]);
    const night = person('夜勤 楓', place.caregiver.roles[0]!);
    const taken = await ask<HandoverView>(night, path(), 'POST', { from: body.from });
    expect(taken.body.taken).toEqual([{ shift: '日勤', from: body.from, at: new Date(now).toISOString(), by: '夜勤 楓' }]);
    expect(
      taken.body.alerts.map(one => one.id),
      'what is open goes on',
    ).toEqual([open]);
    now = Date.parse('2026-01-10T16:30:00+09:00');
  });
  test('is taken over once', async () => {
    const { from } = (await ask<HandoverView>(place.caregiver, path())).body;
    const both = await Promise.all([
      ask(place.caregiver, path(), 'POST', { from }),
      ask(place.manager, path(), 'POST', { from }),
      ask(place.manager, path(), 'POST', { from: '2026-01-09T00:00:00Z' }),
    ]);
    expect(both.map(one => one.status).sort()).toEqual([200, 409, 409]);
  });
  test('follows the facility’s own shifts', async () => {
    const shifts = [{ name: '早番', from: '07:00', to: '16:00' }];
    expect((await ask(place.caregiver, `${path()}/shifts`, 'PUT', { shifts })).status).toBe(403);
    await ask(place.manager, `${path()}/shifts`, 'PUT', { shifts });
    expect((await ask<HandoverView>(place.caregiver, path())).body).toMatchObject({ shift: '早番', from: '2026-01-09T22:00:00.000Z' });
  });
  test('is not for those of elsewhere, and leaves out whom the person may not see', async () => {
    expect((await ask((await home(records)).caregiver, path())).status).toBe(403);
  });
});

describe('asking the doctor', () => {
  test('makes one consultation of doctor, patient and carer, with the alert and its reason on the doctor’s worklist', async () => {
    const setup = records.as(service('setup'));
    const doctor = await setup.create<Practitioner>({
      resourceType: 'Practitioner',
      active: true,
      name: [{ use: 'official', family: '島', given: ['医師'] }],
    });
    await setup.create<PractitionerRole>({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference: `Practitioner/${doctor.id}` },
      organization: { reference: `Organization/${place.hospital}` },
      code: [{ coding: [{ system: ROLE_SYSTEM, code: 'doctor' }] }],
    });
    const id = await raise();
    const asked = await Promise.all([
      ask<{ encounter: string }>(place.caregiver, `/${id}/consult`, 'POST', {}),
      ask<{ encounter: string }>(place.caregiver, `/${id}/consult`, 'POST', {}),
    ]);
    expect(asked.map(one => one.status)).toEqual([201, 201]);
    const encounter = asked[0]!.body.encounter;
    expect(asked[1]!.body.encounter).toBe(encounter);
    expect((await ask<AlertView>(place.caregiver, `/${id}`)).body.consultation).toBe(encounter);
    const itself: Person = { ...place.doctor, reference: `Practitioner/${doctor.id}` };
    const [found] = await records.as(itself).search<Encounter>(`Encounter?participant=Practitioner/${doctor.id}&class=VR`);
    expect(found).toMatchObject({
      id: encounter,
      status: 'planned',
      type: [{ coding: [{ code: 'DtoPwithN' }] }],
      reasonCode: [{ text: 'お知らせ: 呼び出し (ナースコール)' }],
      extension: [{ valueString: id }],
    });
    expect(found!.participant!.map(one => one.individual?.reference)).toEqual([`Practitioner/${doctor.id}`, place.caregiver.reference]);
  });
  test('without a doctor who treats the resident says so', async () => {
    const id = await raise();
    expect(await ask(place.caregiver, `/${id}/consult`, 'POST', {})).toMatchObject({ status: 409, body: { error: { code: 'no-doctor' } } });
  });
  test('by many at once leaves database connections to others', async () => {
    const few = openDatabase(database.url, { connections: 2 });
    try {
      const asking = askDoctor({
        database: few,
        alerts,
        async request() {
          // As long as the record takes: meanwhile the others begin.
          await sleep(100);
          await few.pool.query('select 1');
          return unique('encounter');
        },
      });
      const [first, second] = [await raise(), await raise('fall')];
      const asked = await Promise.all([first, first, first, second, second, second].map(id => asking(place.caregiver, id)));
      expect(new Set(asked.map(({ encounter }) => encounter)).size).toBe(2);
    } finally {
      void few.close();
    }
  });
  test('is not for those of elsewhere', async () => {
    const id = await raise();
    expect((await ask((await home(records)).caregiver, `/${id}/consult`, 'POST', {})).status).toBe(403);
  });
});
