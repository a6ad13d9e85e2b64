// A simulated facility: residents' devices as real MQTT clients, with a past, episodes on order, and faults.
export { type Facility, type FacilityOptions, type OrderedEpisode, startFacility } from './facility.ts';
export { type Faults, NO_FAULTS } from './faults.ts';
export { type FacilityPlan, parsePlan, readPlan } from './plan.ts';
