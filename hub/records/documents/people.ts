// The people and institutions of a document as JP-CLINS has them: copies with what the guide asks for, and nothing of the rest.
import type { Organization, Patient, Practitioner } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';
import { FACILITY_PATIENT_PREFIX, INSTITUTION_NUMBER, INSURED_PERSON, NAME_REPRESENTATION } from '../systems.ts';

const ECS = 'http://jpfhir.jp/fhir/eCS/StructureDefinition';
const ABSENT = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
/** 10 digits: prefecture, kind (1 medical, 3 dental), institution (JP Core). */
const INSTITUTION = /^[0-4][0-9][1-3][0-9]{7}$/;

const incomplete = (ja: string, en: string) => new Problem(422, 'document-incomplete', { ja, en });

/** The ten-digit number of a medical institution. @throws Problem 422 without one */
export function institutionNumber(organization: Organization): string {
  const number = organization.identifier?.find(({ system }) => system === INSTITUTION_NUMBER)?.value;
  if (number && INSTITUTION.test(number)) return number;
  throw incomplete(
    `「${organization.name}」の医療機関番号 (10桁) が登録されていません。管理者に登録をたのんでください。`,
    `${organization.name} has no medical institution number (10 digits) in the record. Ask the administrator to enter it.`,
  );
}

export function documentPatient(patient: Patient & { id: string }, number: string): Patient {
  const { id, identifier = [], telecom, gender, birthDate, address } = patient;
  const name = (patient.name ?? []).filter(entry => entry.family && entry.given?.length);
  if (!name.length || !birthDate) {
    throw incomplete('患者の氏名または生年月日が登録されていません。', 'The patient’s name or birth date is missing in the record.');
  }
  const known = identifier.filter(
    ({ system, value }) => value && (system === INSURED_PERSON || system?.startsWith(FACILITY_PATIENT_PREFIX)),
  );
  const stamped = { lastUpdated: patient.meta?.lastUpdated ?? new Date().toISOString(), profile: [`${ECS}/JP_Patient_eCS`] };
  return {
    resourceType: 'Patient',
    id,
    meta: stamped,
    language: 'ja',
    identifier: known.length ? known : [{ system: `${FACILITY_PATIENT_PREFIX}${number}`, value: id }],
    active: true,
    // R1113: family and given name are parted by a half-width space.
    name: name.map(entry => ({ ...entry, text: (entry.text ?? [entry.family, ...entry.given!].join(' ')).replaceAll('　', ' ') })),
    ...(telecom ? { telecom } : {}),
    gender: gender ?? 'unknown',
    birthDate,
    // The profile wants an address; one that nobody entered is said to be unknown.
    address: address?.[0]
      ? [
          {
            ...address[0],
            text: address[0].text ?? [address[0].state, address[0].city, ...(address[0].line ?? [])].filter(Boolean).join(''),
          },
        ]
      : [{ extension: [{ url: ABSENT, valueCode: 'unknown' }], text: '不明' }],
  };
}

export function documentPractitioner({ id, meta, identifier, qualification, name }: Practitioner & { id: string }): Practitioner {
  const kanji = name?.filter(entry => entry.extension?.some(({ url, valueCode }) => url === NAME_REPRESENTATION && valueCode === 'IDE'));
  return {
    resourceType: 'Practitioner',
    id,
    meta: { lastUpdated: meta?.lastUpdated, profile: [`${ECS}/JP_Practitioner_eCS`] },
    language: 'ja',
    ...(identifier ? { identifier } : {}),
    name: kanji?.length ? kanji : name,
    ...(qualification ? { qualification } : {}),
  };
}

export function documentOrganization(organization: Organization & { id: string }): Organization {
  const { id, meta, identifier, type, telecom, address } = organization;
  institutionNumber(organization);
  return {
    resourceType: 'Organization',
    id,
    meta: { lastUpdated: meta?.lastUpdated, profile: [`${ECS}/JP_Organization_eCS`] },
    language: 'ja',
    identifier,
    type: type ?? [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/organization-type', code: 'prov' }] }],
    name: organization.name,
    ...(telecom ? { telecom } : {}),
    ...(address
      ? {
          address: address.map(each => ({
            ...each,
            text: each.text ?? [each.state, each.city, ...(each.line ?? [])].filter(Boolean).join(''),
          })),
        }
      : {}),
  };
}
