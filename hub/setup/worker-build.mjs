// Builds the mediasoup worker from the npm package's own source with Debian's libraries, without any download of sources.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { findProgram, run } from './command.mjs';
import { installPackages, missingPackages, tail } from './debian.mjs';
import { SetupProblem } from './problem.mjs';

const PACKAGES = [
  'g++',
  'pkg-config',
  'meson',
  'ninja-build',
  'libssl-dev',
  'libuv1-dev',
  'libsrtp2-dev',
  'libflatbuffers-dev',
  'flatbuffers-compiler',
];
const TOOLS = ['g++', 'pkg-config', 'meson', 'ninja', 'flatc'];
/** A compiler takes up to 0.8 GB on the largest sources. */
const BYTES_PER_JOB = 1e9;

/**
 * What replaces the sources that the build would download: for each meson subproject the system's library, a small shim from
 * libsrtp 3's interface to libsrtp 2, and only those of abseil's headers that the worker uses.
 */
const OVERLAYS = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'mediasoup-worker', 'overlay');

/** The lines of the worker's source that change. Each must be there exactly once: a new version of mediasoup is to be looked at again. */
const CHANGES = [
  {
    // Fatal with an OpenSSL that has kernel TLS (Debian's): the BIO callback turns the result of every BIO_ctrl() into 1, so libssl
    // believes that the memory BIO does kernel TLS and leaves its write buffer NULL.
    file: 'src/RTC/DtlsTransport.cpp',
    from: '(operationType == BIO_CB_RETURN)',
    to: '((operationType & BIO_CB_RETURN) != 0)',
  },
  {
    // Debian 12's meson is 1.0.1, and the build uses nothing newer.
    file: 'meson.build',
    from: /(meson_version: *'>= *)1\.1\.0'/g,
    to: "$11.0.0'",
  },
];

/** Where the worker built for this mediasoup, this recipe and this system is or will be. */
export function builtWorker({ root, cacheDirectory }) {
  return path.join(buildFolder(root, cacheDirectory), 'mediasoup-worker');
}

/**
 * Builds the worker. A stopped build goes on where it was.
 * @param {object} context of the set-up
 * @param {string} reason why it has to be built, for the progress line
 * @returns {Promise<{ folder: string, candidate: string, keep: () => string }>} `keep` puts the tried binary in its place
 */
export async function buildWorker(context, reason) {
  const { root, cacheDirectory, environment, step, signal } = context;
  if (process.platform !== 'linux') {
    throw new SetupProblem('The mediasoup worker cannot be built by set-up on this system.', {
      remedy:
        "Run mediasoup's own installer: (cd node_modules/mediasoup && node npm-scripts.mjs postinstall). Or set MEDIASOUP_WORKER_BIN to a worker.",
    });
  }
  await haveTools(context);
  const folder = buildFolder(root, cacheDirectory);
  const [source, build] = [path.join(folder, 'src'), path.join(folder, 'build')];
  try {
    step.begin(`${reason}building it from source, once (about 8 minutes on two cores)`);
    if (!existsSync(path.join(source, '.prepared'))) prepare(root, source);
    if (!existsSync(path.join(build, 'build.ninja'))) {
      rmSync(build, { recursive: true, force: true });
      const options = ['--buildtype', 'release', '-Db_ndebug=true', '--strip', '--wrap-mode=nodownload'];
      await run('meson', ['setup', ...options, build, source], { env: environment, signal });
    }
    await run('ninja', ['-j', String(jobs(environment)), '-C', build, 'mediasoup-worker'], {
      env: environment,
      signal,
      onLine: line => {
        const part = /^\[(\d+)\/(\d+)\]/.exec(line);
        if (part) step.news(`building from source: ${Math.floor((100 * part[1]) / part[2])} % (${part[1]} of ${part[2]})`);
      },
    });
    const candidate = path.join(folder, 'candidate');
    await run('strip', ['-o', candidate, path.join(build, 'mediasoup-worker')], { env: environment, signal });
    return {
      folder,
      candidate,
      keep() {
        const place = builtWorker(context);
        renameSync(candidate, place);
        for (const rest of [build, source]) rmSync(rest, { recursive: true, force: true });
        return place;
      },
    };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof SetupProblem) throw cause;
    throw new SetupProblem(`The mediasoup worker could not be built:\n${tail(cause, 25)}`, {
      remedy: `Mend what the message names and run this again (the build goes on where it stopped, in ${folder}), or set MEDIASOUP_WORKER_BIN to a worker.`,
      cause,
    });
  }
}

async function haveTools(context) {
  const missing = missingPackages(PACKAGES, context.environment);
  if (!missing.length) return;
  const debian = findProgram('apt-get', context.environment) !== undefined;
  // Elsewhere the same tools and libraries come by other names: the build itself tells what is missing.
  if (!debian && TOOLS.every(tool => findProgram(tool, context.environment))) return;
  await installPackages(context, missing, 'to build the mediasoup worker', 'set MEDIASOUP_WORKER_BIN to a worker that runs here');
}

function prepare(root, source) {
  rmSync(source, { recursive: true, force: true });
  cpSync(path.join(root, 'node_modules', 'mediasoup', 'worker'), source, { recursive: true });
  for (const name of readdirSync(OVERLAYS)) {
    // Where the .wrap file says that the downloaded source would be.
    const wrap = readFileSync(path.join(source, 'subprojects', `${name}.wrap`), 'utf8');
    const directory = /^directory *= *(\S+)/m.exec(wrap)?.[1];
    if (!directory) throw new Error(`${name}.wrap of mediasoup's worker names no directory`);
    cpSync(path.join(OVERLAYS, name), path.join(source, 'subprojects', directory), { recursive: true });
  }
  for (const { file, from, to } of CHANGES) {
    const place = path.join(source, file);
    const text = readFileSync(place, 'utf8');
    if (text.split(from instanceof RegExp ? new RegExp(from.source.replace('(', '(?:')) : from).length !== 2) {
      throw new Error(`${file} of mediasoup's worker no longer has the line that has to change (${from}); see worker-build.mjs`);
    }
    writeFileSync(place, text.replace(from, to));
  }
  writeFileSync(path.join(source, '.prepared'), '');
}

function jobs(environment) {
  const free = Number(/^MemAvailable: *(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
  const asked = Number(environment.JOBS) || cpus().length;
  return Math.max(1, Math.min(asked, Math.floor(free / BYTES_PER_JOB)));
}

/** One folder for each mediasoup version, recipe, system and processor: anything else is another binary. */
function buildFolder(root, cacheDirectory) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules', 'mediasoup', 'package.json'), 'utf8'));
  const key = createHash('sha256');
  key.update(JSON.stringify(CHANGES.map(({ file, from, to }) => [file, String(from), to])));
  for (const file of filesBelow(OVERLAYS)) key.update(path.relative(OVERLAYS, file)).update(readFileSync(file));
  key.update(process.arch);
  if (existsSync('/etc/os-release'))
    key.update((readFileSync('/etc/os-release', 'utf8').match(/^(ID|VERSION_ID)=.*$/gm) ?? []).sort().join());
  return path.join(cacheDirectory, `mediasoup-worker-${version}-${key.digest('hex').slice(0, 12)}`);
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => (entry.isDirectory() ? filesBelow(path.join(folder, entry.name)) : [path.join(folder, entry.name)]));
}
