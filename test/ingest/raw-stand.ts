// A broker with one bed and one hub to speak MQTT to it byte by byte: what the tests of the protocol share.
import { afterAll, beforeAll, expect } from 'vitest';
import { unique } from '../harness/index.ts';
import { mqttInternal, newBed, openStand } from './bench-facility.ts';
import { type ConnectFields, connectPacket, RawClient } from './raw-client.ts';

/** Opens the stand for the test file that calls it, and closes it and every client behind its tests. */
export async function openRawStand() {
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
  return {
    stand,
    /** The bed that all tests of a file share; there from `beforeAll` on. */
    get bed() {
      return bed;
    },
    open,
    asBed,
    asHub,
    signedIn,
    /** Topic of the bed's state. */
    state: () => bed.topic.replace(/json$/, 'state'),
  };
}

/** The two bytes of the answer to CONNECT, when there is one. */
export const connack = ({ packets: [first] }: RawClient) => (first?.type === 2 ? [...first.body] : null);
/** What a subscriber got: QoS, retain flag, topic, payload. */
export const got = (client: RawClient) =>
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
