// Packets cut anywhere, connections, keep-alive and sessions of the broker, over TCP, byte by byte.
// The numbers are sections and statements of MQTT 3.1.1 (OASIS, 2014).
import { expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates } from './bench-facility.ts';
import { PING, packet, publish, subscribe, text } from './raw-client.ts';
import { connack, got, openRawStand } from './raw-stand.ts';

const raw = await openRawStand();
const { asBed, asHub, open, signedIn, stand, state } = raw;

test('a packet that comes byte by byte is read as one that comes whole, and faults are found in it too', async () => {
  const client = open();
  const bytes = Buffer.concat([asBed(), publish(raw.bed.topic, bedPack(raw.bed.device, [raw.bed.time]), { qos: 1, id: 7 })]);
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
  const times = Array.from({ length: 200 }, (_, index) => raw.bed.time - index * 1000 - 1000);
  client.send(asBed(), ...times.map((time, index) => publish(raw.bed.topic, bedPack(raw.bed.device, [time]), { qos: 1, id: index + 1 })));
  await expect.poll(() => client.ofType(4)).toHaveLength(200);
  expect(client.ofType(4).map(({ body }) => body.readUInt16BE(0))).toEqual(times.map((_, index) => index + 1));
});

test('acknowledgements come in the order of the messages, whatever each is and however it ends (MQTT-4.6.0-2)', async () => {
  const client = await signedIn();
  const pack = (index: number) => bedPack(raw.bed.device, [raw.bed.time - 900_000 - index * 1000]);
  client.send(
    publish(raw.bed.topic, pack(1), { qos: 1, id: 1 }),
    publish(state(), '{"state":"online"}', { qos: 1, id: 2 }),
    publish(raw.bed.topic, 'no pack', { qos: 1, id: 3 }),
    publish(raw.bed.topic, pack(2), { qos: 1, id: 4, first: 0x31 }),
    publish('care/1/other/device/json', pack(3), { qos: 1, id: 5 }),
    publish(raw.bed.topic, pack(4), { qos: 1, id: 6 }),
    publish(raw.bed.topic, pack(5), { qos: 1, id: 7, first: 0x38 }),
    publish(raw.bed.topic, pack(6)),
    publish(raw.bed.topic, 'no pack', { qos: 1, id: 8 }),
  );
  await expect.poll(() => client.ofType(4)).toHaveLength(8);
  expect(client.ofType(4).map(({ body }) => body.readUInt16BE(0))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const times = (await heartRates(stand.samples, raw.bed.subject, raw.bed.time - 907_000, raw.bed.time - 900_000)).map(([time]) => time);
  expect(times).toEqual([6, 5, 4, 2, 1].map(index => raw.bed.time - 900_000 - index * 1000));
});

test('packs that are cut anywhere between two packets of TCP are read as whole ones', async () => {
  const client = await signedIn();
  const begin = raw.bed.time - 1_800_000;
  const bytes = Buffer.concat([
    publish(raw.bed.topic, bedPack(raw.bed.device, [begin]), { qos: 1, id: 1 }),
    PING,
    publish(raw.bed.topic, bedPack(raw.bed.device, [begin + 1000]), { qos: 1, id: 2 }),
    publish(raw.bed.topic, bedPack(raw.bed.device, [begin + 2000]), { qos: 1, id: 3 }),
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
  expect(await heartRates(stand.samples, raw.bed.subject, begin, begin + 3000)).toHaveLength(3);
});

test('a client that only sends packs keeps its connection beyond its keep-alive (MQTT-3.1.2-24)', async () => {
  const client = await signedIn(asBed({ keepAlive: 1 }));
  const begun = performance.now();
  let id = 0;
  while (performance.now() - begun < 2200) {
    client.send(publish(raw.bed.topic, bedPack(raw.bed.device, [raw.bed.time - 2_000_000 - id * 1000]), { qos: 1, id: ++id }));
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
  const own = `care/1/${raw.bed.facility}/${raw.bed.device}/config`;
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
