// What 5,000 devices cost that are connected and say nothing but a ping now and then: memory and CPU of the ingest process, beside the same
// process before they came. The devices are a process of their own. QUIET_DEVICES and QUIET_SECONDS change how many and how long.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { openRegistry, startIngest } from '../../hub/ingest/index.ts';
import type { Records } from '../../hub/records/records.ts';
import { migrate, openDatabase, openSamples, startEmbeddedInflux, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { connectPacket, PING, RawClient, subscribe } from '../ingest/raw-client.ts';
import { print } from './figure.ts';

const DEVICES = Number(process.env.QUIET_DEVICES ?? 5000);
const SECONDS = Number(process.env.QUIET_SECONDS ?? 60);
/** As the device client has it, seconds. */
const KEEP_ALIVE = 60;
/** Sign-ins under way at a time. */
const AT_ONCE = 50;
const FACILITIES = 50;
const MEMORY_GOAL_MB = 150;
const CPU_GOAL_PERCENT = 5;

interface Login {
  facility: string;
  device: string;
  username: string;
  secret: string;
}
type Work = { port: number; logins: Login[] };

if (process.send) process.once('message', message => void devices(message as Work));
else await bench();

/** Connects all with a last will and a subscription to their configuration, says so, and pings for each once a keep-alive. */
async function devices({ port, logins }: Work) {
  const clients: RawClient[] = [];
  let next = 0;
  let failed = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < logins.length) {
        const { facility, device, username, secret } = logins[next++]!;
        const client = new RawClient(port);
        const topic = `care/1/${facility}/${device}`;
        const will = { topic: `${topic}/state`, payload: '{"state":"offline"}' };
        client.send(
          connectPacket({ clientId: device, username, secret, keepAlive: KEEP_ALIVE, will }),
          subscribe([[`${topic}/config`, 1]]),
        );
        while (!client.isClosed && client.packets.length < 2) await client.change(10_000);
        if (client.isClosed) failed++;
        client.packets.splice(0);
        clients.push(client);
      }
    }),
  );
  process.send!({ connected: clients.length - failed });
  let turn = 0;
  const perTurn = Math.ceil(clients.length / KEEP_ALIVE);
  const pings = setInterval(() => {
    for (const client of clients.slice(turn * perTurn, (turn + 1) * perTurn)) {
      client.packets.splice(0);
      client.send(PING);
    }
    turn = (turn + 1) % KEEP_ALIVE;
  }, 1000);
  await once(process, 'message');
  clearInterval(pings);
  const still = clients.filter(({ isClosed }) => !isClosed).length;
  process.send!({ connected: still }, () => process.exit(0));
}

async function bench() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-bench-'));
  chmodSync(folder, 0o755);
  const [postgres, influx] = await Promise.all([
    startEmbeddedPostgres(path.join(folder, 'postgres'), { durable: false }),
    startEmbeddedInflux(path.join(folder, 'influx')),
  ]);
  const database = openDatabase(postgres.url);
  try {
    await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
    const samples = await openSamples(influx.url);
    const ingest = await startIngest({
      ...{ config: { mqtt: { host: '127.0.0.1', port: 0, url: '', embedded: true } }, database, samples, records: {} as Records },
      ...{ mqttInternal: 'bench', log: pino({ level: 'error' }) },
    });
    const registry = openRegistry({ database, mqttUrl: `mqtt://127.0.0.1:${ingest.port}` });
    const logins: Login[] = [];
    for (let index = 0; index < DEVICES; index++)
      logins.push(await registry.createDevice({ facility: `quiet-${index % FACILITIES}`, profile: 'bed' }));
    process.stderr.write(`${DEVICES} devices are registered\n`);

    const measure = async () => {
      await sleep(3000);
      collect();
      const [begun, cpu] = [performance.now(), process.cpuUsage()];
      await sleep(SECONDS * 1000);
      const { user, system } = process.cpuUsage(cpu);
      collect();
      return { megabytes: residentMegabytes(), percent: (user + system) / 10 / (performance.now() - begun) };
    };
    const before = await measure();
    process.stderr.write(`before: ${JSON.stringify(before)}\n`);
    const child = fork(import.meta.filename, { serialization: 'advanced' });
    child.send({ port: ingest.port, logins } satisfies Work);
    const [{ connected }] = (await once(child, 'message')) as [{ connected: number }];
    const with_ = await measure();
    process.stderr.write(`with ${connected} connected: ${JSON.stringify(with_)}\n`);
    child.send('end');
    const [end] = (await once(child, 'message')) as [{ connected: number }];

    const figure = (name: string, value: number, unit: string, goal: string, met: boolean) =>
      print({ bench: 'quiet', figure: name, value, unit, goal, met });
    figure('devices connected to the end', end.connected, '', `= ${DEVICES}`, end.connected === DEVICES);
    const more = with_.megabytes - before.megabytes;
    figure(`memory that they add to the ingest process (resident)`, more, 'MB', `< ${MEMORY_GOAL_MB}`, more < MEMORY_GOAL_MB);
    const cpu = with_.percent - before.percent;
    figure(`CPU that they add, of one core, over ${SECONDS} s`, cpu, '%', `< ${CPU_GOAL_PERCENT}`, cpu < CPU_GOAL_PERCENT);
    await ingest.close();
  } finally {
    await database.close();
    await Promise.all([postgres.stop(), influx.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function residentMegabytes(): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? process.memoryUsage().rss / 1024) / 1024;
}
