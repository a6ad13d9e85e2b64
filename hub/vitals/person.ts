// Whose day it is: name, birth date, room and facility of a patient, as far as the asking person may see them.
import type { Encounter } from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { ENCOUNTER_TYPE_SYSTEM } from '../records/systems.ts';
import type { DayView } from './contract.ts';

export async function personOf(records: Records, actor: Actor, id: string): Promise<DayView['patient']> {
  const repository = records.as(actor);
  const [patient, residences] = await Promise.all([
    seen(repository.read('Patient', id)),
    seen(
      repository.search<Encounter>(`Encounter?patient=Patient/${id}&type=${ENCOUNTER_TYPE_SYSTEM}|residence&status=in-progress&_count=1`),
    ),
  ]);
  const residence = residences?.[0];
  const place = residence?.location?.[0]?.location.reference?.split('/')[1];
  const room = place ? await seen(repository.read('Location', place)) : null;
  const name = patient?.name?.find(({ use }) => use === 'official') ?? patient?.name?.[0];
  return {
    id,
    name: name?.text ?? [name?.family, ...(name?.given ?? [])].filter(Boolean).join(' '),
    room: room?.name ?? null,
    facility: residence?.serviceProvider?.reference?.split('/')[1] ?? null,
    birthDate: patient?.birthDate ?? null,
  };
}

/** What the person may not see is left out; their samples are another right. */
async function seen<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Problem && (error.status === 403 || error.status === 404)) return null;
    throw error;
  }
}
