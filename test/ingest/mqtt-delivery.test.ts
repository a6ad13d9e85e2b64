// Subscriptions, QoS, retained messages and wills of the broker, over TCP, byte by byte.
// The numbers are sections and statements of MQTT 3.1.1 (OASIS, 2014).
import { expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { PING, packet, publish, subscribe, text } from './raw-client.ts';
import { got, openRawStand } from './raw-stand.ts';

const raw = await openRawStand();
const { asBed, asHub, signedIn, state } = raw;

test('a subscription outside the client’s rights is refused in SUBACK, the others of the packet are granted (3.9.3)', async () => {
  const client = await signedIn();
  const own = `care/1/${raw.bed.facility}/${raw.bed.device}`;
  client.send(
    subscribe(
      [
        [`${own}/config`, 0],
        ['#', 1],
        [`${own}/refused`, 2],
        ['$SYS/#', 0],
      ],
      9,
    ),
  );
  await expect.poll(() => client.ofType(9).map(({ body }) => [...body])).toEqual([[0, 9, 0, 0x80, 2, 0x80]]);
});

test('a filter that stands twice in one SUBSCRIBE gets two return codes, in order, and the later QoS (MQTT-3.9.3-1, MQTT-3.8.4-3, -4)', async () => {
  const topic = `hub/1/${unique('twice')}`;
  const follower = await signedIn(asHub());
  follower.send(subscribe([[topic, 0], ['a/b', 1], [topic, 2], ['a/b', 1], [topic, 1]], 21)); // biome-ignore format: one list
  await expect.poll(() => follower.ofType(9).map(({ body }) => [...body])).toEqual([[0, 21, 0, 1, 2, 1, 1]]);
  const device = await signedIn();
  const own = `care/1/${raw.bed.facility}/${raw.bed.device}/config`;
  device.send(subscribe([['#', 0], [own, 1], ['#', 1], [own, 0]], 22)); // biome-ignore format: one list
  await expect.poll(() => device.ofType(9).map(({ body }) => [...body])).toEqual([[0, 22, 0x80, 1, 0x80, 0]]);
  const sender = await signedIn(asHub());
  sender.send(publish(topic, 'once', { qos: 2, id: 5 }));
  await expect.poll(() => sender.ofType(5)).toHaveLength(1);
  sender.send(packet(0x62, [0, 5]));
  await expect.poll(() => got(follower).map(({ qos, payload }) => [qos, payload])).toEqual([[1, 'once']]);
  follower.send(packet(0xa2, [0, 6], text(topic)), PING);
  await expect.poll(() => follower.ofType(13)).toHaveLength(1);
  sender.send(publish(topic, 'late', { qos: 1, id: 7 }));
  await expect.poll(() => sender.ofType(4)).toHaveLength(1);
  follower.send(PING);
  await expect.poll(() => follower.ofType(13)).toHaveLength(2);
  expect(got(follower)).toHaveLength(1);
});

test('a state is retained: who subscribes later gets it with the flag, an empty one clears it (3.3.1.3)', async () => {
  const device = await signedIn();
  const before = await signedIn(asHub());
  before.send(subscribe([[state(), 1]]));
  await expect.poll(() => before.ofType(9)).toHaveLength(1);
  device.send(publish(state(), '{"state":"online"}', { qos: 1, first: 0x31 }));
  await expect.poll(() => got(before)).toEqual([{ qos: 1, retain: false, topic: state(), payload: '{"state":"online"}' }]);
  const later = await signedIn(asHub());
  later.send(subscribe([[`care/1/${raw.bed.facility}/+/state`, 1]]));
  await expect.poll(() => got(later)).toEqual([{ qos: 1, retain: true, topic: state(), payload: '{"state":"online"}' }]);
  device.send(publish(state(), '', { qos: 1, id: 2, first: 0x31 }));
  await expect.poll(() => device.ofType(4)).toHaveLength(2);
  const last = await signedIn(asHub());
  last.send(subscribe([[state(), 1]]), PING);
  await expect.poll(() => last.ofType(13)).toHaveLength(1);
  expect(got(last)).toEqual([]);
});

test('the will is sent when the connection breaks, and after a protocol error, and not after DISCONNECT (3.1.2.5)', async () => {
  const follower = await signedIn(asHub());
  follower.send(subscribe([[state(), 0]]));
  await expect.poll(() => follower.ofType(9)).toHaveLength(1);
  const will = { topic: state(), payload: '{"state":"offline"}' };
  const polite = await signedIn(asBed({ will }));
  polite.send(packet(0xe0));
  await polite.closed;
  const broken = await signedIn(asBed({ will }));
  broken.socket.resetAndDestroy();
  await expect.poll(() => got(follower)).toHaveLength(1);
  const faulty = await signedIn(asBed({ will }));
  faulty.send(packet(0xf0));
  await faulty.closed;
  await expect.poll(() => got(follower).map(({ payload }) => payload)).toEqual([will.payload, will.payload]);
  // So that no later test finds it retained.
  follower.send(publish(state(), '', { first: 0x31 }));
});

test('QoS 0 gets no answer, QoS 1 PUBACK, QoS 2 PUBREC and PUBCOMP; a repeated QoS 2 message passes on once (4.3)', async () => {
  const follower = await signedIn(asHub());
  const topic = `hub/1/${unique('test')}`;
  follower.send(subscribe([[topic, 2]]));
  const sender = await signedIn(asHub());
  await expect.poll(() => follower.ofType(9)).toHaveLength(1);
  sender.send(publish(topic, 'zero'), publish(topic, 'one', { qos: 1, id: 11 }), publish(topic, 'two', { qos: 2, id: 12 }));
  await expect.poll(() => sender.ofType(5)).toHaveLength(1);
  sender.send(publish(topic, 'two', { qos: 2, id: 12, first: 0x38 }));
  await expect.poll(() => sender.ofType(5)).toHaveLength(2);
  sender.send(packet(0x62, [0, 12]));
  await expect.poll(() => sender.ofType(7)).toHaveLength(1);
  expect(sender.packets.map(({ type, body }) => [type, body.readUInt16BE(0)])).toEqual([
    [2, 0],
    [4, 11],
    [5, 12],
    [5, 12],
    [7, 12],
  ]);
  await expect
    // Order is kept per topic and QoS (MQTT-4.6.0-6).
    .poll(() =>
      got(follower)
        .map(({ qos, payload }) => [qos, payload])
        .sort(),
    )
    .toEqual([
      [0, 'zero'],
      [1, 'one'],
      [2, 'two'],
    ]);
});

test('to a subscriber with QoS 2 the broker answers PUBREC with PUBREL, once for each message (4.3.3)', async () => {
  const follower = await signedIn(asHub());
  const topic = `hub/1/${unique('exactly')}`;
  follower.send(subscribe([[topic, 2]]));
  const sender = await signedIn(asHub());
  await expect.poll(() => follower.ofType(9)).toHaveLength(1);
  sender.send(publish(topic, 'a', { qos: 2, id: 1 }), publish(topic, 'b', { qos: 2, id: 2 }));
  await expect.poll(() => follower.ofType(3)).toHaveLength(2);
  const ids = follower.ofType(3).map(({ body }) => body.readUInt16BE(2 + topic.length));
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) follower.send(packet(0x50, [id >> 8, id & 255]));
  await expect.poll(() => follower.ofType(6).map(({ flags, body }) => [flags, body.readUInt16BE(0)])).toEqual(ids.map(id => [2, id]));
  for (const id of ids) follower.send(packet(0x70, [id >> 8, id & 255]));
  follower.send(PING);
  await expect.poll(() => follower.ofType(13)).toHaveLength(1);
  expect(follower.ofType(3)).toHaveLength(2);
});

test('a will that is to be retained is: who subscribes later gets it with the flag (MQTT-3.1.2-17)', async () => {
  const connect = asBed({ will: { topic: state(), payload: '{"state":"offline"}' }, flags: 0xe6 });
  const broken = await signedIn(connect);
  broken.socket.resetAndDestroy();
  const follower = await signedIn(asHub());
  await expect
    .poll(async () => {
      follower.send(subscribe([[state(), 1]]), PING);
      const pings = follower.ofType(13).length;
      await expect.poll(() => follower.ofType(13).length).toBeGreaterThan(pings);
      return got(follower).at(-1);
    })
    .toEqual({ qos: 0, retain: true, topic: state(), payload: '{"state":"offline"}' });
  follower.send(publish(state(), '', { first: 0x31 }), PING);
});

test.each<[[string, number][], number, number]>([
  [
    [
      ['+', 0],
      ['x', 1],
    ],
    2,
    1,
  ],
  [
    [
      ['x', 0],
      ['#', 2],
    ],
    2,
    2,
  ],
  [[['+', 1]], 2, 1],
  [[['x', 2]], 1, 1],
  [
    [
      ['#', 1],
      ['+', 1],
      ['x', 1],
    ],
    0,
    0,
  ],
])('of overlapping filters %j a message with QoS %i comes once, with QoS %i (MQTT-3.3.5-1)', async (filters, qos, expected) => {
  const base = `hub/1/${unique('overlap')}`;
  const follower = await signedIn(asHub());
  follower.send(subscribe(filters.map(([filter, granted]) => [`${base}/${filter}`, granted])));
  await expect.poll(() => follower.ofType(9)).toHaveLength(1);
  const sender = await signedIn(asHub());
  sender.send(publish(`${base}/x`, 'once', { qos, id: 3 }), PING);
  await expect.poll(() => got(follower)).toHaveLength(1);
  await expect.poll(() => sender.ofType(13)).toHaveLength(1);
  follower.send(PING);
  await expect.poll(() => follower.ofType(13)).toHaveLength(1);
  expect(got(follower).map(message => message.qos)).toEqual([expected]);
});

test('after UNSUBSCRIBE nothing comes any more, and UNSUBACK says so (3.10.4)', async () => {
  const topic = `hub/1/${unique('gone')}`;
  const follower = await signedIn(asHub());
  follower.send(subscribe([[topic, 1]]), packet(0xa2, [0, 5], text(topic)));
  await expect.poll(() => follower.ofType(11).map(({ body }) => body.readUInt16BE(0))).toEqual([5]);
  const sender = await signedIn(asHub());
  sender.send(publish(topic, 'late', { qos: 1 }));
  await expect.poll(() => sender.ofType(4)).toHaveLength(1);
  follower.send(PING);
  await expect.poll(() => follower.ofType(13)).toHaveLength(1);
  expect(got(follower)).toEqual([]);
});
