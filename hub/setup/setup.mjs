// Brings everything that npm does not: step by step, skipping what is done, saying what to do when a step cannot be done.
// Plain JavaScript for any Node from 18, without packages: it runs before there are any.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { browser } from './browser.mjs';
import { influxd } from './influxd.mjs';
import { takeLock } from './lock.mjs';
import { mediasoupWorker } from './mediasoup-worker.mjs';
import { nodeRuntime } from './node-runtime.mjs';
import { npmPackages } from './npm-packages.mjs';
import { postgresBinaries } from './postgres-binaries.mjs';
import { SetupProblem } from './problem.mjs';
import { createProgress } from './progress.mjs';
import { tensorflowNative } from './tensorflow-native.mjs';
import { webBuild } from './web-build.mjs';

export const ROOT = path.resolve(fileURLToPath(import.meta.url), '../../..');

/** Without these nothing else can go on. */
const FOUNDATION = [npmPackages, nodeRuntime];
const HUB = [postgresBinaries, mediasoupWorker, tensorflowNative, influxd, webBuild];

/**
 * Sets up what `purpose` needs. A step first looks whether it is done; only a step that is not takes the lock and does it, so that
 * several set-ups at once wait for each other only when there is work.
 * @param {{ purpose?: 'run' | 'test' | 'foundation', withTensorflow?: boolean, quiet?: boolean, environment?: NodeJS.ProcessEnv,
 *   signal?: AbortSignal }} options `foundation`: npm packages and Node only. `quiet`: one line when there was nothing to do
 * @returns {Promise<{ node: string, mediasoupWorkerBin?: string, tensorflow?: 'native' | 'wasm', influxd?: string, chromium?: string }>}
 *   also kept in node_modules/.cache/remote-care-hub/setup.json
 * @throws SetupProblem with every step that could not be done
 */
export async function setUp({ purpose = 'run', withTensorflow = false, quiet = false, environment = process.env, signal } = {}) {
  const steps = [...FOUNDATION, ...(purpose === 'foundation' ? [] : HUB), ...(purpose === 'test' ? [browser] : [])];
  const progress = createProgress({ total: steps.length, quiet });
  const cache = environment.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  const context = {
    root: ROOT,
    environment,
    isRoot: process.getuid?.() === 0,
    withTensorflow,
    cacheDirectory: path.join(cache, 'remote-care-hub'),
    stateDirectory: path.join(ROOT, 'node_modules', '.cache', 'remote-care-hub'),
    result: {},
    signal,
  };
  const problems = [];
  let unlock;
  try {
    for (const [index, step] of steps.entries()) {
      const shown = progress.step(index + 1, step.title);
      context.step = shown;
      try {
        let outcome = step.check(context);
        if (!outcome && !unlock) {
          unlock = await takeLock(lockFile(context.cacheDirectory), {
            signal,
            onWait: pid => shown.begin(`waiting for another set-up (process ${pid})`),
          });
          outcome = step.check(context);
        }
        outcome ??= { ready: await step.make(context) };
        if (outcome.skipped) shown.skipped(outcome.skipped);
        else shown.ready(outcome.ready);
      } catch (error) {
        shown.failed();
        if (!(error instanceof SetupProblem)) throw error;
        problems.push({ title: step.title, error });
        if (FOUNDATION.includes(step)) break;
      }
    }
  } finally {
    unlock?.();
  }
  if (problems.length) throw summary(problems);
  if (purpose !== 'foundation') keepResult(context);
  progress.finish();
  return context.result;
}

/** All that is in the way, with one command for all Debian packages. */
function summary(problems) {
  const told = problems.map(({ title, error }) => `${title}: ${error.message}\n  → ${error.remedy.replaceAll('\n', '\n    ')}`);
  const packages = [...new Set(problems.flatMap(({ error }) => error.packages))];
  const together = problems.filter(({ error }) => error.packages.length).length > 1;
  if (together) told.push(`All Debian packages at once:\n  → sudo apt-get install ${packages.join(' ')}`);
  const count = problems.length === 1 ? 'One step' : `${problems.length} steps`;
  return new SetupProblem(`${count} of set-up could not be done.\n\n${told.join('\n\n')}`, { remedy: '', packages });
}

function lockFile(cacheDirectory) {
  const checkout = createHash('sha256').update(realpathSync(ROOT)).digest('hex').slice(0, 12);
  return path.join(cacheDirectory, `setup-${checkout}.lock`);
}

function keepResult({ stateDirectory, result }) {
  const file = path.join(stateDirectory, 'setup.json');
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  let kept;
  try {
    kept = readFileSync(file, 'utf8');
  } catch {
    // The first time.
  }
  if (kept === text) return;
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(file, text);
}

/** A signal that is aborted, with the exit status, when the person stops the set-up. */
export function stopOnSignals() {
  const stopper = new AbortController();
  const stop = (name, number) =>
    process.on(name, () => stopper.abort(Object.assign(new Error(`stopped by ${name}`), { exitStatus: 128 + number })));
  stop('SIGINT', 2);
  stop('SIGTERM', 15);
  stop('SIGHUP', 1);
  return {
    signal: stopper.signal,
    forget() {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
    },
  };
}

/** Says why set-up ended early; the exit status for it. */
export function explain(error, signal) {
  if (signal.aborted) {
    process.stderr.write('\nSet-up was stopped. It goes on where it was when you run it again.\n');
    return signal.reason.exitStatus;
  }
  process.stderr.write(error instanceof SetupProblem ? `\n${error.message}\n` : `\n${error.stack}\n`);
  return 1;
}

const HELP = `Usage: node hub/setup/setup.mjs [--for run|test|foundation] [--with-tensorflow]

Prepares this checkout: npm packages, Node, PostgreSQL, the mediasoup worker, InfluxDB, the web application.
What is done is skipped, so it can run at any time.

  --for test          also Chromium, for the tests in a browser
  --for foundation    npm packages and Node alone, for commands that need no hub
  --with-tensorflow   also TensorFlow's native library, for training (never needed)

MEDIASOUP_WORKER_BIN  a mediasoup worker that is there already
DATABASE_URL, INFLUX_URL  outside stores: theirs are not set up
JOBS                  how many compilers at once when the worker is built
`;

/** Reads the options that setup.mjs and run.mjs share off the front of `args`. */
export function takeOptions(args) {
  const options = { purpose: 'run', withTensorflow: false };
  while (args[0]?.startsWith('--')) {
    const name = args.shift();
    if (name === '--with-tensorflow') options.withTensorflow = true;
    else if (name === '--for' && ['run', 'test', 'foundation'].includes(args[0])) options.purpose = args.shift();
    else if (name === '--help') options.help = true;
    else throw new SetupProblem(`Unknown option ${name}${name === '--for' ? ` ${args[0] ?? ''}` : ''}. See --help.`, { remedy: '' });
  }
  return options;
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const { signal } = stopOnSignals();
  try {
    const { help, ...options } = takeOptions(process.argv.slice(2));
    if (help) process.stdout.write(HELP);
    else await setUp({ ...options, signal });
    process.exit(0);
  } catch (error) {
    process.exit(explain(error, signal));
  }
}
