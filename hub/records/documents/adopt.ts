// What the shared platform holds of a person, as resources of this record: the same words, another owner of the references, and where it came from. Pure.
import { createHash } from 'node:crypto';
import type {
  Bundle,
  Coding,
  Composition,
  DocumentReference,
  Organization,
  Patient,
  Practitioner,
  Provenance,
  Resource,
} from '@medplum/fhirtypes';
import { kanjiName } from '../names.ts';
import { BROUGHT_FROM, INDICATION, ORIGIN_SYSTEM } from '../systems.ts';

type With<T> = T & { id: string };

/** The six kinds of information come as these. */
const INFORMATION = new Set(['Condition', 'AllergyIntolerance', 'Observation', 'MedicationRequest']);
/** Who gathered it (provenance-participant-type). */
const ASSEMBLER = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'assembler' }] };

export interface Adopted {
  /** The Bundle as it came, for whoever doubts. */
  original: With<Resource>;
  resources: With<Resource>[];
  provenance: With<Provenance>;
}

export interface AdoptOptions {
  patient: string;
  /** Of the platform. */
  url: string;
  now: Date;
}

/** The same part of the same bundle always gets the same id: what was taken over once is known again. */
const idOf = (...parts: string[]): string => {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
};

/** The id under which a bundle's own trace is kept. */
export const adoptedId = (patient: string, bundle: Bundle): string =>
  idOf(patient, 'Provenance', bundle.identifier?.system ?? '', bundle.identifier?.value ?? '');

/** Resources for one bundle of the platform; nothing to take gives an empty list. */
export function adopt(bundle: Bundle, { patient, url, now }: AdoptOptions): Adopted {
  const key = [patient, bundle.identifier?.system ?? '', bundle.identifier?.value ?? ''];
  const institution = institutionIn(bundle);
  const tag: Coding[] = [
    { system: ORIGIN_SYSTEM, code: 'platform' },
    { system: BROUGHT_FROM, code: institution },
    ...indicationsIn(bundle.meta?.tag),
  ];
  const meta = { source: url, tag };
  // The original says all of it: it is as withheld as the most withheld of its parts.
  const inner = (bundle.entry ?? []).flatMap(({ resource }) => indicationsIn(resource?.meta?.tag));
  const whole = { source: url, tag: [...tag, ...inner.slice(0, 1)] };
  const original: With<Resource> = {
    resourceType: 'Binary',
    id: idOf(...key, 'Binary'),
    contentType: 'application/fhir+json',
    securityContext: { reference: `Patient/${patient}` },
    data: Buffer.from(JSON.stringify(bundle)).toString('base64'),
    meta: whole,
  };
  const owners = new Set(
    (bundle.entry ?? []).flatMap(entry =>
      entry.resource?.resourceType === 'Patient' ? [entry.fullUrl, `Patient/${entry.resource.id}`] : [],
    ),
  );
  const resources: With<Resource>[] =
    bundle.type === 'document'
      ? documentOf(bundle, { patient, meta: whole, key, institution })
      : (bundle.entry ?? []).flatMap(({ resource, fullUrl }, index) => {
          if (!resource || !INFORMATION.has(resource.resourceType)) return [];
          const { id: _, meta: own, text: __, ...rest } = resource as With<Resource> & { text?: unknown };
          const tags = [...tag, ...indicationsIn(own?.tag)];
          const moved = owned({ ...rest, id: idOf(...key, fullUrl ?? String(index)), meta: { ...meta, tag: tags } }, owners, patient);
          return [moved as With<Resource>];
        });
  const provenance: With<Provenance> = {
    resourceType: 'Provenance',
    id: adoptedId(patient, bundle),
    meta,
    target: [...resources.map(({ resourceType, id }) => `${resourceType}/${id}`), `Patient/${patient}`].map(reference => ({ reference })),
    recorded: now.toISOString(),
    agent: [{ type: ASSEMBLER, who: { display: `共有基盤 ${new URL(url).host}` } }],
    entity: [{ role: 'source', what: { reference: `Binary/${original.id}`, display: institution, identifier: bundle.identifier } }],
  };
  return { original, resources, provenance };
}

/** The document as this record keeps it, and the DocumentReference by which it is found. */
function documentOf(
  bundle: Bundle,
  { patient, meta, key, institution }: { patient: string; meta: { source: string; tag: Coding[] }; key: string[]; institution: string },
): With<Resource>[] {
  const [first] = bundle.entry ?? [];
  if (first?.resource?.resourceType !== 'Composition') return [];
  const composition: Composition = first.resource;
  const { id: _, signature: __, ...rest } = bundle;
  // Whose it is is read from the Patient in it: that one is ours from now on. The signature is over the original, which is kept.
  const entry = (bundle.entry ?? []).map(each =>
    each.resource?.resourceType === 'Patient' ? { ...each, resource: { ...each.resource, id: patient } } : each,
  );
  const stored: With<Resource> = { ...rest, id: idOf(...key, 'Bundle'), meta, entry } as With<Bundle>;
  const authors = composition.author.flatMap(({ reference }) => {
    const found = bundle.entry?.find(({ fullUrl }) => fullUrl === reference)?.resource;
    return found?.resourceType === 'Practitioner' ? [{ display: kanjiName((found as Practitioner).name) }] : [];
  });
  const reference: With<DocumentReference> = {
    resourceType: 'DocumentReference',
    id: idOf(...key, 'DocumentReference'),
    meta,
    masterIdentifier: bundle.identifier,
    status: 'current',
    docStatus: 'final',
    type: composition.type,
    subject: { reference: `Patient/${patient}` },
    date: new Date(composition.date).toISOString(),
    ...(authors.length ? { author: authors } : {}),
    custodian: { display: institution },
    description: composition.title,
    content: [
      { attachment: { contentType: 'application/fhir+json', language: 'ja', url: `Bundle/${stored.id}`, title: composition.title } },
    ],
  };
  return [stored, reference];
}

const indicationsIn = (tags: Coding[] | undefined): Coding[] => (tags ?? []).filter(({ system }) => system === INDICATION);

/** The institution that registered a bundle, by name. */
function institutionIn(bundle: Bundle): string {
  const resources = (bundle.entry ?? []).map(({ resource }) => resource);
  const first = resources[0];
  const custodian =
    first?.resourceType === 'Composition'
      ? bundle.entry?.find(({ fullUrl }) => fullUrl === first.custodian?.reference)?.resource
      : resources.find(resource => resource?.resourceType === 'Organization');
  return (custodian as Organization | undefined)?.name ?? bundle.identifier?.value?.slice(0, 10) ?? '—';
}

/** The resource with its patient made ours; other references keep their words and lose an address that leads nowhere here. */
function owned(value: unknown, owners: Set<string | undefined>, patient: string): unknown {
  if (Array.isArray(value)) {
    const kept = value.map(item => owned(item, owners, patient)).filter(item => item !== undefined);
    return kept.length ? kept : undefined;
  }
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  if (typeof object.reference === 'string' && !object.reference.startsWith('#')) {
    if (owners.has(object.reference)) return { reference: `Patient/${patient}` };
    const { reference: _, type: __, ...words } = object;
    return Object.keys(words).length ? words : undefined;
  }
  const entries = Object.entries(object).map(([name, inner]) => [name, owned(inner, owners, patient)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

/** The Patient of a bundle. */
export const patientIn = (bundle: Bundle): Patient | undefined =>
  bundle.entry?.map(({ resource }) => resource).find((resource): resource is Patient => resource?.resourceType === 'Patient');
