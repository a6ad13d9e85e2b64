// Finding a patient by name through FHIR, as far as a doctor needs it to begin a consultation.
import type { Patient } from '@medplum/fhirtypes';
import { nameIn, type Stored, search } from '../../shared/fhir.ts';

export interface FoundPatient {
  id: string;
  name: string;
  kana: string;
  birthDate: string | null;
}

export const foundPatient = ({ id, name, birthDate }: Stored<Patient>): FoundPatient => ({
  id,
  name: nameIn(name),
  kana: nameIn(name, 'SYL'),
  birthDate: birthDate ?? null,
});

/** @throws ApiError */
export async function findPatients(name: string, signal?: AbortSignal): Promise<FoundPatient[]> {
  const query = name ? `name=${encodeURIComponent(name)}&` : '';
  return (await search<Patient>(`Patient?${query}_count=20`, signal)).map(foundPatient);
}
