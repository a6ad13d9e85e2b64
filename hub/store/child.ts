// A store's server process: started apart from the terminal's group, so that Ctrl-C reaches the hub first and stores stop last.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';

export interface StoreProcess {
  url: string;
  pid: number;
  /** Resolves with the exit code when the process ends, asked or not. */
  ended: Promise<number | null>;
  stop(): Promise<void>;
}

/** A TCP port on loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export interface SpawnOptions {
  command: string;
  args: string[];
  environment?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** What the process prints goes here. */
  logFile: string;
  stopSignal: NodeJS.Signals;
}

export function spawnStore(options: SpawnOptions): { child: ChildProcess; ended: Promise<number | null>; stop(): Promise<void> } {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.environment ?? process.env,
    uid: options.uid,
    gid: options.gid,
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const ended = new Promise<number | null>(resolve => {
    child.once('error', () => resolve(null));
    child.once('exit', code => resolve(code));
  });
  return {
    child,
    ended,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(options.stopSignal);
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    },
  };
}
