// What a FHIR search asks for, read strictly: parameters are found among the type's own, and a modifier that is not offered is refused by name.
import { Problem } from '../../http/problem.ts';
import type { Definitions, KeptType, Parameter, ParameterType } from '../definitions.ts';
import { RESOURCE_TYPES } from '../definitions.ts';

/** The most resources one search answers, and how many when nothing is said (over HTTP). */
export const MAX_COUNT = 1000;
/** How many references a chain or `_has` may follow, one in another. */
const MAX_DEPTH = 4;
/** The most values joined by commas, and parameters of one search. */
const MAX_VALUES = 300;
const MAX_CRITERIA = 50;

/** Modifiers each type of parameter takes here (R4 search.html#modifiers); `[type]` on references besides. */
export const MODIFIERS: Readonly<Record<ParameterType, readonly string[]>> = {
  token: ['missing', 'not', 'text', 'of-type'],
  reference: ['missing', 'identifier'],
  date: ['missing'],
  string: ['missing', 'exact', 'contains'],
  uri: ['missing', 'above', 'below'],
  quantity: ['missing'],
  number: ['missing'],
  composite: ['missing'],
};
/** Prefixes of values that have an order (R4 search.html#prefix). */
export const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'] as const;
export type Prefix = (typeof PREFIXES)[number];
export const ORDERED: ReadonlySet<ParameterType> = new Set(['date', 'quantity', 'number']);

/** One condition; all of a search must hold. */
export type Criterion =
  | {
      kind: 'value';
      parameter: Parameter;
      modifier: string | null;
      /** Alternatives. */
      values: string[];
      /** What must hold of the same value besides: the other end of a stretch of time. */
      also?: string[];
    }
  /** The referenced resource must fulfil `inner`. */
  | { kind: 'chain'; parameter: Parameter; target: KeptType; inner: Criterion }
  /** Some `source` that points here by `parameter` must fulfil `inner`. */
  | { kind: 'has'; source: KeptType; parameter: Parameter; inner: Criterion }
  | { kind: 'any'; of: Criterion[] };

export interface Include {
  reverse: boolean;
  source: KeptType;
  /** Null: every reference of the source. */
  parameter: Parameter | null;
  /** Null: of any type. */
  targets: readonly string[] | null;
  iterate: boolean;
}

export const SUMMARIES = ['true', 'text', 'data', 'count', 'false'] as const;

export interface Asked {
  types: KeptType[];
  criteria: Criterion[];
  sort: { parameter: Parameter; descending: boolean }[];
  /** Null: as many as is usual. */
  count: number | null;
  /** For the hub's own parts that read all of something. */
  offset: number;
  total: boolean;
  summary: (typeof SUMMARIES)[number];
  elements: string[];
  includes: Include[];
  /** What was understood, as given: the self link. */
  used: [string, string][];
  /** What was not, each with the reason. */
  ignored: string[];
}

export const badSearch = (what: string, ja = '検索の条件が正しくありません。') =>
  new Problem(400, 'search-invalid', { ja, en: `The search cannot be answered: ${what}` }, { details: [{ path: '', message: what }] });

/** A parameter that the type does not have: an error only where the client wants it to be one (R4 search.html#errors). */
class Unknown extends Error {}

/** Reads `Type?name=value&…`; what is not known is an error. @throws Problem 400 */
export function parseQuery(definitions: Definitions, query: string): Asked {
  const [type = '', rest = ''] = [query.split('?', 1)[0], query.includes('?') ? query.slice(query.indexOf('?') + 1) : ''];
  return parseParameters(definitions, type, [...new URLSearchParams(rest)], { strict: true, offset: true });
}

/**
 * Reads the parameters of a search among `type`, or, with `type` empty, among those of `_type`.
 * @param options `strict`: what is not known is an error, else it is noted in `ignored`; `types`: what a search of several types may go among
 * @throws Problem 400 for what is malformed or not offered, with its name
 */
export function parseParameters(
  definitions: Definitions,
  type: string,
  given: [string, string][],
  options: { strict: boolean; offset?: boolean; types?: readonly KeptType[] },
): Asked {
  const types = typesOf(definitions, type, given, options.types);
  definitions.load(types);
  const asked: Asked = {
    types,
    criteria: [],
    sort: [],
    count: null,
    offset: 0,
    total: false,
    summary: 'false',
    elements: [],
    includes: [],
    used: [],
    ignored: [],
  };
  for (const [key, value] of given) {
    try {
      read(definitions, asked, key, value, options);
      asked.used.push([key, value]);
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      if (options.strict) throw badSearch(error.message, `この検索の条件は使えません: ${key}`);
      asked.ignored.push(error.message);
    }
  }
  if (asked.criteria.length > MAX_CRITERIA) throw badSearch(`more than ${MAX_CRITERIA} parameters`);
  if (asked.summary === 'text' && asked.includes.length) throw badSearch('_summary=text cannot be combined with _include or _revinclude');
  if (asked.elements.length && asked.summary !== 'false') throw badSearch('_elements and _summary cannot be combined');
  return asked;
}

function typesOf(
  definitions: Definitions,
  type: string,
  given: [string, string][],
  among: readonly KeptType[] = RESOURCE_TYPES,
): KeptType[] {
  const named = type ? [type] : given.filter(([key]) => key === '_type').flatMap(([, value]) => value.split(','));
  for (const name of named) {
    if (!definitions.kept(name)) throw badSearch(`resources of type ${name || '(none)'} are not kept here`);
    if (!among.includes(name)) throw badSearch(`there are no resources of type ${name} here`);
  }
  return named.length ? [...new Set(named as KeptType[])] : [...among];
}

function read(definitions: Definitions, asked: Asked, key: string, value: string, options: { offset?: boolean }) {
  if (value.includes('\0') || key.includes('\0')) throw badSearch(`${key.replaceAll('\0', '')} holds a NUL`);
  switch (key) {
    case '_count':
      asked.count = whole(key, value, MAX_COUNT);
      return;
    case '_offset':
      if (!options.offset) break;
      asked.offset = whole(key, value, 1_000_000);
      return;
    case '_total':
      if (!['none', 'estimate', 'accurate'].includes(value)) throw badSearch('_total is none, estimate or accurate');
      asked.total = value !== 'none';
      return;
    case '_summary':
      if (!(SUMMARIES as readonly string[]).includes(value)) throw badSearch(`_summary is one of ${SUMMARIES.join(', ')}`);
      asked.summary = value as Asked['summary'];
      return;
    case '_elements':
      asked.elements.push(...value.split(',').filter(Boolean));
      return;
    case '_format':
      if (!['json', 'application/json', 'application/fhir+json'].includes(value)) throw badSearch('_format is json only');
      return;
    case '_type':
      if (asked.types.length === 1 && value !== asked.types[0]) break;
      return;
    case '_sort':
      for (const part of value.split(',')) asked.sort.push(sortKey(definitions, asked.types, part));
      return;
    case '_include':
    case '_include:iterate':
    case '_revinclude':
    case '_revinclude:iterate':
      asked.includes.push(include(definitions, key, value));
      return;
  }
  if (asked.types.length > 1 && (key.includes('.') || key.startsWith('_has:'))) throw badSearch(`${key}: only in a search of one type`);
  asked.criteria.push(criterion(definitions, asked.types, key, value));
}

function whole(name: string, text: string, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= most)) throw badSearch(`${name} is a number from 0 to ${most}`);
  return number;
}

/** The parameter all of these types have by this name. */
function parameterOf(definitions: Definitions, types: readonly KeptType[], code: string): Parameter {
  const found = types.map(type => definitions.parameters(type).get(code));
  const [first] = found;
  if (!first || found.some(parameter => parameter?.type !== first.type))
    throw new Unknown(`${types.length === 1 ? types[0] : 'not every type asked for'} has no search parameter ${code} here`);
  return first;
}

function criterion(definitions: Definitions, types: readonly KeptType[], key: string, value: string, depth = 0): Criterion {
  if (depth > MAX_DEPTH) throw badSearch(`${key}: more than ${MAX_DEPTH} references one after another`);
  if (key.startsWith('_has:')) return has(definitions, types[0]!, key, value, depth);
  const dot = key.indexOf('.');
  if (dot > 0) return chain(definitions, types[0]!, key.slice(0, dot), key.slice(dot + 1), value, depth);
  const [code = '', modifier = null, ...more] = key.split(':');
  const parameter = parameterOf(definitions, types, code);
  if (more.length) throw badSearch(`${key} is not supported`);
  const values = splitUnescaped(value, ',');
  if (values.length > MAX_VALUES) throw badSearch(`${key} has more than ${MAX_VALUES} values`);
  if (modifier === null) return { kind: 'value', parameter, modifier, values };
  if (parameter.type === 'reference' && parameter.target.includes(modifier)) {
    const of = (id: string) => (id.includes('/') ? id : `${modifier}/${id}`);
    return { kind: 'value', parameter, modifier: null, values: values.map(of) };
  }
  const offered = code === '_id' ? [] : code === '_lastUpdated' ? [] : MODIFIERS[parameter.type];
  if (!offered.includes(modifier) || (modifier === 'of-type' && code !== 'identifier'))
    throw badSearch(`the modifier :${modifier} of ${code} is not supported here`, `この条件の指定 :${modifier} は使えません (${code})。`);
  if (modifier === 'missing' && value !== 'true' && value !== 'false') throw badSearch(`${key} is true or false`);
  return { kind: 'value', parameter, modifier, values };
}

/** `subject:Patient.name`: what is after the dot is asked of the resource referred to (R4 search.html#chaining). */
function chain(definitions: Definitions, type: KeptType, left: string, rest: string, value: string, depth: number): Criterion {
  const [code = '', named] = left.split(':');
  const parameter = parameterOf(definitions, [type], code);
  if (parameter.type !== 'reference') throw badSearch(`${code} is no reference: nothing can follow it`);
  if (named && !parameter.target.includes(named)) throw badSearch(`${code} does not point at ${named}`);
  const targets = (named ? [named] : parameter.target).filter(target => definitions.kept(target));
  if (!targets.length) throw badSearch(`${code} points at nothing that is kept here`);
  const of: Criterion[] = [];
  for (const target of targets) {
    try {
      of.push({ kind: 'chain', parameter, target, inner: criterion(definitions, [target], rest, value, depth + 1) });
    } catch (error) {
      // A reference to several types: those that know the parameter are meant.
      if (!(error instanceof Unknown) || targets.length === 1) throw error;
    }
  }
  if (!of.length) throw new Unknown(`nothing that ${type}.${code} points at has a search parameter ${rest.split('.')[0]}`);
  return of.length === 1 ? of[0]! : { kind: 'any', of };
}

/** `_has:Observation:patient:code=…` (R4 search.html#has). */
function has(definitions: Definitions, type: KeptType, key: string, value: string, depth: number): Criterion {
  const [, source = '', code = '', ...rest] = key.split(':');
  if (!definitions.kept(source)) throw badSearch(`${key}: resources of type ${source || '(none)'} are not kept here`);
  if (!rest.length) throw badSearch(`${key} has the form _has:Type:reference:parameter`);
  const parameter = parameterOf(definitions, [source], code);
  if (parameter.type !== 'reference' || !parameter.target.includes(type)) throw badSearch(`${source}.${code} does not point at ${type}`);
  return { kind: 'has', source, parameter, inner: criterion(definitions, [source], rest.join(':'), value, depth + 1) };
}

function sortKey(definitions: Definitions, types: readonly KeptType[], part: string): Asked['sort'][number] {
  const descending = part.startsWith('-');
  const parameter = parameterOf(definitions, types, descending ? part.slice(1) : part);
  if (parameter.type === 'composite') throw badSearch(`_sort by ${parameter.code}, which has two values, is not possible`);
  return { parameter, descending };
}

/** `_include=Observation:subject:Patient` (R4 search.html#include). */
function include(definitions: Definitions, key: string, value: string): Include {
  const [source = '', code = '', target, ...more] = value.split(':');
  if (!definitions.kept(source) || !code || more.length)
    throw badSearch(`${key}=${value} has not the form Type:reference or Type:reference:Type`);
  if (target !== undefined && !definitions.kept(target)) throw badSearch(`${key}: resources of type ${target} are not kept here`);
  const common = { reverse: key.startsWith('_rev'), source, targets: target ? [target] : null, iterate: key.endsWith(':iterate') };
  if (code === '*' && !common.reverse) return { ...common, parameter: null };
  const parameter = definitions.parameters(source).get(code);
  if (parameter?.type !== 'reference') throw badSearch(`${key}: ${source} has no reference ${code}`);
  return { ...common, parameter };
}

/** Splits where `separator` is not escaped by a backslash; escapes stay (R4 search.html#escaping). */
export function splitUnescaped(text: string, separator: string): string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\' && at + 1 < text.length) parts.push(parts.pop()! + text[at] + text[++at]);
    else if (text[at] === separator) parts.push('');
    else parts.push(parts.pop()! + text[at]);
  }
  return parts;
}

/** `\,`, `\$`, `\|` and `\\` as what they stand for. */
export const unescaped = (text: string) => text.replace(/\\([\\,|$])/g, '$1');
