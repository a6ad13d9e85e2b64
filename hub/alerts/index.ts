// Alerts: raised, seen at once by the right caregivers, escalated by the on-call list, acknowledged, and closed with what happened.
export { type AlertDeps, type Alerts, openAlerts } from './alerts.ts';
export { askDoctor, type RequestConsultation } from './ask-doctor.ts';
export { actInForce, readCard } from './budget.ts';
export { budgetRoutes } from './budget-routes.ts';
export { openHandovers } from './handover.ts';
export { handoverRoutes } from './handover-routes.ts';
export { type AttachAlerts, attachAlerts } from './live.ts';
export { onCallRoutes } from './on-call-routes.ts';
export { type AlertOutcome, alertOutcomes } from './outcomes.ts';
export { pushRoutes } from './push-routes.ts';
export { type EscalationDeps, startEscalation } from './queue.ts';
export { openReach, type Reach } from './reach.ts';
export { alertRoutes } from './routes.ts';
