// 確定: a note becomes part of the record, all of it in one transaction, and cannot change afterwards.
import { randomUUID } from 'node:crypto';
import type { Coding, Condition, Encounter, Patient, Resource } from '@medplum/fhirtypes';
import type { Selectable } from 'kysely';
import { Problem } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import type { GuardedRepository } from '../repository.ts';
import { tokyoDay, tokyoTime } from '../search/dates.ts';
import type { RecordTables } from '../tables.ts';
import { type DayRisk, type DaySummary, highestRisks, riskAssessment, type SummaryOf, summaryObservation } from './day-summary.ts';
import { draftChanged, noteSigned } from './note-problems.ts';
import { REFERRAL_TITLE, referral } from './referral.ts';
import { type SealDeps, seal, signSealing } from './seal.ts';
import { institutionOf, practitionerOf, recipientOf, tagsOf } from './writers.ts';

export interface SignDeps extends SealDeps {
  records: OpenRecords;
  daySummary: DaySummary;
  dayRisk: DayRisk;
}

type With<T> = T & { id: string };

/**
 * Signs the draft of an Encounter's note as `actor`. Creates Condition, Observations, RiskAssessments, Composition, document Bundle,
 * DocumentReference and Provenance, marks the Encounter, and puts the document into the outbox: everything or nothing.
 * @throws Problem 409 when it is signed already or the draft is another version than `version`; 422 when the note is empty or the record lacks
 *   what the document needs; 503 when the signer is away
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
  const noteIn = (connection: GuardedRepository['connection']) =>
    connection.selectFrom('notes').selectAll().where('encounter', '=', encounterId);
  // What other stores know, and a signer outside, are asked before the transaction, so that it holds no locks while they answer.
  const [summaries, predictions, found] = await Promise.all([
    deps.daySummary(patientId, about.from, about.to),
    deps.dayRisk(patientId, about.from, about.to),
    noteIn(view.connection).executeTakeFirst(),
  ]);
  const note = written(found, version);
  const people = await notePeople(records, actor, encounter, patientId, note);

  const named = <T extends Resource>(resource: T) => ({ ...resource, id: randomUUID() }) as With<T>;
  const observations = summaries.map(summary => named(summaryObservation(summary, about)));
  const basis = observations.map(({ id }) => `Observation/${id}`);
  const risks = highestRisks(predictions).map(prediction => named(riskAssessment(prediction, about, basis)));
  const tag = tagsOf(note.withheld);
  const compositionId = randomUUID();
  const purpose = encounter.reasonCode?.map(reason => reason.text ?? reason.coding?.[0]?.display).find(Boolean) ?? '診察の報告';
  const document = referral({
    ...people,
    key: randomUUID(),
    signedAt,
    compositionId,
    body: {
      purpose,
      complaint: note.assessment || note.subjective,
      illness: note.subjective,
      findings: note.objective,
      plan: note.plan,
    },
    observations: observations.map(part => ({ ...part, meta: { lastUpdated: tokyoTime(signedAt) } })),
    risks: risks.map(part => ({ ...part, meta: { lastUpdated: tokyoTime(signedAt) } })),
    tag,
  });
  const sealing = await signSealing(deps, {
    kind: 'note',
    title: REFERRAL_TITLE,
    patient: patientId,
    encounter: encounterId,
    composition: { ...document.composition, id: compositionId },
    bundle: document.bundle,
    documentId: randomUUID(),
    bundleId: randomUUID(),
    author: people.author,
    confirmer: people.confirmer,
    from: people.from,
    confirmedAt: signedAt,
    tag,
    replaces: null,
    repliesTo: null,
    platform: true,
  });

  await view.within(async inside => {
    const now = written(await noteIn(inside.connection).forUpdate().executeTakeFirst(), version);
    if (now.version !== note.version) throw draftChanged(now.version);
    for (const part of [...observations, ...risks]) await inside.create(part, part.id);
    const condition = note.assessment.trim()
      ? await inside.create(conditionOf(note.assessment, patientId, encounterId, actor, signedAt, tag))
      : undefined;
    await seal(deps, inside, sealing);
    const current = (await inside.read('Encounter', encounterId)) as With<Encounter>;
    const diagnosis = condition ? [{ condition: { reference: `Condition/${condition.id}` } }] : [];
    if (diagnosis.length) await inside.update({ ...current, diagnosis: [...(current.diagnosis ?? []), ...diagnosis] });
    await inside.connection
      .updateTable('notes')
      .set({ signed_at: signedAt, signed_by: actor.reference!, document: sealing.documentId })
      .where('encounter', '=', encounterId)
      .execute();
  });
}

type Note = Selectable<RecordTables['notes']>;

/** The note, when it can be signed. @throws Problem 422, 409 */
function written(note: Note | undefined, version: number | null): Note {
  if (!note || ![note.subjective, note.objective, note.assessment, note.plan].some(text => text.trim())) {
    throw new Problem(422, 'note-empty', { ja: '記録がまだ書かれていません。', en: 'Nothing has been written yet.' });
  }
  if (note.signed_at) throw noteSigned();
  if (version !== null && note.version !== version) throw draftChanged(note.version);
  return note;
}

/** Who writes to whom: read through the rights of who signs. What another clinician typed last is confirmed by name. */
async function notePeople(records: OpenRecords, actor: Person, encounter: Encounter, patientId: string, note: Note) {
  const view = records.guarded(actor);
  const from = await institutionOf(view, actor, encounter.serviceProvider?.reference);
  const patient = (await view.read('Patient', patientId)) as With<Patient>;
  const confirmer = await practitionerOf(view, actor.reference!);
  const author = note.author === actor.reference ? confirmer : await practitionerOf(view, note.author);
  return { patient, author, confirmer, from, to: note.addressee ? await recipientOf(records, actor, note.addressee) : null };
}

/** The assessment's first line is the diagnosis, in the doctor's words. */
function conditionOf(assessment: string, patient: string, encounter: string, actor: Person, at: Date, tag: Coding[]): Condition {
  const code = (system: string, value: string) => ({
    coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: value }],
  });
  return {
    resourceType: 'Condition',
    ...(tag.length ? { meta: { tag } } : {}),
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
