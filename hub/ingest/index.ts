// Taking in sensors: the broker, the registry of devices, and their routes.
export type { StoredBatch } from './intake.ts';
export { OBSERVATION_CHANNEL, type Observation, observationTopic, type Sight } from './observer.ts';
export { openRegistry, REGISTRY_CHANNEL, type RegisteredDevice, type Registry } from './registry.ts';
export { type DeviceRoutesDependencies, deviceRoutes } from './routes.ts';
export { type Ingest, type IngestDependencies, startIngest } from './start.ts';
