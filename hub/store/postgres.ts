// PostgreSQL as every area sees it: queries by Kysely, numbered migrations by area, notifications between roles.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';

/** A database without tables; an area adds its own with `database.withTables<Tables>()`. */
// biome-ignore lint/complexity/noBannedTypes: Kysely's own word for "no tables known"
export type NoTables = {};

export interface Database {
  /** Query builder. An area types its tables: `database.kysely.withTables<AlertTables>()`. */
  kysely: Kysely<NoTables>;
  /** For libraries that want the driver itself (better-auth, socket.io's adapter). */
  pool: pg.Pool;
  url: string;
  /** Sends `payload` (JSON, below 8,000 bytes: PostgreSQL's limit) to all listeners of `channel` in all roles and nodes. */
  notify(channel: string, payload: unknown): Promise<void>;
  /** Calls `heard` for every notification, and `missed` after a lost connection, when some may have been missed. Returns the way to stop. */
  listen(channel: string, heard: (payload: unknown) => void, missed?: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Opens a pool on `url`. `connections` bounds this process's share of the server's connections. */
export function openDatabase(url: string, options: { connections?: number; onError?: (error: Error) => void } = {}): Database {
  const pool = new pg.Pool({ connectionString: url, max: options.connections ?? 10 });
  // The pool listens only to its idle connections: one that broke in the middle of a transaction would end the whole process.
  pool.on('connect', client => client.on('error', error => options.onError?.(error)));
  pool.on('error', () => undefined);
  const kysely = new Kysely<NoTables>({ dialect: new PostgresDialect({ pool }) });
  const listener = new Listener(url, error => options.onError?.(error));
  return {
    kysely,
    pool,
    url,
    async notify(channel, payload) {
      await sql`select pg_notify(${channel}, ${JSON.stringify(payload)})`.execute(kysely);
    },
    listen: (channel, heard, missed) => listener.listen(channel, heard, missed),
    async close() {
      await listener.close();
      await kysely.destroy();
    },
  };
}

type Subscription = { channel: string; heard: (payload: unknown) => void; missed?: () => void };

/** One connection that listens for this process; it reconnects by itself and says so to its subscribers. */
class Listener {
  #url: string;
  #onError: (error: Error) => void;
  #subscriptions = new Set<Subscription>();
  #client: Promise<pg.Client> | undefined;
  #closed = false;
  /** The next attempt to connect again. */
  #waiting: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: string, onError: (error: Error) => void) {
    this.#url = url;
    this.#onError = onError;
  }

  async listen(channel: string, heard: Subscription['heard'], missed?: () => void) {
    const subscription = { channel, heard, missed };
    this.#subscriptions.add(subscription);
    const client = await this.#connected();
    await this.#ask(client, `listen ${pg.escapeIdentifier(channel)}`);
    return async () => {
      this.#subscriptions.delete(subscription);
      const others = [...this.#subscriptions].some(other => other.channel === channel);
      if (!others && !this.#closed && this.#client) await this.#ask(await this.#client, `unlisten ${pg.escapeIdentifier(channel)}`);
    };
  }

  /** One query at a time on the one connection. */
  #ask(client: pg.Client, query: string): Promise<unknown> {
    const asked = this.#last.catch(() => undefined).then(() => client.query(query));
    this.#last = asked;
    return asked;
  }

  #connected(): Promise<pg.Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url, keepAlive: true });
    client.on('notification', message => {
      for (const subscription of this.#subscriptions) {
        if (subscription.channel !== message.channel) continue;
        try {
          subscription.heard(message.payload ? JSON.parse(message.payload) : null);
        } catch (error) {
          this.#onError(error as Error);
        }
      }
    });
    client.on('error', error => this.#onError(error));
    try {
      await client.connect();
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
    // Only of a connection that stood: a failed attempt says `end` too, and would double the attempts each time.
    client.on('end', () => this.#reconnect());
    return client;
  }

  #reconnect(attempt = 0) {
    this.#client = undefined;
    if (this.#closed || !this.#subscriptions.size || this.#waiting) return;
    this.#waiting = setTimeout(
      async () => {
        this.#waiting = undefined;
        if (this.#closed) return;
        try {
          const client = await this.#connected();
          for (const channel of new Set([...this.#subscriptions].map(subscription => subscription.channel))) {
            await this.#ask(client, `listen ${pg.escapeIdentifier(channel)}`);
          }
          for (const subscription of this.#subscriptions) subscription.missed?.();
        } catch (error) {
          this.#onError(error as Error);
          if (!this.#client) this.#reconnect(attempt + 1);
        }
      },
      Math.min(5000, 100 * 2 ** attempt),
    ).unref();
  }

  async close() {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => undefined);
  }
}

/**
 * Brings each area's tables up to date. An area keeps numbered files `NNN-what.ts` (export `up`) in `hub/<area>/migrations`.
 * Safe to call from several processes: the migrator takes a lock.
 * @param upTo only these migrations, by area (a backup's): nothing is done that came later
 * @throws the first failing migration's error, with the area's name; Error when `upTo` names one that this program does not have
 */
export async function migrate(database: Database, hubDirectory: string, upTo?: Record<string, string[]>): Promise<string[]> {
  const done: string[] = [];
  const areas = (await readdir(hubDirectory, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(entry => entry.name);
  for (const area of areas.sort((a, b) => migrationOrder(a) - migrationOrder(b) || a.localeCompare(b))) {
    const folder = path.join(hubDirectory, area, 'migrations');
    const files = (await readdir(folder).catch(() => [] as string[])).filter(file => file.endsWith('.ts')).sort();
    if (!files.length) continue;
    const last = upTo && (upTo[area] ?? []).toSorted().at(-1);
    if (upTo && !last) continue;
    if (last && !files.includes(`${last}.ts`)) throw new Error(`hub/${area} has no migration ${last}: use the program's newer version`);
    const migrator = new Migrator({
      db: database.kysely,
      migrationTableName: `migration_${area}`,
      migrationLockTableName: `migration_${area}_lock`,
      provider: {
        async getMigrations() {
          const migrations: Record<string, Migration> = {};
          for (const file of files) migrations[file.replace(/\.ts$/, '')] = await import(pathToFileURL(path.join(folder, file)).href);
          return migrations;
        },
      },
    });
    const { error, results } = last ? await migrator.migrateTo(last) : await migrator.migrateToLatest();
    if (error) throw new Error(`The tables of hub/${area} could not be brought up to date`, { cause: error });
    for (const result of results ?? []) if (result.status === 'Success') done.push(`${area}/${result.migrationName}`);
  }
  return done;
}

/** Identity and records come first: other areas point at their rows. */
const migrationOrder = (area: string) => ['identity', 'records'].indexOf(area) + (['identity', 'records'].includes(area) ? 0 : 10);
