// Emergency access: break-glass, disaster mode, their journal and review.
export { EMERGENCY_CHANNEL } from './grants.ts';
export { type Journal, openJournal } from './journal.ts';
export { type EmergencyDeps, emergencyRoutes } from './routes.ts';
export { type EmergencyWatch, type Told, watchEmergencies } from './watch.ts';
