// Alerts: one for each coming episode, seen at once by those who care for the resident and by nobody else, closed with what happened.
import { createServer } from 'node:http';
import type { Consent } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import pino from 'pino';
import { Server } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { AlertView, FloorView, PredictionView } from '../../hub/alerts/contract.ts';
import { alertRoutes, attachAlerts, openAlerts } from '../../hub/alerts/index.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import { type Person, service } from '../../hub/identity/actor.ts';
import { storePredictions } from '../../hub/predict/predictions.ts';
import { openRecords } from '../../hub/records/index.ts';
import type { LiveEvents } from '../../hub/vitals/contract.ts';
import { freshDatabase } from '../harness/index.ts';
import { type Home, home, person } from './people.ts';

const MINUTE = 60_000;
const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
let now = Date.parse('2026-01-10T10:00:00Z');
const alerts = openAlerts({ database, records, log, now: () => now });
const levels = { watch: 0.2, act: 0.4, clear: 0.15 };
afterAll(() => database.close());

const prediction = (probability: number | null): PredictionView => ({
  id: '1',
  at: new Date(now).toISOString(),
  horizonMinutes: 60,
  probability,
  coverage: probability === null ? 0.2 : 0.97,
  reasons: [
    {
      feature: 'heart_rate_deviation_10',
      text: { ja: '心拍数がふだんより高い', en: 'Heart rate is higher than usual' },
      weight: 0.2,
      value: 3.1,
      unit: 'σ',
    },
  ],
  abstained: probability === null ? { ja: 'データが足りません', en: 'too little data' } : null,
  model: { name: 'facility', version: '1' },
});
const consider = (place: Home, probability: number | null, patient = place.patients[0]!) =>
  alerts.consider([{ patient, facility: place.facility, prediction: prediction(probability) }], levels);

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
    .route('/api/alerts', alertRoutes({ alerts, records, config: { predictSeconds: 60 } }));
const get = async <T>(actor: Person, path: string) => {
  const answer = await app(actor).request(`/api/alerts${path}`);
  return { status: answer.status, body: (await answer.json()) as T };
};
const send = async <T>(actor: Person, path: string, body: object, method = 'POST') => {
  const answer = await app(actor).request(`/api/alerts${path}`, { method, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as T };
};

let place: Home;
beforeEach(async () => {
  place = await home(records);
});

describe('raising', () => {
  test('many cycles of high risk raise one alert, with the prediction and its reasons', async () => {
    for (let cycle = 0; cycle < 20; cycle++) {
      await consider(place, 0.5 + cycle / 100);
      now += MINUTE;
    }
    const { body } = await get<AlertView[]>(place.caregiver, `?facility=${place.facility}`);
    expect(body).toHaveLength(1);
    expect(body[0]).toMatchObject({ residentName: '浜田 はな1', room: '201', state: 'open', prediction: { probability: 0.5 } });
    expect(body[0]!.prediction!.reasons[0]!.text.ja).toBe('心拍数がふだんより高い');
  });

  test('a risk around the level raises none twice; after the outcome, a fall and a while, the next rise is a new alert', async () => {
    const [first] = await consider(place, 0.41);
    for (const probability of [0.38, 0.42, 0.3, 0.45]) expect(await consider(place, probability)).toEqual([]);
    await consider(place, 0.05);
    now += 3 * 60 * MINUTE;
    expect(await consider(place, 0.9), 'still open').toEqual([]);
    expect((await get<AlertView>(place.caregiver, `/${first}`)).body.riskFellAt).not.toBeNull();
    await send(place.caregiver, `/${first}/outcome`, { outcome: 'false' });
    expect(await consider(place, 0.9)).toHaveLength(1);
  });

  test('without a probability nothing is raised', async () => {
    expect(await consider(place, null)).toEqual([]);
  });

  test('two predict processes that see the same rise raise one alert', async () => {
    const raised = await Promise.all([consider(place, 0.8), consider(place, 0.8), consider(place, 0.8)]);
    expect(raised.flat()).toHaveLength(1);
  });

  test('an alert that nobody closed in twelve hours is closed as unknown', async () => {
    const [id] = await consider(place, 0.8);
    now += 13 * 60 * MINUTE;
    await consider(place, 0.01);
    expect((await get<AlertView>(place.caregiver, `/${id}`)).body).toMatchObject({
      state: 'resolved',
      outcome: 'unknown',
      resolvedBy: null,
    });
  });
});

describe('what a caregiver does', () => {
  test('acknowledging says who and when, once', async () => {
    const [id] = await consider(place, 0.8);
    const acknowledged = await send<AlertView>(place.caregiver, `/${id}/acknowledge`, {});
    expect(acknowledged.body).toMatchObject({
      state: 'acknowledged',
      acknowledgedBy: '介護 桜',
      acknowledgedAt: new Date(now).toISOString(),
    });
    now += MINUTE;
    const again = await send<AlertView>(place.manager, `/${id}/acknowledge`, {});
    expect(again.body).toMatchObject({ state: 'acknowledged', acknowledgedBy: '介護 桜' });
  });

  test('the outcome stays, with onset and comment', async () => {
    const [id] = await consider(place, 0.8);
    const onset = new Date(now - 5 * MINUTE).toISOString();
    const { status } = await send(place.caregiver, `/${id}/outcome`, { outcome: 'episode', onset, comment: '大声を出した' });
    expect(status).toBe(200);
    const { body } = await get<AlertView[]>(place.manager, `?facility=${place.facility}&state=resolved`);
    expect(body[0]).toMatchObject({ id, outcome: 'episode', onset, comment: '大声を出した', resolvedBy: '介護 桜' });
  });

  test('an onset in the future or an unknown outcome is refused with words', async () => {
    const [id] = await consider(place, 0.8);
    const onset = new Date(now + 5 * MINUTE).toISOString();
    expect(await send(place.caregiver, `/${id}/outcome`, { outcome: 'episode', onset })).toMatchObject({
      status: 422,
      body: { error: { code: 'onset-in-future' } },
    });
    expect((await send(place.caregiver, `/${id}/outcome`, { outcome: 'maybe' })).status).toBe(422);
  });

  test('a hint of what helps is written once and shown with each alert', async () => {
    const [id] = await consider(place, 0.8);
    expect((await send(place.caregiver, `/hint/${place.patients[0]}`, { text: '海の話をすると落ち着く' }, 'PUT')).status).toBe(200);
    expect((await get<AlertView>(place.caregiver, `/${id}`)).body.careHint).toBe('海の話をすると落ち着く');
    expect((await get<{ text: string }>(place.manager, `/hint/${place.patients[0]}`)).body.text).toBe('海の話をすると落ち着く');
  });
});

describe('who may', () => {
  test('a caregiver of another facility sees and changes nothing', async () => {
    const [id] = await consider(place, 0.8);
    const elsewhere = (await home(records)).caregiver;
    for (const path of [`/${id}`, `?facility=${place.facility}`, `/floor?facility=${place.facility}`])
      expect((await get(elsewhere, path)).status, path).toBe(403);
    expect((await send(elsewhere, `/${id}/acknowledge`, {})).status).toBe(403);
    expect((await send(elsewhere, `/${id}/outcome`, { outcome: 'false' })).status).toBe(403);
    expect((await send(elsewhere, `/hint/${place.patients[0]}`, { text: 'x' }, 'PUT')).status).toBe(403);
    expect((await get<AlertView>(place.caregiver, `/${id}`)).body.state).toBe('open');
  });

  test('a doctor who treats the resident reads, and leaves acknowledging to those on the floor', async () => {
    const [id] = await consider(place, 0.8);
    expect((await get<AlertView>(place.doctor, `/${id}`)).body.residentName).toBe('浜田 はな1');
    expect((await send(place.doctor, `/${id}/acknowledge`, {})).status).toBe(403);
  });

  test('an unknown alert is not found', async () => {
    expect((await get(place.caregiver, '/00000000-0000-0000-0000-000000000000')).status).toBe(404);
    expect((await get(place.caregiver, '/nonsense')).status).toBe(404);
  });
});

describe('the floor', () => {
  const predicted = (patient: string, level: 'calm' | 'watch' | 'not-covered', probability: number | null) => ({
    patient,
    facility: place.facility,
    at: now,
    madeAt: now,
    standsUntil: now + 150_000,
    horizonMinutes: 60,
    probability,
    probabilities: {},
    coverage: 0.9,
    reasons: [],
    abstained: null,
    level,
    levelSince: now - 10 * MINUTE,
    model: { name: 'facility', version: '1' },
  });
  const tiles = async () => {
    const { body } = await get<FloorView>(place.caregiver, `/floor?facility=${place.facility}`);
    return body.floors.flatMap(floor => floor.residents);
  };

  test('shows each resident in their room as calm, watched, to act, or not covered', async () => {
    place = await home(records, 4);
    const [calm, watched, act] = place.patients;
    await storePredictions(database, [predicted(calm!, 'calm', 0.01), predicted(watched!, 'watch', 0.25), predicted(act!, 'watch', 0.6)]);
    await consider(place, 0.6, act);
    const found = await tiles();
    expect(found.map(({ room, state }) => [room, state])).toEqual([
      ['201', 'calm'],
      ['202', 'watch'],
      ['203', 'act'],
      ['204', 'not-covered'],
    ]);
    expect(found[1]!.since).toBe(new Date(now - 10 * MINUTE).toISOString());
    expect(found[2]!.alert?.prediction?.probability).toBe(0.6);
  });

  test('a prediction that is no longer of now is no reassurance', async () => {
    await storePredictions(database, [predicted(place.patients[0]!, 'calm', 0.01)]);
    now += 10 * MINUTE;
    expect((await tiles())[0]).toMatchObject({ state: 'not-covered', prediction: null });
  });
});

describe('live', async () => {
  const server = createServer();
  const io = new Server(server);
  const people = new Map<string, Person>();
  const namespace = io.of('/live');
  namespace.use((socket, next) => {
    socket.data.actor = people.get(socket.handshake.auth.who);
    next();
  });
  const stop = await attachAlerts({ namespace, alerts, records, database, log, now: () => now });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const open: Socket[] = [];
  afterAll(async () => {
    for (const socket of open) socket.disconnect();
    await stop();
    await io.close();
  });
  const page = async (who: Person, facility: string) => {
    people.set(who.account, who);
    const socket = connect(`http://127.0.0.1:${port}/live`, { auth: { who: who.account }, transports: ['websocket'], forceNew: true });
    open.push(socket);
    const heard: { alerts: AlertView[]; tiles: Parameters<LiveEvents['tiles']>[0][] } = { alerts: [], tiles: [] };
    socket.on('alert', view => heard.alerts.push(view));
    socket.on('tiles', payload => heard.tiles.push(payload));
    const answer = await socket.emitWithAck('floor:follow', { facility });
    return { socket, heard, answer };
  };

  test('an alert is on the page within a second, with name and room, and its tile changes', async () => {
    const { heard, answer } = await page(place.caregiver, place.facility);
    expect(answer).toEqual({ ok: true });
    heard.tiles.length = 0;
    const raised = performance.now();
    const [id] = await consider(place, 0.8);
    await expect.poll(() => heard.alerts.map(alert => alert.id), { timeout: 1000, interval: 10 }).toEqual([id]);
    expect(performance.now() - raised).toBeLessThan(1000);
    expect(heard.alerts[0]).toMatchObject({ residentName: '浜田 はな1', room: '201', state: 'open' });
    await expect.poll(() => heard.tiles.at(-1)?.tiles[0]?.state).toBe('act');
    await alerts.acknowledge(place.caregiver, id!);
    await expect.poll(() => heard.alerts.at(-1)?.state).toBe('acknowledged');
  });

  test('someone of another facility is refused and hears nothing', async () => {
    const stranger = person('別の人', { role: 'caregiver', organization: 'elsewhere', organizationName: '別の施設' });
    const { heard, answer } = await page(stranger, place.facility);
    expect(answer).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
    const follower = await page(place.manager, place.facility);
    await consider(place, 0.8);
    await expect.poll(() => follower.heard.alerts.length).toBe(1);
    expect(heard).toEqual({ alerts: [], tiles: [] });
  });

  test('a message that is not as agreed is refused with words', async () => {
    const { socket } = await page(place.caregiver, place.facility);
    expect(await socket.emitWithAck('floor:follow', { facility: '../x' })).toMatchObject({ ok: false, error: { code: 'invalid' } });
  });

  test('a resident’s denial reaches the floor page at once: it is told to ask again, and hears nothing more of them', async () => {
    const { socket, heard } = await page(place.caregiver, place.facility);
    const changed = new Promise(resolve => socket.once('floor:changed', resolve));
    const denied = place.patients[1]!;
    const repository = records.as(service('setup'));
    const consent = await repository.create<Consent>({
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
      patient: { reference: `Patient/${denied}` },
      policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTOUT' }] },
      provision: {
        type: 'deny',
        actor: [
          {
            role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'PRCP' }] },
            reference: { reference: `Organization/${place.facility}` },
          },
        ],
      },
    });
    expect(await changed).toEqual({ facility: place.facility });
    heard.tiles.length = 0;
    await database.notify('predictions', { facility: place.facility, cycle: 1 });
    await expect.poll(() => heard.tiles.length).toBe(1);
    expect(heard.tiles[0]!.tiles.map(tile => tile.patient)).not.toContain(denied);
    await repository.update({ ...consent, status: 'inactive' });
  });

  test('each prediction cycle brings the tiles', async () => {
    const { heard } = await page(place.caregiver, place.facility);
    const before = heard.tiles.length;
    await database.notify('predictions', { facility: place.facility, cycle: 1 });
    await expect.poll(() => heard.tiles.length).toBe(before + 1);
    expect(heard.tiles.at(-1)!.tiles).toHaveLength(2);
  });
});
