// What signing in elsewhere asks of the record: whom an insured number, or a registration number, belongs to. Each question is audited.
import type { Organization, Patient, Practitioner } from '@medplum/fhirtypes';
import { type Person, service, type WhoIs } from '../identity/index.ts';
import type { Records } from '../records/index.ts';

const MEMBER_ID = 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID';
const REGISTRATION = 'http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber';

export function whoIs(records: Records): WhoIs {
  const repository = records.as(service('setup'));
  const facts = ({ id, name, birthDate, gender, address }: Patient & { id: string }) => ({
    id,
    names: (name ?? []).flatMap(({ text, family, given }) => [text ?? '', `${family ?? ''}${(given ?? []).join('')}`]).filter(Boolean),
    birthDate: birthDate ?? null,
    gender: gender ?? null,
    addresses: (address ?? []).flatMap(({ text, state, city, line }) => text ?? [state, city, ...(line ?? [])].filter(Boolean).join('')),
  });
  const identified = (system: string, value: string) => encodeURIComponent(`${system}|${value.replace(/[\\,|$]/g, '\\$&')}`);
  return {
    async patientsInsured(memberId) {
      const found = await repository.search<Patient>(`Patient?identifier=${identified(MEMBER_ID, memberId)}&_count=5`);
      return found.filter(patient => patient.active !== false).map(facts);
    },
    async patient(id) {
      const [found] = await repository.search<Patient>(`Patient?_id=${id}`);
      return found ? facts(found) : null;
    },
    async practitioners(registrationNumber) {
      const found = await repository.search<Practitioner>(
        `Practitioner?identifier=${identified(REGISTRATION, registrationNumber)}&_count=5`,
      );
      return found.filter(({ active }) => active !== false).map(({ id }) => `Practitioner/${id}`);
    },
  };
}

/** Whether the person may see this patient at all: what an app is launched for. Audited with the patient's name. */
export async function maySee(records: Records, actor: Person, patient: string): Promise<boolean> {
  const what = { ja: 'アプリで患者の記録を開く', en: 'open the patient’s record in an app' };
  return (await records.allowed(actor, [patient], 'demographics', 'read', what)).has(patient);
}

export async function organizationName(records: Records, id: string): Promise<string | undefined> {
  const [found] = await records.as(service('setup')).search<Organization>(`Organization?_id=${id}`);
  return found && (found.name ?? '');
}
