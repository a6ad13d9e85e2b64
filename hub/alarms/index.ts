// Alarms by rule and loss of cover: watched in the predict role, limits of residents set over HTTP.
export { limitRoutes } from './routes.ts';
export { limitsOf } from './store.ts';
export { type AlarmDeps, type Alarms, startAlarms } from './watch.ts';
