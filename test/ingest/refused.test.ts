// Bad input is counted and kept aside with its reason, told to the device, and disturbs nothing else.
import { connect as connectTcp } from 'node:net';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BenchMessage, RefusalView } from '../../hub/ingest/contract.ts';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, newBed, openStand } from './bench-facility.ts';

const stand = await openStand();
let bad: Awaited<ReturnType<typeof newBed>>;
let good: Awaited<ReturnType<typeof newBed>>;
let goodClient: MqttClient;
let hub: MqttClient;
const reached: string[] = [];

beforeAll(async () => {
  const facility = unique('facility');
  bad = await newBed(stand, facility);
  good = await newBed(stand, facility);
  goodClient = await stand.connect(good);
  hub = await stand.hub();
  hub.on('message', topic => reached.push(topic));
  await hub.subscribeAsync('#', { qos: 1 });
});
afterAll(() => stand.close());

const kept = async (device: string): Promise<{ reason: string; topic: string; excerpt: string }[]> => {
  const { rows } = await stand.database.pool.query('select reason, topic, excerpt from ingest_refusal where device = $1 order by id', [
    device,
  ]);
  return rows;
};

/** The good device delivers, over the connection it had before. */
async function goodGoesOn() {
  good.time += 1;
  await goodClient.publishAsync(good.topic, bedPack(good.device, [good.time]), { qos: 1 });
  expect(await heartRates(stand.samples, good.subject, good.time, good.time + 1)).toEqual([[good.time, 62]]);
}

type Bad = { what: string; reason: string; channel?: string; topic?: () => string; payload: () => string | Buffer };
const cases: Bad[] = [
  { what: 'text that is not JSON', reason: 'not-senml', payload: () => '[{"bn":' },
  { what: 'JSON that is no list of records', reason: 'not-senml', payload: () => '{"heart_rate": 70}' },
  { what: 'bytes that are not CBOR', reason: 'not-senml', channel: 'cbor', payload: () => Buffer.from([0x9f, 0xff, 0x00, 0x81]) },
  { what: 'a wrong unit', reason: 'unit-wrong', payload: () => bedPack(bad.device, [bad.time], 62, 'Hz') },
  {
    what: 'an unknown quantity',
    reason: 'quantity-unknown',
    payload: () => JSON.stringify([{ bn: `${bad.device}:`, bt: bad.time / 1000, n: 'mood', u: '/', v: 1 }]),
  },
  { what: 'a value out of range', reason: 'out-of-range', payload: () => bedPack(bad.device, [bad.time], 900) },
  { what: 'a time an hour ahead', reason: 'time-implausible', payload: () => bedPack(bad.device, [Date.now() + 3_600_000]) },
  {
    what: 'a time before the device was assigned',
    reason: 'not-assigned',
    payload: () => bedPack(bad.device, [bad.time - 30 * 86_400_000]),
  },
  { what: 'another device’s name in the pack', reason: 'not-senml', payload: () => bedPack(good.device, [bad.time]) },
  { what: 'a topic outside the grammar', reason: 'topic-unknown', topic: () => 'sensors/bed/1', payload: () => 'x' },
  {
    what: 'another device’s topic',
    reason: 'topic-unknown',
    topic: () => good.topic,
    payload: () => bedPack(good.device, [bad.time], 180),
  },
  {
    what: 'a topic of the hub’s own roles',
    reason: 'topic-unknown',
    topic: () => `hub/1/stored/${bad.facility}/${good.subject}`,
    payload: () => '[]',
  },
  { what: 'a state that is none', reason: 'not-senml', channel: 'state', payload: () => '{"state":"sleepy"}' },
];

test.each(cases)('$what is refused as $reason, acknowledged, kept aside, told to the device and stored nowhere', async given => {
  const topic = given.topic?.() ?? bad.topic.replace(/json$/, given.channel ?? 'json');
  const client = await stand.connect(bad);
  const told: RefusalView[] = [];
  client.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`care/1/${bad.facility}/${bad.device}/refused`, { qos: 1 });
  const before = (await kept(bad.device)).length;
  reached.length = 0;
  await client.publishAsync(topic, given.payload(), { qos: 1 });
  await expect.poll(() => told.map(({ reason }) => reason)).toEqual([given.reason]);
  expect(told[0]!.text.ja).not.toBe('');
  await expect
    .poll(async () => (await kept(bad.device)).slice(before).map(row => [row.reason, row.topic]))
    .toEqual([[given.reason, topic]]);
  expect(reached).not.toContain(topic);
  await goodGoesOn();
  expect(await heartRates(stand.samples, bad.subject, 0, Date.now() + 86_400_000)).toEqual([]);
  expect(
    await stand.samples.read({ subject: good.subject, profile: 'bed', quantities: ['heart_rate'], from: bad.time, to: bad.time + 1 }),
  ).toEqual([]);
  await client.endAsync();
});

test('of a pack with one bad reading the good ones are stored', async () => {
  const mixed = await newBed(stand);
  const client = await stand.connect(mixed);
  const records = JSON.parse(bedPack(mixed.device, [mixed.time, mixed.time + 1000]));
  records[1].u = 'Hz';
  await client.publishAsync(mixed.topic, JSON.stringify(records), { qos: 1 });
  expect(await heartRates(stand.samples, mixed.subject, mixed.time, mixed.time + 2000)).toEqual([[mixed.time, 62]]);
  await expect.poll(() => kept(mixed.device)).toMatchObject([{ reason: 'unit-wrong' }]);
  await expect
    .poll(async () => (await stand.registry.devicesOf(mixed.facility)).map(({ accepted, refused }) => ({ accepted, refused })))
    .toEqual([{ accepted: 1, refused: 1 }]);
});

test('a packet over 64 KiB ends its own connection before it takes memory, is kept aside, and disturbs nobody', async () => {
  const large = await newBed(stand, good.facility);
  const client = await stand.connect(large);
  const closed = new Promise<void>(resolve => client.once('close', () => resolve()));
  client.publish(large.topic, Buffer.alloc(50 * 1024 * 1024, 'x'), { qos: 1 }, () => {});
  await goodGoesOn();
  await closed;
  await expect.poll(() => kept(large.device)).toMatchObject([{ reason: 'packet-too-large', topic: large.topic }]);
  expect((await kept(large.device))[0]!.excerpt.length).toBeLessThanOrEqual(200);
  await goodGoesOn();
  const again = await stand.connect(large);
  await again.publishAsync(large.topic, bedPack(large.device, [large.time]), { qos: 1 });
  expect(await heartRates(stand.samples, large.subject, large.time, large.time + 1)).toHaveLength(1);
});

test('what came before the large packet on the same connection is stored', async () => {
  const large = await newBed(stand);
  const client = await stand.connect(large);
  const closed = new Promise<void>(resolve => client.once('close', () => resolve()));
  client.publish(large.topic, bedPack(large.device, [large.time]), { qos: 1 }, () => {});
  client.publish(large.topic, Buffer.alloc(100_000, 'x'), { qos: 1 }, () => {});
  await closed;
  await expect.poll(() => heartRates(stand.samples, large.subject, large.time, large.time + 1)).toHaveLength(1);
});

test('of many refusals of one device the oldest go', async () => {
  const noisy = await newBed(stand);
  const client = await stand.connect(noisy);
  const all = Array.from({ length: 1200 }, (_, index) => client.publishAsync(noisy.topic, `nonsense ${index}`, { qos: 1 }));
  await Promise.all(all);
  await expect.poll(async () => (await kept(noisy.device)).at(-1)?.excerpt).toBe('nonsense 1199');
  await expect.poll(() => kept(noisy.device)).toHaveLength(1000);
});

test('a bench hears the verdict on every message of its device', async () => {
  const bed = await newBed(stand);
  const bench = await stand.hub();
  const heard: BenchMessage[] = [];
  bench.on('message', (_topic, payload) => heard.push(JSON.parse(payload.toString())));
  await bench.subscribeAsync(`hub/1/bench/${bed.facility}/${bed.device}`);
  const client = await stand.connect(bed);
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time], 62, 'Hz'), { qos: 1 });
  await expect
    .poll(() => heard.map(({ verdict, samples, refusals }) => [verdict, samples, refusals.map(({ reason }) => reason)]))
    .toEqual([
      ['stored', 1, []],
      ['refused', 0, ['unit-wrong']],
    ]);
});

test('an empty client id that wants its session kept is refused with return code 2', async () => {
  const bed = await newBed(stand);
  const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  // MQTT 3.1.1 section 3.1: protocol name, level 4, flags (username, password, clean session 0), keep alive, empty client id.
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc0, 0, 60]), text(''), text(bed.username), text(bed.secret)]);
  const socket = connectTcp(stand.port, '127.0.0.1');
  const answer = new Promise<Buffer>((resolve, reject) => socket.once('data', resolve).once('error', reject));
  socket.write(Buffer.concat([Buffer.from([0x10, 0x80 | (body.length & 127), body.length >> 7]), body]));
  expect([...(await answer)]).toEqual([0x20, 2, 0, 2]);
  await new Promise(resolve => socket.once('close', resolve));
});
