// FHIR search as SQL over the index tables: one page of what matches and may be seen, in an order that stays while rows are added.
import type { Resource } from '@medplum/fhirtypes';
import { type RawBuilder, sql } from 'kysely';
import type { Connection } from '../tables.ts';
import type { Cursor } from './search-cursor.ts';
import { conditionOf, type Scope, sortValue } from './search-filter.ts';
import { included, type Row } from './search-include.ts';
import type { Asked } from './search-request.ts';
import { together } from './search-together.ts';

export { badSearch, MAX_COUNT, parseParameters, parseQuery } from './search-request.ts';

export interface Found {
  /** What matches, on this page. */
  matches: Resource[];
  /** What was brought along. */
  included: Resource[];
  /** More was to be brought along than one answer holds. */
  cut: boolean;
  /** Patients of all of these. */
  patients: string[];
  total?: number;
  /** Where the next page begins, when there is one. */
  next?: Omit<Cursor, 'given'>;
}

/** How a search is run: who asks, for how many, where it goes on, and what narrows it besides its parameters. */
export interface Run {
  scope: Scope & {
    /** The types put into groups whose members are seen by one and the same rule. */
    alike(types: readonly string[]): string[][];
  };
  count: number;
  after?: Omit<Cursor, 'given'>;
  within?: (types: readonly string[], at: string) => RawBuilder<unknown>;
}

/** Runs a search among the rows that may be seen. @throws Problem 400 for a value that is malformed */
export async function runSearch(connection: Connection, asked: Asked, { scope, count, after, within }: Run): Promise<Found> {
  const counting = asked.summary === 'count' || count === 0;
  const criteria = asked.types.length === 1 ? together(asked.types[0]!, asked.criteria) : asked.criteria;
  const parts = scope.alike(asked.types).map(types => {
    const conditions = criteria.map(criterion => conditionOf(scope, types, criterion, 'r0'));
    if (within) conditions.unshift(within(types, 'r0'));
    const type = types.length === 1 ? sql`r0.type = ${types[0]}` : sql`r0.type = any(${types}::text[])`;
    return sql`${type} and not r0.deleted ${sql.join(
      conditions.map(part => sql`and ${part}`),
      sql` `,
    )} and ${scope.visible(types[0]!, 'r0')}`;
  });

  const rows = counting ? [] : await page(connection, asked, parts, count, after);
  const matches = rows.slice(0, count);
  const found: Found = { matches: matches.map(row => row.content), included: [], cut: false, patients: [] };
  const along = asked.includes.length ? await included(connection, scope, asked.includes, matches) : { rows: [] as Row[], more: false };
  found.included = along.rows.map(row => row.content);
  found.cut = along.more;
  found.patients = [...new Set([...matches, ...along.rows].flatMap(row => row.patients))];
  const last = matches.at(-1);
  if (rows.length > matches.length && last) found.next = { keys: last.keys, row: last.row };
  if (asked.total || counting) {
    const total = await sql<{ count: string }>`select (${sql.join(
      parts.map(where => sql`(select count(*) from resources r0 where ${where})`),
      sql` + `,
    )})::bigint as count`.execute(connection);
    found.total = Number(total.rows[0]!.count);
  }
  return found;
}

/** One more than the page holds tells whether there is a next one. */
async function page(connection: Connection, asked: Asked, parts: RawBuilder<unknown>[], count: number, after: Run['after']) {
  const sorts = asked.sort.map(({ parameter, descending }, index) => ({
    ...sortValue(parameter, descending, 'r0'),
    descending,
    name: sql.ref(`q.k${index}`),
    alias: sql.raw(`k${index}`),
  }));
  const keys = sql.join([sql`r0.row`, ...sorts.map(({ value, alias }) => sql`${value} as ${alias}`)], sql`, `);
  const branches = parts.map(where => sql`select ${keys} from resources r0 where ${where}`);
  const order = sql.join([
    ...sorts.map(
      ({ name, type, descending }) =>
        sql`${name} ${sql.raw(`${type === 'text' ? 'collate "C" ' : ''}${descending ? 'desc' : 'asc'} nulls last`)}`,
    ),
    sql`q.row`,
  ]);
  const written = sorts.length ? sql.join(sorts.map(({ name }) => sql`${name}::text`)) : sql``;
  const beyond = after ? sql`where ${beyondOf(sorts, after)}` : sql``;
  // The page is found by its keys alone; only what is on it is read whole.
  const { rows } = await sql<Row & { keys: (string | null)[] }>`
    with q as (select * from (${sql.join(branches, sql` union all `)}) q ${beyond} order by ${order} limit ${count + 1} offset ${asked.offset})
    select r.row, r.type, r.id, r.content, r.patients, array[${written}]::text[] as keys from q join resources r on r.row = q.row order by ${order}`.execute(
    connection,
  );
  return rows;
}

type Sorted = { name: RawBuilder<unknown>; type: string; descending: boolean };

/** Keyset paging: what comes after the last entry in the same order, key by key, with the row itself as the last one. */
function beyondOf(sorts: Sorted[], { keys, row }: Omit<Cursor, 'given'>): RawBuilder<unknown> {
  return sorts.reduceRight<RawBuilder<unknown>>((rest, { name, type, descending }, index) => {
    const key = keys[index] ?? null;
    // What has no value comes last, in both directions.
    if (key === null) return sql`(${name} is null and ${rest})`;
    const value = sql`${key}::${sql.raw(type)}${type === 'text' ? sql.raw(' collate "C"') : sql``}`;
    return sql`(${name} ${sql.raw(descending ? '<' : '>')} ${value} or ${name} is null or (${name} = ${value} and ${rest}))`;
  }, sql`q.row > ${row}::bigint`);
}
