// The stores: PostgreSQL for records and state, InfluxDB for samples, embedded or given.
export { freePort, type StoreProcess } from './child.ts';
export { startEmbeddedInflux } from './embedded-influx.ts';
export { startEmbeddedPostgres } from './embedded-postgres.ts';
export { type Database, migrate, type NoTables, openDatabase } from './postgres.ts';
export type { Keeping } from './retention.ts';
export { openSamples, SAMPLE_DATABASE, type SamplePoint, type SampleQuery, type SampleRows, type SampleStore } from './samples.ts';
