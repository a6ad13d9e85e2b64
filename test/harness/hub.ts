// A whole hub of its own for tests and benches: its processes, on free ports, with its data in a folder that goes away.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../hub/store/child.ts';
import { portOr } from '../../simulator/demo/processes.ts';

const PRODUCT = path.resolve(import.meta.dirname, '../..');

export interface TestHub {
  url: string;
  mqttPort: number;
  /** MQTT over TLS. */
  mqttsPort: number;
  dataDirectory: string;
  pid: number;
  /** All lines printed so far. */
  lines: string[];
  /** First printed line that matches, now or later. @throws Error after `ms`, with the last lines. */
  line(match: RegExp, ms?: number): Promise<string>;
  /** Process ids of the roles (`care`, `ingest`, `predict`) that run now. */
  roles(): Record<string, number>;
  stop(): Promise<number | null>;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-test-'));
  chmodSync(folder, 0o755);
  return folder;
}

/** Starts `file` (hub/main.ts or the demonstration) with ports of its own. It is ready when `ready` was printed. */
export async function startHub(
  options: {
    file?: string;
    args?: string[];
    environment?: Record<string, string>;
    dataDirectory?: string;
    ready?: RegExp;
    readyMs?: number;
  } = {},
): Promise<TestHub> {
  const dataDirectory = options.dataDirectory ?? temporaryFolder();
  const [http, mqttPort, mqttsPort] = [await freePort(), await freePort(), await freePort()];
  const media = await portOr(0, availableParallelism());
  const url = `http://localhost:${http}`;
  const child: ChildProcess = spawn(process.execPath, [path.join(PRODUCT, options.file ?? 'hub/main.ts'), ...(options.args ?? [])], {
    cwd: PRODUCT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      HUB_DATA: dataDirectory,
      HUB_PORT: String(http),
      HUB_PUBLIC_URL: url,
      HUB_MQTT_PORT: String(mqttPort),
      HUB_MQTTS_PORT: String(mqttsPort),
      HUB_MEDIA_PORT: String(media),
      HUB_LOG: 'warn',
      // Tests hand links to people who then work at once; test/identity shows what happens without this.
      HUB_SECOND_FACTOR: 'off',
      ...options.environment,
    },
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', line => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
  const hub: TestHub = {
    url,
    mqttPort,
    mqttsPort,
    dataDirectory,
    pid: child.pid!,
    lines,
    line: (match, ms = 60_000) =>
      new Promise((resolve, reject) => {
        const give = (error?: Error, line = '') => {
          waiting.delete(look);
          clearTimeout(timer);
          if (error) reject(error);
          else resolve(line);
        };
        const look = () => {
          const found = lines.find(line => match.test(line));
          if (found !== undefined) give(undefined, found);
        };
        const timer = setTimeout(
          () => give(new Error(`no line ${match} within ${ms} ms; the last lines:\n${lines.slice(-25).join('\n')}`)),
          ms,
        );
        void ended.then(code => give(new Error(`ended with ${code} before ${match}; the last lines:\n${lines.slice(-25).join('\n')}`)));
        waiting.add(look);
        look();
      }),
    roles: () => rolesBelow(child.pid!),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const code = await ended;
      if (!options.dataDirectory) rmSync(dataDirectory, { recursive: true, force: true });
      return code;
    },
  };
  await hub.line(options.ready ?? /The hub is ready/, options.readyMs ?? 60_000);
  return hub;
}

/** All processes below `pid`, by /proc. */
export function processesBelow(pid: number): { pid: number; command: string }[] {
  const parents = new Map<number, { pid: number; command: string }[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      parents.set(parent, [...(parents.get(parent) ?? []), { pid: Number(entry), command }]);
    } catch {
      // The process ended while it was looked at.
    }
  }
  const found: { pid: number; command: string }[] = [];
  const walk = (id: number) => {
    for (const child of parents.get(id) ?? []) {
      found.push(child);
      walk(child.pid);
    }
  };
  walk(pid);
  return found;
}

function rolesBelow(pid: number): Record<string, number> {
  const roles: Record<string, number> = {};
  for (const { pid: id, command } of processesBelow(pid)) {
    const role = /hub\/roles\/(\w+)\.ts/.exec(command)?.[1];
    if (role) roles[role] = id;
  }
  return roles;
}
