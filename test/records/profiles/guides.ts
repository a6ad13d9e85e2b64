// The published guides as a deployment would have them: for each guide the packages it builds on, in a folder of their own.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import { afterAll } from 'vitest';
import { openDefinitions } from '../../../hub/records/definitions.ts';
import { openProfiles, type Profiles } from '../../../hub/records/profiles/index.ts';
import { jpfhir } from '../fhir-package.ts';

export const definitions = openDefinitions();

/** Folder of examples: the packages it is checked with. JP Core comes with code systems as URLs (`-url`) and as OIDs. */
export const GUIDES: Readonly<Record<string, string[]>> = {
  'jp-core-1.1.2-url-examples': ['jp-core.r4-1.1.2-url.tgz'],
  'jp-clins-examples': ['jp-clins.r4-1.5.2-snap.tgz', 'jp-core.r4-1.1.2-url.tgz'],
  'eReferral-examples': ['jp-eReferral.r4.tgz', 'jp-core.r4-1.1.2.tgz'],
  'eCheckupReport-examples': ['jp-eCheckupReport.r4.tgz', 'jp-core.r4-1.1.2-url.tgz'],
};

const root = mkdtempSync(path.join(tmpdir(), 'guides-'));
// Links are removed, not what they lead to.
afterAll(() => rmSync(root, { recursive: true, force: true }));
const opened = new Map<string, Profiles>();

/** Profiles of some packages; what is unpacked is shared. */
export function profilesOf(packages: string[]): Profiles {
  const key = packages.join(' ');
  let profiles = opened.get(key);
  if (!profiles) {
    const folder = path.join(root, String(opened.size));
    mkdirSync(folder);
    for (const name of packages) symlinkSync(path.join(jpfhir!, 'packages', name), path.join(folder, name));
    profiles = openProfiles({ folder, cache: path.join(root, 'cache') });
    opened.set(key, profiles);
  }
  return profiles;
}

/** Makes R4's definitions of all types in a resource known, as the validation does. */
export function load(resource: Resource): Resource {
  const types = new Set<string>();
  JSON.stringify(resource, (key, value: unknown) => {
    if (key === 'resourceType' && typeof value === 'string') types.add(value);
    return value;
  });
  definitions.load(types);
  return resource;
}
