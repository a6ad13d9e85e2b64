// The broker ends the connection at whatever MQTT forbids, over TCP, byte by byte, and goes on for the others.
// The numbers are sections and statements of MQTT 3.1.1 (OASIS, 2014).
import { expect, test } from 'vitest';
import { bedPack, heartRates } from './bench-facility.ts';
import { PING, packet, publish, subscribe, text } from './raw-client.ts';
import { connack, openRawStand } from './raw-stand.ts';

const raw = await openRawStand();
const { asBed, open, signedIn, stand } = raw;

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
  ['U+0000 in the username (MQTT-1.5.3-2)', () => asBed({ username: Buffer.from(`${raw.bed.username}\0`) }), null],
  ['a wildcard in the will’s topic (MQTT-4.7.1-1)', () => asBed({ will: { topic: 'care/1/#', payload: '' } }), null],
  ['a PUBLISH before CONNECT (MQTT-3.1.0-1)', () => publish(raw.bed.topic, '[]'), null],
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
  ['QoS 3 (MQTT-3.3.1-4)', () => publish(raw.bed.topic, '[]', { qos: 3 })],
  ['DUP with QoS 0 (MQTT-3.3.1-2)', () => publish(raw.bed.topic, '[]', { first: 0x38 })],
  ['a PUBLISH with packet identifier 0 (MQTT-2.3.1-1)', () => publish(raw.bed.topic, '[]', { qos: 1, id: 0 })],
  ['a PUBLISH to an empty topic (MQTT-4.7.3-1)', () => publish('', '[]')],
  ['a PUBLISH to # (MQTT-3.3.2-2)', () => publish('care/1/#', '[]')],
  ['a PUBLISH to + (MQTT-3.3.2-2)', () => publish(`care/1/+/x/json`, '[]')],
  ['a topic longer than its packet (3.3.2.1)', () => packet(0x30, [0, 9], Buffer.from('short'))],
  ['ill-formed UTF-8 in a topic (MQTT-1.5.3-1)', () => publish(Buffer.from([0xc0, 0x80]), '[]')],
  ['a surrogate in a topic (MQTT-1.5.3-1)', () => publish(Buffer.from([0xed, 0xb0, 0x80]), '[]')],
  ['U+0000 in a topic (MQTT-1.5.3-2)', () => publish(`${raw.bed.topic}\0`, '[]')],
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

test('after all this the device’s samples are taken as ever', async () => {
  const client = await signedIn();
  client.send(publish(raw.bed.topic, bedPack(raw.bed.device, [raw.bed.time + 1]), { qos: 1 }));
  await expect.poll(() => client.ofType(4)).toHaveLength(1);
  expect(await heartRates(stand.samples, raw.bed.subject, raw.bed.time + 1, raw.bed.time + 2)).toHaveLength(1);
});
