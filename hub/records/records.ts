// The face of the record to the other areas: every way to a person's data, each through consent and audit.
import type { WithId } from '@medplum/core';
import type { Bundle, Resource, ResourceType } from '@medplum/fhirtypes';
import type { Text } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';

/**
 * What kind of a person's data is touched; consent provisions speak of these. `summary`: medicine, allergies, diseases, vaccinations.
 * `phr`: what the patient brought along, of whatever type.
 */
export const CATEGORIES = ['demographics', 'summary', 'consultation', 'document', 'vitals', 'risk', 'sharing', 'phr'] as const;
export type Category = (typeof CATEGORIES)[number];
export type Action = 'read' | 'search' | 'create' | 'update' | 'delete' | 'join' | 'export';

/** Notification { patient } (Patient id): who may see this patient may have changed. Live streams ask again. */
export const RIGHTS_CHANNEL = 'patient-rights';

/** One actor's view of the record: each call is checked against role, relation and consent, and leaves one audit entry, granted or not. */
export interface Repository {
  /** @throws Problem 403 without the right, 422 with `details` when the resource is not valid FHIR R4. */
  create<T extends Resource>(resource: T): Promise<WithId<T>>;
  /** @throws Problem 404, 403 */
  read<T extends ResourceType>(type: T, id: string): Promise<WithId<Extract<Resource, { resourceType: T }>>>;
  /** With `meta.versionId` set, another version in the store is a Problem 409. */
  update<T extends Resource>(resource: WithId<T>): Promise<WithId<T>>;
  /** FHIR search, e.g. `Encounter?participant=Practitioner/1&status=in-progress&_count=50&_sort=-date`. What the actor may not see is left out. */
  search<T extends Resource = Resource>(query: string): Promise<WithId<T>[]>;
  /** All or nothing. */
  transaction(bundle: Bundle): Promise<Bundle>;
}

export interface Records {
  as(actor: Actor): Repository;
  /**
   * Decides on a person's data that is not FHIR (samples, predictions, alerts, a live room), and audits the decision.
   * `patient` is a Patient id. @throws Problem 403
   */
  require(actor: Actor, patient: string, category: Category, action: Action, what: Text): Promise<void>;
  /** As `require` for many at once, with one audit entry that names them all: returns those that are allowed. */
  allowed(actor: Actor, patients: string[], category: Category, action: Action, what: Text): Promise<Set<string>>;
  /** Audits what is not an access to a person's data: sign-in, refused sign-in, change of accounts, deliveries. */
  audit(entry: { actor: Actor | null; action: string; what: Text; patient?: string; allowed: boolean }): Promise<void>;
  /** Residents of a facility (Organization id) with floor and room, from their residence Encounters. For pages: passes `allowed`. */
  residents(actor: Actor, facility: string): Promise<Resident[]>;
}

export interface Resident {
  patient: string;
  name: string;
  birthDate: string | null;
  room: { id: string; name: string } | null;
  floor: { id: string; name: string } | null;
  /** The facility's hint: what helps this person. */
  facility: string;
}
