// Resources that a search brings along: those its results point at (_include) and those that point at them (_revinclude), R4 search.html#include.
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { Connection } from '../tables.ts';
import type { Scope } from './search-filter.ts';
import type { Include } from './search-request.ts';

/** The most resources one search brings along, and how many steps `:iterate` takes. */
export const MAX_INCLUDED = 1000;
const MAX_ROUNDS = 5;

/** A row of `resources` that is part of an answer. */
export interface Row {
  row: string;
  type: string;
  id: string;
  content: Resource;
  patients: string[];
}

/**
 * What the includes of a search add to `matches`. Each included resource is visible to who asks; none comes twice.
 * @returns `more`: the bound was reached, and some are left out
 */
export async function included(
  connection: Connection,
  scope: Scope,
  includes: Include[],
  matches: Row[],
): Promise<{ rows: Row[]; more: boolean }> {
  const seen = new Set(matches.map(({ row }) => row));
  const found: Row[] = [];
  let fresh = matches;
  for (let round = 0; round < MAX_ROUNDS && fresh.length; round++) {
    const asked = round === 0 ? includes : includes.filter(({ iterate }) => iterate);
    const next: Row[] = [];
    for (const include of asked) {
      const from = include.reverse ? fresh : fresh.filter(({ type }) => type === include.source);
      if (!from.length) continue;
      const rows = include.reverse ? await pointingAt(connection, scope, include, from) : await pointedAt(connection, scope, include, from);
      for (const row of rows) {
        if (seen.has(row.row)) continue;
        if (found.length === MAX_INCLUDED) return { rows: found, more: true };
        seen.add(row.row);
        found.push(row);
        next.push(row);
      }
    }
    fresh = next;
  }
  return { rows: found, more: false };
}

const COLUMNS = sql.raw('r1.row, r1.type, r1.id, r1.content, r1.patients');

async function pointedAt(connection: Connection, scope: Scope, { parameter, targets }: Include, from: Row[]): Promise<Row[]> {
  const { rows } = await sql<{ target: string }>`select distinct target from search_reference
    where row = any(${from.map(({ row }) => row)}::bigint[]) ${parameter ? sql`and param = ${parameter.code}` : sql``}`.execute(connection);
  const byType = new Map<string, string[]>();
  const canonicals: string[] = [];
  for (const { target: reference } of rows) {
    const [type = '', id, more] = reference.split('/');
    if (/^[A-Z][A-Za-z]+$/.test(type) && id && more === undefined) byType.set(type, [...(byType.get(type) ?? []), id]);
    else if (reference.includes('://')) canonicals.push(reference);
  }
  const parts = [...byType]
    .filter(([type]) => !targets || targets.includes(type))
    .map(
      ([type, ids]) => sql`select ${COLUMNS} from resources r1
      where r1.type = ${type} and r1.id = any(${ids}::text[]) and not r1.deleted and ${scope.visible(type, 'r1')}`,
    );
  // A canonical names a questionnaire by its URL (R4 references.html#canonical).
  if (canonicals.length && (!targets || targets.includes('Questionnaire')))
    parts.push(sql`select ${COLUMNS} from search_uri s join resources r1 on r1.row = s.row
      where s.type = 'Questionnaire' and s.param = 'url' and s.uri = any(${canonicals}::text[]) and ${scope.visible('Questionnaire', 'r1')}`);
  if (!parts.length) return [];
  return (await sql<Row>`${sql.join(parts, sql` union all `)} limit ${MAX_INCLUDED + 1}`.execute(connection)).rows;
}

async function pointingAt(
  connection: Connection,
  scope: Scope,
  { source, parameter, targets: among }: Include,
  from: Row[],
): Promise<Row[]> {
  const targets = from.filter(({ type }) => !among || among.includes(type)).map(({ type, id }) => `${type}/${id}`);
  if (!targets.length || !parameter) return [];
  const { rows } = await sql<Row>`select ${COLUMNS} from resources r1
    where r1.row in (select s.row from search_reference s where s.type = ${source} and s.param = ${parameter.code} and s.target = any(${targets}::text[]))
      and not r1.deleted and ${scope.visible(source, 'r1')} order by r1.row limit ${MAX_INCLUDED + 1}`.execute(connection);
  return rows;
}
