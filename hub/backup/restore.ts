// Puts a backup back: everything is made ready beside, and moved into place only when all of it is there.
import { chmod, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import {
  migrate,
  openDatabase,
  runningEmbeddedPostgres,
  runningInflux,
  startEmbeddedInflux,
  startEmbeddedPostgres,
} from '../store/index.ts';
import { loadTables } from './database.ts';
import { secretCheck } from './make.ts';
import { BackupProblem, type Manifest } from './manifest.ts';
import { readBackup } from './read.ts';
import { restoreSamples } from './samples.ts';

export interface RestoreOptions {
  config: Config;
  file: string;
  /** Said aloud that a hub that is there gives way; it is moved aside, not deleted. */
  replace?: boolean;
  step(words: string): void;
  /** Is told the database when it is filled: notes the restore in the audit trail. */
  done?(databaseUrl: string, manifest: Manifest): Promise<void>;
  now?: () => Date;
}

export interface Restored {
  manifest: Manifest;
  /** Folder that the former data went to. */
  former: string | null;
}

const HUB = path.resolve(import.meta.dirname, '..');
/** While this folder is there, a restore is under way or was interrupted: the hub does not start. */
export const RESTORING = 'restoring';

/** @throws BackupProblem with words what to do; then the hub's data is as it was */
export async function restoreBackup({
  config,
  file,
  replace = false,
  step,
  done,
  now = () => new Date(),
}: RestoreOptions): Promise<Restored> {
  const { dataDirectory } = config;
  if (runningEmbeddedPostgres(path.join(dataDirectory, 'postgres')) || runningInflux(path.join(dataDirectory, 'influx')))
    throw new BackupProblem(`A hub runs on ${dataDirectory}. Stop it first.`);
  const held = (await readdir(dataDirectory).catch(() => [])).filter(name => name !== RESTORING && !name.startsWith('before-restore-'));
  if (held.length && !replace) {
    throw new BackupProblem(
      `${dataDirectory} holds data already (${held.slice(0, 3).join(', ')}${held.length > 3 ? ', …' : ''}). Restore into an empty folder (HUB_DATA), or say --replace: what is there is then moved aside.`,
    );
  }
  if (config.databaseUrl) await requireEmpty(config.databaseUrl);
  const place = path.join(dataDirectory, RESTORING);
  await rm(place, { recursive: true, force: true });
  // PostgreSQL may run as another user there: it must be able to walk through.
  await mkdir(place, { recursive: true, mode: 0o711 });
  let moving = false;
  try {
    step('checking the whole backup');
    const parts = path.join(place, 'parts');
    const manifest = await readBackup(file, config.backup, parts);
    if (manifest.secretCheck && (!config.secret || secretCheck(config.secret) !== manifest.secretCheck))
      throw new BackupProblem('The hub of this backup had a HUB_SECRET: set the same one, else its files, sign-ins and keys are lost.');
    const ready = path.join(place, 'ready');
    await mkdir(ready, { mode: 0o711 });
    await fillDatabase(config, ready, parts, manifest, step, done);
    step('samples');
    await fillSamples(config, ready, path.join(parts, 'influx'), manifest);
    step('files');
    for (const { name, mode } of manifest.files) {
      const target = path.join(ready, name.slice('hub/'.length));
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      await cp(path.join(parts, name), target);
      await chmod(target, mode);
    }
    await rm(parts, { recursive: true });
    step('moving it into place');
    const former = held.length ? path.join(dataDirectory, `before-restore-${now().toISOString().replace(/[:.]/g, '-')}`) : null;
    moving = true;
    if (former) {
      await mkdir(former, { mode: 0o711 });
      for (const name of held) await rename(path.join(dataDirectory, name), path.join(former, name));
    }
    for (const name of await readdir(ready)) await rename(path.join(ready, name), path.join(dataDirectory, name));
    await rm(place, { recursive: true });
    return { manifest, former };
  } finally {
    if (!moving) await rm(place, { recursive: true, force: true });
  }
}

async function requireEmpty(url: string) {
  const database = openDatabase(url, { connections: 1 });
  try {
    const { rows } = await database.pool.query<{ full: boolean }>(
      `select exists (select 1 from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r') as full`,
    );
    if (rows[0]?.full)
      throw new BackupProblem('The database at DATABASE_URL holds tables already. Make an empty database and set DATABASE_URL to it.');
  } finally {
    await database.close();
  }
}

async function fillDatabase(
  config: Config,
  ready: string,
  parts: string,
  manifest: Manifest,
  step: (words: string) => void,
  done: RestoreOptions['done'],
) {
  const store = config.databaseUrl ? undefined : await startEmbeddedPostgres(path.join(ready, 'postgres'));
  const url = config.databaseUrl ?? store?.url ?? '';
  try {
    step(`database: ${manifest.tables.length} tables`);
    const database = openDatabase(url, { connections: 2 });
    try {
      // First the tables as the backup knows them, then whatever this program has added since.
      await migrate(database, HUB, manifest.migrations);
      await loadTables(url, manifest, part => path.join(parts, part));
      await migrate(database, HUB);
    } finally {
      await database.close();
    }
    await done?.(url, manifest);
  } finally {
    await store?.stop();
  }
}

async function fillSamples(config: Config, ready: string, folder: string, { samples }: Manifest) {
  // Of a store without any sample InfluxDB's restore makes an error; the hub makes an empty one by itself.
  if (!samples.some(({ name }) => name.endsWith('.tar.gz'))) return;
  if (config.influxUrl) return restoreSamples(config.backup.influx, folder);
  const directory = path.join(ready, 'influx');
  const store = await startEmbeddedInflux(directory);
  try {
    const running = runningInflux(directory);
    if (!running) throw new BackupProblem('The sample store does not start.');
    await restoreSamples(running.backup, folder);
  } finally {
    await store.stop();
  }
}
