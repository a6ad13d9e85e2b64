// Subscriptions (R4 Subscription): by rest-hook and by WebSocket, told as the subscriber may see it.
export { type SubscriptionDeps, subscriptionRoutes } from './routes.ts';
export { attachSubscriptions, SOCKET_PATH, type SubscriptionSockets } from './socket.ts';
export { startSubscriptions } from './watch.ts';
