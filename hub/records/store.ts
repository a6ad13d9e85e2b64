// Resources in PostgreSQL, without any right or audit: versions, history, index rows. Only repository.ts uses it.
import type { Resource } from '@medplum/fhirtypes';
import { type RawBuilder, sql } from 'kysely';
import { type Belonging, belongingOf } from './access/compartment.ts';
import { provisionsOf } from './access/provisions.ts';
import { relationsOf } from './access/relations.ts';
import type { Definitions } from './definitions.ts';
import { RIGHTS_CHANNEL } from './records.ts';
import { type SearchRows, searchRows } from './search/search-index.ts';
import { indexDeletes, indexInserts } from './search/search-rows.ts';
import type { Connection } from './tables.ts';

/** A resource ready to be written: validated, with its version, its patients and what it is found by. */
export interface Version {
  resource: Resource & { id: string };
  version: number;
  at: Date;
  belonging: Belonging;
  rows: SearchRows;
}

export interface Stored {
  row: string;
  version: number;
  content: Resource | null;
  deleted: boolean;
  patients: string[];
  category: string;
  withheld: boolean;
}

/** Puts id, version and time on a resource and works out what follows from its content. */
export function versionOf(definitions: Definitions, resource: Resource, id: string, version: number, at: Date): Version {
  const { versionId: _, lastUpdated: __, ...meta } = resource.meta ?? {};
  const stamped = {
    ...resource,
    id,
    meta: { ...meta, versionId: String(version), lastUpdated: at.toISOString() },
  } as Resource & { id: string };
  definitions.load([resource.resourceType]);
  const rows = searchRows(definitions, stamped);
  return { resource: stamped, version, at, belonging: belongingOf(definitions, stamped, rows), rows };
}

/** The newest version, locked until the transaction ends. */
export async function lock(connection: Connection, type: string, id: string): Promise<Stored | undefined> {
  const found = await connection
    .selectFrom('resources')
    .select(['row', 'version', 'content', 'deleted', 'patients', 'category', 'withheld'])
    .where('type', '=', type)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  return found && { ...found, version: Number(found.version), content: found.content as Resource | null };
}

/** A version to be written, and the one it follows. */
export interface Change {
  next: Version;
  previous?: Stored;
  /** Who writes it, where that is not who writes the rest. */
  writer?: string;
}

/**
 * Writes versions in one statement: the rows themselves, their history, their index rows, and what they say of relations and provisions.
 * Each resource may be there once.
 */
export async function put(connection: Connection, changes: Change[], writer: string): Promise<void> {
  if (!changes.length) return;
  const all = changes.map(({ next, previous, writer: own = writer }) => ({
    own,
    ...next,
    ...next.belonging,
    type: next.resource.resourceType,
    row: previous?.row ?? null,
  }));
  const replaced = all.flatMap(({ row }) => row ?? []);
  const columns = sql.raw('version, content, last_updated, deleted, patients, category, withheld');
  const source = sql`source as (select n, row, type, id, version, content::jsonb as content, last_updated, false as deleted,
      string_to_array(patients, ',') as patients, category, withheld, writer
    from unnest(${all.map((_, n) => n)}::int[], ${all.map(({ row }) => row)}::bigint[], ${all.map(({ type }) => type)}::text[],
      ${all.map(({ resource }) => resource.id)}::text[], ${all.map(({ version }) => version)}::bigint[],
      ${all.map(({ resource }) => JSON.stringify(resource))}::text[], ${all.map(({ at }) => at.toISOString())}::timestamptz[],
      ${all.map(({ patients }) => patients.join(','))}::text[], ${all.map(({ category }) => category)}::text[],
      ${all.map(({ withheld }) => withheld)}::boolean[], ${all.map(({ own }) => own)}::text[])
      v(n, row, type, id, version, content, last_updated, patients, category, withheld, writer))`;
  const made = sql`made as (insert into resources (type, id, ${columns}) select type, id, ${columns} from source where row is null returning row, type, id)`;
  const changed = sql`changed as (update resources r set (${columns}) = (s.version, s.content, s.last_updated, s.deleted, s.patients, s.category, s.withheld)
    from source s where r.row = s.row)`;
  const placed = sql`placed as (select source.n, coalesce(source.row, made.row) as row, source.type from source left join made using (type, id))`;
  const history = sql`history as (insert into resource_history (type, id, version, content, last_updated, actor)
    select type, id, version, content, last_updated, writer from source order by n)`;
  const parts = [
    source,
    made,
    ...(replaced.length ? [changed, ...indexDeletes(replaced), ...rightsDeletes(replaced)] : []),
    placed,
    history,
    ...indexInserts(all.map(({ rows }) => rows)),
    ...rightsInserts(all),
  ];
  const told = all.filter(({ category }) => TELLING.has(category)).flatMap(({ patients }) => patients);
  await sql`with ${sql.join(parts)} ${tellOfRights(told)}`.execute(connection);
}

/** Leaves a tombstone: a version without content. History stays. */
export async function bury(connection: Connection, type: string, id: string, previous: Stored, writer: string, at: Date): Promise<void> {
  const version = previous.version + 1;
  const rows = [previous.row];
  await sql`with
    gone as (update resources set version = ${version}, content = null, last_updated = ${at}, deleted = true where row = ${previous.row}),
    history as (insert into resource_history (type, id, version, content, last_updated, actor) values (${type}, ${id}, ${version}, null, ${at}, ${writer})),
    ${sql.join([...indexDeletes(rows), ...rightsDeletes(rows)])}
    ${tellOfRights(TELLING.has(previous.category) ? previous.patients : [])}`.execute(connection);
}

/** A Consent, a Patient or a residence may change who may see the patient: who follows a live stream is asked again at once. */
const TELLING: ReadonlySet<string> = new Set(['sharing', 'demographics']);
const tellOfRights = (patients: string[]) =>
  patients.length
    ? sql`select pg_notify(${RIGHTS_CHANNEL}, json_build_object('patient', p.id)::text) from unnest(${[...new Set(patients)]}::text[]) p(id)`
    : sql`select 1`;

function rightsInserts(all: Version[]): RawBuilder<unknown>[] {
  const relations = all.flatMap(({ resource, at }, n) => relationsOf(resource, at).map(relation => ({ n, ...relation })));
  const provisions = all.flatMap(({ resource }, n) =>
    provisionsOf(resource).map(provision => ({ n, ...provision, named: [...new Set(provision.parties.flat())] })),
  );
  const times = (dates: (Date | null)[]) => sql`${dates.map(date => date?.toISOString() ?? null)}::timestamptz[]`;
  const parts: RawBuilder<unknown>[] = [];
  if (relations.length)
    parts.push(sql`p as (insert into patient_relations (source, patient, kind, party, since, until)
      select placed.row, patient, kind, party, since, until
      from unnest(${relations.map(r => r.n)}::int[], ${relations.map(r => r.patient)}::text[], ${relations.map(r => r.kind)}::text[],
        ${relations.map(r => r.party)}::text[], ${times(relations.map(r => r.since))}, ${times(relations.map(r => r.until))})
        v(n, patient, kind, party, since, until) join placed on placed.n = v.n)`);
  if (provisions.length)
    parts.push(sql`q as (insert into patient_provisions
        (source, node, parent, patient, effect, grants, parties, named, categories, purposes, since, until)
      select placed.row, v.node, parent, patient, effect, grants, parties, named, categories, purposes, since, until
      from jsonb_to_recordset(${JSON.stringify(provisions)}::jsonb) v(n int, node int, parent int, patient text, effect text, grants boolean,
        parties jsonb, named text[], categories text[], purposes text[], since timestamptz, until timestamptz) join placed on placed.n = v.n)`);
  return parts;
}

const rightsDeletes = (rows: string[]): RawBuilder<unknown>[] => [
  sql`y as (delete from patient_relations where source = any(${rows}::bigint[]))`,
  sql`z as (delete from patient_provisions where source = any(${rows}::bigint[]))`,
];
