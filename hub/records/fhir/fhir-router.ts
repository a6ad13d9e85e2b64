// What /fhir/R4 answers, as one table: the router is built from it, and the CapabilityStatement says it.
import { allOk, badRequest, created, OperationOutcomeError } from '@medplum/core';
import { type FhirRequest, type FhirResponse, type FhirRouteHandler, FhirRouter, type HttpMethod } from '@medplum/fhir-router';
import type { Bundle, Resource } from '@medplum/fhirtypes';
import { notFound } from '../../http/problem.ts';
import { runBundle } from './fhir-batch.ts';
import { createConditionally, deleteConditionally, patchConditionally, updateConditionally } from './fhir-conditional.ts';
import { historyOf } from './fhir-history.ts';
import type { RouterRepository } from './fhir-repository.ts';
import { encounterEverything, patientEverything, searchCompartment, searchSystem, searchType } from './fhir-search.ts';
import { outcomeError } from './outcome.ts';

type Handler = (request: FhirRequest, repository: RouterRepository, router: FhirRouter) => Promise<FhirResponse>;

interface Interaction {
  method: HttpMethod;
  path: string;
  /** Absent: the router's own, which reads or writes one resource. */
  handler?: Handler;
  /** As R4's codes have it (codesystem-restful-interaction.html). */
  code: string;
}

/** Interactions of one type (`:resourceType`) and of the whole system. */
export const INTERACTIONS: readonly Interaction[] = [
  { code: 'read', method: 'GET', path: ':resourceType/:id' },
  { code: 'vread', method: 'GET', path: ':resourceType/:id/_history/:vid' },
  { code: 'update', method: 'PUT', path: ':resourceType/:id' },
  { code: 'update', method: 'PUT', path: ':resourceType', handler: updateConditionally },
  { code: 'patch', method: 'PATCH', path: ':resourceType/:id' },
  { code: 'patch', method: 'PATCH', path: ':resourceType', handler: patchConditionally },
  { code: 'delete', method: 'DELETE', path: ':resourceType/:id' },
  { code: 'delete', method: 'DELETE', path: ':resourceType', handler: deleteConditionally },
  { code: 'history-instance', method: 'GET', path: ':resourceType/:id/_history', handler: historyOf },
  { code: 'history-type', method: 'GET', path: ':resourceType/_history', handler: historyOf },
  { code: 'create', method: 'POST', path: ':resourceType', handler: create },
  { code: 'search-type', method: 'GET', path: ':resourceType', handler: searchType },
  { code: 'search-type', method: 'POST', path: ':resourceType/_search', handler: searchType },
  { code: 'search-type', method: 'GET', path: ':resourceType/:id/:inner', handler: searchCompartment },
  { code: 'search-type', method: 'POST', path: ':resourceType/:id/:inner/_search', handler: searchCompartment },
  { code: 'search-system', method: 'GET', path: '', handler: searchSystem },
  { code: 'search-system', method: 'POST', path: '_search', handler: searchSystem },
  { code: 'history-system', method: 'GET', path: '_history', handler: historyOf },
  { code: 'transaction', method: 'POST', path: '', handler: bundle },
];

/** Operations, each on an instance of one type. */
export const OPERATIONS: readonly { type: string; name: string; definition: string; handler: Handler }[] = [
  {
    type: 'Patient',
    name: 'everything',
    definition: 'http://hl7.org/fhir/OperationDefinition/Patient-everything',
    handler: patientEverything,
  },
  {
    type: 'Encounter',
    name: 'everything',
    definition: 'http://hl7.org/fhir/OperationDefinition/Encounter-everything',
    handler: encounterEverything,
  },
];

/** The router that answers what the table says, and nothing else: no GraphQL, no search that leaves out what it does not understand. */
export function fhirRouter(): FhirRouter {
  const router = new FhirRouter();
  const { routes } = router.router;
  const kept = routes.filter(({ method, path }) => {
    const address = path.map(({ value, param }) => (param ? `:${value}` : value)).join('/');
    return INTERACTIONS.some(own => !own.handler && own.method === method && own.path === address);
  });
  routes.splice(0, routes.length, ...kept);
  for (const { method, path, handler } of INTERACTIONS) if (handler) router.add(method, path, asRoute(handler));
  for (const { type, name, handler } of OPERATIONS) {
    router.add('GET', `${type}/:id/$${name}`, asRoute(handler), 'operation');
    router.add('POST', `${type}/:id/$${name}`, asRoute(handler), 'operation');
  }
  return router;
}

/** Our repository is the only one this router meets; a Problem becomes the router's own error. */
function asRoute(handler: Handler): FhirRouteHandler {
  return async (request, repository, router) => {
    try {
      return await handler(request, repository as RouterRepository, router);
    } catch (error) {
      throw outcomeError(error);
    }
  };
}

async function create(request: FhirRequest, repository: RouterRepository): Promise<FhirResponse> {
  const type = request.params.resourceType ?? '';
  if (type.startsWith('$')) throw notFound();
  const resource = request.body as Resource | undefined;
  if (resource?.resourceType !== type)
    throw new OperationOutcomeError(badRequest(`Incorrect resource type: expected ${type}, but found ${resource?.resourceType ?? 'none'}`));
  const condition = request.headers?.['if-none-exist'];
  if (condition) return createConditionally(repository, type, resource, String(condition));
  return [created, await repository.guarded.create(resource)];
}

async function bundle(request: FhirRequest, repository: RouterRepository, router: FhirRouter): Promise<FhirResponse> {
  const body = request.body as Bundle | undefined;
  if (body?.resourceType !== 'Bundle') throw new OperationOutcomeError(badRequest('Only a Bundle is posted here'));
  return [allOk, await runBundle(router, repository, body, request.headers)];
}
