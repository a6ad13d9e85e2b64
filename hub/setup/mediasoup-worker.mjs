// Set-up: mediasoup's media server program: given, cached, downloaded with a known checksum, or built from the npm package's source.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { installPackages, missingPackages } from './debian.mjs';
import { takeLock } from './lock.mjs';
import { SetupProblem } from './problem.mjs';
import { buildWorker, builtWorker } from './worker-build.mjs';
import { downloadedWorker, downloadWorker } from './worker-download.mjs';

/** A worker started without its parent says so with this status: it runs here, with all its libraries. */
const NO_PARENT = 41;
const RUNTIME_LIBRARIES = ['libuv1', 'libsrtp2-1'];

export const mediasoupWorker = {
  title: 'mediasoup worker',

  check(context) {
    const given = context.environment.MEDIASOUP_WORKER_BIN;
    if (given) {
      const trial = tryWorker(given);
      if (trial.good) return found(context, path.resolve(given), 'given by MEDIASOUP_WORKER_BIN');
      if (trial.missingLibraries.length && missingPackages(RUNTIME_LIBRARIES, context.environment).length) return undefined;
      throw new SetupProblem(`MEDIASOUP_WORKER_BIN names ${given}, which cannot be used: ${trial.why}.`, {
        remedy: 'Correct MEDIASOUP_WORKER_BIN, or unset it to let set-up find or build a worker.',
      });
    }
    for (const [file, origin] of candidates(context)) if (tryWorker(file).good) return found(context, file, origin);
    return undefined;
  },

  async make(context) {
    const { environment, step } = context;
    const known = environment.MEDIASOUP_WORKER_BIN
      ? [[environment.MEDIASOUP_WORKER_BIN, 'given by MEDIASOUP_WORKER_BIN']]
      : candidates(context).filter(([file]) => existsSync(file));
    // A worker of another day may only lack the libraries that it was built with.
    const lacking = missingPackages(RUNTIME_LIBRARIES, environment);
    if (known.some(([file]) => tryWorker(file).missingLibraries.length) && lacking.length) {
      await installPackages(context, lacking, 'which the mediasoup worker uses');
      const again = this.check(context);
      if (again) return again.ready;
    }

    const downloaded = await downloadWorker(context);
    if (downloaded.file && tryWorker(downloaded.file).good) return found(context, downloaded.file, 'downloaded').ready;

    // Other checkouts of this person share the cache: one builds, the others wait and find it.
    const unlock = await takeLock(path.join(makeFolder(context.cacheDirectory), 'worker-build.lock'), {
      signal: context.signal,
      onWait: pid => step.begin(`waiting for process ${pid}, which builds it`),
    });
    try {
      const meanwhile = this.check(context);
      if (meanwhile) return meanwhile.ready;
      const built = await buildWorker(context, `${downloaded.why}; `);
      const trial = tryWorker(built.candidate);
      if (!trial.good) {
        throw new SetupProblem(`The mediasoup worker was built, but does not run: ${trial.why}.`, {
          remedy: `Remove ${built.folder} and run this again; or set MEDIASOUP_WORKER_BIN to a worker that runs here.`,
        });
      }
      return found(context, built.keep(), 'built').ready;
    } finally {
      unlock();
    }
  },
};

function found(context, file, origin) {
  context.result.mediasoupWorkerBin = file;
  return { ready: `${origin} (${file})` };
}

/** Where a worker of this version may be already, the best first. */
function candidates(context) {
  const own = path.join(context.root, 'node_modules', 'mediasoup', 'worker', 'out', 'Release', 'mediasoup-worker');
  return [
    [builtWorker(context), 'cached'],
    [downloadedWorker(context), 'cached'],
    [own, "of mediasoup's own installer"],
  ].filter(([file]) => file !== undefined);
}

/** Starts a worker without a parent and without an environment. */
function tryWorker(file) {
  const no = (why, missingLibraries = []) => ({ good: false, why, missingLibraries });
  if (!existsSync(file)) return no('there is no such file');
  const tried = spawnSync(path.resolve(file), [], { env: {}, encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'pipe'] });
  if (tried.status === NO_PARENT) return { good: true, why: '', missingLibraries: [] };
  if (tried.error?.code === 'EACCES') return no('it is not executable (chmod +x)');
  if (tried.error) return no(`it does not start (${tried.error.message})`);
  const missing = [...tried.stderr.matchAll(/shared libraries: (\S+?):/g)].map(match => match[1]);
  if (missing.length) return no(`the library ${missing.join(', ')} is missing`, missing);
  return no(`started without a parent it ends with ${tried.status ?? tried.signal} instead of ${NO_PARENT}`);
}

function makeFolder(folder) {
  mkdirSync(folder, { recursive: true });
  return folder;
}
