// Bulk export (FHIR Bulk Data Access 2.0): asked for, made by a job, fetched as NDJSON, forgotten after a day.
export { exportRoutes } from './routes.ts';
export { startExports } from './worker.ts';
