// What the hub writes itself, held to the Japanese guides: to what it claims, and by its type to JP Core, which it does not always claim.
import type { Resource } from '@medplum/fhirtypes';
import { jpfhir } from '../fhir-package.ts';
import { load, profilesOf } from './guides.ts';

const CORE = 'http://jpfhir.jp/fhir/core/StructureDefinition';
/** Types that JP Core has one profile for; the others are held to R4 and to what they claim. */
const BY_TYPE: Readonly<Record<string, string>> = {
  Patient: `${CORE}/JP_Patient`,
  Practitioner: `${CORE}/JP_Practitioner`,
  PractitionerRole: `${CORE}/JP_PractitionerRole`,
  Organization: `${CORE}/JP_Organization`,
  Location: `${CORE}/JP_Location`,
  Encounter: `${CORE}/JP_Encounter`,
  Observation: `${CORE}/JP_Observation_Common`,
  Condition: `${CORE}/JP_Condition`,
  AllergyIntolerance: `${CORE}/JP_AllergyIntolerance`,
  MedicationRequest: `${CORE}/JP_MedicationRequest`,
  Procedure: `${CORE}/JP_Procedure`,
  Immunization: `${CORE}/JP_Immunization`,
};
/** JP-CLINS with the URLs of JP Core that it is built on. */
const PACKAGES = ['jp-clins.r4-1.5.2-snap.tgz', 'jp-core.r4-1.1.2-url.tgz'];

/** Places and rules that resources break, with their type in front; empty when all conform, or when the guides are not at hand. */
export function broken(resources: Resource[]): string[] {
  if (!jpfhir) return [];
  const profiles = profilesOf(PACKAGES);
  return resources.flatMap(resource => {
    const core = BY_TYPE[resource.resourceType];
    return profiles
      .check(load(resource), core ? [core] : [])
      .filter(({ severity }) => severity === 'error')
      .map(({ path, rule, text }) => `${path} ${rule}: ${text.en}`);
  });
}

/** Profiles of the guides that some resource, or one inside it, claims. */
export function claimed(resources: Resource[]): string[] {
  const found = new Set<string>();
  JSON.stringify(resources, (key, value: unknown) => {
    if (key === 'profile' && Array.isArray(value))
      for (const claim of value) if (String(claim).includes('jpfhir.jp')) found.add(String(claim));
    return value;
  });
  return [...found].sort();
}
