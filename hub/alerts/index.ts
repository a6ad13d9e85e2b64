// Alerts: raised, seen at once by the right caregivers, acknowledged, and closed with what happened. And the floor they are seen on.
export { type AlertDeps, type Alerts, openAlerts } from './alerts.ts';
export { type AttachAlerts, attachAlerts } from './live.ts';
export { alertRoutes } from './routes.ts';
