// Sends a broker what nobody should send, from a seed: random bytes and good packets with faults put in, at MQTT level and within SenML.
// It knows of each what the hub must do with it: close the connection, or acknowledge it and count so many refusals.
import { encodePack, loadProfiles, type PackFormat } from '../../devices/index.ts';
import type { FacilityDirectory } from '../../hub/ingest/directory.ts';
import { judgePack } from '../../hub/ingest/verdict.ts';
import { connectPacket, type Packet, PING, packet, publish, RawClient, subscribe, text } from './raw-client.ts';

export interface FuzzTarget {
  port: number;
  facility: string;
  device: string;
  username: string;
  secret: string;
  /** `…/json` */
  topic: string;
  /** The device is assigned from here on, ms since 1970. */
  from: number;
}
export interface FuzzOptions {
  packets: number;
  seed: number;
  /** No packet is begun after that, ms since 1970. */
  until: number;
}
export interface MqttResult {
  sent: number;
  /** Connections that the broker closed because of what came. */
  closed: number;
  /** Packets that neither closed the connection nor let a message behind them be acknowledged within 20 s. */
  unanswered: number;
}
export interface SenmlResult {
  sent: number;
  acknowledged: number;
  /** Refusals that the hub must have counted for them. */
  refusals: number;
}

type Random = (below: number) => number;
/** Mulberry32: whole numbers from 0 to `below` - 1. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
const bytesOf = (random: Random, length: number) => Buffer.from(Array.from({ length }, () => random(256)));

/** One to four faults: a flipped bit, a changed, inserted, lost or repeated byte, an end cut off. */
function mutate(original: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let faults = 1 + random(4); faults > 0; faults--) {
    const at = random(Math.max(1, bytes.length));
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const changes = [
      () => Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << random(8))]), after.subarray(1)]),
      () => Buffer.concat([before, bytesOf(random, 1), after.subarray(1)]),
      () => Buffer.concat([before, bytesOf(random, 1 + random(4)), after]),
      () => Buffer.concat([before, after.subarray(1 + random(4))]),
      () => Buffer.concat([before, after.subarray(0, 8), after]),
      () => before,
    ];
    bytes = changes[random(changes.length)]!();
  }
  return bytes;
}

/** Walks the packets' bounds: how many bytes the last one lacks, whether one is a DISCONNECT (which is no fault), whether one has no bounds. */
function boundsOf(bytes: Buffer): { lacks: number; disconnects: boolean; broken: boolean } {
  let at = 0;
  let disconnects = false;
  while (at < bytes.length) {
    const first = bytes[at++]!;
    let length = 0;
    for (let digits = 0; ; digits++) {
      if (digits === 4) return { lacks: 0, disconnects, broken: true };
      // A length of nothing, as the bytes that are put behind are zero.
      const digit = bytes[at++] ?? 0;
      length += (digit & 127) * 128 ** digits;
      if (digit < 128) break;
    }
    if (first >> 4 === 14) disconnects = true;
    at += length;
  }
  return { lacks: at - bytes.length, disconnects, broken: false };
}

export async function fuzzMqtt(target: FuzzTarget, { packets, seed, until }: FuzzOptions): Promise<MqttResult> {
  const random = randomFrom(seed);
  const result: MqttResult = { sent: 0, closed: 0, unanswered: 0 };
  const signIn = () => connectPacket({ clientId: `fuzz-${random(2 ** 31)}`, username: target.username, secret: target.secret });
  const state = target.topic.replace(/json$/, 'state');
  const good: (() => Buffer)[] = [
    signIn,
    () =>
      connectPacket({
        ...{ clientId: `fuzz-${random(2 ** 31)}`, username: target.username, secret: target.secret },
        will: { topic: state, payload: '{"state":"offline"}' },
      }),
    () => publish(target.topic, jsonPack(target, random), { qos: random(3), id: 1 + random(9) }),
    () => publish(state, '{"state":"online","battery":0.5}', { qos: 1, first: 0x31 }),
    () =>
      subscribe(
        [
          [target.topic.replace(/json$/, 'config'), random(3)],
          ['#', 0],
        ],
        1 + random(9),
      ),
    () => packet(0xa2, [0, 1 + random(9)], text('care/1/+/x/config')),
    () => packet([0x40, 0x50, 0x62, 0x70][random(4)]!, [0, 1 + random(9)]),
    () => PING,
  ];
  const next = () => (random(4) === 0 ? bytesOf(random, 1 + random(120)) : mutate(good[random(good.length)]!(), random));

  async function lane() {
    let client: RawClient | undefined;
    while (result.sent < packets && Date.now() < until) {
      let bytes = next();
      const bounds = boundsOf(bytes);
      if (bounds.disconnects || !bytes.length) continue;
      if (bounds.lacks > 0 && bounds.lacks < 70_000) bytes = Buffer.concat([bytes, Buffer.alloc(bounds.lacks)]);
      result.sent++;
      if (!client || client.isClosed) {
        client = new RawClient(target.port);
        // Some meet a broker to which nobody has spoken yet.
        if (random(5) > 0) client.send(signIn());
      }
      // Answered by a PUBACK to an identifier that nothing else has, so a PINGREQ within the packet is not taken for it.
      client.send(bytes, publish(target.topic, '', { qos: 1, id: LAST }));
      if (!(await answered(client))) {
        result.unanswered++;
        client.socket.destroy();
      } else if (client.isClosed) result.closed++;
      client.packets.splice(0);
    }
    client?.socket.destroy();
  }
  await Promise.all(Array.from({ length: 32 }, lane));
  return result;
}

const LAST = 0xfffe;
const isLast = ({ type, body }: Packet) => type === 4 && body.length === 2 && body.readUInt16BE(0) === LAST;

/** Whether the connection is closed, or what was sent behind the packet is acknowledged, in time. */
async function answered(client: RawClient): Promise<boolean> {
  const late = Date.now() + 20_000;
  while (!client.isClosed && !client.packets.some(isLast)) {
    if (Date.now() > late) return false;
    await client.change(1000);
  }
  return true;
}

const jsonPack = ({ device }: FuzzTarget, random: Random) => Buffer.from(goodPack(device, random, 'json'));

function goodPack(device: string, random: Random, format: PackFormat): Uint8Array {
  const time = Math.floor(Date.now() / 1000) * 1000 - random(80 * 86_400) * 1000;
  return Buffer.from(
    encodePack(
      {
        device,
        sequence: random(1_000_000),
        readings: [
          { name: 'heart_rate', unit: 'beat/min', value: 40 + random(80), time },
          { name: 'movement', unit: '/', value: random(100) / 100, time: time + 1000 },
          { name: 'in_bed', unit: '/', value: random(2) === 1, time },
        ],
      },
      format,
    ),
  );
}

export async function fuzzSenml(target: FuzzTarget, { packets, seed, until }: FuzzOptions): Promise<SenmlResult> {
  const random = randomFrom(seed);
  const directory: FacilityDirectory = {
    ...{ facility: target.facility, credentials: new Map(), configs: new Map(), loadedAt: 0 },
    devices: new Map([
      [
        target.device,
        {
          ...{ device: target.device, profileId: 'bed', profile: loadProfiles().get('bed') },
          assignments: [{ subject: 'Patient/fuzz', from: target.from, to: Number.POSITIVE_INFINITY }],
        },
      ],
    ]),
  };
  const result: SenmlResult = { sent: 0, acknowledged: 0, refusals: 0 };
  const client = new RawClient(target.port);
  client.send(connectPacket({ clientId: `senml-${seed}`, username: target.username, secret: target.secret }));
  const window = 100;
  while (result.sent < packets && Date.now() < until && !client.isClosed) {
    const burst = Math.min(window, packets - result.sent);
    client.packets.splice(0);
    const sent: Buffer[] = [];
    for (let index = 0; index < burst; index++) {
      const format: PackFormat = random(2) ? 'json' : 'cbor';
      const payload = random(5) === 0 ? bytesOf(random, random(200)) : mutate(Buffer.from(goodPack(target.device, random, format)), random);
      result.refusals += judgePack(directory, { device: target.device, format, payload }, Date.now()).refusals.length;
      sent.push(publish(target.topic.replace(/json$/, format), payload, { qos: 1, id: index + 1 }));
    }
    result.sent += burst;
    client.send(...sent);
    const late = Date.now() + 30_000;
    while (client.ofType(4).length < burst && !client.isClosed && Date.now() < late) await client.change(1000);
    result.acknowledged += client.ofType(4).length;
  }
  client.socket.destroy();
  return result;
}
