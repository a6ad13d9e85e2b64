// FHIR search as SQL over the index tables. What it cannot answer it refuses; it never leaves a parameter out silently.
import { type Filter, parseSearchRequest, type SearchRequest, splitSearchOnComma } from '@medplum/core';
import type { Resource, ResourceType, SearchParameter } from '@medplum/fhirtypes';
import { type RawBuilder, sql } from 'kysely';
import { Problem } from '../http/problem.ts';
import { spanOf } from './dates.ts';
import type { Definitions } from './definitions.ts';
import { fold } from './search-index.ts';
import type { Connection } from './tables.ts';

/** The most resources one search answers. */
export const MAX_COUNT = 1000;

export const badSearch = (what: string, ja = '検索の条件が正しくありません。') =>
  new Problem(400, 'search-invalid', { ja, en: `The search cannot be answered: ${what}` }, { details: [{ path: '', message: what }] });

/** Reads `Type?name=value&…`. @throws Problem 400 for a type that is not kept or a query that is malformed. */
export function parseQuery(definitions: Definitions, query: string): SearchRequest {
  const [type = '', rest = ''] = [query.split('?', 1)[0], query.includes('?') ? query.slice(query.indexOf('?') + 1) : ''];
  if (!definitions.kept(type)) throw badSearch(`resources of type ${type || '(none)'} are not kept here`);
  const parameters: Record<string, string[]> = {};
  for (const [key, value] of new URLSearchParams(rest)) {
    parameters[key] ??= [];
    parameters[key].push(value);
  }
  return parseParameters(definitions, type, parameters);
}

/** As `parseQuery`, from parameters already taken apart. */
export function parseParameters(
  definitions: Definitions,
  type: string,
  given: Record<string, string | string[] | undefined>,
): SearchRequest {
  if (!definitions.kept(type)) throw badSearch(`resources of type ${type || '(none)'} are not kept here`);
  definitions.load([type]);
  const parameters: Record<string, string[]> = {};
  for (const [key, value] of Object.entries(given)) {
    const [name, entry] = withoutTypeModifier(definitions, type, key, [value ?? ''].flat());
    parameters[name] = [...(parameters[name] ?? []), ...entry];
  }
  try {
    return parseSearchRequest(type as ResourceType, parameters);
  } catch (cause) {
    throw badSearch((cause as Error).message);
  }
}

const MODIFIERS = new Set(['missing', 'not', 'exact', 'contains', 'iterate']);

/** `subject:Patient=1` asks for `subject=Patient/1`; every modifier that is not understood is refused, since the parser would drop it. */
function withoutTypeModifier(definitions: Definitions, type: string, key: string, values: string[]): [string, string[]] {
  const [code = '', modifier] = key.split(':');
  if (modifier === undefined || MODIFIERS.has(modifier) || key.startsWith('_has')) return [key, values];
  const parameter = definitions.parameters(type).get(code);
  if (parameter?.type !== 'reference' || !parameter.target?.includes(modifier as ResourceType)) throw badSearch(`${key} is not supported`);
  return [code, values.map(value => (value.includes('/') ? value : `${modifier}/${value}`))];
}

export interface Found {
  resources: Resource[];
  /** Patients of what was found. */
  patients: string[];
  total?: number;
}

/** Runs a search among the rows for which `visible` holds. @throws Problem 400 for what is not supported, with the parameter's name. */
export async function runSearch(
  connection: Connection,
  definitions: Definitions,
  request: SearchRequest,
  visible: RawBuilder<boolean>,
  defaultCount: number,
): Promise<Found> {
  const type = request.resourceType;
  refuseUnsupported(request);
  const count = request.count ?? defaultCount;
  const offset = request.offset ?? 0;
  if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT) throw badSearch(`_count is a number from 0 to ${MAX_COUNT}`);
  if (!Number.isInteger(offset) || offset < 0 || offset > 100_000) throw badSearch('_offset is a number from 0 to 100000');

  const conditions = (request.filters ?? []).map(filter => condition(definitions, type, filter));
  const where = sql`r0.type = ${type} and not r0.deleted ${sql.join(
    conditions.map(part => sql`and ${part}`),
    sql` `,
  )} and ${visible}`;
  const order = (request.sortRules ?? []).map(({ code, descending }) => sortBy(definitions, type, code, descending === true));
  const { rows } =
    count === 0
      ? { rows: [] }
      : await sql<{ content: Resource; patients: string[] }>`select r0.content, r0.patients from resources r0 where ${where}
          order by ${sql.join([...order, sql`r0.row`])} limit ${count} offset ${offset}`.execute(connection);
  const found: Found = { resources: rows.map(row => row.content), patients: [...new Set(rows.flatMap(row => row.patients))] };
  if (request.total === 'accurate' || request.total === 'estimate') {
    const total = await sql<{ count: string }>`select count(*) from resources r0 where ${where}`.execute(connection);
    found.total = Number(total.rows[0]!.count);
  }
  return found;
}

function refuseUnsupported(request: SearchRequest) {
  if (request.revInclude) throw badSearch('_revinclude is not supported');
  if (request.cursor) throw badSearch('_cursor is not supported; use _offset');
  if (request.fields) throw badSearch('_elements is not supported');
  if (request.summary) throw badSearch('_summary is supported with the value count only');
  if (request.types) throw badSearch('_type is not supported; search one type at a time');
  if (request.format && !['json', 'application/json', 'application/fhir+json'].includes(request.format))
    throw badSearch('_format is json only');
}

function parameterOf(definitions: Definitions, type: string, code: string): SearchParameter {
  const parameter = definitions.parameters(type).get(code);
  if (!parameter) throw badSearch(`${type} has no search parameter ${code} here`);
  return parameter;
}

/** One filter: its values are alternatives, as FHIR has it. */
function condition(definitions: Definitions, type: string, filter: Filter): RawBuilder<unknown> {
  const { code, operator } = filter;
  const parameter = parameterOf(definitions, type, code);
  const table = { token: 'search_token', uri: 'search_token', reference: 'search_reference', date: 'search_date', string: 'search_string' }[
    parameter.type as 'token'
  ];
  const values = splitSearchOnComma(filter.value);
  if (code === '_id') {
    if (operator !== 'eq') throw badSearch('_id takes no modifier');
    return sql`r0.id = any(${values}::text[])`;
  }
  if (operator === 'missing') {
    if (code === '_lastUpdated') throw badSearch('_lastUpdated is never missing');
    if (!['true', 'false'].includes(filter.value)) throw badSearch(`${code}:missing is true or false`);
    const present = sql`exists (select 1 from ${sql.table(table)} s where s.row = r0.row and s.param = ${code})`;
    return filter.value === 'true' ? sql`not ${present}` : present;
  }
  if (parameter.type === 'date') {
    return dated(type, code, operator, filter.value);
  }
  const inIndex = (test: RawBuilder<unknown>) =>
    sql`r0.row in (select s.row from ${sql.table(table)} s where s.type = ${type} and s.param = ${code} and ${test})`;
  if (parameter.type === 'string') return inIndex(either(values.map(value => stringTest(code, operator, value))));
  if (parameter.type === 'reference') {
    if (operator !== 'eq') throw badSearch(`${code}:${operator} is not supported`);
    return inIndex(sql`s.target = any(${values.flatMap(value => targetsOf(parameter, value))}::text[])`);
  }
  if (operator !== 'eq' && operator !== 'not') throw badSearch(`${code}:${operator} is not supported`);
  const matches = inIndex(either(values.map(value => (parameter.type === 'uri' ? sql`s.code = ${value}` : tokenTest(value)))));
  return operator === 'not' ? sql`not (${matches})` : matches;
}

/** `code`, `system|code`, `|code` (no system) or `system|` (R4 search.html#token). */
function tokenTest(value: string): RawBuilder<unknown> {
  const bar = value.indexOf('|');
  if (bar === -1) return sql`s.code = ${value}`;
  const [system, code] = [value.slice(0, bar), value.slice(bar + 1)];
  if (!system) return sql`(s.code = ${code} and s.system is null)`;
  return code ? sql`(s.code = ${code} and s.system = ${system})` : sql`s.system = ${system}`;
}

function stringTest(code: string, operator: string, value: string): RawBuilder<unknown> {
  const pattern = fold(value).replace(/[\\%_]/g, character => `\\${character}`);
  if (operator === 'eq' || operator === 'sw') return sql`s.folded like ${`${pattern}%`}`;
  if (operator === 'contains') return sql`s.folded like ${`%${pattern}%`}`;
  if (operator === 'exact') return sql`(s.folded = ${fold(value).slice(0, 500)} and s.exact = ${value})`;
  throw badSearch(`${code}:${operator} is not supported`);
}

/** `Type/id` as it is; a bare id for each type the parameter can point at. */
function targetsOf(parameter: SearchParameter, value: string): string[] {
  if (value.includes('/') || value.includes(':')) return [value];
  return (parameter.target ?? []).map(target => `${target}/${value}`);
}

/** R4 search.html#date: how the resource's span lies to the asked one. */
function dated(type: string, code: string, operator: string, value: string): RawBuilder<unknown> {
  const span = spanOf(value);
  if (!span) throw badSearch(`${code}=${value} is no date`);
  const { low, high } = span;
  const column = code === '_lastUpdated';
  const [from, to] = column ? [sql`r0.last_updated`, sql`r0.last_updated`] : [sql`s.low`, sql`s.high`];
  // A moment has no length: its end is itself, so that the bounds of the asked span stay exclusive at the top.
  const within = column ? sql`(${from} >= ${low} and ${from} < ${high})` : sql`(${from} >= ${low} and ${to} <= ${high})`;
  const test = {
    eq: within,
    ne: sql`not ${within}`,
    gt: column ? sql`${from} >= ${high}` : sql`${to} > ${high}`,
    lt: sql`${from} < ${low}`,
    ge: column ? sql`${from} >= ${low}` : sql`${to} > ${low}`,
    le: sql`${from} < ${high}`,
    sa: sql`${from} >= ${high}`,
    eb: column ? sql`${from} < ${low}` : sql`${to} <= ${low}`,
  }[operator];
  if (!test) throw badSearch(`the prefix ${operator} of ${code} is not supported`);
  if (column) return test;
  return sql`r0.row in (select s.row from search_date s where s.type = ${type} and s.param = ${code} and ${test})`;
}

function sortBy(definitions: Definitions, type: string, code: string, descending: boolean): RawBuilder<unknown> {
  const direction = descending ? sql`desc nulls last` : sql`asc nulls last`;
  if (code === '_lastUpdated') return sql`r0.last_updated ${direction}`;
  if (code === '_id') return sql`r0.id ${direction}`;
  const parameter = parameterOf(definitions, type, code);
  const of = (table: string, column: string) =>
    sql`(select ${sql.raw(descending ? 'max' : 'min')}(s.${sql.ref(column)}) from ${sql.table(table)} s where s.row = r0.row and s.param = ${code}) ${direction}`;
  switch (parameter.type) {
    case 'date':
      return of('search_date', 'low');
    case 'string':
      return of('search_string', 'folded');
    case 'reference':
      return of('search_reference', 'target');
    default:
      return of('search_token', 'code');
  }
}

const either = (tests: RawBuilder<unknown>[]) => (tests.length ? sql`(${sql.join(tests, sql` or `)})` : sql`false`);
