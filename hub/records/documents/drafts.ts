// Drafts of documents: typed by one, perhaps confirmed by another; nothing of a draft is part of the record yet.
import { randomUUID } from 'node:crypto';
import type { Composition, CompositionSection, Patient } from '@medplum/fhirtypes';
import type { Selectable } from 'kysely';
import { notAllowed, notFound, Problem } from '../../http/problem.ts';
import { hasRole, type Person } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import type { RecordTables } from '../tables.ts';
import { DRAFT_FIELDS, DraftContent, type DraftField, type DraftView } from './contract.ts';
import { tablesOf } from './deliveries.ts';
import { blocksOf } from './narrative.ts';
import { draftChanged } from './note-problems.ts';
import { kindOf, namedBy, type ReadDocument, readDocument } from './read.ts';

export type Draft = Selectable<RecordTables['document_drafts']>;

export interface DraftDeps {
  records: OpenRecords;
  database: Database;
}

const WHAT = { ja: '文書の下書きを扱う', en: 'handle the draft of a document' };
/** How far back a summary looks when nobody says. */
const DEFAULT_DAYS = 7;
const isReport = (kind: Draft['kind']) => kind === 'bpsd' || kind === 'devices';
const clinician = (actor: Person) => hasRole(actor, ['doctor', 'specialist']) && actor.reference !== null;

/** Fields of a draft: those of a note are those of a request. */
export const fieldsOf = (kind: Draft['kind']) => DRAFT_FIELDS[kind === 'note' ? 'request' : kind];

/** @throws Problem 403: doctors write documents; those who care for a resident prepare reports about what they may see */
async function mayDraft(records: OpenRecords, actor: Person, patient: string, kind: Draft['kind']): Promise<void> {
  if (!actor.reference?.startsWith('Practitioner/')) throw notAllowed();
  if (clinician(actor)) return records.require(actor, patient, 'document', 'create', WHAT);
  if (!isReport(kind)) throw notAllowed();
  return records.require(actor, patient, 'risk', 'read', WHAT);
}

/** A new draft with what the record already knows. @throws Problem 403, 404 */
export async function beginDraft(
  { records, database }: DraftDeps,
  actor: Person,
  asked: { kind: Exclude<Draft['kind'], 'note'>; patient: string; encounter: string | null; repliesTo: string | null },
): Promise<DraftView> {
  await mayDraft(records, actor, asked.patient, asked.kind);
  let addressee: string | null = null;
  let content = DraftContent.parse({});
  const now = records.context.now();
  if (isReport(asked.kind)) {
    const day = (at: Date) => new Date(at.getTime() + 9 * 3_600_000).toISOString().slice(0, 10);
    content = { ...content, from: day(new Date(now.getTime() - (DEFAULT_DAYS - 1) * 86_400_000)), to: day(now) };
  }
  if (asked.repliesTo) {
    const request = await readDocument(records, actor, asked.repliesTo);
    if (request.reference.subject?.reference !== `Patient/${asked.patient}`) throw notFound();
    addressee = request.reference.authenticator?.reference?.replace('Practitioner/', '') ?? null;
    content = { ...content, purpose: 'ご紹介への返書', complaint: contentOf(request.composition).complaint };
  }
  const row = { kind: asked.kind, patient: asked.patient, encounter: asked.encounter, replies_to: asked.repliesTo, addressee, content };
  return insert({ records, database }, actor, row);
}

/** A draft of the next version of a document. @throws Problem 403, 404; 409 when there is a later version or a draft of one */
export async function amendDocument({ records, database }: DraftDeps, actor: Person, id: string, reason: string): Promise<DraftView> {
  const document = await readDocument(records, actor, id);
  const { reference, composition } = document;
  const kind = kindOf(reference);
  const patient = reference.subject?.reference?.split('/')[1];
  if (!kind || !patient || !clinician(actor)) throw notAllowed();
  await mayDraft(records, actor, patient, kind);
  const institution = reference.custodian?.reference?.split('/')[1];
  if (reference.authenticator?.reference !== actor.reference && !hasRole(actor, ['doctor', 'specialist'], institution)) throw notAllowed();
  const open = await tablesOf(database)
    .selectFrom('document_drafts')
    .select('id')
    .where('replaces', '=', id)
    .where('confirmed_at', 'is', null)
    .executeTakeFirst();
  if (open) return readDraft({ records, database }, actor, open.id);
  if ((await namedBy(records, actor, id, 'replaces')).length)
    throw new Problem(409, 'document-replaced', {
      ja: 'この文書には、もう新しい版があります。新しい版を開いて訂正してください。',
      en: 'There is a later version of this document. Open that one and correct it.',
    });
  return insert({ records, database }, actor, {
    kind,
    patient,
    encounter: reference.context?.encounter?.[0]?.reference?.split('/')[1] ?? null,
    replaces: id,
    reason,
    addressee: addresseeOf(document),
    replies_to: reference.relatesTo?.find(({ code }) => code === 'appends')?.target.reference?.split('/')[1] ?? null,
    content: contentOf(composition),
  });
}

type NewRow = Pick<Draft, 'kind' | 'patient' | 'encounter' | 'addressee' | 'replies_to' | 'content'> &
  Partial<Pick<Draft, 'replaces' | 'reason'>>;

async function insert(deps: DraftDeps, actor: Person, row: NewRow): Promise<DraftView> {
  const now = deps.records.context.now();
  const id = randomUUID();
  await tablesOf(deps.database)
    .insertInto('document_drafts')
    .values({
      id,
      withheld: null,
      replaces: null,
      reason: null,
      ...row,
      content: JSON.stringify(row.content),
      version: 1,
      author: actor.reference!,
      author_name: actor.name,
      created_at: now,
      updated_at: now,
      confirmed_by: null,
      document: null,
    })
    .execute();
  return readDraft(deps, actor, id);
}

/** @throws Problem 404, 403 */
export async function draftOf({ records, database }: DraftDeps, actor: Person, id: string): Promise<Draft> {
  const draft = await tablesOf(database).selectFrom('document_drafts').selectAll().where('id', '=', id).executeTakeFirst();
  if (!draft || draft.confirmed_at) throw notFound();
  await mayDraft(records, actor, draft.patient, draft.kind);
  return draft;
}

export async function readDraft(deps: DraftDeps, actor: Person, id: string): Promise<DraftView> {
  return draftView(deps.records, actor, await draftOf(deps, actor, id));
}

/** Open drafts that the actor may handle: of a patient, or those they typed themselves. */
export async function listDrafts({ records, database }: DraftDeps, actor: Person, patient: string | undefined): Promise<DraftView[]> {
  let query = tablesOf(database)
    .selectFrom('document_drafts')
    .selectAll()
    .where('confirmed_at', 'is', null)
    .orderBy('updated_at', 'desc')
    .limit(100);
  if (patient) {
    await records.require(actor, patient, clinician(actor) ? 'document' : 'risk', 'read', WHAT);
    query = query.where('patient', '=', patient);
  } else query = query.where('author', '=', actor.reference ?? '');
  const rows = await query.execute();
  const shown = clinician(actor) ? rows : rows.filter(({ kind }) => isReport(kind));
  return Promise.all(shown.map(row => draftView(records, actor, row)));
}

/** @throws Problem 404, 403, 409 */
export async function changeDraft(
  deps: DraftDeps,
  actor: Person,
  id: string,
  change: { version: number; content: DraftContent; to: string | null; withheld: Draft['withheld'] },
): Promise<DraftView> {
  const draft = await draftOf(deps, actor, id);
  const changed = await tablesOf(deps.database)
    .updateTable('document_drafts')
    .set({
      content: JSON.stringify(change.content),
      addressee: change.to,
      withheld: change.withheld,
      version: change.version + 1,
      author: actor.reference!,
      author_name: actor.name,
      updated_at: deps.records.context.now(),
    })
    .where('id', '=', id)
    .where('version', '=', change.version)
    .where('confirmed_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  if (!changed) throw draftChanged(draft.version);
  return readDraft(deps, actor, id);
}

/** @throws Problem 404, 403 */
export async function dropDraft(deps: DraftDeps, actor: Person, id: string): Promise<void> {
  const draft = await draftOf(deps, actor, id);
  await tablesOf(deps.database).deleteFrom('document_drafts').where('id', '=', draft.id).where('confirmed_at', 'is', null).execute();
  await deps.records.audit({ actor, action: 'delete', what: WHAT, patient: draft.patient, allowed: true });
}

async function draftView(records: OpenRecords, actor: Person, draft: Draft): Promise<DraftView> {
  const [patient] = await records.as(actor).search<Patient>(`Patient?_id=${draft.patient}`);
  return {
    id: draft.id,
    kind: draft.kind,
    patient: { id: draft.patient, name: kanjiName(patient?.name) },
    content: DraftContent.parse(draft.content),
    to: draft.addressee,
    withheld: draft.withheld,
    version: draft.version,
    author: { reference: draft.author, name: draft.author_name },
    updatedAt: draft.updated_at.toISOString(),
    replaces: draft.replaces,
    reason: draft.reason,
    repliesTo: draft.replies_to,
    fields: fieldsOf(draft.kind),
    mayConfirm: clinician(actor),
  };
}

/** Sections of a document by the field that they were written from (codes of JP-CLINS, and of this hub's reports). */
const FIELD_OF: Readonly<Record<string, DraftField>> = {
  '950': 'purpose',
  '340': 'complaint',
  '360': 'illness',
  '610': 'findings',
  '510': 'allergies',
  '430': 'medication',
  '620': 'labs',
  '420': 'plan',
  '220': 'remarks',
  comment: 'comment',
};

/** What was written into a document, as the fields of a draft. */
export function contentOf(composition: Composition): DraftContent {
  const content = DraftContent.parse({});
  const walk = (sections: CompositionSection[] | undefined) => {
    for (const section of sections ?? []) {
      const field = FIELD_OF[section.code?.coding?.[0]?.code ?? ''];
      if (field)
        content[field] = blocksOf(section.text?.div)
          .map(block => (block.kind === 'text' ? block.text : block.rows.map(row => row.join(' ')).join('\n')))
          .join('\n');
      walk(section.section);
    }
  };
  walk(composition.section);
  const period = composition.event?.[0]?.period;
  const reported = composition.section?.some(({ code }) => code?.coding?.[0]?.code === 'period');
  if (!reported || !period?.start || !period.end) return content;
  return {
    ...content,
    from: period.start.slice(0, 10),
    to: new Date(Date.parse(period.end) - 1 + 9 * 3_600_000).toISOString().slice(0, 10),
  };
}

/** Practitioner id of the recipient. */
function addresseeOf({ composition, within }: ReadDocument): string | null {
  const to = composition.section?.find(({ code }) => code?.coding?.[0]?.code === '910');
  return to?.entry?.map(({ reference }) => within(reference)).find(found => found?.resourceType === 'Practitioner')?.id ?? null;
}
