// How a device is doing, from its packs to the words a carer reads: gaps and their closing, battery, clock, connection, refusals.
import { afterAll, expect, test } from 'vitest';
import { loadProfiles } from '../../devices/index.ts';
import type { DeviceHealth, DeviceView } from '../../hub/ingest/contract.ts';
import { deviceView } from '../../hub/ingest/coverage.ts';
import { type HealthRow, healthRows } from '../../hub/ingest/health-store.ts';
import { HEALTH_CHANNEL } from '../../hub/ingest/index.ts';
import { unique } from '../harness/index.ts';
import { bedPack, newBed, openStand } from './bench-facility.ts';

const stand = await openStand();
afterAll(() => stand.close());
const profiles = loadProfiles();
const MINUTE = 60_000;

type Bed = Awaited<ReturnType<typeof newBed>>;
async function viewOf(bed: Bed, now = Date.now()): Promise<DeviceView> {
  const [devices, rows] = await Promise.all([stand.registry.devicesOf(bed.facility), healthRows(stand.database, bed.facility)]);
  const device = devices.find(one => one.device === bed.device)!;
  return deviceView(device, profiles, () => null, now, rows.get(bed.device));
}
const healthOf = async (bed: Bed, now?: number): Promise<DeviceHealth> => (await viewOf(bed, now)).health!;
const signs = (health: DeviceHealth) => health.signs.map(({ sign }) => sign);
const pack = (device: string, sequence: number, time: number) =>
  JSON.stringify([
    { bn: `${device}:`, bt: time / 1000, n: 'seq', v: sequence },
    { n: 'heart_rate', u: 'beat/min', v: 62 },
  ]);

test('packs that are missing are a sign with what to do, also over a restart of the hub, until a backlog closes the gap', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const send = (sequence: number, time: number, from = client) =>
    from.publishAsync(bed.topic, pack(bed.device, sequence, time), { qos: 1 });
  const start = bed.time - 10 * MINUTE;
  for (const sequence of [0, 1, 2]) await send(sequence, start + sequence * 1000);
  await send(7, start + 7000);
  await expect.poll(async () => (await healthOf(bed)).sequence).toEqual({ missing: 4, late: 0, resets: 0 });
  expect(signs(await healthOf(bed)), 'they may be on their way').not.toContain('losing');
  const found = (await healthOf(bed, Date.now() + 2 * MINUTE)).signs.find(({ sign }) => sign === 'losing');
  expect(found?.text.ja).toContain('4 回');
  await stand.stopIngest();
  await stand.startIngest();
  const again = await stand.connect(bed);
  for (const sequence of [3, 4, 5, 6, 8]) await send(sequence, start + sequence * 1000, again);
  await expect.poll(async () => (await healthOf(bed)).sequence?.missing).toBe(0);
  expect(signs(await healthOf(bed, Date.now() + 2 * MINUTE))).not.toContain('losing');
  await send(0, start + 20_000, again);
  await expect.poll(async () => (await healthOf(bed)).sequence).toMatchObject({ missing: 0, resets: 1 });
});

test('a span without samples is a gap of the day, and late samples fill it', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const at = (minutes: number) => bed.time - minutes * MINUTE;
  const send = (...minutes: number[]) => client.publishAsync(bed.topic, bedPack(bed.device, minutes.map(at).toReversed()), { qos: 1 });
  await send(60, 58, 56);
  await send(0);
  const inside = async () => (await healthOf(bed)).gaps.filter(({ from }) => Date.parse(from) > at(61));
  await expect.poll(inside).toEqual([{ from: new Date(at(56)).toISOString(), to: new Date(at(0)).toISOString() }]);
  await send(...Array.from({ length: 14 }, (_, index) => 4 * index).filter(Boolean));
  await expect.poll(inside).toEqual([]);
});

test('a low battery and a device that left the network are said in plain words', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const topic = bed.topic.replace('/json', '/state');
  await client.publishAsync(bed.topic, bedPack(bed.device, [Date.now()]), { qos: 1 });
  await client.publishAsync(topic, '{"state":"online","battery":0.12}', { qos: 1, retain: true });
  await expect.poll(async () => healthOf(bed)).toMatchObject({ connected: true, battery: expect.closeTo(0.12), worst: 'attention' });
  expect((await healthOf(bed)).signs[0]).toMatchObject({
    sign: 'battery-low',
    text: { ja: '電池がのこりすくないです（12％）。' },
    action: { ja: expect.stringContaining('かえる') },
  });
  await client.endAsync(true);
  await expect.poll(async () => signs(await healthOf(bed))).toContain('offline');
});

test('a refused message is a sign; a device that is silent is bad, whatever else is wrong', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  await client.publishAsync(bed.topic, bedPack(bed.device, [Date.now()], 62, 'kg'), { qos: 1 });
  await client.publishAsync(bed.topic, bedPack(bed.device, [Date.now()]), { qos: 1 });
  await expect.poll(async () => signs(await healthOf(bed))).toEqual(['refused']);
  const later = await healthOf(bed, Date.now() + 20 * MINUTE);
  expect(later).toMatchObject({ worst: 'bad', signs: [{ sign: 'silent', level: 'bad' }, { sign: 'refused' }] });
});

test('a clock that is off is measured from the packs; their times stay as they came', async () => {
  const bed = await newBed(stand);
  const row = (offset: number | null): HealthRow => ({
    ...{ facility: bed.facility, device: bed.device, sequence: null, spans: [], connected: null, connected_since: null },
    ...{ battery: null, battery_at: null, clock_offset: offset, last_refused: null },
  });
  const [device] = await stand.registry.devicesOf(bed.facility);
  const of = (offset: number | null) =>
    deviceView({ ...device!, lastSample: new Date() }, profiles, () => null, Date.now(), row(offset)).health!;
  expect(signs(of(1.5))).toEqual([]);
  expect(of(-7)).toMatchObject({
    clockOffsetSeconds: -7,
    signs: [{ sign: 'drifting', text: { ja: '機器の時計が 7 秒すすんでいます。' } }],
  });
  // One that says its own time and is ahead of the hub's is believed at once: no way through a network makes a pack early.
  const client = await stand.connect(bed);
  const ahead = Date.now() + 30_000;
  const records = [
    { bn: `${bed.device}:`, bt: ahead / 1000, n: 'clock', u: 's', v: ahead / 1000 },
    { n: 'heart_rate', u: 'beat/min', v: 62 },
  ];
  await client.publishAsync(bed.topic, JSON.stringify(records), { qos: 1 });
  await expect.poll(async () => (await healthOf(bed)).clockOffsetSeconds).toBeLessThan(-29);
  expect((await viewOf(bed)).lastSample).toBe(new Date(ahead).toISOString());
});

test('an open page is told when a device does better or worse, and not of every sample', async () => {
  const bed = await newBed(stand);
  const told: unknown[] = [];
  const stop = await stand.database.listen(HEALTH_CHANNEL, payload => {
    if ((payload as { facility: string }).facility === bed.facility) told.push(payload);
  });
  const client = await stand.connect(bed);
  await client.publishAsync(bed.topic, pack(bed.device, 0, Date.now()), { qos: 1 });
  await expect.poll(() => told.length).toBeGreaterThan(0);
  await expect.poll(async () => (await healthOf(bed)).sequence).not.toBeNull();
  // Notifications come in their order: after this one, all of before are here.
  await stand.database.notify(HEALTH_CHANNEL, { facility: bed.facility, mark: true });
  await expect.poll(() => told.at(-1)).toMatchObject({ mark: true });
  const before = told.length;
  for (let sequence = 1; sequence < 6; sequence++) await client.publishAsync(bed.topic, pack(bed.device, sequence, Date.now()), { qos: 1 });
  await client.publishAsync(bed.topic, pack(bed.device, 9, Date.now()), { qos: 1 });
  await expect.poll(async () => (await healthOf(bed)).sequence?.missing).toBe(3);
  await expect.poll(() => told.length).toBe(before + 1);
  await stop();
});

test('nothing is noted of devices that nobody registered', async () => {
  const hub = await stand.hub();
  const facility = unique('facility');
  const bed = await newBed(stand, facility);
  await hub.publishAsync(`care/1/${facility}/nobody/state`, '{"state":"online"}', { qos: 1 });
  await hub.publishAsync(bed.topic.replace('/json', '/state'), '{"state":"online"}', { qos: 1 });
  await expect.poll(async () => (await healthOf(bed)).connected).toBe(true);
  expect([...(await healthRows(stand.database, facility)).keys()]).toEqual([bed.device]);
});
