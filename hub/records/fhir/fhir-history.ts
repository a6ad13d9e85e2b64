// Histories over HTTP: of one resource, of a type, of the whole record, by pages (R4 http.html#history).
import { allOk } from '@medplum/core';
import type { FhirRequest, FhirResponse } from '@medplum/fhir-router';
import type { Bundle, BundleEntry, Resource } from '@medplum/fhirtypes';
import { RESOURCE_TYPES } from '../definitions.ts';
import { type Span, spanOf } from '../search/dates.ts';
import { badSearch, MAX_COUNT } from '../search/search-request.ts';
import type { RouterRepository } from './fhir-repository.ts';
import { type Given, givenIn, isStrict, warningOf } from './fhir-search.ts';
import type { HistoryAsked, PastVersion } from './history.ts';

const PAGE = 50;
const PARAMETERS = new Set(['_count', '_since', '_at', '_format']);

export const historyOf = async (request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> => {
  const { resourceType, id } = request.params;
  const { guarded, cursors } = repository;
  if (resourceType && !guarded.context.definitions.kept(resourceType))
    throw badSearch(`resources of type ${resourceType} are not kept here`);
  const path = [resourceType, id, '_history'].filter(Boolean).join('/');
  const given = givenIn(request);
  const cursor = given.find(([key]) => key === '_cursor');
  if (cursor && given.length > 1) throw badSearch('_cursor stands alone: it holds the whole question');
  const opened = cursor ? await cursors.open(cursor[1], path) : undefined;
  const used = opened?.given ?? given.filter(([key]) => PARAMETERS.has(key));
  const ignored = given
    .filter(([key]) => key !== '_cursor' && !PARAMETERS.has(key))
    .map(([key]) => `a history has no parameter ${key} here`);
  if (ignored.length && isStrict(request)) throw badSearch(ignored.join('; '));
  const asked: HistoryAsked = {
    types: resourceType ? [resourceType] : RESOURCE_TYPES,
    id,
    ...read(used),
    ...(opened ? { after: { at: opened.keys[0] ?? '', seq: opened.row } } : {}),
  };
  const { versions, next } = await guarded.versions(asked);
  const query = used.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
  const entry: BundleEntry[] = versions.map(entryOf);
  if (ignored.length) entry.push({ resource: warningOf(ignored), search: { mode: 'outcome' } });
  const bundle: Bundle = {
    resourceType: 'Bundle',
    type: 'history',
    // How many there are is known without counting only when all of them are here.
    ...(next || opened ? {} : { total: versions.length }),
    link: [{ relation: 'self', url: query ? `${path}?${query}` : path }],
    entry,
  };
  if (next)
    bundle.link?.push({
      relation: 'next',
      url: `${path}?_cursor=${await cursors.seal({ given: used, keys: [next.at], row: next.seq }, path)}`,
    });
  return [allOk, bundle];
};

function read(given: Given): Pick<HistoryAsked, 'count' | 'since' | 'at'> {
  const last = (name: string) => given.findLast(([key]) => key === name)?.[1];
  const span = (name: string): Span | undefined => {
    const value = last(name);
    if (value === undefined) return undefined;
    const found = spanOf(value);
    if (!found) throw badSearch(`${name}=${value} is no date`);
    return found;
  };
  const count = Number(last('_count') ?? PAGE);
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) throw badSearch(`_count is a number from 1 to ${MAX_COUNT}`);
  return { count, since: span('_since')?.low ?? undefined, at: span('_at') };
}

function entryOf({ type, id, version, at, content }: PastVersion): BundleEntry {
  const method = content ? (version === '1' ? 'POST' : 'PUT') : 'DELETE';
  return {
    fullUrl: `${type}/${id}`,
    request: { method, url: method === 'POST' ? type : `${type}/${id}` },
    response: { status: { POST: '201', PUT: '200', DELETE: '204' }[method], etag: `W/"${version}"`, lastModified: at.toISOString() },
    ...(content ? { resource: content as Resource } : {}),
  };
}
