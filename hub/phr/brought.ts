// A thing that was brought along as it stands in the record: its id, whose it is, where from, and the Provenance of those that came together.
import { createHash } from 'node:crypto';
import type { Provenance, Resource } from '@medplum/fhirtypes';
import { BROUGHT_FROM } from '../records/systems.ts';
import type { ImportRow } from './imports.ts';
import { PHR_TAG, type Reading } from './reading.ts';

/** An id made from patient and key: the same thing always gets the same. */
export function idOf(patient: string, key: string): string {
  const hex = createHash('sha256').update(`${patient} ${key}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The resource of a reading, of this patient and with its source. */
export function owned({ resource: bare, source }: Reading, row: ImportRow): Resource {
  const resource = bare as Resource;
  const from = { system: BROUGHT_FROM, code: source.trim().replace(/\s+/g, ' ').slice(0, 100) || '—' };
  const subject = { reference: `Patient/${row.patient}` };
  const whose = ['AllergyIntolerance', 'Immunization'].includes(resource.resourceType) ? { patient: subject } : { subject };
  const own = row.format !== 'fhir';
  return {
    ...resource,
    meta: { ...resource.meta, source: `urn:uuid:${row.id}`, tag: [...(resource.meta?.tag ?? []), from] },
    ...whose,
    ...(own && resource.resourceType === 'Observation' ? { performer: [subject] } : {}),
    ...(own && resource.resourceType === 'MedicationStatement' ? { informationSource: subject } : {}),
  } as Resource;
}

/** Who brought it (the patient), out of which file, when. */
export function provenanceOf(row: ImportRow, document: string, made: string[], at: Date): Provenance {
  return {
    resourceType: 'Provenance',
    meta: { tag: [PHR_TAG] },
    // The patient among the targets puts it into the patient's compartment (R4 compartmentdefinition-patient).
    target: [`Patient/${row.patient}`, ...made].map(reference => ({ reference })),
    recorded: at.toISOString(),
    activity: { text: '本人による取り込み (import by the patient)' },
    agent: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'enterer' }] },
        who: { reference: `Patient/${row.patient}` },
      },
    ],
    entity: [{ role: 'source', what: { reference: `DocumentReference/${document}` } }],
  };
}
