// Packages and profiles of one's own: how they are found, profiles without snapshot, slices of every kind, codes that are not at hand.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CodeSystem, Observation, Patient, Resource, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import { afterAll, expect, test } from 'vitest';
import { type Finding, openProfiles } from '../../../hub/records/profiles/index.ts';
import { validate } from '../../../hub/records/validation.ts';
import { definitions, load } from './guides.ts';

const root = mkdtempSync(path.join(tmpdir(), 'packages-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const OWN = 'http://example.com/StructureDefinition';
let count = 0;

/** A folder with one package in the form of the package cache. */
function folderOf(resources: Resource[], version = '1.0.0', folder = path.join(root, String(count++)), index?: unknown): string {
  const inside = path.join(folder, `example#${version}`, 'package');
  mkdirSync(inside, { recursive: true });
  writeFileSync(path.join(inside, 'package.json'), JSON.stringify({ name: 'example', version }));
  for (const resource of resources)
    writeFileSync(path.join(inside, `${resource.resourceType}-${resource.id}.json`), JSON.stringify(resource));
  if (index) writeFileSync(path.join(inside, '.index.json'), JSON.stringify(index));
  return folder;
}
const open = (resources: Resource[]) => openProfiles({ folder: folderOf(resources), cache: path.join(root, 'cache') });

/** A profile by its differential alone. */
const profile = (id: string, type: string, element: unknown[], base?: string): StructureDefinition => ({
  ...{ resourceType: 'StructureDefinition', id, url: `${OWN}/${id}`, name: id, status: 'active', kind: 'resource', abstract: false, type },
  ...{ baseDefinition: base ?? `http://hl7.org/fhir/StructureDefinition/${type}`, derivation: 'constraint' },
  differential: { element: element as NonNullable<StructureDefinition['differential']>['element'] },
});
const told = (findings: Finding[]) => findings.map(({ severity, path: at, rule }) => `${severity} ${at} ${rule}`);
const patient = (more: Partial<Patient> = {}): Patient => load({ resourceType: 'Patient', ...more }) as Patient;
const observation = (more: Partial<Observation> = {}): Observation =>
  load({ resourceType: 'Observation', status: 'final', code: { text: '体重' }, ...more }) as Observation;

test('a profile without snapshot is read on top of its base, and so is one on top of that', () => {
  const profiles = open([
    profile('named', 'Patient', [
      { id: 'Patient', path: 'Patient' },
      { id: 'Patient.name', path: 'Patient.name', min: 1 },
      { id: 'Patient.name.family', path: 'Patient.name.family', min: 1, maxLength: 5 },
      { id: 'Patient.photo', path: 'Patient.photo', max: '0' },
    ]),
    profile('born', 'Patient', [{ id: 'Patient.birthDate', path: 'Patient.birthDate', min: 1 }], `${OWN}/named`),
  ]);
  const check = (resource: Patient) => told(profiles.check(resource, [`${OWN}/born`]));
  expect(check(patient({ name: [{ family: '田中' }], birthDate: '1938-04-01' }))).toEqual([]);
  expect(check(patient({ name: [{ text: '田中' }] }))).toEqual([
    'error Patient.name[0].family Patient.name.family min 1',
    'error Patient.birthDate Patient.birthDate min 1',
  ]);
  expect(check(patient({ name: [{ family: '長い長い名前' }], birthDate: '1938-04-01', photo: [{ title: 'x' }] }))).toEqual([
    'error Patient.name[0].family Patient.name.family maxLength',
    'error Patient.photo Patient.photo max 0',
  ]);
});

test('slices are told apart by value, pattern, type, presence and profile; closed and ordered lists are held to', () => {
  const slicing = (type: string, at: string, rules = 'open', ordered = false) => ({ discriminator: [{ type, path: at }], rules, ordered });
  const profiles = open([
    profile('official', 'Identifier', [{ id: 'Identifier.use', path: 'Identifier.use', min: 1, fixedCode: 'official' }]),
    profile('sliced', 'Patient', [
      { id: 'Patient.identifier', path: 'Patient.identifier', slicing: slicing('value', 'system', 'closed', true) },
      { id: 'Patient.identifier:card', path: 'Patient.identifier', sliceName: 'card', min: 1, max: '1' },
      { id: 'Patient.identifier:card.system', path: 'Patient.identifier.system', min: 1, fixedUri: 'urn:card' },
      { id: 'Patient.identifier:file', path: 'Patient.identifier', sliceName: 'file', max: '1' },
      { id: 'Patient.identifier:file.system', path: 'Patient.identifier.system', min: 1, patternUri: 'urn:file' },
      { id: 'Patient.name', path: 'Patient.name', slicing: slicing('exists', 'period') },
      { id: 'Patient.name:former', path: 'Patient.name', sliceName: 'former', max: '1' },
      { id: 'Patient.name:former.period', path: 'Patient.name.period', min: 1 },
      { id: 'Patient.deceased[x]', path: 'Patient.deceased[x]', slicing: slicing('type', '$this') },
      {
        id: 'Patient.deceased[x]:deceasedDateTime',
        path: 'Patient.deceased[x]',
        sliceName: 'deceasedDateTime',
        min: 1,
        type: [{ code: 'dateTime' }],
      },
    ]),
    profile('marked', 'Patient', [
      { id: 'Patient.identifier', path: 'Patient.identifier', slicing: slicing('profile', '$this') },
      {
        id: 'Patient.identifier:official',
        path: 'Patient.identifier',
        sliceName: 'official',
        min: 1,
        type: [{ code: 'Identifier', profile: [`${OWN}/official`] }],
      },
    ]),
  ]);
  const check = (resource: Patient, id = 'sliced') => told(profiles.check(resource, [`${OWN}/${id}`]));
  const card = { system: 'urn:card', value: '1' };
  const file = { system: 'urn:file', value: '2' };
  const dead = { deceasedDateTime: '2025-01-01' };
  expect(check(patient({ identifier: [card, file], ...dead }))).toEqual([]);
  expect(check(patient({ identifier: [file, card], ...dead }))).toEqual(['error Patient.identifier[1] Patient.identifier slicing ordered']);
  expect(check(patient({ identifier: [card, { value: '3' }], ...dead }))).toEqual([
    'error Patient.identifier[1] Patient.identifier slicing closed',
  ]);
  expect(check(patient({ identifier: [file], deceasedBoolean: true }))).toEqual([
    'error Patient.identifier Patient.identifier:card min 1',
    'error Patient.deceased Patient.deceased[x]:deceasedDateTime min 1',
  ]);
  const former = { text: '旧姓', period: { end: '2000-01-01' } };
  expect(check(patient({ identifier: [card], name: [former, { text: '今' }, former], ...dead }))).toEqual([
    'error Patient.name Patient.name:former max 1',
  ]);
  expect(check(patient({ identifier: [{ value: '1' }] }), 'marked')).toEqual([
    'error Patient.identifier Patient.identifier:official min 1',
  ]);
  expect(check(patient({ identifier: [{ value: '1' }, { use: 'official', value: '2' }] }), 'marked')).toEqual([]);
});

test('a code outside a required list is refused; where the list is not at hand, it is only said', () => {
  const system: CodeSystem = {
    ...{ resourceType: 'CodeSystem', id: 'mood', url: 'urn:mood', status: 'active', content: 'complete' },
    concept: [{ code: 'calm', concept: [{ code: 'asleep' }] }, { code: 'restless' }],
  };
  const set = (id: string, include: NonNullable<ValueSet['compose']>['include']): ValueSet => ({
    ...{ resourceType: 'ValueSet', id, url: `http://example.com/ValueSet/${id}`, status: 'active' },
    compose: { include },
  });
  const bound = (id: string) =>
    profile(id, 'Observation', [
      {
        id: 'Observation.code',
        path: 'Observation.code',
        binding: { strength: 'required', valueSet: `http://example.com/ValueSet/${id}` },
      },
    ]);
  const profiles = open([
    system,
    set('calm', [{ system: 'urn:mood', filter: [{ property: 'concept', op: 'is-a', value: 'calm' }] }]),
    set('any', [{ system: 'urn:elsewhere' }, { system: 'urn:mood' }]),
    ...['calm', 'any', 'absent'].map(bound),
  ]);
  const check = (id: string, code: Observation['code']) => told(profiles.check(observation({ code }), [`${OWN}/${id}`]));
  const rule = (id: string) => `Observation.code Observation.code binding http://example.com/ValueSet/${id}`;
  expect(check('calm', { coding: [{ system: 'urn:mood', code: 'asleep' }] })).toEqual([]);
  expect(check('calm', { coding: [{ system: 'urn:mood', code: 'restless' }] })).toEqual([`error ${rule('calm')}`]);
  expect(check('calm', { text: 'calm' })).toEqual([`error ${rule('calm')}`]);
  expect(check('any', { coding: [{ system: 'urn:mood', code: 'wild' }] })).toEqual([`error ${rule('any')}`]);
  expect(check('any', { coding: [{ system: 'urn:elsewhere', code: 'x' }] })).toEqual([`information ${rule('any')}`]);
  expect(check('absent', { coding: [{ system: 'urn:mood', code: 'calm' }] })).toEqual([`information ${rule('absent')}`]);
});

test('invariants that fail are refused by their key, warnings stay warnings, and one that cannot be read is told as such', () => {
  const rule = (key: string, severity: 'error' | 'warning', expression: string) => ({ key, severity, human: key, expression });
  const profiles = open([
    profile('ruled', 'Patient', [
      {
        ...{ id: 'Patient', path: 'Patient' },
        constraint: [
          rule('own-1', 'error', 'birthDate.exists()'),
          rule('own-2', 'warning', 'gender.exists()'),
          rule('own-3', 'error', 'nonsense(('),
          rule('pat-1', 'error', 'contact.all(name.exists())'),
        ],
      },
    ]),
  ]);
  expect(told(profiles.check(patient(), [`${OWN}/ruled`]))).toEqual([
    'error Patient own-1',
    'warning Patient own-2',
    'warning Patient own-3',
  ]);
});

test('a claim with a version is held to that version, one without to the newest or any other it meets', () => {
  const folder = path.join(root, 'versions');
  const versioned = (version: string, element: string) => ({
    ...profile('versioned', 'Patient', [{ id: `Patient.${element}`, path: `Patient.${element}`, min: 1 }]),
    version,
  });
  folderOf([versioned('1.0.0', 'gender')], '1.0.0', folder);
  folderOf([versioned('2.0.0', 'birthDate')], '2.0.0', folder);
  const profiles = openProfiles({ folder, cache: path.join(root, 'cache') });
  const check = (resource: Patient, claim: string) =>
    told(profiles.check({ ...resource, meta: { profile: [`${OWN}/versioned${claim}`] } }));
  expect(check(patient({ gender: 'female' }), '|1.0.0')).toEqual([]);
  expect(check(patient({ gender: 'female' }), '|2.0.0')).toEqual(['error Patient.birthDate Patient.birthDate min 1']);
  expect(check(patient({ gender: 'female' }), '')).toEqual([]);
  expect(check(patient(), '')).toEqual(['error Patient.birthDate Patient.birthDate min 1']);
  expect(check(patient(), '|3')).toEqual(['warning Patient.meta.profile meta.profile']);
});

test('an unknown profile is a warning, or by configuration a reason to refuse', () => {
  const claimed = patient({ meta: { profile: ['http://example.com/unknown'] } });
  expect(() => validate({ definitions, profiles: openProfiles() }, claimed)).not.toThrow();
  expect(() => validate({ definitions, profiles: openProfiles({ unknown: 'error' }) }, claimed)).toThrow('http://example.com/unknown');
});

test('a package lists what it holds in its own index, or is listed once; a file that changed is noticed', () => {
  const first = profile('listed', 'Patient', [{ id: 'Patient.gender', path: 'Patient.gender', min: 1 }]);
  const folder = folderOf([first], '1.0.0', path.join(root, 'index'), {
    files: [{ filename: 'StructureDefinition-listed.json', resourceType: 'StructureDefinition', url: first.url }],
  });
  expect(openProfiles({ folder, cache: path.join(root, 'cache') }).knows(first.url)).toBe(true);
  const unlisted = folderOf([first]);
  const cache = path.join(root, 'lists');
  expect(openProfiles({ folder: unlisted, cache }).knows(first.url)).toBe(true);
  folderOf([first, { ...first, id: 'second', url: `${OWN}/second` }], '1.0.0', unlisted);
  expect(openProfiles({ folder: unlisted, cache }).knows(`${OWN}/second`)).toBe(true);
  expect(() => openProfiles({ folder: path.join(root, 'nowhere'), cache })).toThrow('FHIR_PACKAGES');
});

test('R4’s own profiles need no package: a vital sign that claims to be one is held to it', () => {
  const pulse = observation({ meta: { profile: ['http://hl7.org/fhir/StructureDefinition/heartrate'] } });
  const rules = openProfiles()
    .check(pulse)
    .filter(({ severity }) => severity === 'error')
    .map(({ rule }) => rule);
  expect(rules).toContain('Observation.category:VSCat min 1');
  expect(rules).toContain('Observation.subject min 1');
});
