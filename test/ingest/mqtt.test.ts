// The broker behaves as MQTT 3.1.1 (OASIS, 2014) says, over TCP, byte by byte. The numbers are the standard's sections and statements.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, mqttInternal, newBed, openStand } from './bench-facility.ts';
import { type ConnectFields, connectPacket, PING, packet, publish, RawClient, subscribe, text } from './raw-client.ts';

const stand = await openStand();
let bed: Awaited<ReturnType<typeof newBed>>;
const clients: RawClient[] = [];
beforeAll(async () => {
  bed = await newBed(stand);
});
afterAll(async () => {
  for (const { socket } of clients) socket.destroy();
  await stand.close();
});

function open(): RawClient {
  const client = new RawClient(stand.port);
  clients.push(client);
  return client;
}
const asBed = (fields: ConnectFields = {}) =>
  connectPacket({ clientId: unique('c'), username: bed.username, secret: bed.secret, ...fields });
const asHub = (fields: ConnectFields = {}) => connectPacket({ clientId: unique('h'), username: 'hub', secret: mqttInternal, ...fields });

/** A client that is signed in. */
async function signedIn(connect = asBed()): Promise<RawClient> {
  const client = open();
  client.send(connect);
  await expect.poll(() => client.packets.length, { interval: 5 }).toBe(1);
  expect(connack(client)).toEqual([0, 0]);
  return client;
}
const connack = ({ packets: [first] }: RawClient) => (first?.type === 2 ? [...first.body] : null);
const state = () => bed.topic.replace(/json$/, 'state');
/** What a subscriber got: QoS, retain flag, topic, payload. */
const got = (client: RawClient) =>
  client.ofType(3).map(({ flags, body }) => {
    const end = 2 + body.readUInt16BE(0);
    const qos = (flags >> 1) & 3;
    return {
      qos,
      retain: Boolean(flags & 1),
      topic: body.subarray(2, end).toString(),
      payload: body.subarray(end + (qos ? 2 : 0)).toString(),
    };
  });

test.each<[string, () => Buffer, number[] | null]>([
  ['an empty client id with a session to keep (MQTT-3.1.3-8)', () => asBed({ clientId: '', flags: 0xc0 }), [0, 2]],
  ['protocol level 5 (MQTT-3.1.2-2)', () => asBed({ level: 5 }), [0, 1]],
  ['protocol level 6 (MQTT-3.1.2-2)', () => asBed({ level: 6 }), [0, 1]],
  ['a wrong secret (3.2.2.3)', () => asBed({ secret: 'wrong' }), [0, 4]],
  ['another protocol (MQTT-3.1.2-1)', () => asBed({ name: 'HTTP' }), null],
  ['the reserved connect flag (MQTT-3.1.2-3)', () => asBed({ flags: 0xc3 }), null],
  ['will QoS without a will (MQTT-3.1.2-11)', () => asBed({ flags: 0xca }), null],
  ['a password without a username (MQTT-3.1.2-22)', () => packet(0x10, text('MQTT'), [4, 0x42, 0, 60], text('c'), text('secret')), null],
  ['a CONNECT cut short (3.1.3)', () => packet(0x10, text('MQTT'), [4, 0xc2, 0, 60], text('c')), null],
  ['a CONNECT with more behind it (3.1.3)', () => Buffer.concat([packet(0x10, text('MQTT'), [4, 2, 0, 60], text('c'), [0])]), null],
  ['ill-formed UTF-8 in the client id (MQTT-1.5.3-1)', () => asBed({ clientId: Buffer.from([0x61, 0xed, 0xa0, 0x80]) }), null],
  ['U+0000 in the username (MQTT-1.5.3-2)', () => asBed({ username: Buffer.from(`${bed.username}\0`) }), null],
  ['a wildcard in the will’s topic (MQTT-4.7.1-1)', () => asBed({ will: { topic: 'care/1/#', payload: '' } }), null],
  ['a PUBLISH before CONNECT (MQTT-3.1.0-1)', () => publish(bed.topic, '[]'), null],
  ['a PINGREQ before CONNECT (MQTT-3.1.0-1)', () => PING, null],
])('%s is refused and the connection closed', async (_what, bytes, answer) => {
  const client = open();
  client.send(bytes());
  await client.closed;
  expect(connack(client)).toEqual(answer);
});

test.each<[string, () => Buffer]>([
  ['a second CONNECT (MQTT-3.1.0-2)', () => asBed()],
  ['reserved flags of SUBSCRIBE (MQTT-3.8.1-1)', () => packet(0x80, [0, 1], text('a'), [0])],
  ['reserved flags of PINGREQ (MQTT-2.2.2-2)', () => packet(0xc1)],
  ['a packet type of the server (2.2.1)', () => packet(0x20, [0, 0])],
  ['packet type 0 (2.2.1)', () => packet(0x00)],
  ['packet type 15 (2.2.1)', () => packet(0xf0)],
  ['a remaining length of five bytes (2.2.3)', () => Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ['QoS 3 (MQTT-3.3.1-4)', () => publish(bed.topic, '[]', { qos: 3 })],
  ['DUP with QoS 0 (MQTT-3.3.1-2)', () => publish(bed.topic, '[]', { first: 0x38 })],
  ['a PUBLISH with packet identifier 0 (MQTT-2.3.1-1)', () => publish(bed.topic, '[]', { qos: 1, id: 0 })],
  ['a PUBLISH to an empty topic (MQTT-4.7.3-1)', () => publish('', '[]')],
  ['a PUBLISH to # (MQTT-3.3.2-2)', () => publish('care/1/#', '[]')],
  ['a PUBLISH to + (MQTT-3.3.2-2)', () => publish(`care/1/+/x/json`, '[]')],
  ['a topic longer than its packet (3.3.2.1)', () => packet(0x30, [0, 9], Buffer.from('short'))],
  ['ill-formed UTF-8 in a topic (MQTT-1.5.3-1)', () => publish(Buffer.from([0xc0, 0x80]), '[]')],
  ['a surrogate in a topic (MQTT-1.5.3-1)', () => publish(Buffer.from([0xed, 0xb0, 0x80]), '[]')],
  ['U+0000 in a topic (MQTT-1.5.3-2)', () => publish(`${bed.topic}\0`, '[]')],
  ['U+0000 in a topic filter (MQTT-1.5.3-2)', () => subscribe([['care/1/\0', 0]])],
  ['a SUBSCRIBE without a filter (MQTT-3.8.3-3)', () => packet(0x82, [0, 1])],
  ['a SUBSCRIBE with packet identifier 0 (MQTT-2.3.1-1)', () => subscribe([['a', 0]], 0)],
  ['a requested QoS of 3 (MQTT-3-8.3-4)', () => subscribe([['a', 3]])],
  ['# in the middle of a filter (MQTT-4.7.1-2)', () => subscribe([['care/#/state', 0]])],
  ['+ beside other characters (MQTT-4.7.1-3)', () => subscribe([['care/1+', 0]])],
  ['an UNSUBSCRIBE without a filter (MQTT-3.10.3-2)', () => packet(0xa2, [0, 1])],
  ['a PUBACK without an identifier (3.4.2)', () => packet(0x40)],
  ['a DISCONNECT with a body (3.14)', () => packet(0xe0, [0])],
])('%s closes the connection of a client that is signed in', async (_what, bytes) => {
  const client = await signedIn();
  const refused = () => stand.stats().protocolFaults! + stand.stats().oversized!;
  const before = refused();
  client.send(bytes());
  await client.closed;
  expect(client.packets).toHaveLength(1);
  expect(refused()).toBe(before + 1);
});

test('a packet that comes byte by byte is read as one that comes whole, and faults are found in it too', async () => {
  const client = open();
  const bytes = Buffer.concat([asBed(), publish(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1, id: 7 })]);
  for (const byte of bytes) {
    client.send(Buffer.from([byte]));
    await new Promise(resolve => setImmediate(resolve));
  }
  await expect
    .poll(() => client.packets.map(({ type, body }) => [type, ...body]))
    .toEqual([
      [2, 0, 0],
      [4, 0, 7],
    ]);
  for (const byte of publish('a\0', 'x')) client.send(Buffer.from([byte]));
  await client.closed;
});

test('what follows CONNECT at once, before its answer, is taken in order (3.1.4)', async () => {
  const client = open();
  const times = Array.from({ length: 200 }, (_, index) => bed.time - index * 1000 - 1000);
  client.send(asBed(), ...times.map((time, index) => publish(bed.topic, bedPack(bed.device, [time]), { qos: 1, id: index + 1 })));
  await expect.poll(() => client.ofType(4)).toHaveLength(200);
  expect(client.ofType(4).map(({ body }) => body.readUInt16BE(0))).toEqual(times.map((_, index) => index + 1));
});

test('a subscription outside the client’s rights is refused in SUBACK, the others of the packet are granted (3.9.3)', async () => {
  const client = await signedIn();
  const own = `care/1/${bed.facility}/${bed.device}`;
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
  const own = `care/1/${bed.facility}/${bed.device}/config`;
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

test('acknowledgements come in the order of the messages, whatever each is and however it ends (MQTT-4.6.0-2)', async () => {
  const client = await signedIn();
  const pack = (index: number) => bedPack(bed.device, [bed.time - 900_000 - index * 1000]);
  client.send(
    publish(bed.topic, pack(1), { qos: 1, id: 1 }),
    publish(state(), '{"state":"online"}', { qos: 1, id: 2 }),
    publish(bed.topic, 'no pack', { qos: 1, id: 3 }),
    publish(bed.topic, pack(2), { qos: 1, id: 4, first: 0x31 }),
    publish('care/1/other/device/json', pack(3), { qos: 1, id: 5 }),
    publish(bed.topic, pack(4), { qos: 1, id: 6 }),
    publish(bed.topic, pack(5), { qos: 1, id: 7, first: 0x38 }),
    publish(bed.topic, pack(6)),
    publish(bed.topic, 'no pack', { qos: 1, id: 8 }),
  );
  await expect.poll(() => client.ofType(4)).toHaveLength(8);
  expect(client.ofType(4).map(({ body }) => body.readUInt16BE(0))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const times = (await heartRates(stand.samples, bed.subject, bed.time - 907_000, bed.time - 900_000)).map(([time]) => time);
  expect(times).toEqual([6, 5, 4, 2, 1].map(index => bed.time - 900_000 - index * 1000));
});

test('packs that are cut anywhere between two packets of TCP are read as whole ones', async () => {
  const client = await signedIn();
  const begin = bed.time - 1_800_000;
  const bytes = Buffer.concat([
    publish(bed.topic, bedPack(bed.device, [begin]), { qos: 1, id: 1 }),
    PING,
    publish(bed.topic, bedPack(bed.device, [begin + 1000]), { qos: 1, id: 2 }),
    publish(bed.topic, bedPack(bed.device, [begin + 2000]), { qos: 1, id: 3 }),
  ]);
  let round = 0;
  for (let cut = 1; cut < bytes.length; cut += 7) {
    client.send(bytes.subarray(0, cut));
    // The first half must have been read before the second comes.
    await new Promise(resolve => setTimeout(resolve, 2));
    client.send(bytes.subarray(cut));
    round++;
    await expect.poll(() => client.ofType(4), { interval: 2 }).toHaveLength(round * 3);
    await expect.poll(() => client.ofType(13), { interval: 2 }).toHaveLength(round);
  }
  expect(client.ofType(4).map(({ body }) => body[1])).toEqual(Array.from({ length: round }, () => [1, 2, 3]).flat());
  expect(await heartRates(stand.samples, bed.subject, begin, begin + 3000)).toHaveLength(3);
});

test('a client that only sends packs keeps its connection beyond its keep-alive (MQTT-3.1.2-24)', async () => {
  const client = await signedIn(asBed({ keepAlive: 1 }));
  const begun = performance.now();
  let id = 0;
  while (performance.now() - begun < 2200) {
    client.send(publish(bed.topic, bedPack(bed.device, [bed.time - 2_000_000 - id * 1000]), { qos: 1, id: ++id }));
    await expect.poll(() => client.ofType(4)).toHaveLength(id);
    await new Promise(resolve => setTimeout(resolve, 300));
  }
  expect(client.isClosed).toBe(false);
  expect(await client.closed).toBeGreaterThan(2200);
});

test('a session with clean session 0 is resumed: CONNACK says so, and its subscriptions are in force (3.1.2.4, MQTT-3.2.2-2)', async () => {
  const fields = { clientId: unique('kept'), flags: 0xc0 };
  const first = await signedIn(asHub(fields));
  const base = `care/1/${unique('facility')}/x`;
  first.send(
    subscribe([
      [`${base}/config`, 1],
      [`${base}/gone`, 1],
      [`${base}/+`, 2],
    ]),
    packet(0xa2, [0, 5], text(`${base}/gone`)),
  );
  await expect.poll(() => first.ofType(11)).toHaveLength(1);
  first.socket.destroy();
  const sender = await signedIn(asHub());
  sender.send(publish(`${base}/config`, 'meanwhile', { qos: 0 }), PING);
  await expect.poll(() => sender.ofType(13)).toHaveLength(1);
  const again = open();
  again.send(asHub(fields));
  await expect.poll(() => connack(again)).toEqual([1, 0]);
  sender.send(publish(`${base}/config`, 'later', { qos: 1, id: 2 }), publish(`${base}/other`, 'too', { qos: 2, id: 3 }));
  await expect
    .poll(() =>
      got(again)
        .map(({ qos, payload }) => [qos, payload])
        .sort(),
    )
    .toEqual([
      [1, 'later'],
      [2, 'too'],
    ]);
});

test('a session ends with clean session 1, and is nobody else’s (MQTT-3.1.2-6)', async () => {
  const clientId = unique('kept');
  const own = `care/1/${bed.facility}/${bed.device}/config`;
  const first = await signedIn(asBed({ clientId, flags: 0xc0 }));
  first.send(subscribe([[own, 1]]));
  await expect.poll(() => first.ofType(9)).toHaveLength(1);
  first.send(packet(0xe0));
  await first.closed;
  await signedIn(asHub({ clientId, flags: 0xc0 }));
  const wrong = open();
  wrong.send(asBed({ clientId, secret: 'wrong' }));
  await wrong.closed;
  const resumed = open();
  resumed.send(asBed({ clientId, flags: 0xc0 }));
  await expect.poll(() => connack(resumed)).toEqual([1, 0]);
  // Whoever takes over takes the session over, too.
  const second = open();
  second.send(asBed({ clientId, flags: 0xc0 }));
  await expect.poll(() => connack(second)).toEqual([1, 0]);
  await resumed.closed;
  const clean = await signedIn(asBed({ clientId }));
  await second.closed;
  clean.send(packet(0xe0));
  await clean.closed;
  const after = await signedIn(asBed({ clientId, flags: 0xc0 }));
  const sender = await signedIn(asHub());
  sender.send(publish(own, 'unheard', { qos: 1 }));
  await expect.poll(() => sender.ofType(4)).toHaveLength(1);
  after.send(PING);
  await expect.poll(() => after.ofType(13)).toHaveLength(1);
  expect(got(after)).toEqual([]);
});

test('the same client id of the same login takes over: the former connection is closed (MQTT-3.1.4-2)', async () => {
  const clientId = unique('same');
  const first = await signedIn(asBed({ clientId }));
  const second = await signedIn(asBed({ clientId }));
  await first.closed;
  second.send(PING);
  await expect.poll(() => second.ofType(13)).toHaveLength(1);
});

test('a client that is silent for one and a half times its keep-alive is cut, one that pings is not (MQTT-3.1.2-24)', async () => {
  const talking = await signedIn(asBed({ keepAlive: 1 }));
  const pings = setInterval(() => talking.send(PING), 400);
  const silent = await signedIn(asBed({ keepAlive: 1 }));
  const milliseconds = await silent.closed;
  expect(milliseconds).toBeGreaterThan(1400);
  expect(milliseconds).toBeLessThan(5000);
  clearInterval(pings);
  expect(talking.isClosed).toBe(false);
});

test('a state is retained: who subscribes later gets it with the flag, an empty one clears it (3.3.1.3)', async () => {
  const device = await signedIn();
  const before = await signedIn(asHub());
  before.send(subscribe([[state(), 1]]));
  await expect.poll(() => before.ofType(9)).toHaveLength(1);
  device.send(publish(state(), '{"state":"online"}', { qos: 1, first: 0x31 }));
  await expect.poll(() => got(before)).toEqual([{ qos: 1, retain: false, topic: state(), payload: '{"state":"online"}' }]);
  const later = await signedIn(asHub());
  later.send(subscribe([[`care/1/${bed.facility}/+/state`, 1]]));
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

test('after all this the device’s samples are taken as ever', async () => {
  const client = await signedIn();
  client.send(publish(bed.topic, bedPack(bed.device, [bed.time + 1]), { qos: 1 }));
  await expect.poll(() => client.ofType(4)).toHaveLength(1);
  expect(await heartRates(stand.samples, bed.subject, bed.time + 1, bed.time + 2)).toHaveLength(1);
});
