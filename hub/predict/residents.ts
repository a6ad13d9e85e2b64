// Who lives in a facility now: for whom predictions are made. From the residence Encounters, without names.
import type { Encounter } from '@medplum/fhirtypes';
import { service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { ENCOUNTER_TYPE_SYSTEM } from '../records/systems.ts';

export interface Resident {
  patient: string;
  facility: string;
}

const PAGE = 500;

/** All residents of all facilities. */
export async function allResidents(records: Pick<Records, 'as'>): Promise<Resident[]> {
  const repository = records.as(service('predict'));
  const residents = new Map<string, Resident>();
  for (let offset = 0; ; offset += PAGE) {
    const page = await repository.search<Encounter>(
      `Encounter?type=${ENCOUNTER_TYPE_SYSTEM}|residence&status=in-progress&_count=${PAGE}&_offset=${offset}&_sort=_id`,
    );
    for (const { subject, serviceProvider } of page) {
      const patient = subject?.reference?.split('/')[1];
      const facility = serviceProvider?.reference?.split('/')[1];
      if (patient && facility) residents.set(patient, { patient, facility });
    }
    if (page.length < PAGE) return [...residents.values()];
  }
}
