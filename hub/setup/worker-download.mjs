// A prebuilt mediasoup worker from mediasoup's releases, taken only when its checksum is known beforehand.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';
import { run } from './command.mjs';

/**
 * SHA-256 of the release files, by their name. mediasoup publishes none beside them, and a checksum fetched from the same place as
 * the file proves nothing; so this table holds only what somebody of this project has downloaded, tried and written down. It is
 * empty until then, and set-up builds the worker instead. For a try: MEDIASOUP_WORKER_SHA256.
 */
const CHECKSUMS = {};

const TIMEOUT = 60_000;

/** Where the downloaded worker is or would be; undefined when no checksum is known for this machine. */
export function downloadedWorker({ root, cacheDirectory, environment }) {
  const { name, checksum } = prebuilt(root, environment);
  return checksum && path.join(cacheDirectory, `${name.replace(/\.tgz$/, '')}-${checksum.slice(0, 12)}`, 'mediasoup-worker');
}

/**
 * Downloads the worker.
 * @returns {Promise<{ file?: string, why: string }>} `why` there is none: not an error, since it can be built
 */
export async function downloadWorker(context) {
  const { root, environment, step, signal } = context;
  const { name, checksum, url } = prebuilt(root, environment);
  if (!checksum) return { why: 'no checksum is known for a prebuilt one' };
  step.begin(`downloading ${name}`);
  let packed;
  try {
    const timeout = AbortSignal.timeout(TIMEOUT);
    const answer = await fetch(url, { signal: timeout });
    if (!answer.ok) return { why: `${url} answers ${answer.status}` };
    packed = Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    signal?.throwIfAborted();
    return { why: `${new URL(url).host} cannot be reached (${error.cause?.code ?? error.message})` };
  }
  const actual = createHash('sha256').update(packed).digest('hex');
  if (actual !== checksum) return { why: `the downloaded one has the checksum ${actual.slice(0, 12)}…, not ${checksum.slice(0, 12)}…` };

  const file = downloadedWorker(context);
  const [folder, fresh] = [path.dirname(file), `${path.dirname(file)}.${process.pid}`];
  mkdirSync(fresh, { recursive: true });
  try {
    writeFileSync(path.join(fresh, name), packed);
    await run('tar', ['-xzf', name, 'mediasoup-worker'], { cwd: fresh, env: environment, signal });
    rmSync(path.join(fresh, name));
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    signal?.throwIfAborted();
    return { why: `the downloaded one could not be unpacked (${error.message})` };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return existsSync(file) ? { file, why: '' } : { why: 'the downloaded one is empty' };
}

/** Named as mediasoup's npm-scripts.mjs names it, and found under the same variable for the place. */
function prebuilt(root, environment) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules', 'mediasoup', 'package.json'), 'utf8'));
  const kernel = process.platform === 'linux' ? `-kernel${release().split('.')[0]}` : '';
  const name = `mediasoup-worker-${version}-${process.platform}-${process.arch}${kernel}.tgz`;
  const base = environment.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL || 'https://github.com/versatica/mediasoup/releases/download';
  const checksum = (environment.MEDIASOUP_WORKER_SHA256 || CHECKSUMS[name])?.toLowerCase();
  return { name, checksum, url: `${base}/${version}/${name}` };
}
