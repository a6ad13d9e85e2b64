// Index rows in and out of PostgreSQL, as parts of the one statement that writes their resources: each round trip would cost more than the insert.
import { type RawBuilder, sql } from 'kysely';
import type { SearchRows } from './search-index.ts';

/** Every table of index rows. */
export const INDEX_TABLES = [
  'search_token',
  'search_reference',
  'search_date',
  'search_string',
  'search_number',
  'search_uri',
  'search_composite',
];

const iso = (date: Date | null | undefined) => date?.toISOString() ?? null;

/**
 * Parts of a `with` that add the index rows of several resources. The statement has a part `placed (n, row, type)` that says where the
 * `n`-th of them stands. Kinds without a value are left out: PostgreSQL plans what it is asked.
 */
export function indexInserts(of: SearchRows[]): RawBuilder<unknown>[] {
  const flat = <K extends keyof SearchRows>(kind: K) =>
    of.flatMap((rows, n) => (rows[kind] as SearchRows[K][number][]).map(value => ({ n, ...value })));
  const each = (rows: { n: number; param: string }[]) => sql`${rows.map(r => r.n)}::int[], ${rows.map(r => r.param)}::text[]`;
  const at = sql`join placed on placed.n = v.n`;
  const texts = (values: (string | null)[]) => sql`${values}::text[]`;
  const numbers = (values: (number | null)[]) => sql`${values}::numeric[]`;
  const times = (values: (Date | null | undefined)[]) => sql`${values.map(iso)}::timestamptz[]`;
  const parts: RawBuilder<unknown>[] = [];

  const tokens = flat('tokens');
  if (tokens.length)
    parts.push(sql`t as (insert into search_token (row, type, param, system, code)
      select placed.row, type, param, system, code
      from unnest(${each(tokens)}, ${texts(tokens.map(r => r.system))}, ${texts(tokens.map(r => r.code))}) v(n, param, system, code) ${at})`);
  const references = flat('references');
  if (references.length)
    parts.push(sql`r as (insert into search_reference (row, type, param, target)
      select placed.row, type, param, target from unnest(${each(references)}, ${texts(references.map(r => r.target))}) v(n, param, target) ${at})`);
  const dates = flat('dates');
  if (dates.length)
    parts.push(sql`d as (insert into search_date (row, type, param, low, high, long)
      select placed.row, type, param, v.low, v.high, v.high > v.low + interval '24 hours'
      from (select n, param, coalesce(low, '-infinity') as low, coalesce(high, 'infinity') as high
        from unnest(${each(dates)}, ${times(dates.map(r => r.low))}, ${times(dates.map(r => r.high))}) u(n, param, low, high)) v ${at})`);
  const strings = flat('strings');
  if (strings.length)
    parts.push(sql`s as (insert into search_string (row, type, param, folded, exact)
      select placed.row, type, param, folded, exact
      from unnest(${each(strings)}, ${texts(strings.map(r => r.folded))}, ${texts(strings.map(r => r.exact))}) v(n, param, folded, exact) ${at})`);
  const amounts = flat('numbers');
  if (amounts.length)
    parts.push(sql`a as (insert into search_number (row, type, param, low, high, system, code, unit)
      select placed.row, type, param, coalesce(low, '-infinity'), coalesce(high, 'infinity'), system, code, unit
      from unnest(${each(amounts)}, ${numbers(amounts.map(r => r.low))}, ${numbers(amounts.map(r => r.high))}, ${texts(amounts.map(r => r.system))},
        ${texts(amounts.map(r => r.code))}, ${texts(amounts.map(r => r.unit))}) v(n, param, low, high, system, code, unit) ${at})`);
  const uris = flat('uris');
  if (uris.length)
    parts.push(sql`u as (insert into search_uri (row, type, param, uri)
      select placed.row, type, param, uri from unnest(${each(uris)}, ${texts(uris.map(r => r.uri))}) v(n, param, uri) ${at})`);
  const pairs = flat('composites');
  if (pairs.length)
    parts.push(sql`c as (insert into search_composite
        (row, type, param, system, code, second_system, second_code, low, high, unit, low_date, high_date, folded, exact)
      select placed.row, type, param, system, code, second_system, second_code,
        case when counted then coalesce(low, '-infinity') end, case when counted then coalesce(high, 'infinity') end, unit,
        case when dated then coalesce(low_date, '-infinity') end, case when dated then coalesce(high_date, 'infinity') end, folded, exact
      from unnest(${each(pairs)}, ${texts(pairs.map(r => r.system))}, ${texts(pairs.map(r => r.code))},
        ${texts(pairs.map(r => r.token?.system ?? r.number?.system ?? null))}, ${texts(pairs.map(r => r.token?.code ?? r.number?.code ?? null))},
        ${pairs.map(r => r.number !== undefined)}::boolean[], ${numbers(pairs.map(r => r.number?.low ?? null))},
        ${numbers(pairs.map(r => r.number?.high ?? null))}, ${texts(pairs.map(r => r.number?.unit ?? null))},
        ${pairs.map(r => r.date !== undefined)}::boolean[], ${times(pairs.map(r => r.date?.low))}, ${times(pairs.map(r => r.date?.high))},
        ${texts(pairs.map(r => r.text?.folded ?? null))}, ${texts(pairs.map(r => r.text?.exact ?? null))})
        v(n, param, system, code, second_system, second_code, counted, low, high, unit, dated, low_date, high_date, folded, exact) ${at})`);
  return parts;
}

/** Parts of a `with` that take the index rows of these resources (rows) away. */
export function indexDeletes(rows: string[]): RawBuilder<unknown>[] {
  return INDEX_TABLES.map(
    (table, index) => sql`${sql.raw(`x${index}`)} as (delete from ${sql.table(table)} where row = any(${rows}::bigint[]))`,
  );
}
