// Taking in sensors: the broker, the registry of devices, and their routes.

export { type AssignmentSpan, assignmentsOf } from './assignments.ts';
export { attachCoverage } from './coverage-live.ts';
export { REGISTRY_CHANNEL } from './credentials.ts';
export type { LimitsOf } from './downlink.ts';
export { HEALTH_CHANNEL } from './health-store.ts';
export type { StoredBatch } from './intake.ts';
export { OBSERVATION_CHANNEL, type Observation, observationTopic, type Sight } from './observer.ts';
export { type PlacesOf, placesIn } from './places.ts';
export { openRegistry, type RegisteredDevice, type Registry } from './registry.ts';
export { type DeviceRoutesDependencies, deviceRoutes } from './routes.ts';
export { type Ingest, type IngestDependencies, startIngest } from './start.ts';
export { type WatchedDevice, type WatchedFacility, watchedFacilities, watchingProfiles } from './watched.ts';
