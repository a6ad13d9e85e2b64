// A condition of a search as SQL on a row of `resources`. Whatever it goes through on the way must itself be visible to who asks.
import { type RawBuilder, sql } from 'kysely';
import type { Parameter } from '../definitions.ts';
import { derived, IN_COLUMNS } from './search-index.ts';
import { badSearch, type Criterion, unescaped } from './search-request.ts';
import {
  bareNumberTest,
  compositeTest,
  datesTests,
  dateTest,
  momentTest,
  quantityTest,
  stringTest,
  targetsOf,
  tokenTest,
  uriTest,
} from './search-values.ts';

type Test = RawBuilder<unknown>;

/** What a search is asked by: the clock, and the right to see a resource of `type` that the query names `alias`. */
export interface Scope {
  now: Date;
  visible(type: string, alias: string): Test;
}

const TABLES: Readonly<Record<Parameter['type'], string>> = {
  token: 'search_token',
  reference: 'search_reference',
  date: 'search_date',
  string: 'search_string',
  uri: 'search_uri',
  number: 'search_number',
  quantity: 'search_number',
  composite: 'search_composite',
};
export const tableOf = (parameter: Parameter): string => TABLES[parameter.type];

/** SQL that is true for a row of `resources`, named `at` in the query, of one of these types, that fulfils the criterion. */
export function conditionOf(scope: Scope, types: readonly string[], criterion: Criterion, at: string): Test {
  const id = sql.ref(`${at}.id`);
  // Each level of a chain has a name of its own in the query: r0, r1 …
  const next = `r${Number(at.slice(1)) + 1}`;
  switch (criterion.kind) {
    case 'value':
      return valueCondition(scope, types, criterion, at);
    case 'any':
      return either(criterion.of.map(one => conditionOf(scope, types, one, at)));
    case 'chain': {
      const { target, parameter, inner } = criterion;
      return sql`${sql.ref(`${at}.row`)} in (select s.row from search_reference s where ${ofType(types)} and s.param = ${parameter.code}
        and s.target in (select ${`${target}/`} || ${sql.ref(`${next}.id`)} from resources ${sql.ref(next)} where ${sql.ref(`${next}.type`)} = ${target}
          and not ${sql.ref(`${next}.deleted`)} and ${conditionOf(scope, [target], inner, next)} and ${scope.visible(target, next)}))`;
    }
    case 'has': {
      const { source, parameter, inner } = criterion;
      const prefix = `${types[0]}/`;
      return sql`${id} in (select substr(s.target, ${prefix.length + 1}::int) from resources ${sql.ref(next)}
        join search_reference s on s.row = ${sql.ref(`${next}.row`)} and s.type = ${source} and s.param = ${parameter.code} and starts_with(s.target, ${prefix})
        where ${sql.ref(`${next}.type`)} = ${source} and not ${sql.ref(`${next}.deleted`)}
          and ${conditionOf(scope, [source], inner, next)} and ${scope.visible(source, next)})`;
    }
  }
}

const ofType = (types: readonly string[]): Test => (types.length === 1 ? sql`s.type = ${types[0]}` : sql`s.type = any(${types}::text[])`);

function valueCondition(scope: Scope, types: readonly string[], criterion: Criterion & { kind: 'value' }, at: string): Test {
  const { parameter, modifier, values } = criterion;
  const { code } = parameter;
  if (code === '_id') return sql`${sql.ref(`${at}.id`)} = any(${values.map(unescaped)}::text[])`;
  if (code === '_lastUpdated') return either(values.map(value => momentTest(code, value, scope.now, sql.ref(`${at}.last_updated`))));
  const row = sql.ref(`${at}.row`);
  if (modifier === 'missing') {
    const present = sql`exists (select 1 from ${sql.table(tableOf(parameter))} s where s.row = ${row} and s.param = ${code})`;
    return values[0] === 'true' ? sql`not ${present}` : present;
  }
  const rows = (test: Test, table = tableOf(parameter), param = code) =>
    sql`select s.row from ${sql.table(table)} s where ${ofType(types)} and s.param = ${param} and ${test}`;
  const found = (...which: Parameters<typeof rows>) => sql`${row} in (${rows(...which)})`;
  const foundAny = (tests: Test[]) =>
    sql`${row} in (${sql.join(
      tests.map(test => rows(test)),
      sql` union all `,
    )})`;
  switch (parameter.type) {
    case 'token':
      if (modifier === 'text') return found(either(values.map(value => stringTest(value, null))), 'search_string', derived(code, 'text'));
      if (modifier === 'of-type') return found(either(values.map(ofTypeTest)), 'search_token', derived(code, 'of-type'));
      return modifier === 'not' ? sql`not (${found(tokens(values))})` : found(tokens(values));
    case 'reference':
      if (modifier === 'identifier') return found(tokens(values), 'search_token', derived(code, 'identifier'));
      return found(sql`s.target = any(${values.flatMap(value => targetsOf(parameter, value))}::text[])`);
    case 'string':
      return found(either(values.map(value => stringTest(value, modifier))));
    case 'uri':
      return found(either(values.map(value => uriTest(value, modifier))));
    case 'date':
      return foundAny(values.flatMap(value => datesTests([value, ...(criterion.also ?? [])].map(one => dateTest(code, one, scope.now)))));
    case 'number':
      return found(either(values.map(value => bareNumberTest(code, value))));
    case 'quantity':
      return found(either(values.map(value => quantityTest(code, value))));
    case 'composite':
      return found(either(values.map(value => compositeTest(parameter, value, scope.now))));
  }
}

/** Codes without a system are looked up together; the rest one by one. */
function tokens(values: string[]): Test {
  const bare = values.filter(value => !value.includes('|'));
  const tests = values.filter(value => value.includes('|')).map(value => tokenTest(value));
  if (bare.length === 1) tests.push(tokenTest(bare[0]!));
  if (bare.length > 1) tests.push(sql`s.code = any(${bare.map(unescaped)}::text[])`);
  return either(tests);
}

/** `identifier:of-type=system|code|value` */
function ofTypeTest(value: string): Test {
  const [system, code, identifier, ...more] = value.split('|');
  if (!system || !code || !identifier || more.length) throw badSearch(`identifier:of-type=${value} has not the form system|code|value`);
  return sql`(s.code = ${`${code}|${identifier}`} and s.system = ${system})`;
}

export const either = (tests: Test[]): Test =>
  tests.length === 1 ? tests[0]! : tests.length ? sql`(${sql.join(tests, sql` or `)})` : sql`false`;

/** What a search is sorted by: one value of the resource, the least one going up and the greatest going down (R4 search.html#sort). */
export function sortValue(
  parameter: Parameter,
  descending: boolean,
  at: string,
): { value: Test; type: 'timestamptz' | 'text' | 'numeric' } {
  const { code } = parameter;
  if (IN_COLUMNS.has(code))
    return code === '_id' ? { value: sql.ref(`${at}.id`), type: 'text' } : { value: sql.ref(`${at}.last_updated`), type: 'timestamptz' };
  const [name, type] = SORTED[parameter.type];
  const value = sql`(select ${sql.raw(descending ? 'max' : 'min')}(s.${sql.ref(name)}) from ${sql.table(tableOf(parameter))} s
    where s.row = ${sql.ref(`${at}.row`)} and s.param = ${code})`;
  return { value, type };
}

const SORTED: Readonly<Record<Parameter['type'], [string, 'timestamptz' | 'text' | 'numeric']>> = {
  date: ['low', 'timestamptz'],
  string: ['folded', 'text'],
  reference: ['target', 'text'],
  token: ['code', 'text'],
  uri: ['uri', 'text'],
  number: ['low', 'numeric'],
  quantity: ['low', 'numeric'],
  composite: ['code', 'text'],
};
