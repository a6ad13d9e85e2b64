// What tests of every area share: a migrated database and a sample store of their own.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { inject } from 'vitest';
import { type Database, migrate, openDatabase, openSamples, type SampleStore } from '../../hub/store/index.ts';

/** A new, migrated database in the run's PostgreSQL. Close it in `afterAll`. */
export async function freshDatabase(): Promise<Database> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase(inject('postgresUrl'), { connections: 1 });
  await admin.pool.query(`create database ${name}`);
  await admin.close();
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const database = openDatabase(url.href, { connections: 5 });
  await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
  return database;
}

/** The run's InfluxDB. Tests keep apart by their own facility and subject names. */
export const sampleStore = (): Promise<SampleStore> => openSamples(inject('influxUrl'));

/** A name no other test uses. */
export const unique = (prefix: string) => `${prefix}-${randomBytes(5).toString('hex')}`;
