// Finding a patient by name through FHIR, as far as a doctor needs it to begin a consultation.
import type { Patient } from '@medplum/fhirtypes';
import { api } from '../../shared/api.ts';

export interface FoundPatient {
  id: string;
  name: string;
  kana: string;
  birthDate: string | null;
}
const REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';

/** The name in one representation (IDE kanji, SYL kana), family name first. */
function nameOf(patient: Patient, representation: 'IDE' | 'SYL'): string {
  const names = patient.name ?? [];
  const wanted = names.find(name => name.extension?.some(one => one.url === REPRESENTATION && one.valueCode === representation));
  const name = wanted ?? (representation === 'IDE' ? names[0] : undefined);
  return name?.text ?? [name?.family, ...(name?.given ?? [])].filter(Boolean).join(' ');
}

/** @throws ApiError */
export async function findPatients(name: string, signal?: AbortSignal): Promise<FoundPatient[]> {
  const query = name ? `name=${encodeURIComponent(name)}&` : '';
  const bundle = await api.get<{ entry?: { resource?: Patient }[] }>(`/fhir/R4/Patient?${query}_count=20`, signal);
  return (bundle.entry ?? []).flatMap(({ resource }) =>
    resource?.id
      ? [{ id: resource.id, name: nameOf(resource, 'IDE'), kana: nameOf(resource, 'SYL'), birthDate: resource.birthDate ?? null }]
      : [],
  );
}
