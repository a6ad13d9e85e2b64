// A resident's samples for pages: past by HTTP, live by socket.io.
export { attachVitals, type LiveDependencies } from './live.ts';
export { type VitalsDependencies, vitalsRoutes } from './routes.ts';
