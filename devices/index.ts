// The device contract: profiles, topics, SenML packs, the check of readings, and a client for device makers.
export {
  type AlarmChange,
  type AlarmLimits,
  type AlarmState,
  FRESH_FOR,
  judgeAlarms,
} from './alarm-rules.ts';
export { AGE_LIMIT, checkReadings, FUTURE_LIMIT, type Point } from './check.ts';
export { DeviceClient, type DeviceClientCounts, type DeviceClientOptions } from './client.ts';
export {
  type ClockObservation,
  type ClockState,
  clockObservation,
  DRIFT_LIMIT,
  isDrifting,
  NO_CLOCK,
  nextCorrection,
  observeClock,
} from './clock.ts';
export { CONTRACT_LIMITS, WHAT_TO_DO } from './contract-facts.ts';
export { type ExampleDevice, exampleMicroPython, examplePack, exampleShell, exampleTypeScript } from './examples.ts';
export { gateSocket, type Oversized, PacketScanner } from './packet-gate.ts';
export {
  type AlarmKind,
  type AlarmRule,
  loadProfiles,
  OBSERVATION_CATEGORY_SYSTEM,
  PROFILE_DIRECTORY,
  type Profile,
  type Quantity,
} from './profiles.ts';
export { PackRefusal, type Refusal, type RefusalReason, type Text } from './refusal.ts';
export {
  absolutePack,
  CLOCK,
  CLOCK_CORRECTION,
  correctedPack,
  type DecodedPack,
  decodePack,
  decodeTimedPack,
  encodePack,
  MAX_PACK_BYTES,
  MAX_PACK_RECORDS,
  type Pack,
  type PackToSend,
  RESERVED,
  type Reading,
  SEQUENCE,
} from './senml.ts';
export { clientOf, holderOf, type ShownCertificate } from './shown-certificate.ts';
export {
  benchTopic,
  type DeviceChannel,
  deviceTopic,
  deviceUsername,
  GATEWAY,
  type GatewayChannel,
  gatewayAlarmTopic,
  gatewayDevicesTopic,
  gatewayTopic,
  gatewayUsername,
  identityUri,
  isId,
  type Login,
  loginOfUri,
  type PackFormat,
  parseTopic,
  parseUsername,
  type SubjectType,
  storedTopic,
  type Topic,
  usernameOf,
} from './topics.ts';
export { isLoincCode, SECONDARY_UNITS, SENML_UNITS } from './units.ts';
