// The database in a backup: every table as PostgreSQL copies it, all of one moment; and back, in one transaction.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import type { Manifest } from './manifest.ts';
import { BackupProblem } from './manifest.ts';
import type { Entry } from './tar.ts';

/** Bytes of one piece of a table in the archive, held in memory. */
const PIECE = 4 * 1024 * 1024;

export type Snapshot = Pick<Manifest, 'postgres' | 'migrations' | 'tables' | 'sequences' | 'made'>;

const name = (identifier: string) => `public.${pg.escapeIdentifier(identifier)}`;

/**
 * Reads all tables of the hub as they are at one moment, while others go on writing.
 * @param found is told what was found when all was read
 * Jobs (schema `pgboss`) are left out: each area wakes up what it has to do when it starts.
 */
export async function* tablesOf(url: string, found: (snapshot: Snapshot) => void, step: (words: string) => void): AsyncGenerator<Entry> {
  const client = new pg.Client({ connectionString: url, application_name: 'hub-backup' });
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows: moment } = await client.query<{ made: Date; version: string }>(
      `select now() as made, current_setting('server_version') as version`,
    );
    const { rows: columns } = await client.query<{ table: string; columns: string[] }>(
      `select c.relname as table, array_agg(a.attname::text order by a.attnum) as columns
       from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       group by c.relname order by c.relname`,
    );
    step(`database: ${columns.length} tables`);
    const tables: Manifest['tables'] = [];
    for (const { table, columns: own } of columns) {
      const entry = `postgres/${table}`;
      const [sum, list] = [createHash('sha256'), own.map(column => pg.escapeIdentifier(column)).join(', ')];
      const copy = client.query(copyStreams.to(`copy ${name(table)} (${list}) to stdout`));
      let [size, number] = [0, 0];
      for await (const piece of inPieces(copy)) {
        sum.update(piece);
        size += piece.length;
        yield { name: `${entry}/${String(++number).padStart(6, '0')}`, size: piece.length, content: once(piece) };
      }
      tables.push({ table, columns: own, rows: copy.rowCount, name: entry, size, sha256: sum.digest('hex') });
    }
    const { rows: sequences } = await client.query<{ name: string; value: string }>(
      `select sequencename as name, last_value::text as value from pg_sequences where schemaname = 'public' and last_value is not null order by 1`,
    );
    const migrations: Manifest['migrations'] = {};
    for (const { table } of tables) {
      const area = /^migration_([a-z-]+)$/.exec(table)?.[1];
      if (!area) continue;
      const { rows } = await client.query<{ name: string }>(`select name from ${name(table)} order by name`);
      migrations[area] = rows.map(row => row.name);
    }
    await client.query('commit');
    found({ made: moment[0]!.made.toISOString(), postgres: moment[0]!.version, migrations, tables, sequences });
  } finally {
    await client.end();
  }
}

async function* once(piece: Uint8Array) {
  yield piece;
}

async function* inPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of source) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < PIECE) continue;
    yield Buffer.concat(held);
    [held, bytes] = [[], 0];
  }
  if (bytes) yield Buffer.concat(held);
}

/**
 * Fills the tables of a database from files (`fileOf` a part's name), all or nothing. The tables are there already, by the same migrations.
 * @throws BackupProblem when a table is missing or has not as many rows as the backup says
 */
export async function loadTables(url: string, { tables, sequences }: Manifest, fileOf: (part: string) => string) {
  const client = new pg.Client({ connectionString: url, application_name: 'hub-restore' });
  await client.connect();
  try {
    await client.query('begin');
    const ordered = await quieted(client, tables);
    // What the migrations themselves put into tables is in the backup too.
    await client.query(`truncate ${ordered.map(({ table }) => name(table)).join(', ')}`);
    for (const { table, columns, name: part, rows } of ordered) {
      const list = columns.map(column => pg.escapeIdentifier(column)).join(', ');
      const copy = client.query(copyStreams.from(`copy ${name(table)} (${list}) from stdin`));
      await pipeline(createReadStream(fileOf(part)), copy);
      if (copy.rowCount !== rows) throw new BackupProblem(`The table ${table} took ${copy.rowCount} rows; the backup has ${rows}.`);
    }
    for (const { name: sequence, value } of sequences) await client.query('select setval($1::regclass, $2)', [name(sequence), value]);
    for (const statement of ordered.after) await client.query(statement);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    await client.end();
  }
}

/**
 * Tells the database that rows come as they were: triggers (append-only tables, derived rows) do not run again. Where only a superuser may
 * say so for the whole session, it is said for each table, and tables come in the order in which they point at each other.
 */
async function quieted(client: pg.Client, tables: Manifest['tables']): Promise<Manifest['tables'] & { after: string[] }> {
  await client.query('savepoint quiet');
  try {
    await client.query('set local session_replication_role = replica');
    return Object.assign([...tables], { after: [] });
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    await client.query('rollback to savepoint quiet');
  }
  const { rows } = await client.query<{ from: string; to: string }>(
    `select c.conrelid::regclass::text as from, c.confrelid::regclass::text as to from pg_constraint c
     where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.conrelid <> c.confrelid`,
  );
  const ordered: Manifest['tables'] = [];
  const seen = new Set<string>();
  const put = (table: string) => {
    if (seen.has(table)) return;
    seen.add(table);
    for (const { from, to } of rows) if (from === table) put(to);
    ordered.push(...tables.filter(each => each.table === table));
  };
  for (const { table } of tables) put(table);
  for (const { table } of ordered) await client.query(`alter table ${name(table)} disable trigger user`);
  return Object.assign(ordered, { after: ordered.map(({ table }) => `alter table ${name(table)} enable trigger user`) });
}
