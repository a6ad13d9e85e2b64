// 確定 of a draft: the document is built from it and the record, signed, and becomes part of the record in one transaction.
import { randomUUID } from 'node:crypto';
import type { Encounter, Observation, Patient, Resource, RiskAssessment } from '@medplum/fhirtypes';
import { notAllowed, Problem } from '../../http/problem.ts';
import { hasRole, type Person, service } from '../../identity/actor.ts';
import { kanjiName } from '../names.ts';
import { ACT_CODE_SYSTEM, BUNDLE_IDENTIFIER, CARE_HINT_EXTENSION, ENCOUNTER_TYPE_SYSTEM, PATTERN_SYSTEM } from '../systems.ts';
import { nextVersion, type VersionFacts, versionIn } from './attest.ts';
import { DraftContent, type DraftField } from './contract.ts';
import { type Draft, type DraftDeps, draftOf, fieldsOf } from './drafts.ts';
import { draftChanged } from './note-problems.ts';
import { type PlainSection, plainDocument } from './plain.ts';
import { type ReadDocument, readDocument } from './read.ts';
import { REFERRAL_TITLE, referral } from './referral.ts';
import { bpsdSections, deviceSections, type ReportSources } from './reports.ts';
import { type SealDeps, type Sealing, seal, signSealing } from './seal.ts';
import { institutionOf, practitionerOf, recipientOf, tagsOf } from './writers.ts';

export interface ConfirmDeps extends DraftDeps, SealDeps {
  /** What other areas know of a person; without it there are no summaries. */
  sources?: Omit<ReportSources, 'careHint'>;
}

type With<T> = T & { id: string };

const TITLES = {
  note: REFERRAL_TITLE,
  request: '診療情報提供書 (専門医への相談)',
  reply: '診療情報提供書 (返書)',
  bpsd: 'BPSD の見守りのまとめ',
  devices: '機器の報告書',
};
const FIELD_WORDS: Readonly<Record<DraftField, [ja: string, en: string]>> = {
  purpose: ['紹介目的', 'purpose'],
  complaint: ['傷病名・主訴', 'condition or complaint'],
  illness: ['現病歴', 'present illness'],
  findings: ['身体所見', 'findings'],
  allergies: ['アレルギー', 'allergies'],
  medication: ['投薬', 'medication'],
  labs: ['検査結果', 'laboratory results'],
  plan: ['診療方針', 'plan'],
  remarks: ['備考', 'remarks'],
  comment: ['コメント', 'comment'],
};

/**
 * Confirms a draft as `actor`, a doctor or specialist. @returns the DocumentReference's id
 * @throws Problem 403, 404; 409 when the draft is another version; 422 naming what is missing; 503 when the signer is away
 */
export async function confirmDraft(deps: ConfirmDeps, actor: Person, id: string, version: number): Promise<string> {
  const { records } = deps;
  if (!hasRole(actor, ['doctor', 'specialist']) || !actor.reference) throw notAllowed();
  const draft = await draftOf(deps, actor, id);
  if (draft.version !== version) throw draftChanged(draft.version);
  const content = DraftContent.parse(draft.content);
  const lacking = fieldsOf(draft.kind).must.filter(field => !content[field].trim());
  if (lacking.length) {
    throw new Problem(422, 'draft-incomplete', {
      ja: `「${lacking.map(field => FIELD_WORDS[field][0]).join('」「')}」を書いてください。`,
      en: `Please write: ${lacking.map(field => FIELD_WORDS[field][1]).join(', ')}.`,
    });
  }
  const former = draft.replaces ? await readDocument(records, actor, draft.replaces) : null;
  const { sealing, encounter } = await built(deps, actor, draft, content, former);
  const signed = await signSealing(deps, sealing);
  await records.guarded(actor).within(async inside => {
    const claimed = await inside.connection
      .updateTable('document_drafts')
      .set({ confirmed_at: sealing.confirmedAt, confirmed_by: actor.reference, document: sealing.documentId })
      .where('id', '=', id)
      .where('version', '=', version)
      .where('confirmed_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    if (!claimed) throw draftChanged(draft.version);
    await seal(deps, inside, signed);
  });
  // Who is asked may look into the record from now on: an encounter between the two doctors says so, and stands in both their lists.
  if (encounter) await records.as(service('documents')).create(encounter);
  return sealing.documentId;
}

async function built(deps: ConfirmDeps, actor: Person, draft: Draft, content: DraftContent, former: ReadDocument | null) {
  const { records } = deps;
  const view = records.guarded(actor);
  const patient = (await view.read('Patient', draft.patient)) as With<Patient>;
  const confirmer = await practitionerOf(view, actor.reference!);
  const author = draft.author === actor.reference ? confirmer : await practitionerOf(view, draft.author);
  const from = await institutionOf(view, actor, former?.reference.custodian?.reference);
  const to = draft.addressee ? await recipientOf(records, actor, draft.addressee) : null;
  const confirmedAt = records.context.now();
  const tag = tagsOf(draft.withheld);
  const compositionId = randomUUID();
  const version: VersionFacts | undefined = former
    ? {
        number: nextVersion(versionIn(former.composition)),
        identifier: former.composition.identifier!,
        replaces: former.bundle.identifier!,
      }
    : undefined;
  const common = { author, confirmer, confirmedAt, tag, compositionId, version, patient };
  const sealing: Omit<Sealing, 'composition' | 'bundle' | 'platform'> = {
    kind: draft.kind,
    title: TITLES[draft.kind],
    patient: draft.patient,
    encounter: draft.encounter,
    documentId: randomUUID(),
    bundleId: randomUUID(),
    author,
    confirmer,
    from,
    confirmedAt,
    tag,
    replaces: draft.replaces
      ? { document: draft.replaces, identifier: former?.bundle.identifier?.value ?? '', reason: draft.reason ?? '' }
      : null,
    repliesTo: draft.replies_to,
  };
  if (draft.kind === 'bpsd' || draft.kind === 'devices') {
    const span = spanOf(content, confirmedAt);
    const sections = await reportSections(deps, draft.kind, draft.patient, span);
    if (content.comment.trim())
      sections.push({ code: 'comment', title: '書いた人のコメント', blocks: [{ kind: 'text', text: content.comment }] });
    sections.push(CAUTION);
    const plain = plainDocument({
      ...common,
      ...span,
      key: randomUUID(),
      kind: draft.kind,
      title: TITLES[draft.kind],
      institution: from,
      sections,
    });
    return { sealing: { ...sealing, ...plain, platform: false }, encounter: null };
  }
  const kept = (type: string) =>
    (former?.bundle.entry ?? []).flatMap(({ resource }) => (resource?.resourceType === type ? [resource as With<Resource>] : []));
  const { composition, bundle } = referral({
    ...common,
    signedAt: confirmedAt,
    key: randomUUID(),
    from,
    to,
    body: { ...content, purpose: content.purpose || 'ご紹介への返書' },
    // What the devices measured then belongs to every version.
    observations: kept('Observation') as With<Observation>[],
    risks: kept('RiskAssessment') as With<RiskAssessment>[],
  });
  const asks = draft.kind === 'request' && !draft.encounter && !former && to;
  const encounter = asks
    ? consultation(
        patient,
        { id: from.id, name: from.name ?? '' },
        actor,
        { id: to.practitioner.id, name: kanjiName(to.practitioner.name) },
        content.purpose,
        confirmedAt,
      )
    : null;
  return {
    sealing: {
      ...sealing,
      composition: { ...composition, id: compositionId },
      bundle,
      platform: bundle.identifier?.system === BUNDLE_IDENTIFIER,
    },
    encounter,
  };
}

const CAUTION: PlainSection = {
  code: 'caution',
  title: '読むときの注意',
  blocks: [
    {
      kind: 'text',
      text: '予測はケアを助けるためのもので、診断ではありません。医療機器としての審査は受けていません。予測がないことは、何も起きないという意味ではありません。',
    },
  ],
};

/** Days until now at the latest: what is to come is nobody's gap. @throws Problem 422 */
function spanOf({ from, to }: DraftContent, now: Date): { from: Date; to: Date } {
  const begin = new Date(`${from}T00:00:00+09:00`);
  const end = new Date(Math.min(Date.parse(`${to}T00:00:00+09:00`) + 86_400_000, now.getTime()));
  if (!from || !to || !(begin < end) || end.getTime() - begin.getTime() > 92 * 86_400_000) {
    throw new Problem(422, 'period-wrong', {
      ja: '期間を選んでください (長くても3か月)。',
      en: 'Choose a period of three months at most.',
    });
  }
  return { from: begin, to: end };
}

async function reportSections(
  { sources, records }: ConfirmDeps,
  kind: 'bpsd' | 'devices',
  patient: string,
  { from, to }: { from: Date; to: Date },
) {
  if (!sources) throw new Problem(503, 'no-sources', { ja: 'センサーの記録がありません。', en: 'There are no sensors here.' });
  const careHint = async () => {
    const [residence] = await records
      .as(service('documents'))
      .search<Encounter>(`Encounter?type=${ENCOUNTER_TYPE_SYSTEM}|residence&status=in-progress&subject=Patient/${patient}&_count=1`);
    return residence?.extension?.find(({ url }) => url === CARE_HINT_EXTENSION)?.valueString ?? null;
  };
  return kind === 'bpsd'
    ? bpsdSections({ ...sources, careHint }, patient, from, to)
    : deviceSections({ ...sources, careHint }, patient, from, to);
}

/** The question to a specialist as an encounter of the two doctors (D to D). */
function consultation(
  patient: With<Patient>,
  provider: { id: string; name: string },
  asking: Person,
  asked: { id: string; name: string },
  reason: string,
  at: Date,
): Encounter {
  const participant = (code: string, reference: string, display: string) => ({
    type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code }] }],
    individual: { reference, display },
  });
  return {
    resourceType: 'Encounter',
    status: 'planned',
    class: { system: ACT_CODE_SYSTEM, code: 'VR', display: 'virtual' },
    type: [{ coding: [{ system: PATTERN_SYSTEM, code: 'DtoD' }] }],
    subject: { reference: `Patient/${patient.id}`, display: kanjiName(patient.name) },
    participant: [participant('PPRF', asking.reference!, asking.name), participant('CON', `Practitioner/${asked.id}`, asked.name)],
    period: { start: at.toISOString() },
    reasonCode: [{ text: reason.split('\n')[0]!.slice(0, 200) }],
    serviceProvider: { reference: `Organization/${provider.id}`, display: provider.name },
  };
}
