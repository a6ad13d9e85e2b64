// Sign-in, sessions, people and their roles.
export {
  type Actor,
  hasRole,
  PERSON_ROLES,
  type Person,
  type PersonRole,
  type RoleAt,
  requireRole,
  type Service,
  service,
} from './actor.ts';
