// A document of this hub's own kinds (BPSD summary, device report): plain FHIR R4, read by anyone, taken by no national service.
import type {
  Bundle,
  Coding,
  Composition,
  CompositionSection,
  Observation,
  Organization,
  Patient,
  Practitioner,
  Resource,
} from '@medplum/fhirtypes';
import { tokyoTime } from '../search/dates.ts';
import { OWN, RESOURCE_INSTANCE } from '../systems.ts';
import { documentBundle } from './assemble.ts';
import { attesters, type VersionFacts, versionElements } from './attest.ts';
import type { Block } from './contract.ts';
import { xhtmlOf } from './narrative.ts';

type With<T> = T & { id: string };

/** Section codes of ours. */
export const SECTION = `${OWN}:document-section`;
const URI = 'urn:ietf:rfc:3986';

export interface PlainSection {
  code: string;
  title: string;
  blocks: Block[];
  entries?: With<Observation>[];
}

export interface PlainFacts {
  key: string;
  kind: string;
  title: string;
  compositionId: string;
  confirmedAt: Date;
  /** What it is about. */
  from: Date;
  to: Date;
  patient: With<Patient>;
  author: With<Practitioner>;
  confirmer: With<Practitioner>;
  institution: With<Organization>;
  sections: PlainSection[];
  version?: VersionFacts;
  tag: Coding[];
}

/** The Composition with references as in the record, and the Bundle with copies. */
export function plainDocument(facts: PlainFacts): { composition: With<Composition>; bundle: Bundle } {
  const date = tokyoTime(facts.confirmedAt);
  const versioned = versionElements(facts.version);
  const at = (resource: With<Resource>) => ({ reference: `${resource.resourceType}/${resource.id}`, type: resource.resourceType });
  const composition: With<Composition> = {
    resourceType: 'Composition',
    id: facts.compositionId,
    ...(facts.tag.length ? { meta: { tag: facts.tag } } : {}),
    language: 'ja',
    extension: [versioned.extension],
    identifier: versioned.identifier ?? { system: RESOURCE_INSTANCE, value: facts.key },
    status: 'final',
    type: { coding: [{ system: `${OWN}:document-type`, code: facts.kind, display: facts.title }], text: facts.title },
    subject: at(facts.patient),
    date,
    author: [at(facts.author), at(facts.institution)],
    title: facts.title,
    attester: attesters(facts.confirmer, facts.institution, date),
    custodian: at(facts.institution),
    ...(versioned.relatesTo ? { relatesTo: versioned.relatesTo } : {}),
    event: [{ period: { start: tokyoTime(facts.from), end: tokyoTime(facts.to) } }],
    section: facts.sections.map(
      ({ code, title, blocks, entries }): CompositionSection => ({
        title,
        code: { coding: [{ system: SECTION, code, display: title }] },
        text: { status: entries?.length ? 'additional' : 'generated', div: xhtmlOf(blocks) },
        ...(entries?.length ? { entry: entries.map(at) } : {}),
      }),
    ),
  };
  const people = [facts.author, ...(facts.confirmer.id === facts.author.id ? [] : [facts.confirmer])];
  const resources: With<Resource>[] = [
    composition,
    patientCopy(facts.patient),
    ...people.map(practitionerCopy),
    facts.institution,
    ...facts.sections.flatMap(({ entries }) => entries ?? []),
  ];
  const parts = resources.map((part): [string, Resource] => [`${part.resourceType}/${part.id}`, part]);
  const bundle = documentBundle(parts, { system: URI, value: `urn:uuid:${facts.key}` }, date);
  if (facts.tag.length) bundle.meta = { tag: facts.tag };
  return { composition, bundle };
}

/** Of a person what a reader needs to know whom the document speaks of. */
const patientCopy = ({ resourceType, id, identifier, name, birthDate, gender }: With<Patient>): With<Patient> => ({
  resourceType,
  id,
  identifier,
  name,
  birthDate,
  gender,
});
const practitionerCopy = ({ resourceType, id, identifier, name, qualification }: With<Practitioner>): With<Practitioner> => ({
  resourceType,
  id,
  identifier,
  name,
  qualification,
});
