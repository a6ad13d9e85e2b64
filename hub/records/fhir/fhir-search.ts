// Searches over HTTP as Bundles: of a type, of several, of a patient's compartment, and $everything (R4 search.html, operation-patient-everything.html).
import { allOk, getDataType } from '@medplum/core';
import type { FhirRequest, FhirResponse } from '@medplum/fhir-router';
import type { Bundle, BundleEntry, OperationOutcome, Parameters, Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notFound, Problem } from '../../http/problem.ts';
import { SETUP_TYPES } from '../access/compartment.ts';
import { type KeptType, RESOURCE_TYPES } from '../definitions.ts';
import { spanOf } from '../search/dates.ts';
import type { Found, Run } from '../search/search.ts';
import { type Asked, badSearch, parseParameters } from '../search/search-request.ts';
import type { RouterRepository } from './fhir-repository.ts';

/** How many resources a page holds when nothing is said. */
const PAGE = 50;

/** What a search goes among besides its parameters. */
interface Field {
  /** Its address below the base, e.g. `Patient/1/Observation`. */
  path: string;
  type: string;
  types?: readonly KeptType[];
  within?: Run['within'];
  /** Patients it is about, found or not. */
  about?: string[];
  /** What the caller adds to what was asked. */
  adapt?: (asked: Asked) => void;
}

export type Given = [string, string][];

/** Parameters of the address and, of a POST, of its form or its Parameters resource. */
export function givenIn({ method, query, body }: FhirRequest): Given {
  const listed = (part: Record<string, string | string[] | undefined>): Given =>
    Object.entries(part).flatMap(([key, values]) => [values ?? []].flat().map(value => [key, String(value)] as [string, string]));
  const sent = method === 'POST' ? ((body ?? {}) as Parameters | Record<string, string | string[]>) : {};
  if (sent.resourceType !== 'Parameters') return [...listed(query ?? {}), ...listed(sent as Record<string, string | string[]>)];
  const valued = ((sent as Parameters).parameter ?? []).map(({ name, ...rest }): [string, string] => [
    name,
    String(Object.values(rest)[0]),
  ]);
  return [...listed(query ?? {}), ...valued];
}

/** Whether what is not known is to be an error (R4 search.html#errors). */
export const isStrict = (request: FhirRequest) => /\bhandling\s*=\s*strict\b/.test(String(request.headers?.prefer ?? ''));

export const searchType = (request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> =>
  answer(request, repository, { path: request.params.resourceType ?? '', type: request.params.resourceType ?? '' });

export const searchSystem = (request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> =>
  answer(request, repository, { path: '', type: '' });

/** `Patient/1/Observation`, `Patient/1/*` (R4 compartmentdefinition-patient.html). */
export async function searchCompartment(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  const { resourceType = '', id = '', inner = '' } = request.params;
  const { definitions } = repository.guarded.context;
  if (resourceType !== 'Patient' || inner.startsWith('_') || inner.startsWith('$')) throw notFound();
  const members = RESOURCE_TYPES.filter(type => type !== 'Patient' && definitions.compartment(type).length > 0);
  await repository.guarded.enterCompartment(id);
  const pairs = members.flatMap(type => definitions.compartment(type).map(param => [type, param]));
  return answer(request, repository, {
    path: `Patient/${id}/${inner}`,
    type: inner === '*' ? '' : inner,
    types: members,
    about: [id],
    within: (types, at) => {
      const own = pairs.filter(([type]) => types.includes(type!));
      return sql`${sql.ref(`${at}.row`)} in (select s.row from search_reference s
        join unnest(${own.map(([type]) => type)}::text[], ${own.map(([, param]) => param)}::text[]) c(type, param) on c.type = s.type and c.param = s.param
        where s.target = ${`Patient/${id}`})`;
    },
  });
}

/** Elements that say when care was given, by the names of their parameters: `start` and `end` of $everything speak of these. */
const CARE_DATES = ['date', 'period', 'onset-date', 'authoredon', 'authored', 'authored-on', 'sent', 'effective', 'created'];
const EVERYTHING_PARAMETERS = new Set(['_since', '_type', '_count', 'start', 'end', '_format']);

/** All that is kept of a patient, and the people, places and devices it names; page by page. */
export async function patientEverything(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  const { id = '' } = request.params;
  await repository.guarded.enterCompartment(id);
  return everything(request, repository, {
    path: `Patient/${id}/$everything`,
    about: [id],
    within: (_, at) => sql`${sql.ref(`${at}.patients`)} @> array[${id}]::text[]`,
  });
}

/** The encounter with all that points at it. */
export async function encounterEverything(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  const { id = '' } = request.params;
  await repository.guarded.read('Encounter', id);
  return everything(request, repository, {
    path: `Encounter/${id}/$everything`,
    within: (_, at) => sql`(${sql.ref(`${at}.row`)} in (
      select row from resources where type = 'Encounter' and id = ${id}
      union all select s.row from search_reference s
        where s.type = any(${RESOURCE_TYPES as unknown as string[]}::text[]) and s.param in ('encounter', 'context') and s.target = ${`Encounter/${id}`}))`,
  });
}

function everything(request: FhirRequest, repository: RouterRepository, field: Omit<Field, 'type'>): Promise<FhirResponse> {
  const adapt = (asked: Asked) => {
    asked.includes = asked.types.map(source => ({
      reverse: false,
      source,
      parameter: null,
      targets: RESOURCE_TYPES.filter(type => SETUP_TYPES.has(type) || (type === 'Patient' && field.path.startsWith('Encounter/'))),
      iterate: false,
    }));
  };
  const [types, rest]: [Given, Given] = [[], []];
  let [low, high] = ['-infinity', 'infinity'];
  for (const [key, value] of givenIn(request)) {
    if (key === '_cursor') rest.push([key, value]);
    else if (!EVERYTHING_PARAMETERS.has(key)) throw badSearch(`$everything takes no ${key}`);
    else if (key === '_type') types.push([key, value]);
    else if (key === '_since') rest.push(['_lastUpdated', `ge${value}`]);
    else if (key === 'start' || key === 'end') {
      const span = spanOf(value);
      if (!span?.low || !span.high) throw badSearch(`${key}=${value} is no date`);
      if (key === 'start') low = span.low.toISOString();
      else high = span.high.toISOString();
    } else rest.push([key, value]);
  }
  const dated = { low, high };
  return answer(request, repository, { ...field, type: '', adapt }, [...types, ...rest], dated);
}

/** Runs the search and makes its Bundle. Links and addresses in it are relative. */
async function answer(
  request: FhirRequest,
  repository: RouterRepository,
  field: Field,
  given: Given = givenIn(request),
  care = { low: '-infinity', high: 'infinity' },
): Promise<FhirResponse> {
  const { guarded, cursors } = repository;
  const { path, type, types, about, adapt } = field;
  const cursor = given.find(([key]) => key === '_cursor');
  if (cursor && given.length > 1) throw badSearch('_cursor stands alone: it holds the whole search');
  const opened = cursor ? await cursors.open(cursor[1], path) : undefined;
  // What a page's cursor keeps of the care dates is kept beside the parameters, which know no such thing.
  const between = opened?.given.find(([key]) => key === '$care')?.[1].split(' ') ?? [care.low, care.high];
  const asked = parseParameters(guarded.context.definitions, type, opened?.given.filter(([key]) => key !== '$care') ?? given, {
    strict: isStrict(request),
    types,
  });
  adapt?.(asked);
  const within: Run['within'] = (kinds, at) => {
    const parts = [...(field.within ? [field.within(kinds, at)] : [])];
    if (between[0] !== '-infinity' || between[1] !== 'infinity') parts.push(careBetween(at, between[0]!, between[1]!));
    return parts.length ? sql.join(parts, sql` and `) : sql`true`;
  };
  const found = await guarded.search(asked, { count: PAGE, after: opened, within, about });
  const bundle = bundleOf(asked, found, path);
  if (found.next) {
    const kept: Given =
      between[0] === '-infinity' && between[1] === 'infinity' ? asked.used : [...asked.used, ['$care', between.join(' ')]];
    bundle.link?.push({ relation: 'next', url: `${path}?_cursor=${await cursors.seal({ ...found.next, given: kept }, path)}` });
  }
  return [allOk, bundle];
}

const careBetween = (at: string, low: string, high: string) => sql`(
  not exists (select 1 from search_date s where s.row = ${sql.ref(`${at}.row`)} and s.param = any(${CARE_DATES}::text[]))
  or exists (select 1 from search_date s where s.row = ${sql.ref(`${at}.row`)} and s.param = any(${CARE_DATES}::text[])
    and s.low < ${high}::timestamptz and s.high > ${low}::timestamptz))`;

function bundleOf(asked: Asked, found: Found, path: string): Bundle {
  const entry = (resource: Resource, mode: 'match' | 'include'): BundleEntry => ({
    fullUrl: `${resource.resourceType}/${resource.id}`,
    resource: mode === 'match' ? projected(resource, asked) : projected(resource, { ...asked, elements: [] }),
    search: { mode },
  });
  const entries: BundleEntry[] = [
    ...found.matches.map(resource => entry(resource, 'match')),
    ...found.included.map(resource => entry(resource, 'include')),
  ];
  const warnings = [...asked.ignored.map(reason => `${reason}; it was left out`)];
  if (found.cut) warnings.push('More resources would have been included than one answer holds; ask for fewer with _count');
  if (warnings.length) entries.push({ resource: warningOf(warnings), search: { mode: 'outcome' } });
  const query = asked.used.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    ...(found.total === undefined ? {} : { total: found.total }),
    link: [{ relation: 'self', url: query ? `${path}?${query}` : path }],
    entry: entries,
  };
}

/** Warnings beside an answer, which say what of the question was not understood. */
export const warningOf = (reasons: string[]): OperationOutcome => ({
  resourceType: 'OperationOutcome',
  issue: reasons.map(text => ({ severity: 'warning', code: 'not-supported', details: { text } })),
});

/** On what is not whole, so that nobody puts it back as if it were (R4 resource.html#security). */
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };

/** The part of a resource that `_summary` or `_elements` leaves (R4 search.html#summary), marked as such. */
export function projected(resource: Resource, { summary, elements }: Pick<Asked, 'summary' | 'elements'>): Resource {
  if (summary === 'false' && !elements.length) return resource;
  const { summaryProperties, mandatoryProperties, elements: all } = getDataType(resource.resourceType);
  const wanted = new Set(['resourceType', 'id', 'meta', ...(mandatoryProperties ?? [])]);
  const more =
    summary === 'true' ? (summaryProperties ?? []) : summary === 'text' ? ['text'] : summary === 'data' ? Object.keys(all) : elements;
  for (const name of more) if (summary !== 'data' || name !== 'text') wanted.add(name.replace('[x]', ''));
  const keeps = (key: string) => {
    const name = key.replace(/^_/, '');
    // `valueQuantity` is kept where `value` is asked for.
    return (
      wanted.has(name) || [...wanted].some(want => all[`${want}[x]`] && name.startsWith(want) && /^[A-Z]/.test(name.slice(want.length)))
    );
  };
  const kept = Object.fromEntries(Object.entries(resource).filter(([key]) => keeps(key))) as Resource;
  return { ...kept, meta: { ...resource.meta, tag: [...(resource.meta?.tag ?? []), SUBSETTED] } };
}

/** `_summary` and `_elements` of a read. @throws Problem 400 */
export function projectionOf(query: URLSearchParams): Pick<Asked, 'summary' | 'elements'> {
  const summary = query.get('_summary') ?? 'false';
  if (!['true', 'text', 'data', 'false'].includes(summary))
    throw new Problem(400, 'search-invalid', {
      ja: '_summary は true, text, data, false のどれかです。',
      en: '_summary is true, text, data or false.',
    });
  return { summary: summary as Asked['summary'], elements: (query.get('_elements') ?? '').split(',').filter(Boolean) };
}
