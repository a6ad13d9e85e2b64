// A patient's lifelong record in order of time, from every kind the actor may see: filtered, searched and paged in the store.
import type { Practitioner, Resource } from '@medplum/fhirtypes';
import { type RawBuilder, sql } from 'kysely';
import { Problem } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import { resourcePredicate } from '../access/access.ts';
import { TIMELINE_KINDS, type TimelineEntry, type TimelinePage } from '../contract.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { BROUGHT_FROM, ORIGIN_SYSTEM } from '../systems.ts';
import type { RecordTables } from '../tables.ts';
import { type DaySum, inWords } from './timeline-words.ts';

export interface TimelineQuery {
  /** Cursor of the page before. */
  before?: string;
  kinds?: TimelineEntry['kind'][];
  /** From the first moment of this (inclusive) to that (exclusive). */
  from?: Date;
  to?: Date;
  /** Words that must all be there, in any order; kana and width do not matter. */
  words?: string;
  count?: number;
}

const PAGE = 50;
/** Types on the timeline (migrations/009-timeline.ts). */
const TYPES = [
  ...['Encounter', 'DocumentReference', 'QuestionnaireResponse', 'Observation', 'DiagnosticReport', 'RiskAssessment', 'Communication'],
  ...['MedicationRequest', 'MedicationStatement', 'AllergyIntolerance', 'Condition', 'Procedure', 'Immunization', 'CarePlan'],
];

interface Group {
  sort: Date;
  grp: string;
  kind: TimelineEntry['kind'];
  row: string;
  at: Date;
  count: number;
  low: number | null;
  high: number | null;
  mean: number | null;
  sum: number | null;
}

/** Newest first. @throws Problem 403 when the actor may not know this patient at all, 400 for a cursor of another making */
export async function timelineOf(records: OpenRecords, actor: Person, patient: string, query: TimelineQuery = {}): Promise<TimelinePage> {
  await records.require(actor, patient, 'demographics', 'read', { ja: '記録の一覧を見る', en: 'read the timeline' });
  return visibleTimeline(records, actor, patient, query);
}

/** As `timelineOf`, after the question whether the actor may know this patient was answered and audited. */
export async function visibleTimeline(records: OpenRecords, actor: Person, patient: string, query: TimelineQuery): Promise<TimelinePage> {
  const { connection } = records.context;
  const count = Math.min(query.count ?? PAGE, 200);
  const { rows } = await sql<Group>`
    select t.sort, t.grp, max(t.kind) as kind, (array_agg(t.row order by t.at desc, t.row desc))[1] as row, max(t.at) as at, count(*)::int as count,
      min(t.value) as low, max(t.value) as high, avg(t.value) as mean, sum(t.value) as sum
    from timeline t join resources r0 on r0.row = t.row
    where t.patient = ${patient} ${sql.join(conditions(query), sql` `)} and ${visibleTo(records, actor)}
    group by t.sort, t.grp order by t.sort desc, t.grp desc limit ${count + 1}`.execute(connection);
  const page = rows.slice(0, count);
  const contents = await contentsOf(records, page);
  const worded = page.map(group => ({ group, resource: contents.get(group.row)!, words: inWords(contents.get(group.row)!, sumOf(group)) }));
  const names = await practitionerNames(
    records,
    actor,
    worded.flatMap(({ words }) => words.by),
  );
  const texts = await noteTexts(
    records,
    worded.flatMap(({ resource }) => (resource.resourceType === 'DocumentReference' ? [resource.id!] : [])),
  );
  const last = page.at(-1);
  return {
    entries: worded.map(({ group, resource, words }) => ({
      at: group.at.toISOString(),
      kind: group.kind,
      title: words.title,
      reference: `${resource.resourceType}/${resource.id}`,
      by: words.by.map(reference => names.get(reference ?? '')).find(Boolean) ?? null,
      text: texts.get(resource.id!) ?? words.text,
      lines: words.lines,
      count: group.count,
      origin: originOf(resource),
    })),
    next: rows.length > count && last ? cursorOf(last) : null,
  };
}

const sumOf = ({ count, low, high, mean, sum }: Group): DaySum => ({ count, low, high, mean, sum });
const cursorOf = ({ sort, grp }: Group) => Buffer.from(JSON.stringify([sort.toISOString(), grp])).toString('base64url');

/** What was asked for, as SQL over `timeline t` and `resources r0`. */
function conditions({ before, kinds, from, to, words }: TimelineQuery): RawBuilder<unknown>[] {
  const parts: RawBuilder<unknown>[] = [];
  if (before) {
    const [sort, grp] = readCursor(before);
    parts.push(sql`and (t.sort, t.grp) < (${sort}::timestamptz, ${grp}::text)`);
  }
  if (kinds?.length) parts.push(sql`and t.kind = any(${kinds}::text[])`);
  if (from) parts.push(sql`and t.at >= ${from}`);
  if (to) parts.push(sql`and t.at < ${to}`);
  for (const word of (words ?? '').normalize('NFKC').split(/\s+/).filter(Boolean).slice(0, 10)) {
    const pattern = `%${word.slice(0, 100).replace(/[\\%_]/g, character => `\\${character}`)}%`;
    // The text of a signed note stands beside its document.
    parts.push(sql`and (t.words like timeline_fold(${pattern}) or (t.kind = 'document' and exists (select 1 from notes n where n.document = r0.id
      and timeline_fold(concat_ws(' ', n.subjective, n.objective, n.assessment, n.plan)) like timeline_fold(${pattern}))))`);
  }
  return parts;
}

/** @throws Problem 400 */
function readCursor(cursor: string): [string, string] {
  try {
    const [sort, grp] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (typeof sort === 'string' && typeof grp === 'string' && !Number.isNaN(Date.parse(sort))) return [sort, grp];
  } catch {
    // Told below: it is no cursor of ours.
  }
  throw new Problem(400, 'cursor', {
    ja: '続きの場所が正しくありません。はじめから読み込んでください。',
    en: 'The cursor is not valid. Begin again.',
  });
}

/** The right to see the row; where a token narrows it to types, for each type by itself. */
function visibleTo({ context }: OpenRecords, actor: Person): RawBuilder<boolean> {
  const now = context.now();
  if (!actor.scopes) return resourcePredicate(actor, 'search', 'Observation', now);
  const each = TYPES.map(type => sql`(r0.type = ${type} and ${resourcePredicate(actor, 'search', type, now)})`);
  return sql<boolean>`(${sql.join(each, sql` or `)})`;
}

async function contentsOf({ context }: OpenRecords, groups: Group[]): Promise<Map<string, Resource>> {
  if (!groups.length) return new Map();
  const rows = await context.connection
    .selectFrom('resources')
    .select(['row', 'content'])
    .where(
      'row',
      'in',
      groups.map(({ row }) => row),
    )
    .execute();
  return new Map(rows.map(({ row, content }) => [row, content as Resource]));
}

function originOf(resource: Resource): TimelineEntry['origin'] {
  const tags = resource.meta?.tag ?? [];
  const code = tags.find(({ system }) => system === ORIGIN_SYSTEM)?.code;
  const name = tags.find(({ system }) => system === BROUGHT_FROM)?.code ?? null;
  return { kind: code === 'phr' || code === 'platform' ? code : 'here', name };
}

async function practitionerNames(records: OpenRecords, actor: Person, references: (string | undefined)[]): Promise<Map<string, string>> {
  const ids = [
    ...new Set(references.flatMap(reference => (reference?.startsWith('Practitioner/') ? [reference.slice('Practitioner/'.length)] : []))),
  ];
  if (!ids.length) return new Map();
  const found = await records.as(actor).search<Practitioner>(`Practitioner?_id=${ids.join(',')}&_count=${ids.length}`);
  return new Map(found.map(practitioner => [`Practitioner/${practitioner.id}`, kanjiName(practitioner.name)]));
}

/** Whole texts of signed notes by their DocumentReference; the actor has just been given those documents. */
async function noteTexts({ context }: OpenRecords, documents: string[]): Promise<Map<string, string>> {
  if (!documents.length) return new Map();
  const rows = await context.connection
    .withTables<RecordTables>()
    .selectFrom('notes')
    .selectAll()
    .where('document', 'in', documents)
    .execute();
  const part = (title: string, text: string) => (text.trim() ? `${title}\n${text.trim()}` : '');
  return new Map(
    rows.map(row => [
      row.document!,
      [
        part('お話', row.subjective),
        part('診察の結果', row.objective),
        part('診断・評価', row.assessment),
        part('これからのこと', row.plan),
      ]
        .filter(Boolean)
        .join('\n\n'),
    ]),
  );
}

/** Whether a word names a kind on the timeline. */
export const isTimelineKind = (word: string): word is TimelineEntry['kind'] => (TIMELINE_KINDS as readonly string[]).includes(word);
