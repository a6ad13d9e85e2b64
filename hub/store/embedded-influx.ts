// InfluxDB 1.x as a child process on a private loopback port, its data below the hub's folder.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type StoreProcess, spawnStore } from './child.ts';

/**
 * Starts `influxd` with its data in `directory`.
 * @throws Error that says how to get `influxd` when it is not installed, or where its log is when it does not start.
 */
export async function startEmbeddedInflux(directory: string, options: { port?: number } = {}): Promise<StoreProcess> {
  // Samples speak of people: only the hub's user looks. An older folder is closed too.
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  try {
    execFileSync('influxd', ['version'], { stdio: 'ignore' });
  } catch (cause) {
    throw new Error(
      'influxd is not installed. Install InfluxDB 1.x (Debian: apt-get install influxdb) or set INFLUX_URL to a running one.',
      { cause },
    );
  }
  stopLeftover(path.join(directory, 'influxd.pid'));
  const [http, rpc] = [options.port ?? (await freePort()), await freePort()];
  const config = path.join(directory, 'influxdb.conf');
  const folder = (name: string) => JSON.stringify(path.join(directory, name));
  writeFileSync(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = ${folder('meta')}
[data]
  dir = ${folder('data')}
  wal-dir = ${folder('wal')}
  index-version = "tsi1"
  query-log-enabled = false
  cache-max-memory-size = "256m"
  cache-snapshot-memory-size = "16m"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${http}"
  log-enabled = false
  max-body-size = 50000000
[continuous_queries]
  log-enabled = false
  query-stats-enabled = false
[logging]
  level = "warn"
`,
  );
  const logFile = path.join(directory, 'influxd.log');
  const store = spawnStore({
    command: 'influxd',
    args: ['-config', config, '-pidfile', path.join(directory, 'influxd.pid')],
    logFile,
    stopSignal: 'SIGTERM',
  });
  const url = `http://127.0.0.1:${http}`;
  const deadline = Date.now() + 30_000;
  let dead = false;
  void store.ended.then(() => (dead = true));
  for (;;) {
    const answer = await fetch(`${url}/ping`).catch(() => undefined);
    if (answer?.ok) break;
    if (dead || Date.now() > deadline) throw new Error(`influxd did not start; see ${logFile}`);
    await sleep(30);
  }
  return { url, pid: store.child.pid!, ended: store.ended, stop: store.stop };
}

/** Addresses of the InfluxDB that runs on a folder: its interface and its backup service; null when none runs. */
export function runningInflux(directory: string): { url: string; backup: string } | null {
  try {
    const pid = Number(readFileSync(path.join(directory, 'influxd.pid'), 'utf8').trim());
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory)) return null;
    const config = readFileSync(path.join(directory, 'influxdb.conf'), 'utf8');
    const [backup, http] = [...config.matchAll(/bind-address = "(.*)"/g)].map(match => match[1]);
    return backup && http ? { url: `http://${http}`, backup } : null;
  } catch {
    return null;
  }
}

/** A hub that was killed leaves its influxd behind; two on one folder would damage it. */
function stopLeftover(pidFile: string) {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8').trim());
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path.dirname(pidFile))) return;
  } catch {
    return;
  }
  try {
    process.kill(pid, 'SIGTERM');
    for (let i = 0; i < 100; i++) {
      process.kill(pid, 0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
    process.kill(pid, 'SIGKILL');
  } catch {
    rmSync(pidFile, { force: true });
  }
}
