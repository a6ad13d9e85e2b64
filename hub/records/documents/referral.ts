// A referral document of JP-CLINS (eReferral): what a signed note, a request from doctor to doctor and its reply are. Pure: facts in, FHIR out.
import type {
  Bundle,
  Coding,
  Composition,
  CompositionSection,
  Observation,
  Organization,
  Patient,
  Practitioner,
  Resource,
  RiskAssessment,
} from '@medplum/fhirtypes';
import { kanjiName } from '../names.ts';
import { tokyoTime } from '../search/dates.ts';
import { BUNDLE_IDENTIFIER, DOCUMENT_SECTION, DOCUMENT_SUBTYPE, DOCUMENT_TYPE, RESOURCE_INSTANCE } from '../systems.ts';
import { documentBundle } from './assemble.ts';
import { attesters, type VersionFacts, versionElements } from './attest.ts';
import { xhtmlOf } from './narrative.ts';
import { documentOrganization, documentPatient, documentPractitioner, institutionNumber } from './people.ts';

const COMPOSITION_PROFILE = 'http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral|1';
const BUNDLE_PROFILE = 'http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral|1';
export const REFERRAL_TITLE = '診療情報提供書';

type With<T> = T & { id: string };

/** What stands in the sections; those without words are left out, but for the three that the guide asks for. */
export interface ReferralBody {
  purpose: string;
  complaint: string;
  illness: string;
  findings?: string;
  allergies?: string;
  medication?: string;
  labs?: string;
  plan?: string;
  remarks?: string;
}

export interface ReferralFacts {
  /** Unique part of the identifiers: 1 to 36 of A-Za-z0-9-. */
  key: string;
  signedAt: Date;
  compositionId: string;
  patient: With<Patient>;
  /** Who typed it. */
  author: With<Practitioner>;
  /** Who answers for it, when that is another: a proxy entry (代行入力) confirmed by name. */
  confirmer?: With<Practitioner>;
  from: With<Organization>;
  /** Null when it goes to nobody else: then it is addressed to the writing institution itself. */
  to: { practitioner: With<Practitioner>; organization: With<Organization> } | null;
  body: ReferralBody;
  observations: With<Observation>[];
  risks: With<RiskAssessment>[];
  /** Which version it is, and of what. */
  version?: VersionFacts;
  /** Tags such as 未告知 (UNINFORMED). */
  tag?: Coding[];
}

/**
 * Builds the Composition (references as in the record) and the document Bundle (a copy of everything it names, references inside the bundle).
 * @throws Problem 422 naming what the record lacks: an institution number, a name, a birth date.
 */
export function referral(facts: ReferralFacts): { composition: Composition; bundle: Bundle; identifier: string } {
  const number = institutionNumber(facts.from);
  const date = tokyoTime(facts.signedAt);
  const year = date.slice(0, 4);
  const identifier = `${number}^${year}^${facts.key}`;
  const recipient = facts.to?.organization ?? facts.from;
  // The recipient's copy is an entry of its own even when it is the writer: a referral has a sender's and a receiver's entry.
  const toOrganization = `Organization/${recipient.id}${recipient.id === facts.from.id ? '#to' : ''}`;
  const composition = compositionOf(facts, { number, year, date, toOrganization });

  const parts: [string, Resource][] = [
    [`Composition/${facts.compositionId}`, composition],
    [`Patient/${facts.patient.id}`, documentPatient(facts.patient, number)],
    [`Practitioner/${facts.author.id}`, documentPractitioner(facts.author)],
    [`Organization/${facts.from.id}`, documentOrganization(facts.from)],
    [toOrganization, documentOrganization(recipient)],
  ];
  for (const practitioner of [facts.confirmer, facts.to?.practitioner]) {
    const reference = practitioner && `Practitioner/${practitioner.id}`;
    if (reference && !parts.some(([known]) => known === reference)) parts.push([reference, documentPractitioner(practitioner)]);
  }
  for (const part of [...facts.observations, ...facts.risks]) parts.push([`${part.resourceType}/${part.id}`, part]);
  const bundle = documentBundle(parts, { system: BUNDLE_IDENTIFIER, value: identifier }, date, BUNDLE_PROFILE);
  if (facts.tag?.length) bundle.meta = { ...bundle.meta, tag: facts.tag };
  // In the record the recipient's organization is simply that organization.
  const stored = JSON.parse(JSON.stringify(composition).replaceAll(toOrganization, `Organization/${recipient.id}`)) as Composition;
  return { composition: stored, bundle, identifier };
}

function compositionOf(facts: ReferralFacts, words: { number: string; year: string; date: string; toOrganization: string }): Composition {
  const { body, from, to, author } = facts;
  const confirmer = facts.confirmer ?? author;
  const reference = (resource: With<Resource>) => ({ reference: `${resource.resourceType}/${resource.id}`, type: resource.resourceType });
  const recipient = to?.organization ?? from;
  const optional = (code: string, title: string, said: string | undefined) => (said?.trim() ? [section(code, title, [said])] : []);
  const readings = [...facts.observations, ...facts.risks];
  const versioned = versionElements(facts.version);
  return {
    resourceType: 'Composition',
    id: facts.compositionId,
    meta: { profile: [COMPOSITION_PROFILE], lastUpdated: words.date, ...(facts.tag?.length ? { tag: facts.tag } : {}) },
    language: 'ja',
    extension: [versioned.extension],
    identifier: versioned.identifier ?? { system: RESOURCE_INSTANCE, value: `${words.number}-${words.year}-${facts.key}` },
    status: 'final',
    type: { coding: [{ system: DOCUMENT_TYPE, code: '57133-1', display: REFERRAL_TITLE }] },
    category: [{ coding: [{ system: DOCUMENT_SUBTYPE, code: 'OUTPATIENT', display: '外来文書' }] }],
    subject: { reference: `Patient/${facts.patient.id}`, type: 'Patient' },
    date: words.date,
    author: [reference(author), reference(from)],
    title: REFERRAL_TITLE,
    attester: attesters(confirmer, from, words.date),
    custodian: reference(from),
    ...(versioned.relatesTo ? { relatesTo: versioned.relatesTo } : {}),
    event: [{ code: [{ text: '診療情報提供書発行' }], period: { start: words.date.slice(0, 10) } }],
    section: [
      section('920', '紹介元情報', [from.name, kanjiName(confirmer.name)], [reference(from), reference(confirmer)]),
      section(
        '910',
        '紹介先情報',
        [recipient.name, to ? `${kanjiName(to.practitioner.name)} 先生` : ''],
        [{ reference: words.toOrganization, type: 'Organization' }, ...(to ? [reference(to.practitioner)] : [])],
      ),
      {
        ...coded('300', '構造情報'),
        // The sections below take profiled entries only; what the devices measured and the models foresaw hangs on the whole.
        ...(readings.length ? { entry: readings.map(reference) } : {}),
        section: [
          section('950', '紹介目的', [body.purpose]),
          // In words only: the profile's Condition wants a MEDIS disease code, which free text does not have.
          section('340', '傷病名・主訴', [body.complaint || '記載なし']),
          section('360', '現病歴', [body.illness || '記載なし']),
          ...optional('610', '身体所見', body.findings),
          ...optional('420', '診療方針指示', body.plan),
          ...optional('510', 'アレルギー・不耐性反応', body.allergies),
          ...optional('430', '投薬指示', body.medication),
          ...optional('620', '検査結果', body.labs),
          ...(readings.length ? [section('330', '臨床経過', readings.map(inWords))] : []),
        ],
      },
      ...optional('220', '備考・連絡情報', body.remarks),
    ],
  };
}

const coded = (code: string, title: string): CompositionSection => ({
  title,
  code: { coding: [{ system: DOCUMENT_SECTION, code, display: `${title}セクション` }] },
});

function section(
  code: string,
  title: string,
  said: (string | undefined)[],
  entry: { reference: string; type: string }[] = [],
): CompositionSection {
  const text = said.filter(Boolean).join('\n');
  return {
    ...coded(code, title),
    text: { status: 'additional', div: xhtmlOf([{ kind: 'text', text }]) },
    ...(entry.length ? { entry } : {}),
  } as CompositionSection;
}

/** A day's readings and predictions in a sentence each. */
export function inWords(reading: Observation | RiskAssessment): string {
  if (reading.resourceType === 'RiskAssessment') {
    const [prediction] = reading.prediction ?? [];
    const ten = Math.round((prediction?.probabilityDecimal ?? 0) * 10);
    return `${reading.code?.text ?? ''}: その日の最大で、似た状態の10回のうち${ten}回${prediction?.rationale ? ` (${prediction.rationale})` : ''}`;
  }
  const of = (code: string) => reading.component?.find(part => part.code.coding?.[0]?.code === code)?.valueQuantity?.value;
  return `${reading.code.text}: 平均 ${of('average')}、最小 ${of('minimum')}、最大 ${of('maximum')} ${reading.valueQuantity?.unit ?? ''}`;
}
