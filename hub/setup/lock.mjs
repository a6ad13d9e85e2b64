// One at a time: a lock file that a killed owner does not keep.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HEARTBEAT = 5_000;
/** An owner touches its lock every 5 s; one not touched for a minute has no owner, also when its process id is in use again. */
const STALE = 60_000;
const POLL = 200;

/**
 * Waits until `file` is ours and returns the function that gives it back.
 * @param {string} file
 * @param {{ onWait?: (owner: string) => void, signal?: AbortSignal }} options
 */
export async function takeLock(file, { onWait, signal } = {}) {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = `${process.pid} ${hostname()} ${Date.now()}-${Math.random().toString(36).slice(2)}\n`;
  const draft = `${file}.${process.pid}.${Date.now()}`;
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    // A link appears whole or not at all, so no reader sees an empty lock.
    writeFileSync(draft, mine);
    try {
      linkSync(draft, file);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const owner = read(file);
    if (owner && isStale(file, owner)) {
      removeStale(file, owner);
      continue;
    }
    if (owner && !told) {
      told = true;
      onWait?.(owner.split(' ')[0]);
    }
    await sleep(POLL, undefined, { signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // Taken away by hand: nothing to keep alive.
    }
  }, HEARTBEAT);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (read(file) === mine) rmSync(file, { force: true });
  };
}

function isStale(file, owner) {
  const [pid, host] = owner.split(' ');
  try {
    if (Date.now() - statSync(file).mtimeMs > STALE) return true;
  } catch {
    return false;
  }
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Two may find the same stale lock: the slower one must not take away the new lock of the faster one. */
function removeStale(file, owner) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (read(aside) !== owner) linkSync(aside, file);
  } catch {
    // The other one was faster.
  }
  rmSync(aside, { force: true });
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
