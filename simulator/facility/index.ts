// A simulated facility: residents' devices as real MQTT clients, with a past, episodes on order, and faults.
export { type Facility, type FacilityOptions, type OrderedEpisode, startFacility } from './facility.ts';
export { FAULT_KINDS, type FaultKind, type Faults, NO_FAULTS, type OrderedFault, parseFault } from './faults.ts';
export { type FacilityPlan, parsePlan, readPlan } from './plan.ts';
export { type Relay, startRelay } from './relay.ts';
