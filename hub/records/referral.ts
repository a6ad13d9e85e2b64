// The document of a signed note: a referral bundle of JP-CLINS (eReferral). Pure: facts in, FHIR out.
import type {
  Bundle,
  BundleEntry,
  Composition,
  CompositionSection,
  Observation,
  Organization,
  Patient,
  Practitioner,
  Resource,
  RiskAssessment,
} from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import { tokyoTime } from './dates.ts';
import { kanjiName } from './names.ts';
import {
  BUNDLE_IDENTIFIER,
  DOCUMENT_SECTION,
  DOCUMENT_SUBTYPE,
  DOCUMENT_TYPE,
  FACILITY_PATIENT_PREFIX,
  INSTITUTION_NUMBER,
  INSURED_PERSON,
  NAME_REPRESENTATION,
  RESOURCE_INSTANCE,
} from './systems.ts';

const ECS = 'http://jpfhir.jp/fhir/eCS/StructureDefinition';
const COMPOSITION_PROFILE = 'http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral|1';
const BUNDLE_PROFILE = 'http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral|1';
const VERSION_NUMBER = 'http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber';
const ABSENT = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
const TITLE = '診療情報提供書';
/** 10 digits: prefecture, kind (1 medical, 3 dental), institution (JP Core). */
const INSTITUTION = /^[0-4][0-9][1-3][0-9]{7}$/;

export interface ReferralFacts {
  /** Unique part of the identifiers: 1 to 36 of A-Za-z0-9-. */
  key: string;
  signedAt: Date;
  compositionId: string;
  encounter: string;
  patient: Patient & { id: string };
  author: Practitioner & { id: string };
  from: Organization & { id: string };
  /** Null when the note goes to nobody else: then it is addressed to the writing institution itself. */
  to: { practitioner: Practitioner & { id: string }; organization: Organization & { id: string } } | null;
  purpose: string;
  note: { subjective: string; objective: string; assessment: string; plan: string };
  observations: (Observation & { id: string })[];
  risks: (RiskAssessment & { id: string })[];
}

const incomplete = (ja: string, en: string) => new Problem(422, 'document-incomplete', { ja, en });

/**
 * Builds the Composition (references as in the record) and the document Bundle (a copy of everything it names, references inside the bundle).
 * @throws Problem 422 naming what the record lacks: an institution number, a name, a birth date.
 */
export function referral(facts: ReferralFacts): { composition: Composition; bundle: Bundle; identifier: string } {
  const number = institutionNumber(facts.from);
  const year = tokyoTime(facts.signedAt).slice(0, 4);
  const identifier = `${number}^${year}^${facts.key}`;
  const recipient = facts.to?.organization ?? facts.from;
  // The recipient's copy is an entry of its own even when it is the writer: a referral has a sender's and a receiver's entry.
  const toOrganization = `Organization/${recipient.id}${recipient.id === facts.from.id ? '#to' : ''}`;
  const date = tokyoTime(facts.signedAt);
  const composition = compositionOf(facts, { number, year, date, toOrganization });

  const parts: [string, Resource][] = [
    [`Composition/${facts.compositionId}`, composition],
    [`Patient/${facts.patient.id}`, documentPatient(facts.patient, number)],
    [`Practitioner/${facts.author.id}`, documentPractitioner(facts.author)],
    [`Organization/${facts.from.id}`, documentOrganization(facts.from)],
    [toOrganization, documentOrganization(recipient)],
  ];
  if (facts.to && facts.to.practitioner.id !== facts.author.id)
    parts.push([`Practitioner/${facts.to.practitioner.id}`, documentPractitioner(facts.to.practitioner)]);
  for (const part of [...facts.observations, ...facts.risks]) parts.push([`${part.resourceType}/${part.id}`, part]);
  const addresses = new Map(parts.map(([reference]) => [reference, `urn:uuid:${crypto.randomUUID()}`]));
  const entry: BundleEntry[] = parts.map(([reference, resource]) => ({
    fullUrl: addresses.get(reference),
    resource: inside(resource, addresses),
  }));
  const bundle: Bundle = {
    resourceType: 'Bundle',
    meta: { profile: [BUNDLE_PROFILE] },
    identifier: { system: BUNDLE_IDENTIFIER, value: identifier },
    language: 'ja',
    type: 'document',
    timestamp: date,
    entry,
  };
  // In the record the recipient's organization is simply that organization.
  const stored = JSON.parse(JSON.stringify(composition).replaceAll(toOrganization, `Organization/${recipient.id}`)) as Composition;
  return { composition: stored, bundle, identifier };
}

function compositionOf(facts: ReferralFacts, words: { number: string; year: string; date: string; toOrganization: string }): Composition {
  const { note, from, to, author } = facts;
  const reference = (resource: Resource & { id: string }) => ({
    reference: `${resource.resourceType}/${resource.id}`,
    type: resource.resourceType,
  });
  const recipient = to?.organization ?? from;
  const optional = (present: unknown, made: () => CompositionSection) => (present ? [made()] : []);
  const readings = [...facts.observations, ...facts.risks];
  return {
    resourceType: 'Composition',
    id: facts.compositionId,
    meta: { profile: [COMPOSITION_PROFILE], lastUpdated: words.date },
    language: 'ja',
    extension: [{ url: VERSION_NUMBER, valueString: '1.0' }],
    identifier: { system: RESOURCE_INSTANCE, value: `${words.number}-${words.year}-${facts.key}` },
    status: 'final',
    type: { coding: [{ system: DOCUMENT_TYPE, code: '57133-1', display: TITLE }] },
    category: [{ coding: [{ system: DOCUMENT_SUBTYPE, code: 'OUTPATIENT', display: '外来文書' }] }],
    subject: { reference: `Patient/${facts.patient.id}`, type: 'Patient' },
    date: words.date,
    author: [reference(author), reference(from)],
    title: TITLE,
    custodian: reference(from),
    event: [{ code: [{ text: '診療情報提供書発行' }], period: { start: words.date.slice(0, 10) } }],
    section: [
      section('920', '紹介元情報', [from.name, kanjiName(author.name)], [reference(from), reference(author)]),
      section(
        '910',
        '紹介先情報',
        [recipient.name, to ? `${kanjiName(to.practitioner.name)} 先生` : ''],
        [{ reference: words.toOrganization, type: 'Organization' }, ...(to ? [reference(to.practitioner)] : [])],
      ),
      {
        ...coded('300', '構造情報'),
        section: [
          section('950', '紹介目的', [facts.purpose]),
          // In words only: the profile's Condition wants a MEDIS disease code, which free text does not have.
          section('340', '傷病名・主訴', [note.assessment || note.subjective || '記載なし']),
          section('360', '現病歴', [note.subjective || '記載なし']),
          ...optional(note.objective, () => section('610', '身体所見', [note.objective])),
          ...optional(note.plan, () => section('420', '診療方針指示', [note.plan])),
          ...optional(readings.length, () => section('330', '臨床経過', readings.map(inWords), readings.map(reference))),
        ],
      },
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
  lines: (string | undefined)[],
  entry: { reference: string; type: string }[] = [],
): CompositionSection {
  const text = lines
    .filter(Boolean)
    .map(line => escaped(line!))
    .join('<br/>');
  return {
    ...coded(code, title),
    text: { status: 'additional', div: `<div xmlns="http://www.w3.org/1999/xhtml">${text}</div>` },
    ...(entry.length ? { entry } : {}),
  } as CompositionSection;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replace(/\r?\n/g, '<br/>');

function inWords(reading: Observation | RiskAssessment): string {
  if (reading.resourceType === 'RiskAssessment') {
    const [prediction] = reading.prediction ?? [];
    const ten = Math.round((prediction?.probabilityDecimal ?? 0) * 10);
    return `${reading.code?.text ?? ''}: その日の最大で、似た状態の10回のうち${ten}回${prediction?.rationale ? ` (${prediction.rationale})` : ''}`;
  }
  const of = (code: string) => reading.component?.find(part => part.code.coding?.[0]?.code === code)?.valueQuantity?.value;
  return `${reading.code.text}: 平均 ${of('average')}、最小 ${of('minimum')}、最大 ${of('maximum')} ${reading.valueQuantity?.unit ?? ''}`;
}

/** The ten-digit number of a medical institution. @throws Problem 422 without one */
function institutionNumber(organization: Organization): string {
  const number = organization.identifier?.find(({ system }) => system === INSTITUTION_NUMBER)?.value;
  if (number && INSTITUTION.test(number)) return number;
  throw incomplete(
    `「${organization.name}」の医療機関番号 (10桁) が登録されていません。管理者に登録をたのんでください。`,
    `${organization.name} has no medical institution number (10 digits) in the record. Ask the administrator to enter it.`,
  );
}

function documentPatient(patient: Patient & { id: string }, number: string): Patient {
  const { id, identifier = [], telecom, gender, birthDate, address } = patient;
  const name = (patient.name ?? []).filter(entry => entry.family && entry.given?.length);
  if (!name.length || !birthDate) {
    throw incomplete('患者の氏名または生年月日が登録されていません。', 'The patient’s name or birth date is missing in the record.');
  }
  const known = identifier.filter(
    ({ system, value }) => value && (system === INSURED_PERSON || system?.startsWith(FACILITY_PATIENT_PREFIX)),
  );
  const stamped = { lastUpdated: patient.meta?.lastUpdated ?? new Date().toISOString(), profile: [`${ECS}/JP_Patient_eCS`] };
  return {
    resourceType: 'Patient',
    id,
    meta: stamped,
    language: 'ja',
    identifier: known.length ? known : [{ system: `${FACILITY_PATIENT_PREFIX}${number}`, value: id }],
    active: true,
    // R1113: family and given name are parted by a half-width space.
    name: name.map(entry => ({ ...entry, text: (entry.text ?? [entry.family, ...entry.given!].join(' ')).replaceAll('　', ' ') })),
    ...(telecom ? { telecom } : {}),
    gender: gender ?? 'unknown',
    birthDate,
    // The profile wants an address; one that nobody entered is said to be unknown.
    address: address?.[0]
      ? [
          {
            ...address[0],
            text: address[0].text ?? [address[0].state, address[0].city, ...(address[0].line ?? [])].filter(Boolean).join(''),
          },
        ]
      : [{ extension: [{ url: ABSENT, valueCode: 'unknown' }], text: '不明' }],
  };
}

function documentPractitioner({ id, meta, identifier, qualification, name }: Practitioner & { id: string }): Practitioner {
  const kanji = name?.filter(entry => entry.extension?.some(({ url, valueCode }) => url === NAME_REPRESENTATION && valueCode === 'IDE'));
  return {
    resourceType: 'Practitioner',
    id,
    meta: { lastUpdated: meta?.lastUpdated, profile: [`${ECS}/JP_Practitioner_eCS`] },
    language: 'ja',
    ...(identifier ? { identifier } : {}),
    name: kanji?.length ? kanji : name,
    ...(qualification ? { qualification } : {}),
  };
}

function documentOrganization(organization: Organization & { id: string }): Organization {
  const { id, meta, identifier, type, telecom, address } = organization;
  institutionNumber(organization);
  return {
    resourceType: 'Organization',
    id,
    meta: { lastUpdated: meta?.lastUpdated, profile: [`${ECS}/JP_Organization_eCS`] },
    language: 'ja',
    identifier,
    type: type ?? [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/organization-type', code: 'prov' }] }],
    name: organization.name,
    ...(telecom ? { telecom } : {}),
    ...(address
      ? {
          address: address.map(each => ({
            ...each,
            text: each.text ?? [each.state, each.city, ...(each.line ?? [])].filter(Boolean).join(''),
          })),
        }
      : {}),
  };
}

/** The resource with references to other parts of the bundle made to point at them; references that lead outside lose their address. */
function inside<T extends Resource>(resource: T, addresses: Map<string, string>): T {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk).filter(item => item !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const object = value as Record<string, unknown>;
    if (typeof object.reference === 'string' && /^[A-Z][A-Za-z]+\//.test(object.reference)) {
      const address = addresses.get(object.reference);
      return address ? { ...object, reference: address } : undefined;
    }
    return Object.fromEntries(
      Object.entries(object)
        .map(([key, inner]) => [key, walk(inner)])
        .filter(([, inner]) => inner !== undefined && !(Array.isArray(inner) && inner.length === 0)),
    );
  };
  return walk(resource) as T;
}
