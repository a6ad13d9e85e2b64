// Simulated residents: deterministic by seed, with days, nights, habits, agitation and what only looks like it.
export type { Episode } from './agitation.ts';
export { type Building, drawBuilding } from './building.ts';
export { HPA_PER_MMHG, MEASURED, type MeasuredProfile } from './measured.ts';
export type { Person } from './person.ts';
export { Random } from './random.ts';
export { RESIDENT_PROFILES, type ResidentOptions, type ResidentProfile, ResidentSimulation, type Sample, type Tick } from './simulation.ts';
export { DAY, HOUR, hourOfDay, MINUTE, SECOND, TICK } from './time.ts';
