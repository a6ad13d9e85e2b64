// Prediction end to end: stored samples in, predictions and one alert out; the same after a restart, a lost connection, or without data.
import { createServer, type Socket } from 'node:net';
import type { RiskAssessment } from '@medplum/fhirtypes';
import { Aedes } from 'aedes';
import { connectAsync, type MqttClient } from 'mqtt';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { storedTopic } from '../../devices/index.ts';
import { openAlerts } from '../../hub/alerts/index.ts';
import { latestPredictions, predictionsOf, type RunningPredict, startPredict } from '../../hub/predict/index.ts';
import { openRecords } from '../../hub/records/index.ts';
import type { Sample } from '../../models/index.ts';
import { type Home, home } from '../alerts/people.ts';
import { freshDatabase, sampleStore } from '../harness/index.ts';
import { HOUR, MINUTE, quiet, START } from '../models/resident.ts';

const log = pino({ level: 'silent' });
const database = await freshDatabase();
const samples = await sampleStore();
const records = await openRecords({ database, log });
let now = 0;
const alerts = openAlerts({ database, records, log, now: () => now });

const aedes = await Aedes.createBroker();
const sockets = new Set<Socket>();
const broker = createServer(socket => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  aedes.handle(socket);
});
let mqttUrl = '';
let publisher: MqttClient;
beforeAll(async () => {
  await new Promise<void>(resolve => broker.listen(0, '127.0.0.1', resolve));
  mqttUrl = `mqtt://127.0.0.1:${(broker.address() as { port: number }).port}`;
  publisher = await connectAsync(mqttUrl, { reconnectPeriod: 50 });
});
afterAll(async () => {
  await publisher.endAsync(true);
  broker.close();
  for (const socket of sockets) socket.destroy();
  await new Promise<void>(resolve => aedes.close(() => resolve()));
  await database.close();
});

let running: RunningPredict | undefined;
const start = async () => {
  running = await startPredict({
    config: { predictSeconds: 3600 },
    database,
    samples,
    records,
    alerts,
    mqttUrl,
    mqttInternal: 'secret',
    log,
    now: () => now,
  });
  await running.cycle();
  return running;
};
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const store = (place: Home, patient: string, some: Sample[]) =>
  samples.write(
    some.map(({ profile, time, values }) => ({
      profile,
      facility: place.facility,
      device: `${profile}-${patient}`,
      subject: `Patient/${patient}`,
      time,
      values: { ...values },
    })),
  );
/** What ingest publishes after it has stored; resolves when the role has taken it. */
const publish = async (place: Home, patient: string, some: Sample[]) => {
  const subject = `Patient/${patient}`;
  const batches = Map.groupBy(some, sample => sample.profile);
  const payload = [...batches].map(([profile, own]) => ({
    subject,
    device: `${profile}-${patient}`,
    profile,
    samples: own.map(({ time, values }) => ({ time, values })),
  }));
  const heard = new Promise(resolve => aedes.once('ack', resolve));
  await publisher.publishAsync(storedTopic(place.facility, subject), JSON.stringify(payload), { qos: 1 });
  await heard;
};
const latest = async (patient: string) => (await latestPredictions(database, [patient])).get(patient)!;
/** Each test has a day of its own in the shared sample store. */
let day = START;
const nextDay = () => {
  day += 48 * HOUR;
  return day;
};

describe('a cycle', () => {
  test('predicts for who has samples, and says of who has not what is missing and what to do', async () => {
    const [place, from] = [await home(records), nextDay()];
    const [watched, silent] = place.patients as [string, string];
    await store(place, watched, quiet({ from, hours: 25 }));
    now = from + 25 * HOUR;
    const { name, version } = (await start()).model;
    const found = await latest(watched);
    expect(found.view).toMatchObject({ horizonMinutes: 60, abstained: null, at: new Date(now).toISOString(), model: { name, version } });
    expect(found.view.probability).toBeGreaterThanOrEqual(0);
    expect(found.view.coverage).toBeCloseTo(1, 1);
    expect(found.level).toBe('calm');
    const none = await latest(silent);
    expect(none.view).toMatchObject({ probability: null, coverage: 0 });
    expect(none.view.abstained!.ja).toMatch(/ベッドセンサー.*電源とつながりを確かめてください/);
    expect(none.level).toBe('not-covered');
  });

  test('abstains when the sensors on the person repeat themselves', async () => {
    const [place, from] = [await home(records, 1), nextDay()];
    const patient = place.patients[0]!;
    now = from + 3 * HOUR;
    const stuck = quiet({ from, hours: 3 }).map(sample => {
      if (sample.time < now - 45 * MINUTE) return sample;
      if (sample.profile === 'bed') return { ...sample, values: { heart_rate: 60, respiration_rate: 14, movement: 0.1, in_bed: 1 } };
      if (sample.profile === 'wrist') return { ...sample, values: { pulse_rate: 60, hrv_rmssd: 30, skin_temperature: 33, steps: 0 } };
      return sample;
    });
    await store(place, patient, stuck);
    await start();
    expect(await latest(patient)).toMatchObject({ level: 'not-covered', view: { probability: null } });
  });

  test('leaves out values that are impossible and times ahead of now, and abstains when nothing else is there', async () => {
    const [place, from] = [await home(records), nextDay()];
    const [wild, ahead] = place.patients as [string, string];
    now = from + 3 * HOUR;
    const body = (sample: Sample) => sample.profile === 'bed' || sample.profile === 'wrist';
    const impossible = {
      heart_rate: 900,
      respiration_rate: -3,
      movement: 7,
      in_bed: 5,
      pulse_rate: 900,
      hrv_rmssd: -1,
      skin_temperature: 90,
    };
    await store(
      place,
      wild,
      quiet({ from, hours: 3 }).map(sample =>
        body(sample) ? { ...sample, values: { ...sample.values, ...impossible, steps: -5 } } : sample,
      ),
    );
    // A clock that jumped three hours ahead in the middle: what it says of later is not what is now.
    await store(
      place,
      ahead,
      quiet({ from, hours: 3 }).map(sample =>
        body(sample) && sample.time > now - HOUR ? { ...sample, time: sample.time + 3 * HOUR } : sample,
      ),
    );
    await start();
    for (const patient of [wild, ahead]) {
      const { level, view } = await latest(patient);
      expect({ level, probability: view.probability }).toEqual({ level: 'not-covered', probability: null });
      expect(view.abstained!.ja).toContain('ベッドセンサー');
    }
  });

  test('does not compare a device that took another’s place with what the former one measured', async () => {
    const [place, from] = [await home(records), nextDay()];
    const [swapped, kept] = place.patients as [string, string];
    now = from + 25 * HOUR;
    const at = from + 24.5 * HOUR;
    // The new bed sensor reads 15 beats more of the same calm person.
    const heart = (time: number) => (time >= at ? 15 : 0);
    const all = quiet({ from, hours: 25, heart });
    const newBed = (sample: Sample) => sample.profile === 'bed' && sample.time >= at;
    await store(
      place,
      swapped,
      all.filter(sample => !newBed(sample)),
    );
    await samples.write(
      all.filter(newBed).map(({ profile, time, values }) => ({
        profile,
        facility: place.facility,
        device: `other-bed-${swapped}`,
        subject: `Patient/${swapped}`,
        time,
        values: { ...values },
      })),
    );
    await store(place, kept, all);
    await start();
    const ofHeart = async (patient: string) => (await latest(patient)).view.reasons.find(reason => reason.feature.startsWith('heart'));
    expect(await ofHeart(swapped)).toBeUndefined();
    expect((await latest(swapped)).view.probability).not.toBeNull();
    expect((await latest(kept)).view.probability!).toBeGreaterThan((await latest(swapped)).view.probability!);
  });

  test('gives the same probability after a restart, from the store, as from what it heard live', async () => {
    const [place, from] = [await home(records, 1), nextDay()];
    const patient = place.patients[0]!;
    const all = quiet({ from, hours: 26, agitation: time => Math.max(0, (time - from - 25.5 * HOUR) / HOUR) });
    const past = all.filter(({ time }) => time < from + 25 * HOUR);
    const heard = all.filter(({ time }) => time >= from + 25 * HOUR);
    await store(place, patient, past);
    now = from + 25 * HOUR;
    const first = await start();
    now = from + 26 * HOUR;
    await publish(place, patient, heard);
    await first.cycle();
    const live = (await latest(patient)).view;
    await first.close();
    await store(place, patient, heard);
    await start();
    const again = (await latest(patient)).view;
    expect(again.id).not.toBe(live.id);
    expect(again.probability).toBeCloseTo(live.probability!, 9);
    expect(again.reasons).toEqual(live.reasons);
  });

  test('reads what it missed while the broker was away', async () => {
    const [place, from] = [await home(records, 1), nextDay()];
    const patient = place.patients[0]!;
    const all = quiet({ from, hours: 4 });
    await store(
      place,
      patient,
      all.filter(({ time }) => time < from + 3 * HOUR),
    );
    now = from + 3 * HOUR;
    const service = await start();
    await store(
      place,
      patient,
      all.filter(({ time }) => time >= from + 3 * HOUR),
    );
    await service.cycle();
    now = from + 4 * HOUR;
    await service.cycle();
    expect((await latest(patient)).level, 'stored, but nobody told').toBe('not-covered');
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(
        async () => {
          await service.cycle();
          return (await latest(patient)).level;
        },
        { timeout: 10_000 },
      )
      .not.toBe('not-covered');
    expect((await latest(patient)).view.coverage).toBeCloseTo(1, 2);
  });
});

describe('a rising risk', () => {
  test('raises one alert over many cycles, and its prediction is in the record once', async () => {
    const [place, from] = [await home(records, 1), nextDay()];
    const patient = place.patients[0]!;
    const agitation = (time: number) => Math.min(1, Math.max(0, (time - from - 24.4 * HOUR) / (0.5 * HOUR)));
    const all = quiet({ from, hours: 25, agitation });
    await store(
      place,
      patient,
      all.filter(({ time }) => time < from + 24 * HOUR),
    );
    now = from + 24 * HOUR;
    const service = await start();
    expect((await latest(patient)).level).toBe('calm');
    for (let minute = 1; minute <= 60; minute += 3) {
      const before = now;
      now = from + 24 * HOUR + minute * MINUTE;
      await publish(
        place,
        patient,
        all.filter(({ time }) => time >= before && time < now),
      );
      await service.cycle();
    }
    const raised = await alerts.of(patient, 0, now + 1);
    expect(raised).toHaveLength(1);
    expect(raised[0]).toMatchObject({ state: 'open', residentName: '浜田 はな1', room: '201' });
    expect(raised[0]!.prediction!.reasons.length).toBeGreaterThan(0);

    const course = await predictionsOf(database, patient, from, now + 1);
    expect(course.length).toBeGreaterThan(20);
    expect(course.at(-1)!.probability).toBeGreaterThan(course[0]!.probability!);

    const assessments = await records.as(place.doctor).search<RiskAssessment>(`RiskAssessment?subject=Patient/${patient}`);
    expect(assessments).toHaveLength(1);
    expect(assessments[0]).toMatchObject({
      status: 'final',
      subject: { reference: `Patient/${patient}` },
      prediction: [{ probabilityDecimal: Number(raised[0]!.prediction!.probability!.toFixed(4)) }],
    });
    expect(assessments[0]!.note![0]!.text).toContain(service.model.version);
  });
});

test('a resident who moves in is predicted for after the registry has changed', async () => {
  now = nextDay();
  const service = await start();
  const place = await home(records, 1);
  await service.cycle();
  expect(await latest(place.patients[0]!)).toBeUndefined();
  await database.notify('device-registry', { facility: place.facility });
  await expect
    .poll(async () => {
      await service.cycle();
      return (await latest(place.patients[0]!))?.level;
    })
    .toBe('not-covered');
});
