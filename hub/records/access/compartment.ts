// To which patients a resource belongs, and which kind of data it is: what consent is asked about.
import type { Encounter, Resource } from '@medplum/fhirtypes';
import { type RawBuilder, sql } from 'kysely';
import type { Definitions } from '../definitions.ts';
import type { Category } from '../records.ts';
import type { SearchRows } from '../search/search-index.ts';
import { ENCOUNTER_TYPE_SYSTEM, ORIGIN_SYSTEM, OWN } from '../systems.ts';

/** Types that speak of no patient. */
export const SETUP_TYPES: ReadonlySet<string> = new Set([
  'Organization',
  'Location',
  'Practitioner',
  'PractitionerRole',
  'Device',
  'Questionnaire',
]);

/** How a resource stands to persons: `null` when it should belong to a patient but names none. */
export interface Belonging {
  patients: string[];
  category: Category | 'setup';
  withheld: boolean;
}

const CATEGORIES: Readonly<Record<string, Category>> = {
  Patient: 'demographics',
  RelatedPerson: 'demographics',
  Coverage: 'demographics',
  Consent: 'sharing',
  Provenance: 'document',
  Composition: 'document',
  DocumentReference: 'document',
  Bundle: 'document',
  Media: 'document',
  Binary: 'document',
  DiagnosticReport: 'document',
  AllergyIntolerance: 'summary',
  Condition: 'summary',
  MedicationRequest: 'summary',
  MedicationStatement: 'summary',
  Immunization: 'summary',
  Observation: 'vitals',
  RiskAssessment: 'risk',
  Flag: 'risk',
};

/** Where a type keeps its patient when the Patient compartment of R4 does not say so. */
const ALSO: Readonly<Record<string, (resource: Resource) => (string | undefined)[]>> = {
  Device: resource => (resource.resourceType === 'Device' ? [resource.patient?.reference] : []),
  Task: resource => (resource.resourceType === 'Task' ? [resource.for?.reference] : []),
  Binary: resource => (resource.resourceType === 'Binary' ? [resource.securityContext?.reference] : []),
  Bundle: resource => {
    if (resource.resourceType !== 'Bundle') return [];
    return (resource.entry ?? []).map(entry => (entry.resource?.resourceType === 'Patient' ? `Patient/${entry.resource.id}` : undefined));
  },
};

/** Tags of JP-CLINS on what the patient has not been told or given yet. */
const INDICATION = 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication';
const WITHHELD = new Set(['UNINFORMED', 'UNDELIVERED']);

/**
 * Whether the patient must not see it yet: by a tag of its own, or of anything it carries (a bundle's entries, what is contained). What is
 * inside cannot be cut out of a signed document, so the whole is held back.
 */
export function isWithheld(resource: Resource): boolean {
  if (resource.meta?.tag?.some(tag => tag.system === INDICATION && WITHHELD.has(tag.code ?? ''))) return true;
  const carried = 'contained' in resource ? (resource.contained ?? []) : [];
  const entries = resource.resourceType === 'Bundle' ? (resource.entry ?? []).flatMap(({ resource: inside }) => inside ?? []) : [];
  return [...carried, ...entries].some(isWithheld);
}

/** SQL: the same of a version that is no longer the newest one, by its content. */
export const withheldVersion = (content: RawBuilder<unknown>): RawBuilder<boolean> =>
  sql<boolean>`coalesce(${content} @? ${UNTOLD_PATH}::jsonpath, false)`;
const UNTOLD_PATH = `$.**.tag[*] ? (@.system == "${INDICATION}" && (${[...WITHHELD].map(code => `@.code == "${code}"`).join(' || ')}))`;

/**
 * Finds the patients (ids) a resource belongs to by the Patient compartment of FHIR R4, and its category.
 * The subject decides alone where there is one: a patient who only performed or received something does not own it.
 */
export function belongingOf(definitions: Definitions, resource: Resource, rows: SearchRows): Belonging {
  const type = resource.resourceType;
  const withheld = isWithheld(resource);
  if (type === 'Patient') return { patients: resource.id ? [resource.id] : [], category: 'demographics', withheld };
  const parameters = definitions.compartment(type);
  const owner = ['subject', 'patient'].filter(name => parameters.includes(name));
  const targets = rows.references.filter(row => (owner.length ? owner : parameters).includes(row.param)).map(row => row.target);
  const patients = new Set<string>();
  for (const target of [...targets, ...(ALSO[type]?.(resource) ?? [])]) {
    const id = /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(target ?? '')?.[1];
    if (id) patients.add(id);
  }
  if (SETUP_TYPES.has(type) && !patients.size) return { patients: [], category: 'setup', withheld };
  return { patients: [...patients], category: categoryOf(resource), withheld };
}

function categoryOf(resource: Resource): Category {
  if (resource.meta?.tag?.some(tag => tag.system === ORIGIN_SYSTEM && tag.code === 'phr')) return 'phr';
  if (resource.resourceType === 'Encounter' && isResidence(resource)) return 'demographics';
  if (resource.resourceType === 'Device') return 'vitals';
  // An alert passed on as a message or a task is about the risk, and those who may see the risk may see it.
  const concepts =
    resource.resourceType === 'Communication'
      ? resource.category
      : resource.resourceType === 'Task' && resource.code
        ? [resource.code]
        : [];
  if (concepts?.some(concept => concept.coding?.some(coding => coding.system === `${OWN}:category` && coding.code === 'risk')))
    return 'risk';
  return CATEGORIES[resource.resourceType] ?? 'consultation';
}

/** Whether an Encounter says that its subject lives in a facility. */
export const isResidence = (encounter: Encounter): boolean =>
  (encounter.type ?? []).some(type => type.coding?.some(coding => coding.system === ENCOUNTER_TYPE_SYSTEM && coding.code === 'residence'));
