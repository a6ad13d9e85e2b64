// The resources of the records bench: patients of several hospitals and what is measured of them, the same in every run.
import type { Observation, Patient } from '@medplum/fhirtypes';

export const HOSPITALS = 10;
export const PATIENTS = 2000;
export const TOTAL = 100_000;
/** The measurements begin here and come one a minute of all patients together. */
const BEGIN = Date.parse('2024-01-01T00:00:00+09:00');

const KINDS = [
  ['8867-4', 'Heart rate', '脈拍数', '/min'],
  ['9279-1', 'Respiratory rate', '呼吸数', '/min'],
  ['8310-5', 'Body temperature', '体温', 'Cel'],
  ['59408-5', 'Oxygen saturation', '酸素飽和度', '%'],
  ['29463-7', 'Body weight', '体重', 'kg'],
] as const;

export const patientOf = (index: number): Patient & { id: string } => ({
  resourceType: 'Patient',
  id: `p${index}`,
  identifier: [{ system: 'http://example.com/patients', value: `${index}` }],
  name: [{ use: 'official', text: `試験 患者${index}`, family: '試験', given: [`患者${index}`] }],
  gender: index % 3 ? 'female' : 'male',
  birthDate: `19${30 + (index % 20)}-0${1 + (index % 9)}-1${index % 9}`,
  generalPractitioner: [{ reference: `Organization/h${index % HOSPITALS}` }],
});

export const timeOf = (index: number): string => new Date(BEGIN + index * 60_000).toISOString();

/** A vital sign as R4's own profile has it: coded, timed, with its unit. `patient` is an index. */
export function observationOf(index: number, patient = index % PATIENTS): Observation {
  const [code, display, text, unit] = KINDS[index % KINDS.length]!;
  return {
    resourceType: 'Observation',
    status: 'final',
    category: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs', display: 'Vital Signs' }] },
    ],
    code: { coding: [{ system: 'http://loinc.org', code, display }], text },
    subject: { reference: `Patient/p${patient}` },
    effectiveDateTime: timeOf(index),
    performer: [{ reference: 'Practitioner/bench' }],
    device: { reference: `Device/d${patient}` },
    valueQuantity: { value: 36 + (index % 50), unit, system: 'http://unitsofmeasure.org', code: unit },
  };
}
