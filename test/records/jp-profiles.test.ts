// Against the Japanese guides themselves: their examples pass our validation, and our document has what their profiles ask for.
import { validateResource } from '@medplum/core';
import type { Bundle, Composition, CompositionSection, ElementDefinition, Resource, StructureDefinition } from '@medplum/fhirtypes';
import { describe, expect, test } from 'vitest';
import { openDefinitions } from '../../hub/records/definitions.ts';
import { openProfiles } from '../../hub/records/profiles/index.ts';
import { referral } from '../../hub/records/referral.ts';
import { BUNDLE_IDENTIFIER, FACILITY_PATIENT_PREFIX, INSTITUTION_NUMBER, INSURED_PERSON } from '../../hub/records/systems.ts';
import { validate } from '../../hub/records/validation.ts';
import { examples, jpfhir, packageFiles } from './fhir-package.ts';
import { name } from './people.ts';

const definitions = openDefinitions();
const checks = { definitions, profiles: openProfiles() };
if (!jpfhir) console.warn('The Japanese guides (jpfhir) are not beside the project: their tests are skipped.');

/** Published examples that are no valid R4: single values where R4 has lists, a document without a date. */
const KNOWN_FAULTS: Record<string, string> = {
  'Bundle-JP-MedReq-ePreData-Example-bunkatsu.json': 'Bundle',
  'MedicationRequest-JP-MedReq-ePreData-Example-kakujitsu.json': 'MedicationRequest.dosageInstruction.additionalInstruction',
  'MedicationRequest-JP-MedReq-ePreData-Example-naihuku.json': 'MedicationRequest.note',
  'MedicationRequest-JP-MedReq-ePreData-Example-youbiShiitei.json': 'MedicationRequest.dosageInstruction.additionalInstruction',
  'Organization-JP-Organization-ePreData-coveragePayer-Example.json': 'Organization.type.coding',
  'Organization-JP-Organization-ePreData-departmentOfIssuer-Example.json': 'Organization.type.coding',
  'Organization-JP-Organization-ePreData-issuer-Example.json': 'Organization.type.coding',
};

function sampleDocument(): Bundle & { entry: { resource: Resource }[] } {
  const organization = (id: string, title: string, number: string) => ({
    resourceType: 'Organization' as const,
    id,
    meta: { lastUpdated: '2025-01-01T00:00:00Z' },
    name: title,
    identifier: [{ system: INSTITUTION_NUMBER, value: number }],
  });
  const practitioner = (id: string, kanji: string, kana: string) => ({
    resourceType: 'Practitioner' as const,
    id,
    name: name(kanji, kana),
  });
  const { bundle } = referral({
    key: '0b5f1d1e-1111-4a4a-8a8a-000000000001',
    signedAt: new Date('2025-06-01T03:00:00Z'),
    compositionId: 'composition-1',
    patient: {
      resourceType: 'Patient',
      id: 'patient-1',
      meta: { lastUpdated: '2025-01-01T00:00:00Z' },
      identifier: [
        { system: INSURED_PERSON, value: '00012345:あいう:187:05' },
        { system: `${FACILITY_PATIENT_PREFIX}1311234567`, value: '10001' },
      ],
      name: name('田中 ハナ', 'タナカ ハナ'),
      birthDate: '1938-04-01',
      gender: 'female',
    },
    author: practitioner('doctor-1', '山田 太郎', 'ヤマダ タロウ'),
    from: organization('hospital-1', '島しょ病院', '1311234567'),
    to: {
      practitioner: practitioner('doctor-2', '野口 英子', 'ノグチ ヒデコ'),
      organization: organization('hospital-2', '大学病院', '1319876543'),
    },
    body: { purpose: '夜間の不穏の相談', complaint: '不眠症', illness: '夜に眠れない', findings: '脈拍 72', plan: '照明を調整する' },
    observations: [],
    risks: [],
  });
  return { ...bundle, id: 'bundle-1', meta: { ...bundle.meta, lastUpdated: '2025-06-01T03:00:00Z' } } as ReturnType<typeof sampleDocument>;
}

test('the document is valid FHIR R4', () => {
  expect(() => validate(checks, sampleDocument())).not.toThrow();
});

describe.skipIf(!jpfhir)('with the published guides', () => {
  test('every example is valid, but for those that break R4 themselves', () => {
    let valid = 0;
    for (const [file, resource] of examples()) {
      if (!definitions.kept(resource.resourceType)) continue;
      const known = Object.entries(KNOWN_FAULTS).find(([fault]) => file.endsWith(fault))?.[1];
      if (known) {
        expect(() => validate(checks, resource), file).toThrow(known);
        continue;
      }
      expect(() => validate(checks, resource), file).not.toThrow();
      valid++;
    }
    expect(valid).toBeGreaterThan(80);
  });

  test('the people and institutions of the document meet their profiles', () => {
    const profiles = profilesOf();
    const kinds: string[] = [];
    for (const { resource } of sampleDocument().entry) {
      if (!['Patient', 'Practitioner', 'Organization'].includes(resource.resourceType)) continue;
      const profile = profiles.get(resource.meta?.profile?.[0] ?? '');
      expect(profile, resource.resourceType).toBeDefined();
      expect(() => validateResource(resource, { profile }), resource.resourceType).not.toThrow();
      kinds.push(resource.resourceType);
    }
    expect(kinds).toEqual(['Patient', 'Practitioner', 'Organization', 'Organization', 'Practitioner']);
  });

  // The validator does not know slices within slices, so the profile's required sections are looked up in its own elements.
  test('the composition has every element and section its profile requires, as often as it may', () => {
    const document = sampleDocument();
    const composition = document.entry[0]!.resource as Composition;
    const profile = profilesOf().get(composition.meta!.profile![0]!.split('|')[0]!)!;
    const elements = profile.snapshot!.element;
    for (const { path, min, max } of elements.filter(({ id }) => /^Composition\.[a-z]+$/i.test(id ?? ''))) {
      const present = [composition[path!.split('.')[1] as keyof Composition] ?? []].flat().length;
      expect(present, path).toBeGreaterThanOrEqual(min ?? 0);
      if (max !== '*') expect(present, path).toBeLessThanOrEqual(Number(max));
    }
    const body = composition.section!.find(section => codeOf(section) === '300')!;
    const required = [
      ...checkSections(elements, 'Composition.section', composition.section!),
      ...checkSections(elements, 'Composition.section:compositionSection.section', body.section!),
    ];
    expect(required.sort()).toEqual(['340', '360', '910', '920', '950']);
    for (const code of ['910', '920'])
      expect(composition.section!.find(section => codeOf(section) === code)!.entry!.length).toBeLessThanOrEqual(3);
    expect(elements.find(({ id }) => id === 'Composition.title')!.fixedString).toBe(composition.title);
    expect(elements.find(({ id }) => id === 'Composition.type.coding.code')!.fixedCode).toBe(composition.type.coding![0]!.code);
    expect(elements.find(({ id }) => id === 'Composition.type.coding.system')!.fixedUri).toBe(composition.type.coding![0]!.system);
    expect(elements.find(({ id }) => id === 'Composition.identifier.system')!.fixedUri).toBe(composition.identifier!.system);
  });

  test('the bundle names its profile, its identifier and the parts that the profile asks for', () => {
    const document = sampleDocument();
    const profile = profilesOf().get(document.meta!.profile![0]!.split('|')[0]!)!;
    const elements = profile.snapshot!.element;
    expect(elements.find(({ id }) => id === 'Bundle.identifier.system')!.fixedUri).toBe(BUNDLE_IDENTIFIER);
    expect(document.entry.length).toBeGreaterThanOrEqual(elements.find(({ id }) => id === 'Bundle.entry')!.min!);
    for (const slice of elements.filter(({ id, min }) => /^Bundle\.entry:[a-zA-Z]+$/.test(id ?? '') && (min ?? 0) > 0)) {
      const wanted = elements.find(({ id }) => id === `${slice.id}.resource`)!.type![0]!.code;
      const count = document.entry.filter(({ resource }) => resource?.resourceType === wanted).length;
      expect(count, slice.id).toBeGreaterThanOrEqual(slice.min!);
      if (slice.max !== '*') expect(count, slice.id).toBeLessThanOrEqual(Number(slice.max));
    }
  });
});

const codeOf = (section: CompositionSection) => section.code?.coding?.[0]?.code;

/** Holds each slice of `at` to its cardinality, code and title. @returns the codes of the slices that are required */
function checkSections(elements: ElementDefinition[], at: string, sections: CompositionSection[]): string[] {
  const required: string[] = [];
  for (const slice of elements.filter(({ id }) => id?.startsWith(`${at}:`) && !id.slice(at.length).includes('.'))) {
    const of = (path: string) => elements.find(({ id }) => id === `${slice.id}.${path}`);
    const code = of('code.coding.code')?.fixedCode;
    const found = sections.filter(section => codeOf(section) === code);
    expect(found.length, slice.id).toBeGreaterThanOrEqual(slice.min ?? 0);
    if (slice.max !== '*') expect(found.length, slice.id).toBeLessThanOrEqual(Number(slice.max));
    const title = of('title')?.fixedString ?? of('title')?.patternString;
    for (const section of found) if (title) expect(section.title).toBe(title);
    if ((slice.min ?? 0) > 0 && code !== '300') required.push(code!);
  }
  return required;
}

function profilesOf(): Map<string, StructureDefinition> {
  const files = [...packageFiles('jp-clins.r4-1.5.2-snap.tgz').values()];
  return new Map(files.filter(resource => resource.resourceType === 'StructureDefinition').map(profile => [profile.url, profile]));
}
