// FHIR packages on disk: which definitions they hold, found by canonical address. Content is read one definition at a time.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CodeSystem, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import { unpackedPackage } from './archive.ts';

export type Conformance = StructureDefinition | ValueSet | CodeSystem;
const KINDS = new Set(['StructureDefinition', 'ValueSet', 'CodeSystem']);

/** One definition, without its content. */
export interface Definition {
  url: string;
  version?: string;
  resourceType: Conformance['resourceType'];
  /** `name#version` of the package it is from. */
  package: string;
  read(): Conformance;
}

export interface Packages {
  /** `name#version` of each package, in the order of their names. */
  names: readonly string[];
  /** All definitions with this canonical address, the newest first. */
  find(url: string): readonly Definition[];
}

interface Listed {
  url: string;
  version?: string;
  resourceType: Conformance['resourceType'];
  file: string;
}

/**
 * Opens the packages in `folder`: sub-folders of the package cache form (`name#version/package/*.json`) and archives (`.tgz`).
 * What each holds is listed once and the lists kept in `cache`, so that a later start reads some kilobytes.
 * @throws Error when the folder is not there
 */
export function openPackages(folder: string, cache: string): Packages {
  if (!existsSync(folder)) throw new Error(`FHIR_PACKAGES: there is no folder ${folder}`);
  const names: string[] = [];
  const byUrl = new Map<string, Definition[]>();
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name))) {
    const at = path.join(folder, entry.name);
    const root = entry.name.endsWith('.tgz') ? unpackedPackage(at, path.join(cache, 'unpacked')) : at;
    const inside = path.join(root, 'package');
    if (!existsSync(path.join(inside, 'package.json'))) continue;
    const manifest = JSON.parse(textOf(path.join(inside, 'package.json'))) as { name?: string; version?: string };
    const name = `${manifest.name ?? entry.name}#${manifest.version ?? ''}`;
    // R4's own definitions are built in; a second copy would only be slower.
    if (manifest.name === 'hl7.fhir.r4.core') continue;
    names.push(name);
    for (const { url, version, resourceType, file } of listOf(inside, path.join(cache, 'lists'), name)) {
      const found = byUrl.get(url) ?? [];
      byUrl.set(url, [
        ...found,
        { url, version, resourceType, package: name, read: () => JSON.parse(textOf(path.join(inside, file))) as Conformance },
      ]);
    }
  }
  for (const found of byUrl.values()) found.sort(newestFirst);
  return { names, find: url => byUrl.get(url) ?? [] };
}

/** What a package holds: its own `.index.json` where it has one, else a list of our own, made anew when a file was added or changed. */
function listOf(inside: string, lists: string, name: string): Listed[] {
  const files = readdirSync(inside).filter(file => file.endsWith('.json') && file !== 'package.json' && !file.startsWith('.'));
  const shipped = path.join(inside, '.index.json');
  if (existsSync(shipped)) {
    const { files: indexed = [] } = JSON.parse(textOf(shipped)) as {
      files?: { filename: string; resourceType: string; url?: string; version?: string }[];
    };
    return indexed.flatMap(({ filename, resourceType, url, version }) =>
      url && KINDS.has(resourceType) && files.includes(filename)
        ? [{ url, version, resourceType: resourceType as Listed['resourceType'], file: filename }]
        : [],
    );
  }
  const newest = Math.max(0, ...files.map(file => statSync(path.join(inside, file)).mtimeMs));
  const key = `${inside}:${files.length}:${newest}`;
  const kept = path.join(lists, `${name.replace(/[^\w.#-]/g, '_')}.json`);
  if (existsSync(kept)) {
    const list = JSON.parse(textOf(kept)) as { key: string; entries: Listed[] };
    if (list.key === key) return list.entries;
  }
  const entries = files.flatMap((file): Listed[] => {
    const { url, version, resourceType } = JSON.parse(textOf(path.join(inside, file))) as Partial<Conformance>;
    return url && resourceType && KINDS.has(resourceType) ? [{ url, version, resourceType, file }] : [];
  });
  mkdirSync(lists, { recursive: true });
  const unfinished = `${kept}.${process.pid}`;
  writeFileSync(unfinished, JSON.stringify({ key, entries }));
  renameSync(unfinished, kept);
  return entries;
}

const textOf = (file: string) => readFileSync(file, 'utf8').replace(/^\uFEFF/, '');

function newestFirst(a: Definition, b: Definition): number {
  return (
    (b.version ?? '').localeCompare(a.version ?? '', 'en', { numeric: true }) || b.package.localeCompare(a.package, 'en', { numeric: true })
  );
}
