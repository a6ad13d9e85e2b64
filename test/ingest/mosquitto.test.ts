// Mosquitto in front of the hub (MQTT_URL): nodes share one subscription, and what a killed node held comes again. Skipped where it is not
// installed (Debian: apt-get install mosquitto).
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRegistry, startIngest } from '../../hub/ingest/index.ts';
import type { Database, SampleStore } from '../../hub/store/index.ts';
import { freePort } from '../../hub/store/index.ts';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';
import { bedPack, gated, heartRates, log, noRecords } from './bench-facility.ts';

const MOSQUITTO = ['/usr/sbin/mosquitto', 'mosquitto'].find(command => !spawnSync(command, ['-h']).error);
if (!MOSQUITTO) console.warn('Mosquitto is not installed: its tests are skipped (apt-get install mosquitto).');

describe.skipIf(!MOSQUITTO)('behind Mosquitto', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-mosquitto-'));
  const processes: ChildProcess[] = [];
  let url: string;
  let database: Database;
  let samples: SampleStore;
  let client: MqttClient;

  beforeAll(async () => {
    const port = await freePort();
    url = `mqtt://127.0.0.1:${port}`;
    const config = path.join(folder, 'mosquitto.conf');
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`);
    processes.push(spawn(MOSQUITTO!, ['-c', config], { stdio: 'ignore' }));
    [database, samples] = await Promise.all([freshDatabase(), sampleStore()]);
    // It tries again until Mosquitto listens.
    client = await connectAsync(url, { reconnectPeriod: 50 });
  });
  afterAll(async () => {
    for (const child of processes) child.kill('SIGKILL');
    await client.endAsync(true);
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (store: Pick<SampleStore, 'write'>, dataDirectory?: string) =>
    startIngest({
      config: { mqtt: { host: '127.0.0.1', port: 0, url, embedded: false }, dataDirectory },
      ...{ database, samples: store, records: noRecords, mqttInternal: '', log, lastWriteMilliseconds: 200 },
    });
  async function newBed() {
    const subject = `Patient/${unique('patient')}`;
    const time = Math.floor(Date.now() / 1000) * 1000;
    const registry = openRegistry({ database, mqttUrl: url });
    const bed = await registry.createDevice({ facility: unique('facility'), profile: 'bed', subject, from: new Date(time - 86_400_000) });
    const send = async (from: number, to: number) => {
      const times = Array.from({ length: to - from }, (_, index) => time - (from + index) * 1000);
      await Promise.all(times.map(at => client.publishAsync(bed.topic, bedPack(bed.device, [at]), { qos: 1 })));
    };
    const stored = async () => (await heartRates(samples, subject, time - 86_400_000, time + 1)).length;
    return { send, stored };
  }

  test('two nodes share the messages: each takes some, none is taken twice', async () => {
    const nodes = await Promise.all([start(samples), start(samples)]);
    const bed = await newBed();
    await bed.send(0, 300);
    await expect.poll(bed.stored).toBe(300);
    const taken = nodes.map(node => (node.stats() as { messages: number }).messages);
    expect(taken[0]! + taken[1]!).toBe(300);
    expect(Math.min(...taken)).toBeGreaterThan(0);
    await Promise.all(nodes.map(node => node.close()));
  });

  test('what a killed node had not stored, and what came while none was there, is stored by the next one', async () => {
    const dataDirectory = mkdtempSync(path.join(folder, 'node-'));
    const child = fork(path.join(import.meta.dirname, 'stalled-ingest.ts'), [database.url, url, dataDirectory], { stdio: 'inherit' });
    processes.push(child);
    let waiting = 0;
    child.on('message', stats => {
      waiting = (stats as { waiting: number }).waiting;
    });
    await once(child, 'message');
    const bed = await newBed();
    await bed.send(0, 200);
    await expect.poll(() => waiting, { timeout: 10_000 }).toBeGreaterThan(0);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await bed.send(200, 300);
    expect(await bed.stored()).toBe(0);
    const store = gated(samples);
    const node = await start(store, dataDirectory);
    await expect.poll(bed.stored, { timeout: 10_000 }).toBe(300);

    // One that ends in good order with a store that is away loses nothing either.
    store.break(new Error('connect ECONNREFUSED'));
    await bed.send(300, 350);
    await node.close();
    await bed.send(350, 400);
    const next = await start(samples, dataDirectory);
    await expect.poll(bed.stored, { timeout: 10_000 }).toBe(400);
    await next.close();
  });
});
