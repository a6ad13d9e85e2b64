// Codes that R4 requires (binding strength "required"): value sets are expanded when first used, from HL7's own file.
import type { CodeableConcept, CodeSystem, CodeSystemConcept, Coding, ValueSet } from '@medplum/fhirtypes';
import { type BundleFile, openBundleFile } from './bundle-file.ts';

export interface Terminology {
  /**
   * Whether a code, Coding or CodeableConcept may stand where `valueSet` is required. Sets that have no list of codes
   * (MIME types, currencies) and sets of other guides allow everything.
   */
  allows(valueSet: string, value: unknown): boolean;
}

/** Opens HL7's bundle of value sets and code systems; it is read when the first code is asked. */
export function openTerminology(file: string): Terminology {
  let opened: BundleFile | undefined;
  const expanded = new Map<string, Set<string> | null>();
  const bundle = () => {
    opened ??= openBundleFile(file, /^(http:\/\/.+)$/);
    return opened;
  };

  function expand(url: string): Set<string> | null {
    if (!bundle().has(url)) return null;
    const codes = new Set<string>();
    for (const { system, concept, filter, valueSet } of bundle().read<ValueSet>(url).compose?.include ?? []) {
      if (!system || filter || valueSet) return null;
      const concepts = concept ?? conceptsOf(system);
      if (!concepts) return null;
      for (const code of concepts) codes.add(code.code!).add(`${system}|${code.code}`);
    }
    return codes;
  }

  function conceptsOf(system: string): CodeSystemConcept[] | null {
    // A code system's entry is named after its value set's address (http://hl7.org/fhir/CodeSystem/…) or after its own.
    const name = [
      system,
      system.replace(/^http:\/\/hl7\.org\/fhir\//, 'http://hl7.org/fhir/CodeSystem/'),
      system.replace(/^http:\/\/terminology\.hl7\.org\//, 'http://hl7.org/fhir/'),
    ].find(each => bundle().has(each));
    if (!name) return null;
    const { url, concept } = bundle().read<CodeSystem>(name);
    const flat = (concepts: CodeSystemConcept[] = []): CodeSystemConcept[] => concepts.flatMap(each => [each, ...flat(each.concept)]);
    return url === system && concept ? flat(concept) : null;
  }

  return {
    allows(valueSet, value) {
      const url = valueSet.split('|')[0]!;
      if (!expanded.has(url)) expanded.set(url, expand(url));
      const codes = expanded.get(url);
      if (!codes) return true;
      if (typeof value === 'string') return codes.has(value);
      const { coding, code, system } = value as CodeableConcept & Coding;
      // Of a concept's codings one must be from the set; a concept in words only is left to the element's own cardinality.
      if (coding) return coding.some(each => codes.has(`${each.system}|${each.code}`));
      return code === undefined || codes.has(`${system}|${code}`);
    },
  };
}
