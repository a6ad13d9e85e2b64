// Sign-in, sessions, people and their roles.

export { accountsOf, administratorsOf, type Reachable } from './accounts.ts';
export {
  type Actor,
  type Factor,
  hasRole,
  PERSON_ROLES,
  type Person,
  type PersonRole,
  type RoleAt,
  requireRole,
  type Service,
  service,
} from './actor.ts';
export { appRoutes } from './app-routes.ts';
export { type Authority, type Issued, openAuthority } from './authority.ts';
export { licenceOf } from './bindings.ts';
export { type Identity, type IdentityOptions, openIdentity, type Proof } from './identity.ts';
export { openLinks } from './links.ts';
export { oauthRoutes, smartConfiguration } from './oauth-routes.ts';
export { oidcRoutes, type WhoIs } from './oidc-routes.ts';
export { type HeldRole, openPeople, ROLES_CHANNEL } from './people.ts';
export { peopleRoutes, type Treats } from './people-routes.ts';
export { sessionRoutes, signedIn } from './routes.ts';
export { SESSIONS_CHANNEL } from './sessions.ts';
export { wellKnownRoutes } from './well-known.ts';
