// Interactions on what a search finds instead of an id (R4 http.html#ccreate, #cond-update, #cdelete). Their searches are always strict.
import { allOk, created } from '@medplum/core';
import type { FhirRequest, FhirResponse } from '@medplum/fhir-router';
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notFound, Problem } from '../../http/problem.ts';
import type { GuardedRepository, Identified } from '../repository.ts';
import { badSearch, parseParameters } from '../search/search-request.ts';
import { ifMatchOf, type RouterRepository } from './fhir-repository.ts';
import { givenIn } from './fhir-search.ts';

const several = () =>
  new Problem(412, 'several-match', {
    ja: '条件に合う記録が 2 つ以上あります。1 つに決まる条件にしてください。',
    en: 'More than one resource matches. Give a condition that only one fulfils.',
  });

/**
 * The one resource that fulfils the condition among those the actor may see, or none. The same condition is asked by one transaction at a
 * time, so that two who both find nothing do not both create.
 * @throws Problem 412 for several, 400 for a condition that is empty or not understood
 */
export async function theOne(inside: GuardedRepository, type: string, given: [string, string][]): Promise<Identified | undefined> {
  const asked = parseParameters(inside.context.definitions, type, given, { strict: true });
  if (!asked.criteria.length) throw badSearch('a condition names at least one parameter', '条件が空です。');
  const key = `${type}?${[...given]
    .sort()
    .map(pair => pair.join('='))
    .join('&')}`;
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(inside.connection);
  const { matches } = await inside.search({ ...asked, includes: [], sort: [], summary: 'false', count: 2 });
  if (matches.length > 1) throw several();
  return matches[0] as Identified | undefined;
}

export const queryOf = (query: string): [string, string][] => [...new URLSearchParams(query.replace(/^\?/, ''))];

/** If-None-Exist: creates where nothing matches, else answers what there is. */
export function createConditionally(
  repository: RouterRepository,
  type: string,
  resource: Resource,
  condition: string,
): Promise<FhirResponse> {
  return repository.guarded.within(async (inside): Promise<FhirResponse> => {
    const found = await theOne(inside, type, queryOf(condition));
    return found ? [allOk, found] : [created, await inside.create(resource)];
  });
}

/** PUT with a query. */
export function updateConditionally(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  const type = request.params.resourceType ?? '';
  const resource = request.body as Resource;
  return repository.guarded.within(async (inside): Promise<FhirResponse> => {
    const found = await theOne(inside, type, givenIn(request));
    if (!found) return [created, await inside.create(withoutId(resource))];
    return [allOk, await inside.update({ ...matchingId(resource, found), id: found.id }, ifMatchOf(request.headers))];
  });
}

/** PATCH with a query. */
export function patchConditionally(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  return repository.withTransaction(async (inside): Promise<FhirResponse> => {
    const type = request.params.resourceType ?? '';
    const found = await theOne(inside.guarded, type, givenIn({ ...request, method: 'GET' }));
    if (!found) throw notFound();
    return [allOk, await inside.patchResource(found.resourceType, found.id, request.body, { ifMatch: ifMatchOf(request.headers) })];
  });
}

/** DELETE with a query: of the one that matches; nothing to delete is no fault. */
export function deleteConditionally(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  return repository.guarded.within(async (inside): Promise<FhirResponse> => {
    const found = await theOne(inside, request.params.resourceType ?? '', givenIn(request));
    if (found) await inside.delete(found.resourceType, found.id, ifMatchOf(request.headers));
    return [allOk];
  });
}

/** An update that would create may not choose the id (the CapabilityStatement says updateCreate: false). */
export function withoutId(resource: Resource): Resource {
  if (resource.id)
    throw new Problem(400, 'id-given', {
      ja: '新しい記録の番号は選べません。',
      en: 'Nothing matches, and a new resource cannot choose its id.',
    });
  return resource;
}

export function matchingId<T extends Resource>(resource: T, found: Identified): T {
  if (resource.id && resource.id !== found.id)
    throw new Problem(400, 'id-differs', {
      ja: '条件に合う記録の番号と、送られた番号が違います。',
      en: 'The id of the resource is not that of the one that matches.',
    });
  return resource;
}
