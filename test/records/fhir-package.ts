// Reads FHIR packages (.tgz) and examples from the data folder beside the project, where it is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Resource } from '@medplum/fhirtypes';

const data = process.env.HUB_TEST_DATA || path.resolve(import.meta.dirname, '../../../shared/data');
/** Folder with the Japanese guides' packages and examples; undefined where it is absent. */
export const jpfhir = existsSync(path.join(data, 'jpfhir')) ? path.join(data, 'jpfhir') : undefined;

/** Resources of a package, by file name. A tar archive is blocks of 512 bytes: a header with name and size, then the content. */
export function packageFiles(name: string): Map<string, Resource> {
  const bytes = gunzipSync(readFileSync(path.join(jpfhir!, 'packages', name)));
  const files = new Map<string, Resource>();
  for (let at = 0; at + 512 <= bytes.length; ) {
    const file = bytes.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    if (!file) break;
    const size = Number.parseInt(bytes.toString('ascii', at + 124, at + 136), 8);
    const kind = bytes.toString('ascii', at + 156, at + 157);
    if (kind !== '5' && /package\/[A-Z][^/]*\.json$/.test(file)) {
      files.set(path.basename(file), JSON.parse(bytes.toString('utf8', at + 512, at + 512 + size)) as Resource);
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** All example resources, as `[guide/file, resource]`. */
export function examples(): [string, Resource][] {
  const root = path.join(jpfhir!, 'examples');
  return readdirSync(root).flatMap(guide =>
    readdirSync(path.join(root, guide))
      .filter(file => file.endsWith('.json'))
      .map((file): [string, Resource] => [`${guide}/${file}`, JSON.parse(readFileSync(path.join(root, guide, file), 'utf8')) as Resource]),
  );
}
