// The record: FHIR R4 over PostgreSQL, consent and audit, notes, documents and their delivery.
export { startSealer } from './audit-seal.ts';
export { type DayRisk, type DaySummary, type QuantitySummary, sensorSummary } from './day-summary.ts';
export { documentRoutes } from './documents/routes.ts';
export { openSigning, type Signing } from './documents/signing.ts';
export { emergencyRoutes, openJournal, watchEmergencies } from './emergency/index.ts';
export { fhirRoutes } from './fhir-routes.ts';
export { kanjiName } from './names.ts';
export { type NoteDeps, noteRoutes, noteStates } from './note-routes.ts';
export { type OpenRecords, openRecords } from './open.ts';
export { type OutboxDeps, startOutbox } from './outbox.ts';
export type { Action, Category, Records, Repository, Resident } from './records.ts';
export { recordRoutes } from './routes.ts';
export * from './systems.ts';
