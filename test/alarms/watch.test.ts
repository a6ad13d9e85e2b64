// From a real device through broker and store to an alert: a call within a second, a loss of cover once, and neither lost by a restart.
import type { Location } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type AlarmDeps, type Alarms, startAlarms } from '../../hub/alarms/index.ts';
import { openAlerts } from '../../hub/alerts/index.ts';
import { service } from '../../hub/identity/actor.ts';
import { openRecords } from '../../hub/records/index.ts';
import { type Home, home } from '../alerts/people.ts';
import { unique } from '../harness/index.ts';
import { bedPack, log, mqttInternal, openStand } from '../ingest/bench-facility.ts';

const MINUTE = 60_000;
const stand = await openStand();
const records = await openRecords({ database: stand.database, log });
const alerts = openAlerts({ database: stand.database, records, log });
/** What the alarms take for now; samples come with real times. */
let ahead = 0;
const now = () => Date.now() + ahead;
let running: Alarms[] = [];
afterEach(async () => {
  ahead = 0;
  await Promise.all(running.map(alarms => alarms.close()));
  running = [];
});
afterAll(() => stand.close());

async function watch(more: Partial<AlarmDeps> = {}): Promise<Alarms> {
  const alarms = await startAlarms({
    ...{ database: stand.database, samples: stand.samples, records, alerts, log, mqttInternal, now },
    ...{ mqttUrl: `mqtt://127.0.0.1:${stand.port}`, everyMilliseconds: 0, graceMilliseconds: 0, ...more },
  });
  running.push(alarms);
  await alarms.settled();
  return alarms;
}
async function deviceOf(place: Home, profile: string, patient = place.patients[0]!) {
  const from = new Date(Date.now() - MINUTE);
  const credentials = await stand.registry.createDevice({ facility: place.facility, profile, subject: `Patient/${patient}`, from });
  const client = await stand.connect(credentials);
  const send = (record: object) =>
    client.publishAsync(credentials.topic, JSON.stringify([{ bn: `${credentials.device}:`, ...record }]), { qos: 1 });
  return { ...credentials, client, send };
}
const list = (place: Home) => alerts.list(place.caregiver, place.facility, ['open', 'acknowledged', 'resolved']);
const of = async (place: Home, kind: string) => (await list(place)).filter(alert => alert.kind === kind);

test('a pressed call button is an alert within a second of the stored sample; pressed for long it is still one', async () => {
  const place = await home(records);
  await watch();
  const button = await deviceOf(place, 'call-button');
  await button.send({ n: 'pressed', vb: true });
  const stored = performance.now();
  await expect
    .poll(() => of(place, 'call'), { interval: 20 })
    .toMatchObject([{ patient: place.patients[0], state: 'open', tier: 'urgent' }]);
  expect(performance.now() - stored).toBeLessThan(1000);
  await button.send({ n: 'pressed', vb: true });
  await button.send({ n: 'pressed', vb: false });
  await expect.poll(async () => (await of(place, 'call'))[0]?.riskFellAt).toEqual(expect.any(String));
  expect(await of(place, 'call')).toHaveLength(1);
});

test('a call while the alarms were away is found when they are back, and told once', async () => {
  const place = await home(records);
  const button = await deviceOf(place, 'call-button');
  await button.send({ n: 'pressed', vb: true });
  await (await watch()).close();
  expect(await of(place, 'call')).toHaveLength(1);
  await alerts.acknowledge(place.caregiver, (await of(place, 'call'))[0]!.id);
  await watch();
  expect(await of(place, 'call')).toMatchObject([{ state: 'acknowledged' }]);
});

test('a fall sensor in a room speaks for who lives there', async () => {
  const place = await home(records);
  const [resident] = await records.residents(place.manager, place.facility);
  await watch();
  const sensor = await stand.registry.createDevice({
    facility: place.facility,
    profile: 'fall',
    subject: `Location/${resident!.room!.id}`,
  });
  const client = await stand.connect(sensor);
  await client.publishAsync(sensor.topic, JSON.stringify([{ bn: `${sensor.device}:`, n: 'fallen', vb: true }]), { qos: 1 });
  await expect.poll(() => of(place, 'fall')).toMatchObject([{ patient: resident!.patient }]);
});

test('a call button where nobody lives calls for the place', async () => {
  const place = await home(records);
  await watch();
  const where = await records.as(service('setup')).create<Location>({ resourceType: 'Location', status: 'active', name: '2階のトイレ' });
  const button = await stand.registry.createDevice({ facility: place.facility, profile: 'call-button', subject: `Location/${where.id}` });
  const client = await stand.connect(button);
  const press = (pressed: boolean) =>
    client.publishAsync(button.topic, JSON.stringify([{ bn: `${button.device}:`, n: 'pressed', vb: pressed }]), { qos: 1 });
  await press(true);
  await expect.poll(() => of(place, 'call')).toMatchObject([{ patient: null, placeName: '2階のトイレ', tier: 'urgent', state: 'open' }]);
  await press(false);
  await expect.poll(async () => (await of(place, 'call'))[0]?.riskFellAt).toEqual(expect.any(String));
});

test('a racing heart is an alert with its number, over when it is calm again', async () => {
  const place = await home(records);
  await watch();
  const bed = await deviceOf(place, 'bed');
  const start = Date.now() - 20_000;
  const beat = (second: number, value: number) => bed.send({ bt: start / 1000 + second, n: 'heart_rate', u: 'beat/min', v: value });
  for (let second = 0; second < 8; second++) await beat(second, 150);
  await expect.poll(() => of(place, 'vital')).toHaveLength(1);
  expect((await of(place, 'vital'))[0]?.detail?.ja).toContain('150');
  for (let second = 8; second < 16; second++) await beat(second, 70);
  await expect.poll(async () => (await of(place, 'vital'))[0]?.riskFellAt).toEqual(expect.any(String));
  expect(await of(place, 'vital')).toMatchObject([{ state: 'open' }]);
});

test('a bed that is pulled out: no longer covered, told once also over a restart, and cleared by itself when it is back', async () => {
  const place = await home(records);
  const alarms = await watch();
  const [bed, other] = [await deviceOf(place, 'bed'), await deviceOf(place, 'bed', place.patients[1])];
  await bed.send({ n: 'heart_rate', u: 'beat/min', v: 62 });
  await other.send({ n: 'heart_rate', u: 'beat/min', v: 62 });
  ahead = 4 * MINUTE;
  await alarms.sweep();
  expect(await of(place, 'uncovered')).toEqual([]);
  // The other bed goes on: its samples lie ahead as far as ingest lets them.
  ahead = 6 * MINUTE;
  await other.client.publishAsync(other.topic, bedPack(other.device, [now()]), { qos: 1 });
  await expect.poll(() => lastSample(other.device)).toBeGreaterThan(now() - MINUTE);
  await alarms.settled();
  await alarms.sweep();
  await alarms.sweep();
  expect(await of(place, 'uncovered')).toMatchObject([{ patient: place.patients[0], state: 'open', tier: 'watch' }]);
  await alarms.close();
  const again = await watch();
  await again.sweep();
  expect(await of(place, 'uncovered')).toHaveLength(1);
  await bed.client.publishAsync(bed.topic, bedPack(bed.device, [now()]), { qos: 1 });
  await expect
    .poll(async () => {
      await again.sweep();
      return of(place, 'uncovered');
    })
    .toMatchObject([{ state: 'resolved', resolvedBy: null }]);
});

test('a facility whose gateway is away is one alert that names the gateway, not one for each resident', async () => {
  const place = await home(records, 3);
  const alarms = await watch();
  const gateway = await stand.registry.createGateway(place.facility);
  const link = await stand.connect({ ...gateway, device: unique('gateway') });
  for (const patient of place.patients) {
    const bed = await stand.registry.createDevice({ facility: place.facility, profile: 'bed', subject: `Patient/${patient}` });
    await link.publishAsync(bed.topic, bedPack(bed.device, [Date.now()]), { qos: 1 });
  }
  await link.endAsync();
  await expect.poll(() => connected(place.facility, 'gateway')).toBe(false);
  ahead = 6 * MINUTE;
  await alarms.settled();
  await alarms.sweep();
  await alarms.sweep();
  const told = (await of(place, 'uncovered')).filter(alert => alert.facility === place.facility);
  expect(told).toHaveLength(1);
  expect(told[0]?.detail?.ja).toMatch(/ゲートウェイ.*3人/);
  expect(told[0]).toMatchObject({ patient: null, placeName: 'しおさい苑', state: 'open' });
});

async function lastSample(device: string) {
  const { rows } = await sql<{ at: Date | null }>`select last_sample as at from ingest_device_state where device = ${device}`.execute(
    stand.database.kysely,
  );
  return rows[0]?.at?.getTime() ?? 0;
}
async function connected(facility: string, device: string) {
  const { rows } = await sql<{ connected: boolean | null }>`select connected from ingest_device_health
    where facility = ${facility} and device = ${device}`.execute(stand.database.kysely);
  return rows[0]?.connected ?? null;
}
