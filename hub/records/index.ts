// The record: FHIR R4 over PostgreSQL, consent and audit, notes, documents and their delivery.

export { CATEGORY_SYSTEM } from './access/provisions.ts';
export { actsFor } from './access/proxies.ts';
export { startSealer } from './audit/audit-seal.ts';
export type { TimelineEntry, TimelinePage } from './contract.ts';
export { type DayRisk, type DaySummary, type QuantitySummary, sensorIntervals, sensorSummary } from './documents/day-summary.ts';
export { draftRoutes } from './documents/draft-routes.ts';
export { elsewhereRoutes } from './documents/elsewhere.ts';
export { type NoteDeps, noteRoutes, noteStates } from './documents/note-routes.ts';
export { type OutboxDeps, startOutbox } from './documents/outbox.ts';
export { Paper } from './documents/paper.ts';
export type { ReportSources } from './documents/reports.ts';
export { documentRoutes } from './documents/routes.ts';
export { openSigning, type Signing } from './documents/signing.ts';
export { startStamping } from './documents/stamping.ts';
export { emergencyRoutes, openJournal, watchEmergencies } from './emergency/index.ts';
export { eraseResources } from './erase.ts';
export { exportRoutes, startExports } from './export/index.ts';
export { everythingOf } from './fhir/everything.ts';
export { fhirRoutes } from './fhir/fhir-routes.ts';
export { kanjiName } from './names.ts';
export { type OpenRecords, openRecords } from './open.ts';
export type { Action, Category, Records, Repository, Resident } from './records.ts';
export { attachRights } from './rights.ts';
export { recordRoutes } from './routes.ts';
export { attachSubscriptions, startSubscriptions, subscriptionRoutes } from './subscriptions/index.ts';
export * from './systems.ts';
export { isTimelineKind, type TimelineQuery, timelineOf, visibleTimeline } from './timeline/timeline.ts';
