// Samples from MQTT to InfluxDB: how many a second are acknowledged, how long an acknowledgement takes, whether one is lost; beside it
// what InfluxDB takes from one writer without MQTT in front, as many samples, in turns. The senders are a process of their own.
// Rates depend on what else the machine does (they differed by four on two busy cores); CPU time per sample does not.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { deviceTopic, encodePack } from '../../devices/index.ts';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { openRegistry, startIngest } from '../../hub/ingest/index.ts';
import type { Records } from '../../hub/records/records.ts';
import { migrate, openDatabase, openSamples, type SamplePoint, startEmbeddedInflux, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { percentile, print } from './figure.ts';

const ROUNDS = 3;
const SECONDS = 6;
const DEVICES = 200;
/** Samples of a pack, a second apart. */
const SAMPLES = 2;
/** Packs of one sender under way, for the rate. With so many the delay is that of a queue, so it is measured apart, at a given pace. */
const WINDOW = 50;
/** Packs a second of each device, for the delay: 400 a second of all, as 12,000 bed sensors send. */
const PACE = 2;
const FACILITY = 'bench';
const SUBJECT = (index: number) => `Patient/bench-${index}`;
/** One sample of a bed sensor: four quantities. */
const VALUES = { heart_rate: 62, respiration_rate: 14, movement: 0.1, in_bed: 1 };
const BEGIN = Math.floor(Date.now() / 1000) * 1000 - 80 * 86_400_000;

interface Load {
  url: string;
  devices: Credentials[];
  /** First sequence number of every device (its pack begins SAMPLES as many seconds after BEGIN), so that no round overwrites another's samples. */
  first: number;
  /** Packs a second of each device; without it as many as `WINDOW` allows. */
  pace?: number;
}
interface LoadResult {
  /** Samples acknowledged, by device. */
  acknowledged: number[];
  /** ms from sending to PUBACK. */
  delays: number[];
  seconds: number;
}

if (process.send)
  process.once('message', message => void load(message as Load).then(result => process.send!(result, () => process.exit(0))));
else await bench();

/** Sends packs for `SECONDS`. */
async function load({ url, devices, first, pace }: Load): Promise<LoadResult> {
  const clients = await Promise.all(
    devices.map(({ username, secret, device }) => connectAsync(url, { username, password: secret, clientId: device, reconnectPeriod: 0 })),
  );
  const acknowledged = devices.map(() => 0);
  const delays: number[] = [];
  const begun = performance.now();
  const until = begun + SECONDS * 1000;
  await Promise.all(
    clients.flatMap((client, index) => {
      const { device } = devices[index]!;
      const topic = deviceTopic(FACILITY, device, 'cbor');
      let next = first;
      const send = async () => {
        const sequence = next++;
        const readings = Array.from({ length: SAMPLES }, (_, index) => BEGIN + (sequence * SAMPLES + index) * 1000).flatMap(time => [
          { name: 'heart_rate', unit: 'beat/min', value: VALUES.heart_rate, time },
          { name: 'respiration_rate', unit: '1/min', value: VALUES.respiration_rate, time },
          { name: 'movement', unit: '/', value: VALUES.movement, time },
          { name: 'in_bed', unit: '/', value: true, time },
        ]);
        const sent = performance.now();
        await client.publishAsync(topic, Buffer.from(encodePack({ device, sequence, readings }, 'cbor')), { qos: 1 });
        delays.push(performance.now() - sent);
        acknowledged[index]! += SAMPLES;
      };
      if (pace) return [paced(send, pace, until)];
      return Array.from({ length: WINDOW }, async () => {
        while (performance.now() < until) await send();
      });
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  await Promise.all(clients.map(client => client.endAsync(true)));
  return { acknowledged, delays, seconds };
}

/** Begins `pace` packs a second whether or not the last is acknowledged. */
async function paced(send: () => Promise<void>, pace: number, until: number) {
  const sent: Promise<void>[] = [];
  await sleep((Math.random() * 1000) / pace);
  for (let due = performance.now(); due < until; due += 1000 / pace) {
    await sleep(Math.max(0, due - performance.now()));
    sent.push(send());
  }
  await Promise.all(sent);
}

async function bench() {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-bench-'));
  chmodSync(folder, 0o755);
  const [postgres, influx] = await Promise.all([
    startEmbeddedPostgres(path.join(folder, 'postgres')),
    startEmbeddedInflux(path.join(folder, 'influx')),
  ]);
  const database = openDatabase(postgres.url);
  try {
    await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
    const samples = await openSamples(influx.url);
    const mqtt = { host: '127.0.0.1', port: 0, url: '', embedded: true };
    const ingest = await startIngest({
      config: { mqtt },
      database,
      samples,
      records: {} as Records,
      mqttInternal: 'bench',
      log: pino({ level: 'warn' }),
      // Few devices stand for many: none is held back.
      rates: { device: Number.POSITIVE_INFINITY, gateway: Number.POSITIVE_INFINITY },
    });
    const url = `mqtt://127.0.0.1:${ingest.port}`;
    const registry = openRegistry({ database, mqttUrl: url });
    const devices: Credentials[] = [];
    for (let index = 0; index < DEVICES; index++)
      devices.push(await registry.createDevice({ facility: FACILITY, profile: 'bed', subject: SUBJECT(index), from: new Date(BEGIN) }));

    const rounds: { rate: number; direct: number; cpu: number; waited: number }[] = [];
    const stored = devices.map(() => 0);
    let first = 0;
    const run = async (pace?: number) => {
      const result = await loadFrom({ url, devices, first, pace });
      for (const [index, count] of result.acknowledged.entries()) stored[index]! += count;
      first += Math.max(...result.acknowledged) / SAMPLES + WINDOW;
      return result;
    };
    for (let round = 0; round < ROUNDS; round++) {
      const [cpu, waited] = [process.cpuUsage(), runQueueSeconds()];
      const result = await run();
      const used = process.cpuUsage(cpu);
      const total = result.delays.length * SAMPLES;
      rounds.push({
        rate: total / result.seconds,
        cpu: (used.user + used.system) / total,
        waited: (runQueueSeconds() - waited) / result.seconds,
        direct: await directly(samples.write, total, round),
      });
      process.stderr.write(
        `round ${round + 1}: ${JSON.stringify(rounds.at(-1), (_key, value) => (typeof value === 'number' ? Number(value.toFixed(2)) : value))}\n`,
      );
    }
    process.stderr.write(`${DEVICES} devices at ${PACE} a second\n`);
    const { delays } = await run(PACE);
    await ingest.close();

    process.stderr.write('counting what is stored\n');
    let lost = 0;
    for (const [index, count] of stored.entries()) {
      const to = BEGIN + 80 * 86_400_000;
      const rows = await samples.read({ subject: SUBJECT(index), profile: 'bed', quantities: ['heart_rate'], from: BEGIN, to });
      lost += Math.max(0, count - rows.length);
    }

    const median = (pick: (round: (typeof rounds)[number]) => number) => percentile(rounds.map(pick), 0.5);
    const [rate, direct, waited] = [median(round => round.rate), median(round => round.direct), median(round => round.waited)];
    if (waited > 0.1) {
      process.stderr.write(
        `The machine was busy: ingest waited ${waited.toFixed(2)} s a second for a core. Rates and delays say how busy, not how fast.\n`,
      );
    }
    const against = { name: 'one writer straight into InfluxDB, batches of 5,000', value: direct, ratio: rate / direct };
    const acknowledged = `samples acknowledged (${DEVICES} devices, QoS 1, ${SAMPLES} a message, stored)`;
    print({ bench: 'ingest', figure: `${acknowledged}, median of ${ROUNDS} rounds`, value: rate, unit: '1/s', against });
    print({ bench: 'ingest', figure: `${acknowledged}, slowest round`, value: Math.min(...rounds.map(round => round.rate)), unit: '1/s' });
    print({ bench: 'ingest', figure: 'CPU time of the ingest process per sample, median', value: median(round => round.cpu), unit: 'µs' });
    print({ bench: 'ingest', figure: 'time ingest waited for a core, per second, median', value: waited, unit: 's' });
    print({ bench: 'ingest', figure: `PUBACK at ${DEVICES * PACE} messages a second, median`, value: percentile(delays, 0.5), unit: 'ms' });
    print({ bench: 'ingest', figure: `PUBACK at ${DEVICES * PACE} messages a second, 99 %`, value: percentile(delays, 0.99), unit: 'ms' });
    print({ bench: 'ingest', figure: 'acknowledged and not stored', value: lost, unit: 'samples', goal: '= 0', met: lost === 0 });
  } finally {
    await database.close();
    await Promise.all([postgres.stop(), influx.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function loadFrom(work: Load): Promise<LoadResult> {
  const child = fork(import.meta.filename, { serialization: 'advanced' });
  child.send(work);
  const [result] = (await once(child, 'message')) as [LoadResult];
  return result;
}

/** Seconds that this process was ready to run and had no core (Linux: schedstat); 0 where that is not told. */
function runQueueSeconds(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e9;
  } catch {
    return 0;
  }
}

/** Samples a second that the store takes without anything in front; every round its own series. */
async function directly(write: (points: SamplePoint[]) => Promise<void>, total: number, round: number): Promise<number> {
  const begun = performance.now();
  for (let written = 0; written < total; written += 5000) {
    const count = Math.min(5000, total - written);
    await write(
      Array.from({ length: count }, (_, offset) => ({
        ...{ profile: 'bed', facility: FACILITY, values: VALUES },
        device: `direct-${round}-${(written + offset) % DEVICES}`,
        subject: `Patient/direct-${round}-${(written + offset) % DEVICES}`,
        time: BEGIN + Math.floor((written + offset) / DEVICES) * 1000,
      })),
    );
  }
  return total / ((performance.now() - begun) / 1000);
}
