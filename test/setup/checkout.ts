// A checkout of its own for tests of set-up: the real set-up and packages, but its own state, cache and programs on the PATH.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  /** Where set-up speaks. */
  err: string;
}

export interface Running {
  child: ChildProcess;
  out(): string;
  err(): string;
  ended: Promise<Ended>;
}

export interface Checkout {
  folder: string;
  /** Programs of this name come first (and, but for the few below, alone) on the PATH. */
  program(name: string, script: string): string;
  file(name: string, text: string): string;
  state(): Record<string, string>;
  start(script: 'setup.mjs' | 'run.mjs', args?: string[], environment?: Record<string, string>, prefix?: string[]): Running;
  setUp(args?: string[], environment?: Record<string, string>, prefix?: string[]): Promise<Ended>;
  remove(): void;
}

/** What the scripts in here use themselves. */
const PROGRAMS = ['sh', 'env', 'node', 'cat', 'tar', 'gzip', 'sleep', 'mkdir', 'ln', 'ls', 'cp', 'rm', 'true', 'touch'];

/** A program that says, like mediasoup's worker, that it has no parent. */
export const GOOD_WORKER = '#!/bin/sh\nexit 41\n';

export function makeCheckout({ packages = true } = {}): Checkout {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-checkout-'));
  chmodSync(folder, 0o755);
  const bin = path.join(folder, 'bin');
  mkdirSync(path.join(folder, 'hub'));
  cpSync(path.join(ROOT, 'hub/setup'), path.join(folder, 'hub/setup'), { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) cpSync(path.join(ROOT, name), path.join(folder, name));
  if (packages) linkPackages(path.join(folder, 'node_modules'));
  mkdirSync(bin);
  for (const name of PROGRAMS) {
    const real = name === 'node' ? process.execPath : ['/usr/bin', '/bin'].map(place => path.join(place, name)).find(existsSync);
    if (real) symlinkSync(real, path.join(bin, name));
  }

  const checkout: Checkout = {
    folder,
    program(name, script) {
      const file = path.join(bin, name);
      writeFileSync(file, script, { mode: 0o755 });
      return file;
    },
    file(name, text) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
      return file;
    },
    state: () => JSON.parse(readFileSync(path.join(folder, 'node_modules/.cache/remote-care-hub/setup.json'), 'utf8')),
    start(script, args = [], environment = {}, prefix = []) {
      const [command, ...rest] = [...prefix, process.execPath, path.join(folder, 'hub/setup', script), ...args];
      const child = spawn(command!, rest, {
        cwd: folder,
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: bin, HOME: folder, XDG_CACHE_HOME: path.join(folder, 'cache'), PLAYWRIGHT_BROWSERS_PATH: folder, ...environment },
      });
      let [out, err] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', text => (out += text));
      child.stderr.setEncoding('utf8').on('data', text => (err += text));
      const ended = new Promise<Ended>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (status, signal) => resolve({ status, signal, out, err }));
      });
      return { child, out: () => out, err: () => err, ended };
    },
    setUp: (args, environment, prefix) => checkout.start('setup.mjs', args, environment, prefix).ended,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  return checkout;
}

/** The shell line of a stand-in for `npm ci`: the packages appear, as links. */
export const LINK_PACKAGES = `mkdir node_modules && for name in $(ls -A ${ROOT}/node_modules); do [ "$name" = .cache ] || ln -s "${ROOT}/node_modules/$name" "node_modules/$name"; done`;

function linkPackages(place: string) {
  mkdirSync(place);
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (name !== '.cache') symlinkSync(path.join(ROOT, 'node_modules', name), path.join(place, name));
  }
}
