// 100,000 malformed packets against a running ingest role, half at MQTT level, half SenML within good packets: whether it stands, whether
// its memory grows, whether each refusal is counted, and whether a good device beside it goes on. The sender is a process of its own.
// FUZZ_PACKETS and FUZZ_SEED change how many and which.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { openRegistry, startIngest } from '../../hub/ingest/index.ts';
import type { Records } from '../../hub/records/records.ts';
import { migrate, openDatabase, openSamples, startEmbeddedInflux, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { type FuzzOptions, type FuzzTarget, fuzzMqtt, fuzzSenml, type MqttResult, type SenmlResult } from '../ingest/fuzz.ts';
import { percentile, print } from './figure.ts';

const PACKETS = Number(process.env.FUZZ_PACKETS ?? 100_000);
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
/** Whole bench, seconds. */
const LIMIT = 900;
const FACILITY = 'fuzz';
/** Growth from the middle of the run to its end. Before the middle the heap finds its size. */
const MEMORY_GOAL_MB = 20;

type Work = { level: 'mqtt' | 'senml'; target: FuzzTarget; options: FuzzOptions };

if (process.send)
  process.once('message', message => {
    const { level, target, options } = message as Work;
    void (level === 'mqtt' ? fuzzMqtt(target, options) : fuzzSenml(target, options)).then(result =>
      process.send!(result, () => process.exit(0)),
    );
  });
else await bench();

async function bench() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const megabytes = async () => {
    await sleep(1500);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 1e6;
  };
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-bench-'));
  chmodSync(folder, 0o755);
  const [postgres, influx] = await Promise.all([
    startEmbeddedPostgres(path.join(folder, 'postgres'), { durable: false }),
    startEmbeddedInflux(path.join(folder, 'influx')),
  ]);
  const database = openDatabase(postgres.url);
  let crashes = 0;
  const crashed = (error: unknown) => {
    crashes++;
    process.stderr.write(`${(error as Error)?.stack ?? error}\n`);
  };
  process.on('uncaughtException', crashed).on('unhandledRejection', crashed);
  try {
    await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
    const samples = await openSamples(influx.url);
    const ingest = await startIngest({
      ...{ config: { mqtt: { host: '127.0.0.1', port: 0, url: '', embedded: true } }, database, samples, records: {} as Records },
      ...{ mqttInternal: 'bench', log: pino({ level: 'error' }) },
      rates: { device: Number.POSITIVE_INFINITY, gateway: Number.POSITIVE_INFINITY },
    });
    const stats = () => ingest.stats() as Record<string, number>;
    const registry = openRegistry({ database, mqttUrl: `mqtt://127.0.0.1:${ingest.port}` });
    const from = Date.now() - 85 * 86_400_000;
    const device = async (): Promise<FuzzTarget> => {
      const subject = `Patient/${Math.random().toString(36).slice(2)}`;
      const made = await registry.createDevice({ facility: FACILITY, profile: 'bed', subject, from: new Date(from) });
      return { port: ingest.port, from, ...made };
    };
    const [atMqtt, atSenml, good] = [await device(), await device(), await device()];

    const client = await connectAsync(`mqtt://127.0.0.1:${ingest.port}`, {
      ...{ username: good.username, password: good.secret, clientId: good.device, reconnectPeriod: 0 },
    });
    let over = false;
    const delays: number[] = [];
    const beside = (async () => {
      for (let time = from; !over; time += 1000) {
        const begun = performance.now();
        const pack = JSON.stringify([{ bn: `${good.device}:`, bt: time / 1000, n: 'heart_rate', u: 'beat/min', v: 62 }]);
        await client.publishAsync(good.topic, pack, { qos: 1 });
        delays.push(performance.now() - begun);
        await sleep(50);
      }
    })();
    // A device that is cut off must not keep the bench from ending.
    client.on('close', () => !over && crashed(new Error('the good device was cut off')));

    const until = Date.now() + LIMIT * 1000;
    const mqtt: MqttResult = { sent: 0, closed: 0, unanswered: 0 };
    const senml: SenmlResult = { sent: 0, acknowledged: 0, refusals: 0 };
    const memory = [await megabytes()];
    const parts = 4;
    for (let part = 0; part < parts; part++) {
      const options = (half: number) => ({ packets: PACKETS / 2 / parts, seed: SEED + part * 2 + half, until });
      add(mqtt, await run<MqttResult>({ level: 'mqtt', target: atMqtt, options: options(0) }));
      add(senml, await run<SenmlResult>({ level: 'senml', target: atSenml, options: options(1) }));
      memory.push(await megabytes());
      process.stderr.write(`${JSON.stringify({ mqtt, senml, memory, ...stats() })}\n`);
    }
    over = true;
    await beside;
    const connections = stats().connections!;
    const { protocolFaults = 0, oversized = 0, refusedSignIns = 0, refused = 0 } = stats();
    await client.endAsync(true);
    await ingest.close();
    const counted = new Map((await registry.devicesOf(FACILITY)).map(row => [row.device, Number(row.refused)]));
    const kept = await database.pool.query('select coalesce(sum(refused), 0)::int as all from ingest_device_state');
    const subject = (await database.pool.query('select subject from ingest_assignment where device = $1', [good.device])).rows[0].subject;
    const stored = await samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from, to: Date.now() });

    const figure = (name: string, value: number, unit: string, goal?: string, met?: boolean) =>
      print({ bench: 'fuzz', figure: name, value, unit, ...(goal === undefined ? {} : { goal, met }) });
    const sent = mqtt.sent + senml.sent;
    figure('malformed packets sent', sent, 'packets', `= ${PACKETS}`, sent === PACKETS);
    figure('crashes', crashes, '', '= 0', crashes === 0);
    figure('packets left unanswered', mqtt.unanswered + senml.sent - senml.acknowledged, 'packets', '= 0');
    const closed = protocolFaults + oversized + refusedSignIns;
    figure('connections closed for a fault, counted by the hub', closed, '', `= ${mqtt.closed}, as the sender saw`, closed === mqtt.closed);
    const found = counted.get(atSenml.device) ?? 0;
    figure('refused readings and packs, counted in the registry', found, '', `= ${senml.refusals} expected`, found === senml.refusals);
    figure('refusals of all devices, counted in the registry', kept.rows[0].all, '', `= ${refused} refused`, kept.rows[0].all === refused);
    const growth = memory.at(-1)! - memory[parts / 2]!;
    figure('memory growth over the second half (heap and buffers)', growth, 'MB', `< ${MEMORY_GOAL_MB}`, growth < MEMORY_GOAL_MB);
    figure('sessions left beside the good device', connections - 1, '', '= 0', connections === 1);
    figure('good device: acknowledged and not stored', delays.length - stored.length, 'samples', '= 0', delays.length === stored.length);
    figure('good device: PUBACK meanwhile, median', percentile(delays, 0.5), 'ms');
    figure('good device: PUBACK meanwhile, 99 %', percentile(delays, 0.99), 'ms');
  } finally {
    await database.close();
    await Promise.all([postgres.stop(), influx.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function add<T extends object>(sum: T, more: T) {
  for (const [name, value] of Object.entries(more)) (sum as Record<string, number>)[name]! += value as number;
}

async function run<Result>(work: Work): Promise<Result> {
  const child = fork(import.meta.filename, { serialization: 'advanced' });
  child.send(work);
  const [result] = (await once(child, 'message')) as [Result];
  return result;
}
