// Samples from MQTT to InfluxDB: how many a second are acknowledged, how long that takes, what CPU time it costs, whether each is stored
// exactly once. Beside it, in turns and against the same influxd: the same points straight to InfluxDB (the limit), and through Mosquitto
// with a Node-RED flow (what a maker would pick instead). Rates depend on what else the machine does; ratios and CPU time hardly.
// INGEST_ROUNDS and INGEST_PACKS change how often and how many; INGEST_PROFILE names a folder for a CPU profile of the ingest process.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRegistry } from '../../hub/ingest/index.ts';
import { migrate, openDatabase, SAMPLE_DATABASE, startEmbeddedInflux, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { percentile, print } from './figure.ts';
import { ask } from './influx.ts';
import type { Direct, DirectResult } from './ingest/direct.ts';
import type { Load, LoadResult } from './ingest/load.ts';
import {
  BEGIN,
  type BenchDevice,
  type Checked,
  checkStored,
  countStored,
  DEVICES,
  deviceOf,
  FACILITY,
  SAMPLES,
  subjectOf,
  timeOf,
} from './ingest/points.ts';
import { cpuSeconds, type Rival, startRival } from './ingest/rival.ts';
import { findMosquitto, installNodeRed } from './ingest/rival-install.ts';
import type { Usage } from './ingest/role.ts';

const ROUNDS = Number(process.env.INGEST_ROUNDS ?? 5);
/** Packs of each device and round, to the hub and straight to InfluxDB. */
const PACKS = Number(process.env.INGEST_PACKS ?? 500);
/** Packs of each device and round to the rival: 20,000 samples, some seconds of its work. */
const RIVAL_PACKS = 50;
const RIVAL_ROUNDS = 3;
/** Packs of one device under way, for the rate. With so many the delay is that of a queue, so it is measured apart, at a given pace. */
const WINDOW = 50;
/** Packs a second of each device, for the delay: 400 a second of all, as 12,000 bed sensors send. */
const PACE = 2;
const PACE_SECONDS = 8;
/** The rival's store no longer grows when it has not for so long, ms. */
const STILL = 8000;
const LIMIT_RATIO = 0.5;
const RIVAL_RATIO = 8;

interface Round {
  /** Samples a second. */
  hub: number;
  direct: number;
  /** CPU seconds per million samples. */
  cpu: number;
  directCpu: number;
  influxCpu: number;
  waited: number;
}
interface RivalRound {
  /** Samples a second that reached the store. */
  rate: number;
  /** CPU seconds of both processes per million stored. */
  cpu: number;
  lostPercent: number;
  /** How many times its rate the hub reached in the same round. */
  ratio: number;
}
type Kind = 'as installed' | 'with an unlimited queue';

process.env.INGEST_BENCH_BEGIN = String(BEGIN);
const folder = mkdtempSync(path.join(tmpdir(), 'hub-bench-'));
chmodSync(folder, 0o755);
const [postgres, influx] = await Promise.all([
  startEmbeddedPostgres(path.join(folder, 'postgres')),
  startEmbeddedInflux(path.join(folder, 'influx')),
]);
const database = openDatabase(postgres.url);
const say = (text: string) => process.stderr.write(`${text}\n`);
try {
  await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
  const registry = openRegistry({ database, mqttUrl: 'mqtt://127.0.0.1' });
  const devices: BenchDevice[] = [];
  for (let index = 0; index < DEVICES; index++) {
    const subject = subjectOf(index);
    devices.push(
      await registry.createDevice({ device: deviceOf(index), facility: FACILITY, profile: 'bed', subject, from: new Date(BEGIN) }),
    );
  }
  for (const name of ['direct', 'rival']) await ask(influx.url, 'direct', `create database ${name}`);
  const role = fork(path.join(import.meta.dirname, 'ingest/role.ts'), {
    execArgv: process.env.INGEST_PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.INGEST_PROFILE}`] : [],
  });
  role.send({ databaseUrl: postgres.url, influxUrl: influx.url });
  const [{ port }] = (await once(role, 'message')) as [{ port: number }];

  const rival = await parts();
  let first = 0;
  const sent: { first: number; packs: number; acknowledged: number[] }[] = [];
  const toHub = async (packs: number, pace?: number) => {
    const result = await sendFrom({ port, devices, first, packs, window: WINDOW, pace });
    sent.push({ first, packs, acknowledged: result.acknowledged });
    first += packs;
    return result;
  };
  const [rounds, rivals]: [Round[], Map<Kind, RivalRound[]>] = [[], new Map()];

  await toHub(PACKS >> 2);
  for (let round = 0; round < ROUNDS; round++) {
    const [before, influxBefore] = [await usageOf(role), cpuSeconds(influx.pid)];
    const hub = await toHub(PACKS);
    const [after, influxAfter] = [await usageOf(role), cpuSeconds(influx.pid)];
    const million = (hub.delays.length * SAMPLES) / 1e6;
    const direct = await straight({ influxUrl: influx.url, database: 'direct', first: round * PACKS, packs: PACKS });
    rounds.push({
      hub: (million * 1e6) / hub.seconds,
      direct: direct.samples / direct.seconds,
      cpu: (after.cpu - before.cpu) / million,
      directCpu: (direct.cpu / direct.samples) * 1e6,
      influxCpu: (influxAfter - influxBefore) / million,
      waited: (after.waited - before.waited) / hub.seconds,
    });
    say(`round ${round + 1}: ${JSON.stringify(rounds.at(-1), shortened)}`);
    if (!rival || round >= RIVAL_ROUNDS) continue;
    const { hub: rate } = rounds.at(-1)!;
    for (const kind of ['as installed', 'with an unlimited queue'] as const) {
      const measured = await throughRival(kind, rival, devices, (round * 2 + Number(kind !== 'as installed')) * RIVAL_PACKS);
      rivals.set(kind, [...(rivals.get(kind) ?? []), { ...measured, ratio: rate / measured.rate }]);
      say(`round ${round + 1}, Mosquitto ${kind} and Node-RED: ${JSON.stringify(measured, shortened)}`);
    }
  }
  say(`${DEVICES} devices at ${PACE} packs a second`);
  const { delays } = await toHub(PACE * PACE_SECONDS, PACE);
  role.send('end');
  await once(role, 'exit');

  say('holding what is stored against what was acknowledged');
  const checked: Checked = { acknowledged: 0, exactlyOnce: 0, lost: 0, strange: 0 };
  for (const each of sent) {
    const found = await checkStored(influx.url, SAMPLE_DATABASE, each.first, each.acknowledged, each.packs);
    for (const key of ['acknowledged', 'exactlyOnce', 'lost', 'strange'] as const) checked[key] += found[key];
  }
  report(rounds, rivals, delays, checked);
} finally {
  await database.close();
  await Promise.all([postgres.stop(), influx.stop()]);
  rmSync(folder, { recursive: true, force: true });
}

function report(rounds: Round[], rivals: Map<Kind, RivalRound[]>, delays: Float64Array, checked: Checked) {
  const bench = 'ingest';
  const median = <T>(of: T[], pick: (one: T) => number) => percentile(of.map(pick), 0.5);
  const waited = median(rounds, round => round.waited);
  if (waited > 0.1)
    say(`The machine was busy: ingest waited ${waited.toFixed(2)} s a second for a core. Rates say how busy, not how fast.`);
  const rate = median(rounds, round => round.hub);
  const acknowledged = `samples acknowledged and stored (${DEVICES} devices, QoS 1, ${SAMPLES} a pack), median of ${rounds.length}`;
  const ratio = median(rounds, round => round.hub / round.direct);
  print({
    ...{ bench, figure: acknowledged, value: rate, unit: '1/s', goal: `≥ ${LIMIT_RATIO} × the limit`, met: ratio >= LIMIT_RATIO },
    against: { name: 'straight to InfluxDB with influx, batches of 5,000', value: median(rounds, round => round.direct), ratio },
  });
  const cpu = median(rounds, round => round.cpu);
  print({
    ...{ bench, figure: 'CPU time of the ingest process per million samples, median', value: cpu, unit: 's' },
    against: {
      ...{ name: 'of the writer straight to InfluxDB', value: median(rounds, round => round.directCpu) },
      ratio: cpu / median(rounds, round => round.directCpu),
    },
  });
  print({
    bench,
    figure: 'CPU time of influxd meanwhile per million samples, median',
    value: median(rounds, round => round.influxCpu),
    unit: 's',
  });
  print({ bench, figure: `PUBACK at ${DEVICES * PACE} packs a second, median`, value: percentile([...delays], 0.5), unit: 'ms' });
  print({ bench, figure: `PUBACK at ${DEVICES * PACE} packs a second, 99 %`, value: percentile([...delays], 0.99), unit: 'ms' });
  const { exactlyOnce, lost, strange } = checked;
  const goal = `= ${checked.acknowledged} acknowledged`;
  print({ bench, figure: 'stored exactly once', value: exactlyOnce, unit: 'samples', goal, met: exactlyOnce === checked.acknowledged });
  print({ bench, figure: 'acknowledged and not stored', value: lost, unit: 'samples', goal: '= 0', met: lost === 0 });
  print({
    bench,
    figure: 'stored and not sent so (value, time, series)',
    value: strange,
    unit: 'samples',
    goal: '= 0',
    met: strange === 0,
  });
  if (lost || strange) process.exitCode = 1;
  for (const [kind, measured] of rivals) {
    const stored = median(measured, one => one.rate);
    const times = median(measured, one => one.ratio);
    print({
      ...{ bench, figure: `samples stored, against Mosquitto ${kind} and Node-RED`, value: rate, unit: '1/s' },
      ...{ goal: `≥ ${RIVAL_RATIO} ×`, met: times >= RIVAL_RATIO },
      against: { name: `Mosquitto ${kind} and Node-RED`, value: stored, ratio: times },
    });
    const theirs = median(measured, one => one.cpu);
    print({
      ...{ bench, figure: 'CPU time per million samples stored', value: cpu, unit: 's' },
      against: { name: `Mosquitto ${kind} and Node-RED`, value: theirs, ratio: cpu / theirs },
    });
    const share = median(measured, one => one.lostPercent);
    print({ bench, figure: `acknowledged and lost by Mosquitto ${kind} and Node-RED`, value: share, unit: '%' });
  }
}

/** What is compared with, or null with the reason on standard error and in a figure. */
async function parts(): Promise<{ mosquitto: string; nodeRed: string } | null> {
  try {
    return { mosquitto: findMosquitto(), nodeRed: await installNodeRed() };
  } catch (error) {
    print({
      ...{ bench: 'ingest', figure: `against Mosquitto and Node-RED: not measured, ${(error as Error).message}` },
      ...{ value: 0, unit: '', goal: `≥ ${RIVAL_RATIO} ×`, met: false },
    });
    return null;
  }
}

async function throughRival(
  kind: Kind,
  { mosquitto, nodeRed }: { mosquitto: string; nodeRed: string },
  devices: BenchDevice[],
  first: number,
): Promise<Omit<RivalRound, 'ratio'>> {
  const place = path.join(folder, `rival-${first}`);
  const started: Rival = await startRival({
    ...{ mosquitto, nodeRed, folder: place, influxUrl: influx.url, database: 'rival' },
    mosquittoLines: kind === 'as installed' ? [] : ['max_queued_messages 0'],
  });
  try {
    const before = started.cpu();
    const packs = RIVAL_PACKS;
    const { acknowledged, begun } = await sendFrom({ port: started.port, devices, first, packs, window: WINDOW });
    const sent = acknowledged.reduce((sum, count) => sum + count, 0) * SAMPLES;
    let [stored, grown] = [0, Date.now()];
    while (stored < sent && Date.now() - grown < STILL) {
      await sleep(200);
      const now = await countStored(influx.url, 'rival', timeOf(first, 0), timeOf(first + packs, 0));
      if (now > stored) grown = Date.now();
      stored = now;
    }
    const cpu = started.cpu() - before;
    const found = await checkStored(influx.url, 'rival', first, acknowledged, packs);
    return { rate: stored / ((grown - begun) / 1000), cpu: (cpu / stored) * 1e6, lostPercent: (found.lost / sent) * 100 };
  } finally {
    await started.stop();
  }
}

/** Sends from a process of its own, which begins to send when it is ready. */
async function sendFrom(load: Load): Promise<LoadResult> {
  const child = fork(path.join(import.meta.dirname, 'ingest/load.ts'), { serialization: 'advanced' });
  child.send(load);
  await once(child, 'message');
  child.send('go');
  const [result] = (await once(child, 'message')) as [LoadResult];
  return result;
}

async function straight(direct: Direct): Promise<DirectResult> {
  const child = fork(path.join(import.meta.dirname, 'ingest/direct.ts'));
  child.send(direct);
  const [result] = (await once(child, 'message')) as [DirectResult];
  return result;
}

async function usageOf(role: ChildProcess): Promise<Usage> {
  role.send('usage');
  const [usage] = (await once(role, 'message')) as [Usage];
  return usage;
}

function shortened(_key: string, value: unknown) {
  return typeof value === 'number' ? Number(value.toPrecision(3)) : value;
}
