// Alarms by rule and loss of cover: watched in the predict role, limits of residents set over HTTP.
//
// Begin with `watch.ts`: it hears what ingest has stored, asks `rules.ts` (calls, falls, vital signs; the rules themselves are data of the
// devices' profiles) and `cover.ts` (who is no longer watched), and raises or clears alerts. `store.ts` keeps what a restart must not forget.
export { limitRoutes } from './routes.ts';
export { limitsOf } from './store.ts';
export { type AlarmDeps, type Alarms, startAlarms } from './watch.ts';
