// The record: FHIR R4 over PostgreSQL, consent and audit, notes, documents and their delivery.
export { fhirRoutes } from './fhir-routes.ts';
export { type OpenRecords, openRecords } from './open.ts';
export type { Action, Category, Records, Repository, Resident } from './records.ts';
