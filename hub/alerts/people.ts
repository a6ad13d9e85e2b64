// Names, rooms and hints of a facility's residents, as one actor may see them.
import type { Encounter, Organization } from '@medplum/fhirtypes';
import { notAllowed, notFound } from '../http/problem.ts';
import { type Actor, hasRole, service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { CARE_HINT_EXTENSION, ENCOUNTER_TYPE_SYSTEM } from '../records/systems.ts';

export interface ResidentCard {
  patient: string;
  name: string;
  room: string;
  floor: string;
  careHint: string | null;
}

const RESIDENCE = `type=${ENCOUNTER_TYPE_SYSTEM}|residence&status=in-progress`;
const hintIn = (encounter: Encounter) => encounter.extension?.find(({ url }) => url === CARE_HINT_EXTENSION)?.valueString || null;

/** In the order of floor, room and name. What the actor may not see is left out. */
export async function residentCards(records: Records, actor: Actor, facility: string): Promise<ResidentCard[]> {
  const [residents, residences] = await Promise.all([
    records.residents(actor, facility),
    records.as(actor).search<Encounter>(`Encounter?${RESIDENCE}&service-provider=Organization/${facility}&_count=1000`),
  ]);
  const hints = new Map(residences.map(encounter => [encounter.subject?.reference?.split('/')[1], hintIn(encounter)]));
  return residents.map(({ patient, name, room, floor }) => ({
    patient,
    name,
    room: room?.name ?? '',
    floor: floor?.name ?? '',
    careHint: hints.get(patient) ?? null,
  }));
}

/** @throws Problem 404 when there is no such facility. */
export async function facilityName(records: Records, actor: Actor, facility: string): Promise<string> {
  const held = actor.kind === 'person' ? actor.roles.find(({ organization }) => organization === facility) : undefined;
  if (held) return held.organizationName;
  const organization: Organization = await records.as(actor).read('Organization', facility);
  return organization.name ?? facility;
}

/** The hint of a resident. @throws Problem 404 when the actor knows of no such resident. */
export async function readHint(records: Records, actor: Actor, patient: string): Promise<string> {
  const [residence] = await records.as(actor).search<Encounter>(`Encounter?${RESIDENCE}&subject=Patient/${patient}&_count=1`);
  if (!residence) throw notFound();
  return hintIn(residence) ?? '';
}

/**
 * Writes the hint; an empty text takes it away. Caregivers write it too, though they may not change the residence itself: so the right is
 * asked for as a change of what concerns the risk, and the hub then changes this one extension.
 * @throws Problem 403, 404
 */
export async function writeHint(records: Records, actor: Actor, patient: string, text: string): Promise<void> {
  await records.require(actor, patient, 'risk', 'update', { ja: 'ケアのヒントを書く', en: 'write the care hint' });
  const repository = records.as(service('setup'));
  const [residence] = await repository.search<Encounter>(`Encounter?${RESIDENCE}&subject=Patient/${patient}&_count=1`);
  const facility = residence?.serviceProvider?.reference?.split('/')[1];
  if (!residence || !facility) throw notFound();
  if (!hasRole(actor, ['caregiver', 'manager'], facility)) throw notAllowed();
  const others = (residence.extension ?? []).filter(({ url }) => url !== CARE_HINT_EXTENSION);
  const hint = text.trim();
  const extension = hint ? [...others, { url: CARE_HINT_EXTENSION, valueString: hint }] : others;
  await repository.update({ ...residence, extension: extension.length ? extension : undefined });
}
