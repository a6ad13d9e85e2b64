// Every type of search parameter against a naive evaluation of the resources themselves, by random values, prefixes and modifiers.
import type { Observation, Patient, Quantity, Questionnaire, RiskAssessment } from '@medplum/fhirtypes';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PREFIXES } from '../../hub/records/search/search-request.ts';
import { put, versionOf } from '../../hub/records/store.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, setup, smallWorld } from './people.ts';

const NOW = Date.parse('2024-07-01T12:00:00Z');
const RUNS = 60;
let database: Database;
let world: SmallWorld;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database, () => new Date(NOW));
});
afterAll(() => database?.close());

/** Puts resources into the record as they are, and gives them ids in their order. */
async function stored<T extends Observation | Patient | RiskAssessment | Questionnaire>(
  prefix: string,
  resources: T[],
): Promise<(T & { id: string })[]> {
  const { definitions, connection } = world.records.context;
  const named = resources.map((resource, index) => ({ ...resource, id: `${prefix}-${index}` }));
  await put(
    connection,
    named.map(resource => ({ next: versionOf(definitions, resource, resource.id, 1, new Date(NOW)) })),
    'test',
  );
  return named;
}

/** Ids of those among `of` that the search finds. */
async function found(query: string, of: { id: string }[]): Promise<string[]> {
  const ours = new Set(of.map(({ id }) => id));
  const matches = await world.records.guarded(setup).find(query);
  return matches.flatMap(({ id }) => (id && ours.has(id) ? [id] : [])).sort();
}

async function agree<Q, T extends { id: string }>(
  queries: fc.Arbitrary<Q>,
  resources: T[],
  write: (query: Q) => string,
  holds: (query: Q, resource: T) => boolean,
) {
  await fc.assert(
    fc.asyncProperty(queries, async query => {
      const expected = resources.filter(resource => holds(query, resource)).map(({ id }) => id);
      expect(await found(write(query), resources), write(query)).toEqual(expected.sort());
    }),
    { numRuns: RUNS },
  );
}

const subject = () => ({ reference: `Patient/${world.patient.id}` });
const plain = (): Observation => ({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: subject() });
const sample = <T>(arbitrary: fc.Arbitrary<T>, number = 60): T[] => fc.sample(arbitrary, { numRuns: number, seed: 7 });
const SYSTEMS = ['http://example.com/a', 'http://example.com/b'];
const CODES = ['one', 'two', 'a|b', 'a,b', 'a$b', 'a\\b', 'ONE'];
const escaped = (text: string) => text.replace(/[\\,|$]/g, '\\$&');
const query = (name: string, ...values: string[]) => `${name}=${encodeURIComponent(values.join(','))}`;

test('tokens: code, system and code, no system, any code of a system; and their opposite', async () => {
  const coding = fc.record({ system: fc.option(fc.constantFrom(...SYSTEMS), { nil: undefined }), code: fc.constantFrom(...CODES) });
  const resources = await stored(
    'token',
    sample(fc.array(coding, { maxLength: 3 })).map(codings => ({ ...plain(), code: { text: 'x', coding: codings } })),
  );
  const asked = fc.record({
    not: fc.boolean(),
    values: fc.array(
      fc
        .record({ system: fc.constantFrom(null, '', ...SYSTEMS), code: fc.constantFrom('', ...CODES) })
        .filter(({ system, code }) => code !== '' || Boolean(system)),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  });
  await agree(
    asked,
    resources,
    ({ not, values }) =>
      `Observation?_count=1000&${query(not ? 'code:not' : 'code', ...values.map(({ system, code }) => (system === null ? '' : `${escaped(system)}|`) + escaped(code)))}`,
    ({ not, values }, resource) => {
      const one = values.some(({ system, code }) =>
        (resource.code.coding ?? []).some(
          own =>
            (code === '' || own.code === code) && (system === null || (system === '' ? own.system === undefined : own.system === system)),
        ),
      );
      return one !== not;
    },
  );
});

test('references: by type and id, by id, by several, and whether there is one', async () => {
  const target = fc.constantFrom('Practitioner/1', 'Practitioner/2', 'Organization/1', 'Patient/1');
  const resources = await stored(
    'reference',
    sample(fc.array(target, { maxLength: 2 })).map(references => ({ ...plain(), performer: references.map(reference => ({ reference })) })),
  );
  const asked = fc.array(fc.constantFrom('Practitioner/1', 'Organization/1', '1', '2', 'Practitioner/3'), { minLength: 1, maxLength: 2 });
  await agree(
    asked,
    resources,
    values => `Observation?_count=1000&${query('performer', ...values)}`,
    (values, { performer = [] }) =>
      performer.some(({ reference }) => values.some(value => reference === value || reference?.split('/')[1] === value)),
  );
  await agree(
    fc.boolean(),
    resources,
    missing => `Observation?_count=1000&performer:missing=${missing}`,
    (missing, { performer = [] }) => (performer.length === 0) === missing,
  );
  await agree(
    fc.constantFrom('1', '2'),
    resources,
    id => `Observation?_count=1000&performer:Practitioner=${id}`,
    (id, { performer = [] }) => performer.some(({ reference }) => reference === `Practitioner/${id}`),
  );
});

test('strings: beginning, containing and exact, without case, width and kind of kana', async () => {
  const WORDS = ['Yamada', 'yamada', 'YAMAMOTO', 'ヤマダ', 'やまだ', 'ﾔﾏﾀﾞ', '山田', 'Ｙａ', 'ma_da', '50%', 'Ünal', 'unal'];
  const resources = await stored(
    'string',
    sample(fc.array(fc.constantFrom(...WORDS), { maxLength: 2 })).map(words => ({
      resourceType: 'Patient' as const,
      name: words.map(family => ({ family })),
      generalPractitioner: [{ reference: 'Organization/x' }],
    })),
  );
  const simple = (text: string) =>
    text
      .normalize('NFKC')
      .toLowerCase()
      .replaceAll('ヤ', 'や')
      .replaceAll('マ', 'ま')
      .replaceAll('ダ', 'だ')
      .replaceAll('ü', 'u')
      .normalize('NFD')
      .replaceAll('\u3099', '゛')
      .replace(/[\u0300-\u036f]/g, '');
  await agree(
    fc.record({ modifier: fc.constantFrom('', ':exact', ':contains'), text: fc.constantFrom(...WORDS, 'ya', 'ま', 'ada', '_', '%') }),
    resources,
    ({ modifier, text }) => `Patient?_count=1000&${query(`family${modifier}`, escaped(text))}`,
    ({ modifier, text }, { name = [] }) =>
      name.some(({ family = '' }) =>
        modifier === ':exact'
          ? family === text
          : modifier
            ? simple(family).includes(simple(text))
            : simple(family).startsWith(simple(text)),
      ),
  );
});

/** Days of a small stretch of time, months, years, minutes: as FHIR writes them, with their first moment and the first after. */
const dates = fc
  .record({
    precision: fc.constantFrom('year', 'month', 'day', 'minute', 'second', 'zoned'),
    day: fc.integer({ min: 0, max: 900 }),
    minute: fc.integer({ min: 0, max: 1439 }),
  })
  .map(({ precision, day, minute }) => {
    const at = new Date(Date.UTC(2022, 11, 15) + day * 86_400_000 + minute * 60_000);
    const text = at.toISOString();
    const tokyo = (time: number) => time - 9 * 3_600_000;
    const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
    switch (precision) {
      case 'year':
        return { text: text.slice(0, 4), low: tokyo(Date.UTC(year, 0)), high: tokyo(Date.UTC(year + 1, 0)) };
      case 'month':
        return { text: text.slice(0, 7), low: tokyo(Date.UTC(year, month)), high: tokyo(Date.UTC(year, month + 1)) };
      case 'day':
        return {
          text: text.slice(0, 10),
          low: tokyo(Date.UTC(year, month, at.getUTCDate())),
          high: tokyo(Date.UTC(year, month, at.getUTCDate() + 1)),
        };
      case 'minute':
        return { text: text.slice(0, 16), low: tokyo(at.getTime()), high: tokyo(at.getTime() + 60_000) };
      case 'second':
        return { text: text.slice(0, 19), low: tokyo(at.getTime()), high: tokyo(at.getTime() + 1000) };
      default:
        return { text: `${text.slice(0, 19)}Z`, low: at.getTime(), high: at.getTime() + 1000 };
    }
  });
type Stretch = { low: number; high: number };

/** R4 search.html#prefix, in its own words. */
function stands(prefix: (typeof PREFIXES)[number], { low, high }: Stretch, asked: Stretch): boolean {
  const contained = low >= asked.low && high <= asked.high;
  switch (prefix) {
    case 'eq':
      return contained;
    case 'ne':
      return !contained;
    case 'gt':
      return high > asked.high;
    case 'lt':
      return low < asked.low;
    case 'ge':
      return high > asked.high || contained;
    case 'le':
      return low < asked.low || contained;
    case 'sa':
      return low >= asked.high;
    case 'eb':
      return high <= asked.low;
    case 'ap': {
      const around = Math.abs(NOW - (asked.low + asked.high) / 2) / 10;
      return low < asked.high + around && high > asked.low - around;
    }
  }
}

test('dates: each prefix, with points, days, months, years and open periods', async () => {
  const value = fc.oneof(
    dates.map(at => ({ element: { effectiveDateTime: at.text }, low: at.low, high: at.high })),
    fc
      .tuple(fc.option(dates, { nil: null }), fc.option(dates, { nil: null }))
      // A period that ends before it begins is no period.
      .filter(([start, end]) => !start || !end || start.low < end.high)
      .map(([start, end]) => ({
        element: { effectivePeriod: { ...(start ? { start: start.text } : {}), ...(end ? { end: end.text } : {}) } },
        low: start?.low ?? (end ? Number.NEGATIVE_INFINITY : null),
        high: end?.high ?? (start ? Number.POSITIVE_INFINITY : null),
      })),
  );
  const values = sample(value, 100);
  const resources = (
    await stored(
      'date',
      values.map(({ element }) => ({ ...plain(), ...element })),
    )
  ).map((resource, index) => ({ ...resource, ...values[index]! }));
  await agree(
    fc.record({ prefix: fc.constantFrom(...PREFIXES), at: dates }),
    resources,
    ({ prefix, at }) => `Observation?_count=1000&${query('date', prefix + at.text)}`,
    ({ prefix, at }, { low, high }) => low !== null && high !== null && stands(prefix, { low, high }, at),
  );
});

/** In thousandths, so that the oracle counts whole numbers. */
const decimals = fc
  .record({ thousandths: fc.integer({ min: -3000, max: 3000 }), digits: fc.integer({ min: 0, max: 3 }) })
  .map(({ thousandths, digits }) => {
    const text = (thousandths / 1000).toFixed(digits);
    return { text, value: Math.round(Number(text) * 1000), half: 500 / 10 ** digits };
  });
type Decimal = { value: number; half: number };

function counts(prefix: (typeof PREFIXES)[number], { low, high }: Stretch, { value, half }: Decimal): boolean {
  const exact = low >= value - half && high < value + half;
  switch (prefix) {
    case 'eq':
      return exact;
    case 'ne':
      return !exact;
    case 'gt':
      return high > value;
    case 'lt':
      return low < value;
    case 'ge':
      return high >= value;
    case 'le':
      return low <= value;
    case 'sa':
      return low > value;
    case 'eb':
      return high < value;
    case 'ap':
      return low <= value + Math.abs(value) / 10 && high >= value - Math.abs(value) / 10;
  }
}

test('numbers: each prefix and precision', async () => {
  const values = sample(decimals, 100);
  const resources = (
    await stored(
      'number',
      values.map(
        ({ text }): RiskAssessment => ({
          resourceType: 'RiskAssessment',
          status: 'final',
          subject: subject(),
          prediction: [{ probabilityDecimal: Number(text) }],
        }),
      ),
    )
  ).map((resource, index) => ({ ...resource, at: values[index]!.value }));
  await agree(
    fc.record({ prefix: fc.constantFrom(...PREFIXES), number: decimals }),
    resources,
    ({ prefix, number }) => `RiskAssessment?_count=1000&${query('probability', prefix + number.text)}`,
    ({ prefix, number }, { at }) => counts(prefix, { low: at, high: at }, number),
  );
});

const quantities = fc
  .record({
    decimal: decimals,
    comparator: fc.constantFrom(undefined, undefined, '<' as const, '>=' as const),
    code: fc.constantFrom('kg', 'g'),
    system: fc.constantFrom(undefined, 'http://unitsofmeasure.org'),
  })
  .map(({ decimal, comparator, code, system }) => ({
    quantity: {
      value: Number(decimal.text),
      ...(comparator ? { comparator } : {}),
      ...(system ? { system, code, unit: `unit ${code}` } : { unit: code }),
    } as Quantity,
    low: comparator === '<' ? Number.NEGATIVE_INFINITY : decimal.value,
    high: comparator === '>=' ? Number.POSITIVE_INFINITY : decimal.value,
  }));
const unitsAsked = fc.constantFrom('', '|http://unitsofmeasure.org|kg', '||kg', '||unit g', '|http://example.com|kg');
const inUnit = (unit: string, { system, code, unit: written }: Quantity) => {
  const [, wanted, symbol] = unit.split('|');
  return !unit || (wanted ? system === wanted && code === symbol : code === symbol || written === symbol);
};

describe('quantities', () => {
  test('each prefix, with comparators and units', async () => {
    const values = sample(quantities, 100);
    const resources = (
      await stored(
        'quantity',
        values.map(({ quantity }) => ({ ...plain(), valueQuantity: quantity })),
      )
    ).map((resource, index) => ({ ...resource, ...values[index]! }));
    await agree(
      fc.record({ prefix: fc.constantFrom(...PREFIXES), number: decimals, unit: unitsAsked }),
      resources,
      ({ prefix, number, unit }) => `Observation?_count=1000&${query('value-quantity', prefix + number.text + unit)}`,
      ({ prefix, number, unit }, { low, high, quantity }) => counts(prefix, { low, high }, number) && inUnit(unit, quantity),
    );
  });

  test('paired with their code in one and the same component', async () => {
    const parts = sample(fc.array(fc.record({ code: fc.constantFrom('a', 'b'), value: quantities }), { maxLength: 3 }), 80);
    const resources = (
      await stored(
        'pair',
        parts.map(components => ({
          ...plain(),
          component: components.map(({ code, value }) => ({
            code: { coding: [{ system: SYSTEMS[0], code }] },
            valueQuantity: value.quantity,
          })),
        })),
      )
    ).map((resource, index) => ({ ...resource, parts: parts[index]! }));
    await agree(
      fc.record({ code: fc.constantFrom('a', 'b', 'c'), prefix: fc.constantFrom(...PREFIXES), number: decimals, unit: unitsAsked }),
      resources,
      ({ code, prefix, number, unit }) =>
        `Observation?_count=1000&${query('component-code-value-quantity', `${SYSTEMS[0]}|${code}$${prefix}${number.text}${unit}`)}`,
      ({ code, prefix, number, unit }, own) =>
        own.parts.some(part => part.code === code && counts(prefix, part.value, number) && inUnit(unit, part.value.quantity)),
    );
  });
});

test('URIs: itself, what is below and what is above', async () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'a-c', 'a0'), { maxLength: 3 }).map(parts => ['http://example.com', ...parts].join('/'));
  const urls = sample(path);
  const resources = await stored(
    'uri',
    urls.map((url): Questionnaire => ({ resourceType: 'Questionnaire', status: 'draft', url })),
  );
  const under = (url: string, top: string) => url === top || url.startsWith(`${top}/`);
  await agree(
    fc.record({ modifier: fc.constantFrom('', ':below', ':above'), url: path }),
    resources,
    ({ modifier, url }) => `Questionnaire?_count=1000&${query(`url${modifier}`, url)}`,
    ({ modifier, url }, own) => (modifier === ':below' ? under(own.url!, url) : modifier ? under(url, own.url!) : own.url === url),
  );
});
