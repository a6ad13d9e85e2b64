// The HTTP and socket.io face of the hub.
export { type AppOptions, isSameOrigin, makeApp } from './app.ts';
export { type Checks, healthRoutes, type PartHealth } from './health.ts';
export { notAllowed, notFound, notSignedIn, Problem, type ProblemBody, type Text } from './problem.ts';
export { checked, peerOf, readBody } from './request.ts';
export type { HubEnv } from './server-types.ts';
export { openSockets, type Sockets } from './sockets.ts';
export { type Accepted, acceptUpload, type GivenFile, giveFile, readUpload } from './upload.ts';
