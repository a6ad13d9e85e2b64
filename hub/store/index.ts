// The stores: PostgreSQL for records and state, InfluxDB for samples, embedded or given.
export { freePort, type StoreProcess } from './child.ts';
export { runningInflux, startEmbeddedInflux } from './embedded-influx.ts';
export { runningEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
export { type FileStore, type FileStoreOptions, FileTooLarge, openFiles, type StoredFile } from './files.ts';
export { type JobQueue, openJobs } from './jobs.ts';
export type { SamplePoint } from './point.ts';
export { type Database, migrate, type NoTables, openDatabase } from './postgres.ts';
export type { Keeping } from './retention.ts';
export { openSamples, SAMPLE_DATABASE, type SampleQuery, type SampleRows, type SampleStore } from './samples.ts';
