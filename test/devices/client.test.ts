// The device client against a real broker: order, the bounded buffer, and what happens when the network goes.
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeviceClient, decodePack, parseTopic } from '../../devices/index.ts';
import { freePort } from '../../hub/store/child.ts';

let port: number;
let broker: { aedes: Aedes; server: Server; sockets: Set<Socket> } | null = null;
let packs: (number | null)[];
let states: string[];
const clients: DeviceClient[] = [];

async function open() {
  const aedes = await Aedes.createBroker({
    authorizePublish(_client, packet, done) {
      const topic = parseTopic(packet.topic);
      if (topic?.kind === 'device' && topic.channel === 'state') states.push(packet.payload.toString());
      else if (topic?.kind === 'device') packs.push(decodePack(packet.payload as Buffer, 'cbor', Date.now()).sequence);
      done();
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  broker = { aedes, server, sockets };
}
async function shut() {
  if (!broker) return;
  const { aedes, server, sockets } = broker;
  broker = null;
  for (const socket of sockets) socket.destroy();
  await new Promise<void>(resolve => aedes.close(() => resolve()));
  await new Promise(resolve => server.close(resolve));
}
function device(bufferPacks?: number) {
  const client = new DeviceClient({
    url: `mqtt://127.0.0.1:${port}`,
    facility: 'f1',
    device: 'bed-1',
    secret: 's',
    reconnectMilliseconds: 30,
    bufferPacks,
    battery: 0.8,
    onFault: () => {},
  });
  clients.push(client);
  return client;
}
const beat = (client: DeviceClient, times: number) => {
  for (let count = 0; count < times; count++) client.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60, time: Date.now() }]);
};

beforeEach(async () => {
  [packs, states] = [[], []];
  port = await freePort();
  await open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()));
  await shut();
});

test('a device says it is there, sends numbered packs, and says when it goes', async () => {
  const bed = device();
  beat(bed, 3);
  await bed.flushed();
  expect(packs).toEqual([0, 1, 2]);
  await bed.close();
  await expect.poll(() => states).toEqual(['{"state":"online","battery":0.8}', '{"state":"offline"}']);
});

test('a device that vanishes is offline by its last will', async () => {
  const bed = device();
  await expect.poll(() => bed.connected).toBe(true);
  bed.dropConnection();
  await expect.poll(() => states).toContain('{"state":"offline"}');
  await expect.poll(() => states.at(-1)).toContain('online');
});

test('packs made without a network follow in order when it is back', async () => {
  const bed = device();
  beat(bed, 2);
  await bed.flushed();
  await shut();
  await expect.poll(() => bed.connected).toBe(false);
  beat(bed, 50);
  await open();
  await bed.flushed();
  expect(packs).toEqual(Array.from({ length: 52 }, (_, index) => index));
});

test('a full buffer drops the oldest and counts them', async () => {
  await shut();
  const bed = device(10);
  beat(bed, 25);
  expect(bed.counts()).toMatchObject({ queued: 10, dropped: 15 });
  await open();
  await bed.flushed();
  expect(bed.counts()).toMatchObject({ acknowledged: 10, dropped: 15 });
});

test('a connection that breaks again and again, while what was under way is sent again, loses no pack', async () => {
  const client = device();
  await expect.poll(() => client.connected).toBe(true);
  let count = 0;
  // Each connection breaks at the first pack that comes, with others right behind it.
  for (let round = 0; round < 12; round++) {
    const before = packs.length;
    beat(client, 2);
    count += 2;
    await expect.poll(() => packs.length, { interval: 1 }).toBeGreaterThan(before);
    for (const socket of broker!.sockets) socket.destroy();
    broker!.sockets.clear();
    beat(client, 2);
    count += 2;
    await expect.poll(() => client.connected, { interval: 1 }).toBe(true);
    beat(client, 2);
    count += 2;
    for (const socket of broker!.sockets) socket.destroy();
    broker!.sockets.clear();
  }
  await client.flushed();
  expect([...new Set(packs)].sort((a, b) => a! - b!)).toEqual(Array.from({ length: count }, (_, index) => index));
  expect(client.counts()).toMatchObject({ acknowledged: count, dropped: 0 });
});
