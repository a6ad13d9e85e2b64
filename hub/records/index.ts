// The record: FHIR R4 over PostgreSQL, consent and audit, notes, documents and their delivery.

export { startSealer } from './audit-seal.ts';
export type { TimelineEntry, TimelinePage } from './contract.ts';
export { type DayRisk, type DaySummary, type QuantitySummary, sensorIntervals, sensorSummary } from './day-summary.ts';
export { draftRoutes } from './documents/draft-routes.ts';
export { elsewhereRoutes } from './documents/elsewhere.ts';
export { Paper } from './documents/paper.ts';
export type { ReportSources } from './documents/reports.ts';
export { documentRoutes } from './documents/routes.ts';
export { openSigning, type Signing } from './documents/signing.ts';
export { startStamping } from './documents/stamping.ts';
export { emergencyRoutes, openJournal, watchEmergencies } from './emergency/index.ts';
export { eraseResources } from './erase.ts';
export { everythingOf } from './everything.ts';
export { exportRoutes, startExports } from './export/index.ts';
export { fhirRoutes } from './fhir-routes.ts';
export { kanjiName } from './names.ts';
export { type NoteDeps, noteRoutes, noteStates } from './note-routes.ts';
export { type OpenRecords, openRecords } from './open.ts';
export { type OutboxDeps, startOutbox } from './outbox.ts';
export { CATEGORY_SYSTEM } from './provisions.ts';
export { actsFor } from './proxies.ts';
export type { Action, Category, Records, Repository, Resident } from './records.ts';
export { attachRights } from './rights.ts';
export { recordRoutes } from './routes.ts';
export { attachSubscriptions, startSubscriptions, subscriptionRoutes } from './subscriptions/index.ts';
export * from './systems.ts';
export { isTimelineKind, type TimelineQuery, timelineOf, visibleTimeline } from './timeline.ts';
