// An outside broker in front (MQTT_URL): the hub acknowledges to it by hand, after the store has the samples.
// The broker here is aedes; it knows no shared subscriptions, so the first member of the group stands for all of them.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { openRegistry, startIngest } from '../../hub/ingest/index.ts';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';
import { bedPack, gated, heartRates, log, noRecords } from './bench-facility.ts';

const SHARED = '$share/hub/';
const members: string[] = [];
const broker = await Aedes.createBroker({
  authorizeSubscribe(client, subscription, done) {
    if (!subscription.topic.startsWith(SHARED)) return done(null, subscription);
    members.push(subscription.topic);
    done(null, { ...subscription, topic: members.length === 1 ? subscription.topic.slice(SHARED.length) : `nobody/${client.id}` });
  },
});
const server = createServer(socket => broker.handle(socket));
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
const url = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
const database = await freshDatabase();
const samples = await sampleStore();
afterAll(async () => {
  await new Promise<void>(resolve => broker.close(() => resolve()));
  server.close();
  await database.close();
});

test('a message is acknowledged to the broker only after the store has it, and the hub’s other roles hear of it', async () => {
  const store = gated(samples);
  let acknowledged = 0;
  broker.on('ack', (_packet, client) => {
    if (client.id.startsWith('hub-ingest')) acknowledged++;
  });
  const mqtt = { host: '127.0.0.1', port: 0, url, embedded: false };
  const ingest = await startIngest({ config: { mqtt }, database, samples: store, records: noRecords, mqttInternal: '', log });
  expect(new Set(members)).toEqual(new Set(['$share/hub/care/1/#']));
  const subject = `Patient/${unique('patient')}`;
  const time = Math.floor(Date.now() / 1000) * 1000;
  const registry = openRegistry({ database, mqttUrl: url });
  const bed = await registry.createDevice({ facility: unique('facility'), profile: 'bed', subject, from: new Date(time - 1000) });

  const client = await connectAsync(url);
  const heard: string[] = [];
  client.on('message', topic => heard.push(topic));
  await client.subscribeAsync('hub/1/stored/#');
  store.close();
  await client.publishAsync(bed.topic, bedPack(bed.device, [time]), { qos: 1 });
  await expect.poll(() => (ingest.stats() as { waiting: number }).waiting).toBe(1);
  expect([acknowledged, heard]).toEqual([0, []]);
  store.open();
  await expect.poll(() => acknowledged).toBe(1);
  await expect.poll(() => heard).toEqual([`hub/1/stored/${bed.facility}/${subject}`]);
  expect(await heartRates(samples, subject, time, time + 1)).toEqual([[time, 62]]);
  await client.publishAsync(bed.topic, bedPack(bed.device, [time + 1000]), { qos: 0 });
  await expect.poll(() => heartRates(samples, subject, time, time + 2000)).toHaveLength(2);
  await Promise.all([client.endAsync(true), ingest.close()]);
});

test('a broker that cannot be reached is named, without its password', async () => {
  const mqtt = { host: '127.0.0.1', port: 0, url: 'mqtt://user:password@127.0.0.1:1', embedded: false };
  const started = startIngest({ config: { mqtt }, database, samples, records: noRecords, mqttInternal: '', log });
  await expect(started).rejects.toThrow('The MQTT broker at 127.0.0.1:1 cannot be used');
});
