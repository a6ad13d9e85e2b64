// What searches find a resource by: one row per value of each FHIR search parameter, taken out by the parameter's own FHIRPath.
import {
  convertToSearchableReferences,
  convertToSearchableStrings,
  evalFhirPathTyped,
  type FhirPathAtom,
  getParsedExpressionForResourceType,
  parseFhirPath,
  type TypedValue,
  toTypedValue,
} from '@medplum/core';
import type {
  CodeableConcept,
  Coding,
  ContactPoint,
  Identifier,
  Quantity,
  Range,
  Reference,
  Resource,
  SampledData,
} from '@medplum/fhirtypes';
import type { Definitions, Parameter } from '../definitions.ts';
import { spanOfValue } from './dates.ts';

export interface TokenRow {
  param: string;
  system: string | null;
  code: string;
}
/** A number or quantity as a span, both ends inclusive; null is open. */
export interface NumberRow {
  param: string;
  low: number | null;
  high: number | null;
  system: string | null;
  code: string | null;
  unit: string | null;
}
/** A pair of values that stand together: a token first, then what the second parameter's type needs. */
export interface CompositeRow {
  param: string;
  system: string | null;
  code: string;
  token?: { system: string | null; code: string };
  number?: Omit<NumberRow, 'param'>;
  date?: { low: Date | null; high: Date | null };
  text?: { folded: string; exact: string };
}
export interface SearchRows {
  tokens: TokenRow[];
  references: { param: string; target: string }[];
  dates: { param: string; low: Date | null; high: Date | null }[];
  strings: { param: string; folded: string; exact: string }[];
  numbers: NumberRow[];
  uris: { param: string; uri: string }[];
  composites: CompositeRow[];
}

/** Kept in columns of their own. */
export const IN_COLUMNS: ReadonlySet<string> = new Set(['_id', '_lastUpdated']);
/** What `param:text`, `param:identifier` and `param:of-type` look up, under a name of their own in the tables of strings and tokens. */
export const derived = (param: string, modifier: 'text' | 'identifier' | 'of-type') => `${param}:${modifier}`;

/** Strings are compared without case, width (半角, 全角) and kind of kana: a name typed in either finds the other. */
export function fold(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\u30a1-\u30f6]/g, kana => String.fromCharCode(kana.charCodeAt(0) - 0x60))
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .trim();
}

/** The rows by which `resource` can be found. */
export function searchRows(definitions: Definitions, resource: Resource): SearchRows {
  const rows: SearchRows = { tokens: [], references: [], dates: [], strings: [], numbers: [], uris: [], composites: [] };
  const root = [toTypedValue(resource)];
  const present = rootsPresent(resource);
  for (const { parameter, roots, path, parts } of plansFor(definitions, resource.resourceType)) {
    if (roots && !roots.some(name => present.has(name))) continue;
    const values = evalFhirPathTyped(path, root) as TypedValue[];
    if (!values.length) continue;
    if (parameter.type === 'composite') for (const value of values) composites(rows, parameter, parts, value);
    else simple(rows, parameter, values);
  }
  return rows;
}

function simple(rows: SearchRows, { code: param, type }: Parameter, values: TypedValue[]) {
  switch (type) {
    case 'token':
      for (const value of values) {
        for (const token of tokensOf(value)) rows.tokens.push({ param, ...token });
        for (const exact of textsOf(value)) rows.strings.push({ param: derived(param, 'text'), ...stringOf(exact) });
        for (const token of typedIdentifiers(value)) rows.tokens.push({ param: derived(param, 'of-type'), ...token });
      }
      break;
    case 'uri':
      for (const { value } of values) if (typeof value === 'string') rows.uris.push({ param, uri: value });
      break;
    case 'reference':
      for (const target of targetsIn(values)) rows.references.push({ param, target });
      for (const { value } of values) {
        const { identifier } = value as Reference;
        if (identifier?.value)
          rows.tokens.push({ param: derived(param, 'identifier'), system: identifier.system ?? null, code: identifier.value });
      }
      break;
    case 'date':
      for (const { value } of values) {
        const span = spanOfValue(value);
        if (span) rows.dates.push({ param, ...span });
      }
      break;
    case 'string':
      for (const exact of stringsOf(values)) rows.strings.push({ param, ...stringOf(exact) });
      break;
    case 'number':
    case 'quantity':
      for (const value of values) for (const number of numbersOf(value)) rows.numbers.push({ param, ...number });
      break;
  }
}

function composites(rows: SearchRows, { code: param, components }: Parameter, parts: FhirPathAtom[], element: TypedValue) {
  const [first = [], second = []] = parts.map(part => evalFhirPathTyped(part, [element]) as TypedValue[]);
  const kind = components[1]?.type;
  for (const token of first.flatMap(tokensOf)) {
    const add = (value: Partial<CompositeRow>) => rows.composites.push({ param, ...token, ...value });
    for (const value of second) {
      if (kind === 'quantity' || kind === 'number') for (const number of numbersOf(value)) add({ number });
      else if (kind === 'date') {
        const date = spanOfValue(value.value);
        if (date) add({ date });
      } else if (kind === 'string') for (const exact of stringsOf([value])) add({ text: stringOf(exact) });
      else if (kind === 'reference') for (const code of targetsIn([value])) add({ token: { system: null, code } });
      else for (const inner of tokensOf(value)) add({ token: inner });
    }
  }
}

/** R4 search.html#token: which part of an element is the code, and which the system. */
function tokensOf({ type, value }: TypedValue): { system: string | null; code: string }[] {
  const token = (code: string | undefined, system: string | undefined) => (code ? [{ system: system ?? null, code }] : []);
  switch (type) {
    case 'Identifier':
      return token((value as Identifier).value, (value as Identifier).system);
    case 'CodeableConcept':
      return unique(((value as CodeableConcept).coding ?? []).flatMap(({ code, system }) => token(code, system)));
    case 'Coding':
      return token((value as Coding).code, (value as Coding).system);
    case 'ContactPoint':
      return token((value as ContactPoint).value, (value as ContactPoint).system);
    default:
      return typeof value === 'object' ? [] : token(String(value), undefined);
  }
}

const unique = <T extends { system: string | null; code: string }>(tokens: T[]): T[] =>
  tokens.length < 2 ? tokens : [...new Map(tokens.map(token => [`${token.system}|${token.code}`, token])).values()];

/** R4 search.html#modifiers, `:text`: the words that go with a code. */
function textsOf({ type, value }: TypedValue): Set<string> {
  const words =
    type === 'CodeableConcept'
      ? [(value as CodeableConcept).text, ...((value as CodeableConcept).coding ?? []).map(coding => coding.display)]
      : type === 'Coding'
        ? [(value as Coding).display]
        : type === 'Identifier'
          ? [(value as Identifier).type?.text]
          : [];
  return new Set(words.filter(word => word !== undefined));
}

/** R4 search.html#token, `identifier:of-type=system|code|value`. */
function typedIdentifiers({ type, value }: TypedValue): { system: string | null; code: string }[] {
  if (type !== 'Identifier' || !(value as Identifier).value) return [];
  const codings = (value as Identifier).type?.coding ?? [];
  return codings.flatMap(({ system, code }) => (code ? [{ system: system ?? null, code: `${code}|${(value as Identifier).value}` }] : []));
}

/** Where references point: of a canonical with a version also the bare one, of a version of a resource the resource. */
function targetsIn(values: TypedValue[]): Set<string> {
  const found = new Set<string>();
  for (const target of convertToSearchableReferences(values)) {
    found.add(target.replace(/\/_history\/[^/]+$/, ''));
    const bar = target.indexOf('|');
    if (bar > 0 && !target.startsWith('identifier:')) found.add(target.slice(0, bar));
  }
  return found;
}

/** Names and addresses are found by each of their parts and by the whole; what a name is used for is no part of it. */
function stringsOf(values: TypedValue[]): Set<string> {
  const found = new Set(convertToSearchableStrings(values));
  for (const { value } of values) {
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, part] of Object.entries(value as Record<string, unknown>)) {
      if (key === 'use' || key === 'type') continue;
      for (const text of Array.isArray(part) ? part : [part]) if (typeof text === 'string') found.add(text);
    }
  }
  return found;
}

/** The longest string that is compared: an index row has its bounds. */
const FOLDED = 500;
const stringOf = (exact: string) => ({ folded: fold(exact).slice(0, FOLDED), exact: exact.slice(0, 2 * FOLDED) });

/** A number is a span of no length; `< 5` is open below, a Range open where an end is missing. */
function numbersOf({ type, value }: TypedValue): Omit<NumberRow, 'param'>[] {
  const unitless = { system: null, code: null, unit: null };
  if (typeof value === 'number') return [{ low: value, high: value, ...unitless }];
  if (typeof value !== 'object' || value === null) return [];
  const units = (quantity: Quantity | undefined) => ({
    system: quantity?.system ?? null,
    code: quantity?.code ?? null,
    unit: quantity?.unit ?? null,
  });
  if (type === 'Range') {
    const { low, high } = value as Range;
    return low?.value === undefined && high?.value === undefined
      ? []
      : [{ low: low?.value ?? null, high: high?.value ?? null, ...units(low ?? high) }];
  }
  const quantity = type === 'SampledData' ? (value as SampledData).origin : (value as Quantity);
  if (typeof quantity?.value !== 'number') return [];
  const open = quantity.comparator?.[0];
  return [{ low: open === '<' ? null : quantity.value, high: open === '>' ? null : quantity.value, ...units(quantity) }];
}

interface Plan {
  parameter: Parameter;
  /** Elements of the resource without which the expression has no value; null where absence is a value too. */
  roots: string[] | null;
  path: FhirPathAtom;
  parts: FhirPathAtom[];
}

const plans = new WeakMap<Definitions, Map<string, Plan[]>>();

/** Expressions taken apart once for each type: most parameters have no value in most resources, and need not be evaluated. */
function plansFor(definitions: Definitions, type: string): Plan[] {
  const known = plans.get(definitions) ?? new Map<string, Plan[]>();
  plans.set(definitions, known);
  const found = known.get(type);
  if (found) return found;
  const made = [...definitions.parameters(type).values()]
    .filter(({ code }) => !IN_COLUMNS.has(code))
    .map(parameter => planOf(type, parameter));
  known.set(type, made);
  return made;
}

function planOf(type: string, parameter: Parameter): Plan {
  const own = parameter.expression.split(' | ').filter(part => new RegExp(`\\b${type}\\b`).test(part) || part.startsWith('meta.'));
  const expression = own.join(' | ');
  const whole = own.some(part => part.trim() === type);
  const asked = /\bexists\(|\bnot\(/.test(expression) || whole;
  const roots = [...expression.matchAll(new RegExp(`\\b${type}\\.([a-zA-Z]+)`, 'g'))].map(match => match[1]!);
  return {
    parameter,
    roots: asked ? null : expression.startsWith('meta.') ? ['meta'] : roots,
    // The library picks a type's own part out of a union by the dot after its name, which a bare name has not.
    path: whole ? parseFhirPath(expression) : getParsedExpressionForResourceType(type, expression),
    // R4's definition of code-value-date writes the type's name as it is nowhere else.
    parts: parameter.components.map(({ expression: part }) => parseFhirPath(part.replace('ofType(DateTime)', 'ofType(dateTime)'))),
  };
}

/** Names of the elements a resource has, a choice also by its bare name: `valueQuantity` is `value` too. */
function rootsPresent(resource: Resource): Set<string> {
  const names = new Set<string>();
  for (const key of Object.keys(resource)) {
    names.add(key);
    for (let at = key.length - 1; at > 0; at--) if (key[at]! >= 'A' && key[at]! <= 'Z') names.add(key.slice(0, at));
  }
  return names;
}
