// The browser's side of consultations: without any framework, for the room's page and for tests.
export { ConsultClient, type ConsultClientEvents, type Phase } from './client.ts';
export { type Device, type DeviceProblem, type DeviceState, LocalMedia, type Shown } from './local-media.ts';
export { GRADES, type Grade, gradeOf, type Quality, QualityMeter } from './quality.ts';
export type { RemoteTrack } from './remote-media.ts';
export { SignalError } from './signalling.ts';
