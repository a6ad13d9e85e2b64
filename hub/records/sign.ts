// 確定: a note becomes part of the record, all of it in one transaction, and cannot change afterwards.
import { randomUUID } from 'node:crypto';
import type {
  Condition,
  DocumentReference,
  Encounter,
  Organization,
  Patient,
  Practitioner,
  PractitionerRole,
  Resource,
} from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { Problem } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import { tokyoDay, tokyoTime } from './dates.ts';
import { type DayRisk, type DaySummary, highestRisks, riskAssessment, type SummaryOf, summaryObservation } from './day-summary.ts';
import { draftChanged, noteSigned } from './note-problems.ts';
import type { OpenRecords } from './open.ts';
import { type ReferralFacts, referral } from './referral.ts';
import type { GuardedRepository } from './repository.ts';
import { BUNDLE_IDENTIFIER, DOCUMENT_TYPE } from './systems.ts';

export interface SignDeps {
  records: OpenRecords;
  daySummary: DaySummary;
  dayRisk: DayRisk;
}

type With<T> = T & { id: string };

/**
 * Signs the draft of an Encounter's note as `actor`. Creates Condition, Observations, RiskAssessments, Composition, document Bundle and
 * DocumentReference, marks the Encounter, and puts the document into the outbox: everything or nothing.
 * @throws Problem 409 when it is signed already or the draft is another version than `version`; 422 when the note is empty or the record lacks what the document needs.
 */
export async function signNote(deps: SignDeps, actor: Person, encounterId: string, version: number | null): Promise<void> {
  const { records } = deps;
  const view = records.guarded(actor);
  const encounter = (await view.read('Encounter', encounterId)) as With<Encounter>;
  const patientId = encounter.subject!.reference!.slice('Patient/'.length);
  const signedAt = records.context.now();
  const start = encounter.period?.start ? new Date(encounter.period.start) : signedAt;
  const day = tokyoDay(start);
  const about: SummaryOf = {
    patient: patientId,
    encounter: encounterId,
    from: new Date(day.from),
    to: new Date(Math.min(day.to, Math.max(signedAt.getTime(), day.from + 1000))),
  };
  // What other stores know is asked before the transaction, so that it holds no locks while they answer.
  const [summaries, predictions, draft] = await Promise.all([
    deps.daySummary(patientId, about.from, about.to),
    deps.dayRisk(patientId, about.from, about.to),
    view.connection.selectFrom('notes').selectAll().where('encounter', '=', encounterId).executeTakeFirst(),
  ]);
  const facts = await people(view, actor, encounter, patientId, draft?.addressee ?? null);

  await view.within(async inside => {
    const note = await inside.connection
      .selectFrom('notes')
      .selectAll()
      .where('encounter', '=', encounterId)
      .forUpdate()
      .executeTakeFirst();
    if (!note || ![note.subjective, note.objective, note.assessment, note.plan].some(text => text.trim())) {
      throw new Problem(422, 'note-empty', { ja: '記録がまだ書かれていません。', en: 'Nothing has been written yet.' });
    }
    if (note.signed_at) throw noteSigned();
    if (version !== null && note.version !== version) throw draftChanged(note.version);
    if (note.addressee !== (draft?.addressee ?? null)) throw draftChanged(note.version);

    const add = async <T extends Resource>(resource: T, id: string = randomUUID()) =>
      (await inside.create(resource, id)) as Resource as With<T>;
    const observations = [];
    for (const summary of summaries) observations.push(await add(summaryObservation(summary, about)));
    const risks = [];
    const basis = observations.map(({ id }) => `Observation/${id}`);
    for (const prediction of highestRisks(predictions)) risks.push(await add(riskAssessment(prediction, about, basis)));
    const conditions = note.assessment.trim() ? [await add(conditionOf(note.assessment, patientId, encounterId, actor, signedAt))] : [];

    const key = randomUUID();
    const [compositionId, bundleId, documentId] = [randomUUID(), randomUUID(), randomUUID()];
    const purpose = encounter.reasonCode?.map(reason => reason.text ?? reason.coding?.[0]?.display).find(Boolean) ?? '診察の報告';
    const document = referral({
      ...facts,
      key,
      signedAt,
      compositionId,
      encounter: encounterId,
      purpose,
      note,
      observations,
      risks,
    });
    await add({ ...document.composition, encounter: { reference: `Encounter/${encounterId}` } }, compositionId);
    await add(document.bundle, bundleId);
    await add(documentReferenceOf(document.identifier, bundleId, facts, encounterId, signedAt), documentId);
    const current = (await inside.read('Encounter', encounterId)) as With<Encounter>;
    const diagnosis = conditions.map(({ id }) => ({ condition: { reference: `Condition/${id}` } }));
    if (diagnosis.length) await inside.update({ ...current, diagnosis: [...(current.diagnosis ?? []), ...diagnosis] });

    await inside.connection
      .updateTable('notes')
      .set({ signed_at: signedAt, signed_by: actor.reference!, document: documentId })
      .where('encounter', '=', encounterId)
      .execute();
    await inside.connection
      .insertInto('deliveries')
      .values({
        bundle: bundleId,
        identifier: document.identifier,
        document: documentId,
        title: document.composition.title,
        patient: patientId,
        author: actor.reference!,
        next_attempt: signedAt,
        problem: null,
      })
      .execute();
    await sql`select pg_notify('outbox', '{}')`.execute(inside.connection);
  });
}

/** Who writes to whom: read through the writer's own rights. */
async function people(view: GuardedRepository, actor: Person, encounter: Encounter, patientId: string, addressee: string | null) {
  const here = actor.roles.filter(({ role, organization }) => (role === 'doctor' || role === 'specialist') && organization);
  const own = here.find(({ organization }) => `Organization/${organization}` === encounter.serviceProvider?.reference) ?? here[0];
  if (!own)
    throw new Problem(403, 'not-allowed', { ja: '医師として登録された施設がありません。', en: 'You are a doctor at no institution.' });
  const patient = (await view.read('Patient', patientId)) as With<Patient>;
  const author = (await view.read('Practitioner', actor.reference!.slice('Practitioner/'.length))) as With<Practitioner>;
  const from = (await view.read('Organization', own.organization)) as With<Organization>;
  return { patient, author, from, to: addressee ? await recipientOf(view, addressee) : null };
}

async function recipientOf(view: GuardedRepository, practitioner: string): Promise<ReferralFacts['to']> {
  const { resources } = await view.search({
    resourceType: 'PractitionerRole',
    filters: [{ code: 'practitioner', operator: 'eq', value: `Practitioner/${practitioner}` }],
  });
  const organization = (resources as PractitionerRole[]).map(role => role.organization?.reference).find(Boolean);
  if (!organization) {
    throw new Problem(422, 'recipient-unknown', {
      ja: '宛先の医師が所属する医療機関が登録されていません。宛先を選び直してください。',
      en: 'The recipient works at no institution in the record. Choose another recipient.',
    });
  }
  return {
    practitioner: (await view.read('Practitioner', practitioner)) as With<Practitioner>,
    organization: (await view.read('Organization', organization.slice('Organization/'.length))) as With<Organization>,
  };
}

/** The assessment's first line is the diagnosis, in the doctor's words. */
function conditionOf(assessment: string, patient: string, encounter: string, actor: Person, at: Date): Condition {
  const code = (system: string, value: string) => ({
    coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: value }],
  });
  return {
    resourceType: 'Condition',
    clinicalStatus: code('condition-clinical', 'active'),
    verificationStatus: code('condition-ver-status', 'provisional'),
    category: [code('condition-category', 'encounter-diagnosis')],
    code: { text: assessment.trim().split(/\r?\n/)[0]!.slice(0, 200) },
    subject: { reference: `Patient/${patient}` },
    encounter: { reference: `Encounter/${encounter}` },
    recordedDate: tokyoTime(at),
    asserter: { reference: actor.reference! },
  };
}

function documentReferenceOf(
  identifier: string,
  bundle: string,
  facts: Pick<ReferralFacts, 'patient' | 'author' | 'from'>,
  encounter: string,
  at: Date,
): DocumentReference {
  return {
    resourceType: 'DocumentReference',
    masterIdentifier: { system: BUNDLE_IDENTIFIER, value: identifier },
    status: 'current',
    docStatus: 'final',
    type: { coding: [{ system: DOCUMENT_TYPE, code: '57133-1', display: '診療情報提供書' }] },
    subject: { reference: `Patient/${facts.patient.id}` },
    date: at.toISOString(),
    author: [{ reference: `Practitioner/${facts.author.id}` }, { reference: `Organization/${facts.from.id}` }],
    custodian: { reference: `Organization/${facts.from.id}` },
    description: '診療情報提供書',
    content: [
      {
        attachment: {
          contentType: 'application/fhir+json',
          language: 'ja',
          url: `Bundle/${bundle}`,
          title: '診療情報提供書',
          creation: tokyoTime(at),
        },
      },
    ],
    context: { encounter: [{ reference: `Encounter/${encounter}` }] },
  };
}
