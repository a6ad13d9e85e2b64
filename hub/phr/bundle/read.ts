// Reads a FHIR Bundle that a patient brings from elsewhere: what of it is about this one person, with new ids and references inside it only.
import type { Bundle, BundleEntry, Patient, Resource } from '@medplum/fhirtypes';
import { refuseDeep } from '../omh/read.ts';
import { type Found, keyOf, PHR_TAG } from '../reading.ts';

/** Types that speak of a patient and are taken over. People, places and consents of elsewhere are not. */
const TAKEN: ReadonlySet<string> = new Set([
  'Observation',
  'Condition',
  'AllergyIntolerance',
  'MedicationRequest',
  'MedicationStatement',
  'Procedure',
  'DiagnosticReport',
  'Immunization',
  'DocumentReference',
  'CarePlan',
]);
const BUNDLES: ReadonlySet<string> = new Set(['collection', 'document', 'transaction', 'searchset', 'batch']);

/** Who a bundle says it is about. */
export interface BundleOwner {
  name: string;
  birthDate?: string;
  identifiers: { system: string; value: string }[];
}
export interface BundleFile {
  owners: BundleOwner[];
  entries: Found[];
}
type Loose = Record<string, unknown>;

/**
 * What a bundle holds. With several patients in it, only `mine` of them is taken (the first that says true).
 * `idOf` gives the id that a resource will have here, by its key.
 * @throws Error when it is no bundle of a kind that is taken
 */
export function readBundle(text: string, mine: (owner: BundleOwner) => boolean, idOf: (key: string) => string): BundleFile {
  refuseDeep(text);
  let bundle: Bundle;
  try {
    bundle = JSON.parse(text) as Bundle;
  } catch (cause) {
    throw new Error('the file is not JSON', { cause });
  }
  if (bundle?.resourceType !== 'Bundle' || !Array.isArray(bundle.entry)) throw new Error('this is no FHIR Bundle with entries');
  if (!BUNDLES.has(bundle.type)) throw new Error(`a Bundle of type ${bundle.type} is not taken`);
  const all: BundleEntry[] = bundle.entry.filter(entry => typeof entry === 'object' && entry !== null);
  const patients = all.filter(entry => entry.resource?.resourceType === 'Patient') as BundleEntry<Patient>[];
  const owners = patients.map(({ resource }) => ownerOf(resource!));
  const own = patients[owners.findIndex(mine)];
  const names = own ? new Set(namesOf(own)) : new Set<string>();
  const bytes = Buffer.byteLength(text);
  const source = sourceOf(bundle);

  // First which are taken, so that references between them can be told from those that lead elsewhere.
  const taken = new Map<string, { type: string; id: string }>();
  const keys = new Map<BundleEntry, string>();
  const entries: Found[] = [];
  for (const [index, entry] of all.entries()) {
    const { resource } = entry;
    const place = `/entry/${index}`;
    if (!resource?.resourceType || !TAKEN.has(resource.resourceType)) {
      if (resource?.resourceType && resource.resourceType !== 'Patient') entries.push({ unknown: resource.resourceType, bytes });
      continue;
    }
    const whose = subjectOf(resource);
    if (!own || !whose || !names.has(whose)) {
      entries.push({ refusal: { place, reason: whose ? 'it is about somebody else' : 'it does not say whom it is about' }, bytes });
      continue;
    }
    const key = keyOf('fhir', resource.resourceType, entry.fullUrl ?? resource.id ?? index, { ...resource, meta: undefined });
    keys.set(entry, key);
    for (const name of namesOf(entry)) taken.set(name, { type: resource.resourceType, id: idOf(key) });
  }
  for (const [entry, key] of keys) {
    const { resource } = entry;
    const { meta, id: _, text: __, ...rest } = resource as Resource & Loose;
    const withheld = meta?.tag ?? [];
    const rewritten = rewrite(rest, reference => taken.get(reference), titles(all)) as Resource;
    entries.push({
      reading: { kind: resource!.resourceType, source, resource: { ...rewritten, meta: { tag: [PHR_TAG, ...withheld] } } as Resource, key },
      bytes,
    });
  }
  return { owners, entries };
}

function ownerOf(patient: Patient): BundleOwner {
  const [name] = patient.name ?? [];
  return {
    name: name?.text ?? [name?.family, ...(name?.given ?? [])].filter(Boolean).join(' '),
    birthDate: patient.birthDate,
    identifiers: (patient.identifier ?? []).flatMap(({ system, value }) => (system && value ? [{ system, value }] : [])),
  };
}

/** All names by which an entry is referred to: its full URL, and type with id (R4 bundle.html#references). */
function namesOf(entry: BundleEntry): string[] {
  const { fullUrl, resource } = entry;
  return [...(fullUrl ? [fullUrl] : []), ...(resource?.id ? [`${resource.resourceType}/${resource.id}`] : [])];
}

/** Whom a resource is about; an absolute reference by its whole address. */
function subjectOf(resource: Resource): string | undefined {
  const { subject, patient } = resource as { subject?: { reference?: string }; patient?: { reference?: string } };
  return (subject ?? patient)?.reference;
}

/** Names of people and places in the bundle, so that a reference to them can be told in words. */
function titles(entries: BundleEntry[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of entries) {
    const { name } = (entry.resource ?? {}) as { name?: unknown };
    const title = Array.isArray(name) ? ownerOf({ resourceType: 'Patient', name } as Patient).name : name;
    if (typeof title === 'string' && title) for (const known of namesOf(entry)) found.set(known, title);
  }
  return found;
}

/** References to what is taken over get its new id; all others become words: they would lead to nothing, or to somebody here. */
function rewrite(
  value: unknown,
  known: (reference: string) => { type: string; id: string } | undefined,
  words: Map<string, string>,
): unknown {
  if (Array.isArray(value)) return value.map(item => rewrite(item, known, words));
  if (typeof value !== 'object' || value === null) return value;
  const it = value as Loose;
  if (typeof it.reference === 'string' && !it.reference.startsWith('#')) {
    const target = known(it.reference);
    if (target) return { ...(it.display ? { display: it.display } : {}), reference: `${target.type}/${target.id}` };
    const { reference, type: _, ...rest } = it;
    const display = (rest.display as string | undefined) ?? words.get(reference as string);
    return Object.keys(rest).length || display ? { ...rest, ...(display ? { display } : {}) } : { display: '—' };
  }
  return Object.fromEntries(Object.entries(it).map(([key, inner]) => [key, rewrite(inner, known, words)]));
}

function sourceOf(bundle: Bundle): string {
  for (const { resource } of bundle.entry ?? []) if (resource?.resourceType === 'Organization' && resource.name) return resource.name;
  return bundle.meta?.source ?? 'FHIR';
}
