// Profiles of FHIR packages, and holding resources to them (R4 profiling.html).
import type { Resource } from '@medplum/fhirtypes';
import { type Canonicals, openCanonicals } from './canonicals.ts';
import { openValueSets, type ValueSets } from './codes.ts';
import { extensionsOf } from './extensions.ts';
import { type Finding, WORDS } from './findings.ts';
import { inspector, type Tools } from './inspect.ts';
import { openInvariants } from './invariants.ts';
import { openPackages, type Packages } from './packages.ts';
import { resourcesIn } from './references.ts';
import { openSchemas } from './schema.ts';

export { codingsOf } from './bindings.ts';
export type { Finding } from './findings.ts';

export interface Profiles {
  packages: readonly string[];
  valueSets: ValueSets;
  /** Whether a canonical is a profile that is known here. */
  knows(canonical: string): boolean;
  /**
   * Holds a resource and every resource in it to the profiles they claim in `meta.profile`, the whole also to `also`, and each extension to
   * its definition. A claim without version that several packages define is met when one of the definitions is.
   */
  check(resource: Resource, also?: readonly string[]): Finding[];
}

export interface ProfileSource {
  /** Folder of FHIR packages. */
  folder?: string;
  /** Folder for what is worked out of them. */
  cache?: string;
  /** How grave it is that a resource claims a profile that is not known here. */
  unknown?: 'warning' | 'error';
}

/** Opens the packages in `folder` (see openPackages); without a folder only R4's own profiles are known. */
export function openProfiles({ folder, cache, unknown = 'warning' }: ProfileSource = {}): Profiles {
  const packages: Packages | undefined = folder && cache ? openPackages(folder, cache) : undefined;
  const canonicals: Canonicals = openCanonicals(packages);
  const schemas = openSchemas(canonicals);
  const tools: Tools = { schemas, valueSets: openValueSets(canonicals), invariants: openInvariants(schemas) };

  return {
    packages: packages?.names ?? [],
    valueSets: tools.valueSets,
    knows: canonical => canonicals.structures(canonical).length > 0,
    check(resource, also = []) {
      const findings: Finding[] = [];
      // What is inside a Bundle is read by the package the Bundle's own profile is from.
      const within = new Map<unknown, string>();
      for (const { path, scope } of resourcesIn(resource, resource.resourceType)) {
        const around = within.get(scope.bundle) ?? within.get(scope.container);
        const claimed = [scope.resource.meta?.profile ?? []].flat().filter(claim => typeof claim === 'string');
        for (const canonical of new Set([...claimed, ...(scope.resource === resource ? also : [])])) {
          const known = schemas.named(canonical, around);
          if (!known.length) {
            const about = { code: 'not-found' as const, path: `${path}.meta.profile`, rule: 'meta.profile', profile: canonical };
            findings.push({ severity: also.includes(canonical) ? 'error' : unknown, ...about, text: WORDS.unknownProfile(canonical) });
            continue;
          }
          const fitting = known.filter(({ type }) => type === scope.resource.resourceType);
          if (!fitting.length) {
            const about = { code: 'structure' as const, path, rule: `${known[0]!.type} type`, profile: canonical };
            findings.push({ severity: 'error', ...about, text: WORDS.type(scope.resource.resourceType, [known[0]!.type]) });
            continue;
          }
          const inspection = inspector(tools);
          const taken = inspection.hold(scope.resource, fitting, path, scope);
          findings.push(...inspection.findings);
          if (taken && !within.has(scope.resource)) within.set(scope.resource, taken.package);
        }
        if (packages) findings.push(...extensionsOf(tools, scope, path, within.get(scope.resource) ?? around));
      }
      return findings;
    },
  };
}
