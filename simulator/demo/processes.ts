// The demonstration's processes: each with a name, its messages kept in a file, ended in order and never left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface DemoProcess {
  name: string;
  pid: number;
  /** Calls `heard` for every line of standard output. */
  onLine(heard: (line: string) => void): void;
  /** Resolves with the first line that `match` accepts. @throws Error with the log's place when the process ends before. */
  line(match: (line: string) => boolean): Promise<string>;
  ended: Promise<number | null>;
  stop(): Promise<void>;
}

/** Starts `file` with this Node; standard error and output go to `<logs>/<name>.log` too. */
export function startProcess(name: string, file: string, args: string[], environment: Record<string, string>, logs: string): DemoProcess {
  mkdirSync(logs, { recursive: true });
  const logFile = path.join(logs, `${name}.log`);
  const log = createWriteStream(logFile, { flags: 'a' });
  // A group of its own: Ctrl-C in the terminal reaches the demonstration alone, which then ends its processes in order.
  const child: ChildProcess = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    detached: true,
  });
  const listeners = new Set<(line: string) => void>();
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', line => {
    log.write(`${line}\n`);
    for (const heard of listeners) heard(line);
  });
  child.stderr!.pipe(log, { end: false });
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
  return {
    name,
    pid: child.pid!,
    ended,
    onLine: heard => void listeners.add(heard),
    line: match =>
      new Promise((resolve, reject) => {
        const heard = (line: string) => {
          if (!match(line)) return;
          listeners.delete(heard);
          resolve(line);
        };
        listeners.add(heard);
        void ended.then(code => reject(new Error(`${name} ended with ${code}; its messages are in ${logFile}`)));
      }),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** `wanted` when it and the `count - 1` ports after it are free on every address of this machine, else other free ones. */
export async function portOr(wanted: number, count = 1): Promise<number> {
  if (wanted !== 0 && (await allFree(wanted, count))) return wanted;
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await allFree(port, count)) return port;
  }
  throw new Error('There is no free TCP port on this machine.');
}

async function allFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    for (const host of ['127.0.0.1', undefined]) if (!(await isFree(port, host))) return false;
  }
  return true;
}

function isFree(port: number, host: string | undefined): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
