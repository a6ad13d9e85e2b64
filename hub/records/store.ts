// Resources in PostgreSQL, without any right or audit: versions, history, index rows. Only repository.ts uses it.
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { type Belonging, belongingOf } from './compartment.ts';
import type { Definitions } from './definitions.ts';
import { provisionsOf } from './provisions.ts';
import { RIGHTS_CHANNEL } from './records.ts';
import { relationsOf } from './relations.ts';
import { type SearchRows, searchRows } from './search-index.ts';
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

/** Writes a version: the row itself, its history, its index rows, and what it says of relations and denials. */
export async function put(connection: Connection, next: Version, writer: string, previous?: Stored): Promise<void> {
  const { resource, version, at, belonging } = next;
  const content = JSON.stringify(resource);
  const columns = { version, content, last_updated: at, deleted: false, ...belonging };
  let row = previous?.row;
  if (row) {
    await connection.updateTable('resources').set(columns).where('row', '=', row).execute();
    await clearRows(connection, row);
  } else {
    const inserted = await connection
      .insertInto('resources')
      .values({ type: resource.resourceType, id: resource.id, ...columns })
      .returning('row')
      .executeTakeFirstOrThrow();
    row = inserted.row;
  }
  await connection
    .insertInto('resource_history')
    .values({ type: resource.resourceType, id: resource.id, version, content, last_updated: at, actor: writer })
    .execute();
  await insertRows(connection, row, next);
  await tellOfRights(connection, belonging);
}

/** Leaves a tombstone: a version without content. History stays. */
export async function bury(connection: Connection, type: string, id: string, previous: Stored, writer: string, at: Date): Promise<void> {
  const version = previous.version + 1;
  await connection
    .updateTable('resources')
    .set({ version, content: null, last_updated: at, deleted: true })
    .where('row', '=', previous.row)
    .execute();
  await clearRows(connection, previous.row);
  await connection.insertInto('resource_history').values({ type, id, version, content: null, last_updated: at, actor: writer }).execute();
  await tellOfRights(connection, previous);
}

/** With a Consent, a Patient or a residence it may change who may see the patient: who follows a live stream is asked again at once. */
async function tellOfRights(connection: Connection, { category, patients }: { category: string; patients: string[] }) {
  if (category !== 'sharing' && category !== 'demographics') return;
  for (const patient of patients) await sql`select pg_notify(${RIGHTS_CHANNEL}, ${JSON.stringify({ patient })})`.execute(connection);
}

async function clearRows(connection: Connection, row: string) {
  await sql`with a as (delete from search_token where row = ${row}), b as (delete from search_reference where row = ${row}),
      c as (delete from search_date where row = ${row}), d as (delete from search_string where row = ${row}),
      e as (delete from patient_relations where source = ${row})
    delete from patient_provisions where source = ${row}`.execute(connection);
}

async function insertRows(connection: Connection, row: string, { resource, at, rows }: Version) {
  const type = resource.resourceType;
  const relations = relationsOf(resource, at);
  const provisions = JSON.stringify(
    provisionsOf(resource).map(provision => ({ ...provision, named: [...new Set(provision.parties.flat())] })),
  );
  const iso = (date: Date | null) => date?.toISOString() ?? null;
  // One statement for all index rows: a resource has some dozens, and each round trip would cost more than the insert.
  await sql`with
    t as (insert into search_token (row, type, param, system, code)
      select ${row}::bigint, ${type}, * from unnest(${rows.tokens.map(r => r.param)}::text[], ${rows.tokens.map(r => r.system)}::text[], ${rows.tokens.map(r => r.code)}::text[])),
    r as (insert into search_reference (row, type, param, target)
      select ${row}::bigint, ${type}, * from unnest(${rows.references.map(r => r.param)}::text[], ${rows.references.map(r => r.target)}::text[])),
    d as (insert into search_date (row, type, param, low, high)
      select ${row}::bigint, ${type}, param, coalesce(low, '-infinity'), coalesce(high, 'infinity') from unnest(${rows.dates.map(r => r.param)}::text[], ${rows.dates.map(r => iso(r.low))}::timestamptz[], ${rows.dates.map(r => iso(r.high))}::timestamptz[]) v(param, low, high)),
    s as (insert into search_string (row, type, param, folded, exact)
      select ${row}::bigint, ${type}, * from unnest(${rows.strings.map(r => r.param)}::text[], ${rows.strings.map(r => r.folded)}::text[], ${rows.strings.map(r => r.exact)}::text[])),
    p as (insert into patient_relations (source, patient, kind, party, since, until)
      select ${row}::bigint, * from unnest(${relations.map(r => r.patient)}::text[], ${relations.map(r => r.kind)}::text[], ${relations.map(r => r.party)}::text[], ${relations.map(r => iso(r.since))}::timestamptz[], ${relations.map(r => iso(r.until))}::timestamptz[]))
    insert into patient_provisions (source, node, parent, patient, effect, grants, parties, named, categories, purposes, since, until)
      select ${row}::bigint, * from jsonb_to_recordset(${provisions}::jsonb) v(node int, parent int, patient text, effect text, grants boolean,
        parties jsonb, named text[], categories text[], purposes text[], since timestamptz, until timestamptz)`.execute(
    connection,
  );
}
