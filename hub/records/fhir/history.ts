// Versions of resources, newest first, of one resource, a type or the whole record (R4 http.html#history). Deletions are among them.
import { type RawBuilder, sql } from 'kysely';
import { withheldVersion } from '../access/compartment.ts';
import type { Span } from '../search/dates.ts';
import type { Run } from '../search/search.ts';
import type { Connection } from '../tables.ts';

export interface HistoryAsked {
  types: readonly string[];
  /** Of one resource. */
  id?: string;
  /** Versions of this moment or later. */
  since?: Date;
  /** Versions that were the newest at some moment of this span. */
  at?: Span;
  /** Leaves out versions that the patient was not to be told of then. */
  told?: boolean;
  count: number;
  after?: Place;
}

/** A version's place in the order of all of them. */
export interface Place {
  /** When, as PostgreSQL writes it. */
  at: string;
  seq: string;
}

export interface PastVersion {
  type: string;
  id: string;
  version: string;
  at: Date;
  /** Null: a deletion. */
  content: unknown;
}

/** A page of versions. Who may see the newest version of a resource may see the older ones: they belong to the same patient. */
export async function versionsOf(
  connection: Connection,
  scope: Run['scope'],
  asked: HistoryAsked,
): Promise<{ versions: PastVersion[]; patients: string[]; next?: Place }> {
  const conditions: RawBuilder<unknown>[] = [
    sql`(${sql.join(
      scope.alike(asked.types).map(types => sql`(h.type = any(${types}::text[]) and ${scope.visible(types[0]!, 'r0')})`),
      sql` or `,
    )})`,
  ];
  if (asked.types.length === 1) conditions.push(sql`h.type = ${asked.types[0]}`);
  if (asked.id !== undefined) conditions.push(sql`h.id = ${asked.id}`);
  if (asked.told) conditions.push(sql`not ${withheldVersion(sql`h.content`)}`);
  if (asked.since) conditions.push(sql`h.last_updated >= ${asked.since}`);
  if (asked.at?.low && asked.at.high) {
    conditions.push(sql`h.last_updated < ${asked.at.high} and not exists (select 1 from resource_history later
      where later.type = h.type and later.id = h.id and later.version = h.version + 1 and later.last_updated <= ${asked.at.low})`);
  }
  if (asked.after) conditions.push(sql`(h.last_updated, h.seq) < (${asked.after.at}::timestamptz, ${asked.after.seq}::bigint)`);
  const { rows } = await sql<PastVersion & { seq: string; written: string; patients: string[] }>`
    select h.type, h.id, h.version::text as version, h.last_updated as at, h.content, h.seq::text as seq, h.last_updated::text as written, r0.patients
    from resource_history h join resources r0 on r0.type = h.type and r0.id = h.id
    where ${sql.join(conditions, sql` and `)} order by h.last_updated desc, h.seq desc limit ${asked.count + 1}`.execute(connection);
  const page = rows.slice(0, asked.count);
  const last = page.at(-1);
  return {
    versions: page.map(({ type, id, version, at, content }) => ({ type, id, version, at, content })),
    patients: [...new Set(page.flatMap(row => row.patients))],
    ...(rows.length > page.length && last ? { next: { at: last.written, seq: last.seq } } : {}),
  };
}
