// One value of a search as SQL on a row of its index table `s`, by the rules of R4 search.html for each type of parameter.
import { type RawBuilder, sql } from 'kysely';
import type { Parameter } from '../definitions.ts';
import { spanOf } from './dates.ts';
import { fold } from './search-index.ts';
import { badSearch, PREFIXES, type Prefix, splitUnescaped, unescaped } from './search-request.ts';

type Test = RawBuilder<unknown>;
/** A column of the index table in question. */
type Column = RawBuilder<unknown>;

export const column = (name: string): Column => sql.ref(`s.${name}`);

/** `code`, `system|code`, `|code` (no system) or `system|` (R4 search.html#token). */
export function tokenTest(value: string, system: Column = column('system'), code: Column = column('code')): Test {
  const parts = splitUnescaped(value, '|').map(unescaped);
  if (parts.length === 1) return sql`${code} = ${parts[0]}`;
  const [wanted, rest] = [parts[0], parts.slice(1).join('|')];
  if (!wanted) return sql`(${code} = ${rest} and ${system} is null)`;
  return rest ? sql`(${code} = ${rest} and ${system} = ${wanted})` : sql`${system} = ${wanted}`;
}

/** Starts with, contains or is exactly (R4 search.html#string); folding makes 半角, 全角, かな and カナ alike except where exactness is asked. */
export function stringTest(
  value: string,
  modifier: string | null,
  folded: Column = column('folded'),
  exact: Column = column('exact'),
): Test {
  const text = unescaped(value);
  const pattern = fold(text).replace(/[\\%_]/g, character => `\\${character}`);
  if (modifier === 'contains') return sql`${folded} like ${`%${pattern}%`}`;
  if (modifier === 'exact') return sql`(${folded} = ${fold(text).slice(0, 500)} and ${exact} = ${text})`;
  return sql`${folded} like ${`${pattern}%`}`;
}

/** The URI itself; `:below` also what is under it, `:above` what it is under (R4 search.html#uri). */
export function uriTest(value: string, modifier: string | null): Test {
  const uri = unescaped(value);
  if (modifier === null) return sql`s.uri = ${uri}`;
  if (!/^[a-z]+:\/\//i.test(uri)) throw badSearch(`:${modifier} is for URLs: ${uri} has no path`);
  const bare = uri.replace(/\/+$/, '');
  // A range instead of a pattern: the next character after `/` ends it, whatever the URL holds.
  if (modifier === 'below') return sql`(s.uri = ${bare} or (s.uri >= ${`${bare}/`} and s.uri < ${`${bare}0`}))`;
  const above = new Set([uri, bare]);
  for (let at = bare.lastIndexOf('/'); at > bare.indexOf('://') + 2; at = bare.lastIndexOf('/', at - 1))
    above.add(bare.slice(0, at)).add(bare.slice(0, at + 1));
  return sql`s.uri = any(${[...above]}::text[])`;
}

/** Where a reference may point: `Type/id` as it is, a bare id at each type the parameter can name, a URL as it is (R4 search.html#reference). */
export function targetsOf(parameter: Parameter, value: string): string[] {
  const target = unescaped(value).replace(/\/_history\/[^/]+$/, '');
  if (target.includes('/') || target.includes(':')) return [target];
  return parameter.target.map(type => `${type}/${target}`);
}

function prefixed(value: string): { prefix: Prefix; rest: string } {
  const prefix = PREFIXES.find(name => value.startsWith(name));
  return prefix ? { prefix, rest: value.slice(prefix.length) } : { prefix: 'eq', rest: value };
}

/** A test of a date, and what follows from it: the span ends after `above` and begins before `below` (ms). */
export interface Dated {
  test: Test;
  above: number;
  below: number;
}

/**
 * How the resource's span [low, high) lies to the one that is asked (R4 search.html#prefix): a date is a span as long as it is precise.
 * `now` is what `ap` is measured from: a tenth of the time between now and the date.
 */
export function dateTest(name: string, value: string, now: Date, low: Column = column('low'), high: Column = column('high')): Dated {
  const { prefix, rest } = prefixed(unescaped(value));
  const span = spanOf(rest);
  if (!span?.low || !span.high) throw badSearch(`${name}=${value} is no date`);
  const [first, end] = [span.low.getTime(), span.high.getTime()];
  const [from, to] = [span.low.toISOString(), span.high.toISOString()];
  const open = { above: Number.NEGATIVE_INFINITY, below: Number.POSITIVE_INFINITY };
  switch (prefix) {
    case 'eq':
      return { test: sql`(${low} >= ${from} and ${high} <= ${to})`, above: first, below: end };
    case 'ne':
      return { ...open, test: sql`not (${low} >= ${from} and ${high} <= ${to})` };
    case 'gt':
      return { ...open, test: sql`${high} > ${to}`, above: end };
    case 'lt':
      return { ...open, test: sql`${low} < ${from}`, below: first };
    case 'ge':
      return { ...open, test: sql`(${high} > ${to} or (${low} >= ${from} and ${high} <= ${to}))`, above: first };
    case 'le':
      return { ...open, test: sql`(${low} < ${from} or (${low} >= ${from} and ${high} <= ${to}))`, below: end };
    case 'sa':
      return { ...open, test: sql`${low} >= ${to}`, above: end };
    case 'eb':
      return { ...open, test: sql`${high} <= ${from}`, below: first };
    case 'ap': {
      const around = Math.abs(now.getTime() - (first + end) / 2) / 10;
      const [early, late] = [first - around, end + around];
      return { test: sql`(${low} < ${new Date(late)} and ${high} > ${new Date(early)})`, above: early, below: late };
    }
  }
}

const DAY = 86_400_000;
const moment = (at: number) => new Date(at).toISOString();

/**
 * All of these tests on one row of `search_date`, with bounds that its indexes can be read between: alternatives that no row fulfils two of.
 * They are read one by one, because within an `or` PostgreSQL does not see that two bounds are one stretch, and expects far more rows.
 */
export function datesTests(dated: Dated[]): Test[] {
  const above = Math.max(...dated.map(one => one.above));
  const below = Math.min(...dated.map(one => one.below));
  const tests = sql.join(
    dated.map(({ test }) => test),
    sql` and `,
  );
  const begins = Number.isFinite(below) ? sql`s.low < ${moment(below)} and` : sql``;
  if (!Number.isFinite(above)) return [sql`${begins} ${tests}`];
  return [
    sql`not s.long and s.low > ${moment(above - DAY)} and ${begins} ${tests}`,
    sql`s.long and s.high > ${moment(above)} and ${begins} ${tests}`,
  ];
}

/** `_lastUpdated` is a moment in a column of the resource: a span of no length that its own start bounds. */
export function momentTest(name: string, value: string, now: Date, at: Column): Test {
  const { prefix } = prefixed(value);
  // To the millisecond, as versions are stamped.
  const after = sql`(${at} + interval '1 millisecond')`;
  const span = spanOf(prefixed(value).rest);
  if (!span?.low || !span.high) throw badSearch(`${name}=${value} is no date`);
  switch (prefix) {
    case 'eq':
      return sql`(${at} >= ${span.low} and ${at} < ${span.high})`;
    case 'gt':
    case 'sa':
      return sql`${at} >= ${span.high}`;
    case 'lt':
    case 'eb':
      return sql`${at} < ${span.low}`;
    case 'ge':
      return sql`${at} >= ${span.low}`;
    case 'le':
      return sql`${at} < ${span.high}`;
    default:
      return dateTest(name, value, now, at, after).test;
  }
}

/** Half of the last digit that is written: 5.4 means 5.35 … 5.45 (R4 search.html#number). Decimal arithmetic is PostgreSQL's. */
function decimal(name: string, text: string): { number: string; half: string } {
  const match = /^([+-]?\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match) throw badSearch(`${name}=${text} is no number`);
  return { number: text, half: `5e${Number(match[3] ?? 0) - (match[2]?.length ?? 0) - 1}` };
}

/** How the resource's span lies to the number asked (R4 search.html#prefix): the precision counts for eq and ne alone, ap is a tenth. */
export function numberTest(name: string, prefix: Prefix, text: string, low: Column = column('low'), high: Column = column('high')): Test {
  const { number, half } = decimal(name, text);
  const n = sql`${number}::numeric`;
  const [from, to] = [sql`(${number}::numeric - ${half}::numeric)`, sql`(${number}::numeric + ${half}::numeric)`];
  switch (prefix) {
    case 'eq':
      return sql`(${low} >= ${from} and ${low} < ${to} and ${high} < ${to})`;
    case 'ne':
      return sql`not (${low} >= ${from} and ${high} < ${to})`;
    case 'gt':
      return sql`${high} > ${n}`;
    case 'lt':
      return sql`${low} < ${n}`;
    case 'ge':
      return sql`${high} >= ${n}`;
    case 'le':
      return sql`${low} <= ${n}`;
    case 'sa':
      return sql`${low} > ${n}`;
    case 'eb':
      return sql`${high} < ${n}`;
    case 'ap':
      return sql`(${low} <= ${n} + abs(${n}) / 10 and ${high} >= ${n} - abs(${n}) / 10)`;
  }
}

export const bareNumberTest = (name: string, value: string): Test => {
  const { prefix, rest } = prefixed(value);
  return numberTest(name, prefix, rest);
};

interface QuantityColumns {
  low: Column;
  high: Column;
  system: Column;
  code: Column;
  unit: Column;
}
const QUANTITY: QuantityColumns = {
  low: column('low'),
  high: column('high'),
  system: column('system'),
  code: column('code'),
  unit: column('unit'),
};

/** `number`, `number|system|code`, or `number||code`, where the code may also be the unit as written (R4 search.html#quantity). */
export function quantityTest(name: string, value: string, columns: QuantityColumns = QUANTITY): Test {
  const [text = '', system = '', code = '', ...more] = splitUnescaped(value, '|').map(unescaped);
  if (more.length) throw badSearch(`${name}=${value} has not the form number|system|code`);
  const { prefix, rest } = prefixed(text);
  const test = numberTest(name, prefix, rest, columns.low, columns.high);
  if (!system && !code) return test;
  const unit = system
    ? sql`${columns.system} = ${system}${code ? sql` and ${columns.code} = ${code}` : sql``}`
    : sql`(${columns.code} = ${code} or ${columns.unit} = ${code})`;
  return sql`(${test} and ${unit})`;
}

const PAIRED: QuantityColumns = { ...QUANTITY, system: column('second_system'), code: column('second_code') };

/** `first$second`, both of one element (R4 search.html#composite). */
export function compositeTest(parameter: Parameter, value: string, now: Date): Test {
  const name = parameter.code;
  const [first, second, ...more] = splitUnescaped(value, '$');
  if (!first || !second || more.length) throw badSearch(`${name}=${value} has not the form first$second`);
  const kind = parameter.components[1]?.type;
  const test =
    kind === 'quantity' || kind === 'number'
      ? quantityTest(name, second, PAIRED)
      : kind === 'date'
        ? dateTest(name, second, now, column('low_date'), column('high_date')).test
        : kind === 'string'
          ? stringTest(second, null)
          : kind === 'reference'
            ? sql`s.second_code = any(${targetsOf({ ...parameter, target: ['DocumentReference'] }, second)}::text[])`
            : tokenTest(second, column('second_system'), column('second_code'));
  return sql`(${tokenTest(first)} and ${test})`;
}
