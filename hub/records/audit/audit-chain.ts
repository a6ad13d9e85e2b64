// The chain over the audit trail: what each hash is made of. The sealer writes by it, the verification reads by it.
import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Connection } from '../tables.ts';

/** Hash before the first entry. */
export const GENESIS = Buffer.alloc(32);

/** One link with its entry, as the tables hold it; `entry` is null when the entry is not there. */
export interface Link {
  number: number;
  event: string;
  hash: Buffer | null;
  entry: string | null;
}

/**
 * An entry's content in one canonical form (JSON, columns in a fixed order, time in microseconds UTC, words in a fixed order), made by
 * PostgreSQL so that every bit of every column is in it.
 */
const CONTENT: RawBuilder<string> = sql`json_build_array(e.id::text, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.actor_kind,
  e.account, e.session, e.reference, e.who, e.role, e.organization, e.organization_name, e.action, e.what::text, e.resource, e.patients, e.refused,
  e.allowed, e.purpose, e.on_behalf, e.journal)::text`;

/** Links with their entries in order of number, after `after` and not after `until`. */
export async function linksAfter(connection: Connection, after: number, limit: number, until = Number.MAX_SAFE_INTEGER): Promise<Link[]> {
  const { rows } = await sql<{ number: string; event: string; hash: Buffer | null; entry: string | null }>`
    select c.number::text, c.event::text, c.hash, case when e.id is null then null else ${CONTENT} end as entry
    from audit_chain c left join audit_events e on e.id = c.event
    where c.number > ${after} and c.number <= ${until} order by c.number limit ${limit}`.execute(connection);
  return rows.map(row => ({ ...row, number: Number(row.number) }));
}

/** SHA-256 over the hash before, the number, and the entry's content; an entry that is gone counts as such. */
export function hashOf(former: Buffer, { number, event, entry }: Omit<Link, 'hash'>): Buffer {
  return createHash('sha256')
    .update(former)
    .update(`${number} ${event} ${entry ?? 'gone'}`)
    .digest();
}

/** The last sealed link. */
export async function headOf(connection: Connection): Promise<{ number: number; hash: Buffer }> {
  const { rows } = await sql<{ number: string; hash: Buffer }>`
    select c.number::text, c.hash from audit_chain c where c.hash is not null order by c.number desc limit 1`.execute(connection);
  return rows[0] ? { number: Number(rows[0].number), hash: rows[0].hash } : { number: 0, hash: GENESIS };
}
