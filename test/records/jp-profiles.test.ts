// Against the Japanese guides themselves: their examples pass our validation, and our document has what their profiles ask for.
import type { Bundle, Resource } from '@medplum/fhirtypes';
import { describe, expect, test } from 'vitest';
import { loadProfiles } from '../../devices/index.ts';
import type { PredictionView } from '../../hub/alerts/contract.ts';
import { openDefinitions } from '../../hub/records/definitions.ts';
import { riskAssessment, summaryObservation } from '../../hub/records/documents/day-summary.ts';
import { type ReferralFacts, referral } from '../../hub/records/documents/referral.ts';
import { openProfiles } from '../../hub/records/profiles/index.ts';
import {
  BUNDLE_IDENTIFIER,
  FACILITY_PATIENT_PREFIX,
  INSTITUTION_NUMBER,
  INSURED_PERSON,
  RESOURCE_INSTANCE,
} from '../../hub/records/systems.ts';
import { validate } from '../../hub/records/validation.ts';
import { examples, jpfhir } from './fhir-package.ts';
import { name } from './people.ts';
import { broken, claimed } from './profiles/written.ts';

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
const BODY = { purpose: '夜間の不穏の相談', complaint: '不眠症', illness: '夜に眠れない', findings: '脈拍 72', plan: '照明を調整する' };
const DAY = {
  patient: 'patient-1',
  encounter: 'encounter-1',
  from: new Date('2025-05-31T15:00:00Z'),
  to: new Date('2025-06-01T03:00:00Z'),
};
const { quantity, profile } = (() => {
  const [first] = loadProfiles().values();
  return { quantity: first!.quantities[0]!, profile: first!.id };
})();
const SUMMARY = { profile, quantity, count: 720, mean: 68.25, minimum: 51, maximum: 104 };
const PREDICTION: PredictionView = {
  id: 'prediction-1',
  at: '2025-06-01T02:00:00Z',
  horizonMinutes: 60,
  model: { name: 'bpsd', version: '1.0.0' },
  probability: 0.31,
  coverage: 0.92,
  reasons: [{ text: { ja: '夜の動きが多い', en: 'much movement at night' }, weight: 0.2 }],
} as unknown as PredictionView;

function sampleDocument(more: Partial<ReferralFacts> = {}): Bundle & { entry: { resource: Resource }[] } {
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
    body: BODY,
    observations: [],
    risks: [],
    ...more,
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

  test.each<[string, Partial<ReferralFacts>]>([
    ['from doctor to doctor', {}],
    ['typed by one and confirmed by another', { confirmer: practitioner('doctor-3', '佐藤 次郎', 'サトウ ジロウ') }],
    ['that goes to nobody else', { to: null }],
    ['with every section', { body: { ...BODY, allergies: 'なし', medication: 'なし', labs: '異常なし', remarks: '至急' } }],
    [
      'with the day’s readings and risk',
      {
        observations: [{ ...summaryObservation(SUMMARY, DAY), id: 'reading-1' }],
        risks: [{ ...riskAssessment(PREDICTION, DAY, []), id: 'risk-1' }],
      },
    ],
    [
      'that replaces an earlier version and is kept from the patient',
      {
        version: {
          number: '2.0',
          identifier: { system: RESOURCE_INSTANCE, value: '1311234567-2025-1' },
          replaces: { system: BUNDLE_IDENTIFIER, value: '1311234567^2025^1' },
        },
        tag: [{ system: 'urn:remote-care-hub:tag', code: 'UNINFORMED' }],
      },
    ],
  ])('a referral %s conforms to JP-CLINS, and what it carries to JP Core', (_, more) => {
    const document = sampleDocument(more);
    expect(broken([document, ...document.entry.flatMap(({ resource }) => resource ?? [])])).toEqual([]);
    expect(claimed([document])).toEqual(
      expect.arrayContaining([
        'http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral|1',
        'http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral|1',
      ]),
    );
    for (const profile of ['JP_Patient_eCS', 'JP_Practitioner_eCS', 'JP_Organization_eCS'])
      expect(
        claimed([document]).some(claim => claim.includes(profile)),
        profile,
      ).toBe(true);
  });
});
