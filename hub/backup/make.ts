// Makes a backup: database, samples and files of a hub, while it runs or not, in one file.
import { createHash, createHmac } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import { runningEmbeddedPostgres, runningInflux, type StoreProcess, startEmbeddedInflux, startEmbeddedPostgres } from '../store/index.ts';
import { type Snapshot, tablesOf } from './database.ts';
import { BackupProblem, MANIFEST, type Manifest } from './manifest.ts';
import { backUpSamples, influxdVersion } from './samples.ts';
import { canSeal, writeSealed } from './sealing.ts';
import { type Entry, pack } from './tar.ts';

export interface MakeOptions {
  config: Config;
  /** Folder that takes the backups. */
  directory: string;
  /** Older backups of the folder beyond so many are removed after this one is there. */
  keep: number;
  /** Said aloud that it shall not be encrypted; the hub's secrets are then left out. */
  unencrypted?: boolean;
  step(words: string): void;
  /** Is told the database's address before anything is read from it: notes the export in the audit trail. */
  begin?(databaseUrl: string): Promise<void>;
  now?: () => Date;
}

export interface Made {
  file: string;
  bytes: number;
  manifest: Manifest;
  removed: string[];
}

/** Of HUB_DATA not in a backup: what the stores' own copies hold, what is made anew, and the demonstration's own things. */
const LEFT_OUT = /^(postgres|influx|demo|fhir-packages|restoring|before-restore-.*|backup-draft-.*)$/;
const NAME = /^hub-\d{8}T\d{6}Z\.(age|tar\.gz)$/;

/** @throws BackupProblem with words what to do; then there is no new file, and no older one was removed */
export async function makeBackup({
  config,
  directory,
  keep,
  unencrypted = false,
  step,
  begin,
  now = () => new Date(),
}: MakeOptions): Promise<Made> {
  const sealed = canSeal(config.backup);
  if (!sealed && !unencrypted) {
    throw new BackupProblem(
      'A backup holds all patients’ data: set HUB_BACKUP_RECIPIENT (age1…) or HUB_BACKUP_PASSPHRASE (or …_FILE), or say --unencrypted.',
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stamp = now()
    .toISOString()
    .replace(/[-:]|\.\d+/g, '');
  const file = path.join(directory, `hub-${stamp}.${sealed && !unencrypted ? 'age' : 'tar.gz'}`);
  await mkdir(config.dataDirectory, { recursive: true });
  const draft = await mkdtemp(path.join(config.dataDirectory, 'backup-draft-'));
  const stores = await openStores(config);
  try {
    await begin?.(stores.databaseUrl);
    let manifest: Manifest | undefined;
    const entries = entriesOf({ ...{ config, draft, step }, ...stores, secrets: sealed && !unencrypted }, made => (manifest = made));
    const bytes = await writeSealed(pack(entries), file, sealed && !unencrypted ? config.backup : null);
    if (!manifest) throw new Error('the backup has no manifest');
    return { file, bytes, manifest, removed: await removeOld(directory, keep) };
  } finally {
    await rm(draft, { recursive: true, force: true });
    await stores.close();
  }
}

interface Stores {
  databaseUrl: string;
  /** `host:port` of InfluxDB's backup service. */
  samples: string;
  close(): Promise<void>;
}

/** The stores of a hub that runs, or, of one that does not, started for this time. */
async function openStores(config: Config): Promise<Stores> {
  const started: StoreProcess[] = [];
  const [postgres, influx] = [path.join(config.dataDirectory, 'postgres'), path.join(config.dataDirectory, 'influx')];
  const close = async () => {
    for (const store of started) await store.stop();
  };
  try {
    let databaseUrl = config.databaseUrl ?? runningEmbeddedPostgres(postgres);
    if (!databaseUrl) {
      await readdir(path.join(postgres, 'cluster')).catch(cause => {
        throw new BackupProblem(`There is no hub in ${config.dataDirectory}: set HUB_DATA, or DATABASE_URL.`, { cause });
      });
      const store = await startEmbeddedPostgres(postgres);
      started.push(store);
      databaseUrl = store.url;
    }
    if (config.influxUrl) return { databaseUrl, samples: config.backup.influx, close };
    let running = runningInflux(influx);
    if (!running) {
      started.push(await startEmbeddedInflux(influx));
      running = runningInflux(influx);
    }
    if (!running) throw new BackupProblem('The sample store does not run.');
    return { databaseUrl, samples: running.backup, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Sources {
  config: Config;
  databaseUrl: string;
  samples: string;
  draft: string;
  secrets: boolean;
  step(words: string): void;
}

/**
 * What goes into the archive. The database comes first: files never change under their hash, so that those which it speaks of are all there
 * when they are read after it. The manifest comes last.
 */
async function* entriesOf(
  { config, databaseUrl, samples, draft, secrets, step }: Sources,
  done: (manifest: Manifest) => void,
): AsyncGenerator<Entry> {
  const { dataDirectory } = config;
  const files: Manifest['files'] = [];
  async function* below(among: (file: string) => boolean) {
    for (const { file, mode } of await filesBelow(dataDirectory)) {
      if (!among(file) || (!secrets && (mode & 0o077) === 0 && !file.startsWith('files/'))) continue;
      yield* whole(path.join(dataDirectory, file), `hub/${file}`, part => files.push({ ...part, mode }));
    }
  }
  // What the audit trail's seals speak of is in the database already; later seals would speak of rows that are not in this backup.
  yield* below(file => file.startsWith('audit/'));
  let snapshot: Snapshot | undefined;
  yield* tablesOf(databaseUrl, found => (snapshot = found), step);
  if (!snapshot) throw new Error('the database was not read to its end');
  step('samples');
  await backUpSamples(samples, draft);
  const parts: Manifest['samples'] = [];
  for (const name of (await readdir(draft)).sort()) {
    yield* whole(path.join(draft, name), `influx/${name}`, part => parts.push(part));
  }
  step('files');
  yield* below(file => !file.startsWith('audit/'));
  const { version } = JSON.parse(await readFile(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };
  const manifest: Manifest = {
    ...{ format: 1, ...snapshot, hub: version, influx: await influxdVersion().catch(() => null), samples: parts, files, secrets },
    secretCheck: config.secret ? secretCheck(config.secret) : null,
  };
  const text = Buffer.from(JSON.stringify(manifest, null, 1));
  done(manifest);
  yield {
    name: MANIFEST,
    size: text.length,
    content: (async function* () {
      yield text;
    })(),
  };
}

export const secretCheck = (secret: string) => createHmac('sha256', secret).update('backup').digest('hex');

/** A file as it is now; one that went away meanwhile was forgotten on purpose. */
async function* whole(
  file: string,
  name: string,
  done: (part: { name: string; size: number; sha256: string }) => void,
): AsyncGenerator<Entry> {
  const found = await stat(file).catch(() => undefined);
  if (!found) return;
  const sum = createHash('sha256');
  async function* content() {
    if (!found?.size) return;
    for await (const piece of createReadStream(file, { end: found.size - 1 }) as AsyncIterable<Buffer>) {
      sum.update(piece);
      yield piece;
    }
  }
  yield { name, size: found.size, content: content() };
  done({ name, size: found.size, sha256: sum.digest('hex') });
}

async function filesBelow(root: string): Promise<{ file: string; mode: number }[]> {
  const found: { file: string; mode: number }[] = [];
  const walk = async (folder: string) => {
    for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
      const file = folder ? `${folder}/${entry.name}` : entry.name;
      if (LEFT_OUT.test(file) || /^files\/[^/]+\/draft$/.test(file)) continue;
      if (entry.isDirectory()) await walk(file);
      else if (entry.isFile()) found.push({ file, mode: (await stat(path.join(root, file))).mode & 0o777 });
    }
  };
  await walk('');
  return found.sort((a, b) => a.file.localeCompare(b.file));
}

/** Removes the oldest backups of this folder; other files in it are nobody's business. */
async function removeOld(directory: string, keep: number): Promise<string[]> {
  const old = (await readdir(directory))
    .filter(name => NAME.test(name))
    .sort()
    .reverse()
    .slice(Math.max(1, keep));
  for (const name of old) await rm(path.join(directory, name));
  return old;
}
