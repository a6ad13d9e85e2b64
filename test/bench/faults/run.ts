// Kills at random what an acknowledged sample passes through, under load, and then asks the store for each one. Everything is as in
// production: the whole hub with its own stores, a gateway, and devices that send through the gateway and straight to the hub.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../../../hub/ingest/contract.ts';
import { freePort } from '../../../hub/store/index.ts';
import { type Relay, startRelay } from '../../../simulator/facility/index.ts';
import { processesBelow, startHub, type TestHub, temporaryFolder } from '../../harness/hub.ts';
import { makeWorld } from '../../harness/world.ts';
import { ask } from '../influx.ts';
import { Sender } from './sender.ts';

export const KINDS = ['ingest', 'influxd', 'edge', 'wan'] as const;
export type Kind = (typeof KINDS)[number];

export interface FaultsOptions {
  /** How long the load and the faults last. */
  seconds: number;
  seed: number;
  /** Devices at the hub and as many behind the gateway. */
  devices: number;
  /** Packs a second of each. */
  pace: number;
  /** Shortest and longest pause between two faults, seconds. */
  pause: readonly [number, number];
  say: (text: string) => void;
}

export interface Route {
  acknowledged: number;
  /** Acknowledged and not in the store. */
  lost: number;
  /** Acknowledged and in the store more than once. */
  doubled: number;
  /** In the store with another value. */
  altered: number;
  /** Never acknowledged, though long after the last fault. */
  unanswered: number;
  /** Longest time from sending to PUBACK, seconds. */
  longestWait: number;
}
export interface FaultsResult {
  kills: Record<Kind, number>;
  direct: Route;
  edge: Route;
  /** In the store and never sent: another time or another device's. */
  strange: number;
  stored: number;
  /** From the end of the load until everything had arrived, seconds. */
  drained: number;
}

/** Everything must have arrived so long after the last fault, ms. */
const DRAIN = 120_000;

/** @throws Error when the hub or the gateway does not come up. */
export async function runFaults(options: FaultsOptions): Promise<FaultsResult> {
  const { say } = options;
  const random = randomOf(options.seed);
  const folder = temporaryFolder();
  const hub = await startHub({ dataDirectory: path.join(folder, 'hub'), environment: { HUB_LOG: 'error' } });
  const senders: Sender[] = [];
  let relay: Relay | undefined;
  let gateway: Gateway | undefined;
  try {
    const world = await makeWorld(hub, 1);
    const manager = await world.as('manager');
    const facility = world.organizations.home;
    const logins: Credentials[] = [];
    for (let index = 0; index < options.devices * 2; index++) {
      const subject = `Patient/${world.residents[0]!.patient}`;
      const from = new Date(Date.now() - 3_600_000).toISOString();
      logins.push(await manager.send<Credentials>('POST', '/api/devices', { facility, profile: 'bed', subject, from }));
    }
    const { secret } = await manager.send<{ secret: string }>('POST', '/api/devices/gateways', { facility, credential: 'secret' });
    relay = await startRelay({ host: '127.0.0.1', to: hub.mqttPort });
    gateway = await startGateway({ folder: path.join(folder, 'edge'), hubPort: relay.port, facility, secret });
    const direct = logins.slice(0, options.devices).map(login => new Sender(`mqtt://127.0.0.1:${hub.mqttPort}`, login));
    const behind = logins.slice(options.devices).map(login => new Sender(`mqtt://127.0.0.1:${gateway!.port}`, login));
    senders.push(...direct, ...behind);
    const deadline = Date.now() + 30_000;
    while (!senders.every(sender => sender.connected)) {
      if (Date.now() > deadline) throw new Error('not every device was let in');
      await sleep(50);
    }

    say(`${senders.length} devices send ${options.pace} packs a second each; faults by seed ${options.seed}`);
    const begun = Date.now();
    const load = setInterval(() => senders.forEach(sender => void sender.send()), 1000 / options.pace);
    const kills = await makeFaults({ ...options, random, hub, relay, gateway, until: begun + options.seconds * 1000 });
    clearInterval(load);
    const end = Date.now();
    say(`${JSON.stringify(kills)}; waiting until everything has arrived`);
    if (!(await drained(senders, gateway))) {
      const late = senders.filter(({ waiting }) => waiting > 0).map(({ device, waiting, connected }) => ({ device, waiting, connected }));
      say(`not everything has arrived: ${JSON.stringify({ late, gateway: await gateway.waiting(), roles: hub.roles() })}`);
      say(hub.lines.slice(-10).join('\n'));
    }
    const arrived = Date.now();

    const influxUrl = influxOf(hub.dataDirectory);
    const at = (route: Sender[]) => compare(influxUrl, route);
    const [straight, through] = [await at(direct), await at(behind)];
    return {
      ...{ kills, direct: straight.route, edge: through.route },
      strange: straight.strange + through.strange,
      stored: straight.stored + through.stored,
      drained: (arrived - end) / 1000,
    };
  } finally {
    await Promise.all(senders.map(sender => sender.close()));
    await gateway?.stop();
    await relay?.close();
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Faulty {
  hub: TestHub;
  relay: Relay;
  gateway: Gateway;
  random: () => number;
  pause: readonly [number, number];
  /** ms since 1970. */
  until: number;
  say: (text: string) => void;
}

/** All kinds once in an order of chance, then by chance, until it is time. All is whole again when it returns. */
async function makeFaults({ hub, relay, gateway, random, pause, until, say }: Faulty): Promise<Record<Kind, number>> {
  const kills = { ingest: 0, influxd: 0, edge: 0, wan: 0 };
  const order = [...KINDS].sort(() => random() - 0.5);
  const mending: Promise<unknown>[] = [];
  for (;;) {
    const [shortest, longest] = pause;
    const wait = (shortest + random() * (longest - shortest)) * 1000;
    if (Date.now() + wait > until) break;
    await sleep(wait);
    const kind = order.shift() ?? KINDS[Math.floor(random() * KINDS.length)]!;
    const away = 200 + random() * 3000;
    if (kind === 'ingest' || kind === 'influxd') {
      const pid =
        kind === 'ingest' ? hub.roles().ingest : processesBelow(hub.pid).find(({ command }) => /(^|\/)influxd /.test(command))?.pid;
      // It is just starting again.
      if (!pid) continue;
      process.kill(pid, 'SIGKILL');
    } else if (kind === 'edge') mending.push(gateway.killFor(away));
    else {
      relay.cut(random() < 0.5 ? 'silent' : 'reset');
      mending.push(sleep(away * 2).then(() => relay.mend()));
    }
    kills[kind]++;
    say(`${((until - Date.now()) / 1000).toFixed(0)} s left: ${kind}`);
  }
  await sleep(Math.max(0, until - Date.now()));
  await Promise.all(mending);
  relay.mend();
  return kills;
}

/** Whether everything has arrived in time. */
async function drained(senders: Sender[], gateway: Gateway): Promise<boolean> {
  const deadline = Date.now() + DRAIN;
  while (Date.now() < deadline) {
    if (senders.every(({ waiting }) => waiting === 0) && (await gateway.waiting()) === 0) return true;
    await sleep(200);
  }
  return false;
}

async function compare(influxUrl: string, senders: Sender[]) {
  const route: Route = { acknowledged: 0, lost: 0, doubled: 0, altered: 0, unanswered: 0, longestWait: 0 };
  let [strange, stored] = [0, 0];
  for (const sender of senders) {
    // Of all series of the device: a sample that was assigned to two subjects is there twice.
    const rows = await ask(influxUrl, 'samples', `select heart_rate from bed where device = '${sender.device}'`);
    stored += rows.length;
    const found = new Map<number, number[]>();
    for (const [time, value] of rows) found.set(Number(time), [...(found.get(Number(time)) ?? []), Number(value)]);
    for (const time of found.keys()) if (!sender.sent.has(time)) strange++;
    for (const time of sender.acknowledged) {
      const values = found.get(time) ?? [];
      if (!values.length) route.lost++;
      if (values.length > 1) route.doubled++;
      if (values.some(value => value !== sender.sent.get(time))) route.altered++;
    }
    route.acknowledged += sender.acknowledged.length;
    route.unanswered += sender.waiting;
    route.longestWait = Math.max(route.longestWait, sender.longestWait / 1000);
  }
  return { route, strange, stored };
}

interface Gateway {
  port: number;
  /** Packs that it has and the hub does not; null while it is away. */
  waiting(): Promise<number | null>;
  /** Kills it and starts it again after so many ms. */
  killFor(milliseconds: number): Promise<void>;
  stop(): Promise<void>;
}

async function startGateway({
  folder,
  hubPort,
  facility,
  secret,
}: {
  folder: string;
  hubPort: number;
  facility: string;
  secret: string;
}): Promise<Gateway> {
  const [port, statusPort] = [await freePort(), await freePort()];
  const environment = {
    ...process.env,
    ...{ EDGE_DATA: folder, EDGE_HUB_URL: `mqtt://127.0.0.1:${hubPort}`, EDGE_FACILITY: facility, EDGE_SECRET: secret, EDGE_LOG: 'error' },
    ...{ EDGE_PORT: String(port), EDGE_STATUS_PORT: String(statusPort) },
  };
  const begin = async () => {
    const child = fork(path.resolve(import.meta.dirname, '../../../edge/main.ts'), { env: environment });
    const ended = once(child, 'exit').then(() => {
      throw new Error('the gateway did not start');
    });
    await Promise.race([once(child, 'message'), ended]);
    ended.catch(() => undefined);
    return child;
  };
  let child: ChildProcess = await begin();
  let away = Promise.resolve();
  const end = async (signal: NodeJS.Signals) => {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  return {
    port,
    async waiting() {
      const answer = await fetch(`http://127.0.0.1:${statusPort}/status`).catch(() => undefined);
      if (!answer?.ok) return null;
      const { queue } = (await answer.json()) as { queue: { packs: number; heldBack: number } };
      return queue.packs + queue.heldBack;
    },
    killFor(milliseconds) {
      away = away.then(async () => {
        await end('SIGKILL');
        await sleep(milliseconds);
        child = await begin();
      });
      return away;
    },
    async stop() {
      await away.catch(() => undefined);
      if (child.exitCode === null && child.signalCode === null) await end('SIGTERM');
    },
  };
}

/** Where the hub's own influxd listens, by its configuration. */
function influxOf(dataDirectory: string): string {
  const config = readFileSync(path.join(dataDirectory, 'influx/influxdb.conf'), 'utf8');
  const address = /\[http\]\s+bind-address = "([^"]+)"/.exec(config)?.[1];
  if (!address) throw new Error('the hub’s InfluxDB was not found');
  return `http://${address}`;
}

/** Numbers of chance, 0 ≤ n < 1, the same for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
