// Sign-in, sessions, people and their roles.

export { accountsOf, type Reachable } from './accounts.ts';
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
export { type Authority, type Issued, openAuthority } from './authority.ts';
export { type Identity, type IdentityOptions, openIdentity, SESSIONS_CHANNEL } from './identity.ts';
export { openLinks } from './links.ts';
export { openPeople } from './people.ts';
export { peopleRoutes, sessionRoutes, signedIn, type Treats } from './routes.ts';
