// Who acts: a signed-in person with roles at facilities, or one of the hub's own services. Every access names its actor.
import { notAllowed } from '../http/problem.ts';

export const PERSON_ROLES = ['patient', 'doctor', 'specialist', 'caregiver', 'manager', 'maker', 'administrator'] as const;
/** `doctor` treats on the island; `specialist` supports from elsewhere; `manager` runs a care facility; `maker` builds devices. */
export type PersonRole = (typeof PERSON_ROLES)[number];

/** A role held at one organization (FHIR PractitionerRole). Patients and administrators hold theirs at none (`''`). */
export interface RoleAt {
  role: PersonRole;
  /** Organization id (no `Organization/` in front). */
  organization: string;
  organizationName: string;
}

export interface Person {
  kind: 'person';
  account: string;
  session: string;
  /** As shown to others in a room, e.g. `山田 太郎`. */
  name: string;
  /** `Practitioner/…`, `Patient/…` or, who acts for a patient, `RelatedPerson/…`; null for an administrator without one. */
  reference: string | null;
  roles: RoleAt[];
  language: 'ja' | 'en';
  /** How it was proved who this is; missing: not known (a person made by the hub itself). */
  factors?: readonly Factor[];
  /** What carries this request; missing: a session. */
  via?: 'session' | 'token' | 'share' | 'break-glass';
  /** SMART scopes of the token (`patient/Observation.rs`): they narrow what the roles give, never widen it. Missing: no narrowing. */
  scopes?: readonly string[];
  /** Patient id that a token is limited to, for its `patient/…` scopes. */
  onlyPatient?: string;
  /** Whoever holds a link that the patient made (`via` share): the link's id and the categories it opens. Such a person has no other right. */
  share?: { id: string; categories: readonly string[] };
  /** Patient id for whom this person acts (a guardian, family); what they may see is in the patient's consents. */
  actsFor?: string;
  /** Works under an emergency grant (`via` break-glass) and has no other right meanwhile: the grant's id. */
  emergency?: { grant: string };
  /** Why this person looks, when it is not for treatment (v3-ActReason). */
  purpose?: 'HRESCH' | 'HOPERAT';
}

/**
 * `link`: a link that was handed over; `passkey`: WebAuthn with the user verified (two factors in one); `hpki`: a clinician's card and its
 * PIN; `oidc`: a patient by the national sign-in.
 */
export type Factor = 'link' | 'password' | 'totp' | 'backup-code' | 'passkey' | 'oidc' | 'hpki';

/** A part of the hub that acts by itself: it has only the rights that `records/` gives its name. */
export interface Service {
  kind: 'service';
  name: 'ingest' | 'predict' | 'alerts' | 'outbox' | 'consult' | 'documents' | 'phr' | 'setup';
}

export type Actor = Person | Service;

export const service = (name: Service['name']): Service => ({ kind: 'service', name });

/** Whether the actor holds one of the roles; with `organization`, at that organization. */
export function hasRole(actor: Actor, roles: readonly PersonRole[], organization?: string): boolean {
  return (
    actor.kind === 'person' &&
    actor.roles.some(held => roles.includes(held.role) && (organization === undefined || held.organization === organization))
  );
}

/** @throws Problem 403 unless the actor holds one of the roles (at `organization`, if given). */
export function requireRole(actor: Actor, roles: readonly PersonRole[], organization?: string): void {
  if (!hasRole(actor, roles, organization)) throw notAllowed();
}

/** Letters of SMART v2 scopes (c, r, u, d, s) by what is done to the record. */
const SCOPE_LETTERS: Readonly<Record<string, string>> = { create: 'c', read: 'r', update: 'u', delete: 'd', search: 's' };
/** `patient/Observation.rs`, `user/*.cruds`, `system/Patient.s` (HL7 SMART App Launch 2.2, section 3.0.2). */
export const SCOPE = /^(patient|user|system)\/(\*|[A-Z][A-Za-z]{1,60})\.(c?r?u?d?s?)$/;

/**
 * What the scopes of a token leave of a right the actor may have: all of it, what belongs to one patient, or nothing. Whoever acts without
 * a token has no scopes and is not narrowed. What is no single read or search (an export) needs a scope for all types.
 */
export function scopeOf(actor: Actor, action: string, type: string): 'all' | 'none' | { patient: string } {
  if (actor.kind === 'service' || !actor.scopes) return 'all';
  const letter = SCOPE_LETTERS[action];
  let narrowed = false;
  for (const scope of actor.scopes) {
    const [, context, named, letters = ''] = SCOPE.exec(scope) ?? [];
    const covers = letter
      ? (named === '*' || named === type) && letters.includes(letter)
      : named === '*' && /rs/.test(letters.replace(/[cud]/g, ''));
    if (!covers) continue;
    if (context !== 'patient') return 'all';
    narrowed = true;
  }
  return narrowed && actor.onlyPatient ? { patient: actor.onlyPatient } : 'none';
}
