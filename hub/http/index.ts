// The HTTP and socket.io face of the hub.
export { type AppOptions, makeApp } from './app.ts';
export { keepCertificate } from './certificate.ts';
export { type Doors, refusalOf } from './guard.ts';
export { type Checks, healthRoutes, type PartHealth } from './health.ts';
export { parseJson, reachesIntoPrototype } from './json.ts';
export { notAllowed, notFound, notSignedIn, Problem, type ProblemBody, type Text } from './problem.ts';
export type { Rates } from './rates.ts';
export { checked, peerOf, readBody } from './request.ts';
export { openDoor, TLS_OPTIONS } from './server.ts';
export type { HubEnv } from './server-types.ts';
export { openSockets, type Sockets } from './sockets.ts';
export { trustPage, trustRoutes } from './trust.ts';
export { type Accepted, acceptUpload, type GivenFile, giveFile, readUpload } from './upload.ts';
