// FHIR R4 over HTTP at /fhir/R4: @medplum/fhir-router on the guarded repository. Every refusal is an OperationOutcome.
import { allOk, getStatus, OperationOutcomeError, type SearchRequest } from '@medplum/core';
import { type FhirRequest, FhirRouter, type HttpMethod } from '@medplum/fhir-router';
import type { Bundle, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Problem, problemOf } from '../http/problem.ts';
import type { HubEnv } from '../http/server-types.ts';
import { capabilityStatement } from './capability.ts';
import type { Definitions } from './definitions.ts';
import { RouterRepository } from './fhir-repository.ts';
import type { OpenRecords } from './open.ts';
import { outcomeError, outcomeOf } from './outcome.ts';
import { parseParameters } from './search.ts';
import { addValidate } from './validate-operation.ts';

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const MAX_BODY_BYTES = 1024 * 1024;
const JSON_TYPES = new Set(['application/fhir+json', 'application/json', 'application/json-patch+json']);
/** What the router could do and this server does not offer. */
const NOT_OFFERED = new Set(['searchMultipleTypes', 'graphqlHandler']);

/** Routes for `/fhir/R4`. The signed-in person is in `c.var.actor`. */
export function fhirRoutes({ records }: { records: OpenRecords }): Hono<HubEnv> {
  const { definitions } = records.context;
  const router = routerOf(definitions);
  addValidate(router, records.context);
  const app = new Hono<HubEnv>();
  app.onError((error, context) => refused(context, error));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: context => refused(context, tooLarge()) }));

  app.get('/metadata', context => answer(context, 200, capabilityStatement(definitions, baseOf(context.req.url), new Date())));
  app.all('*', async context => {
    const { req } = context;
    const accept = req.header('accept');
    if (accept && !/json|\*\/\*|application\/\*|text\/html/.test(accept)) throw unsupported(406, 'application/fhir+json');
    const address = new URL(req.url);
    const request: FhirRequest = {
      method: req.method as HttpMethod,
      url: address.pathname.replace(/^.*?\/fhir\/R4/, '') + address.search,
      pathname: '',
      params: {},
      query: {},
      headers: Object.fromEntries(req.raw.headers.entries()),
      body: await bodyOf(context),
      config: { transactions: true },
    };
    for (const type of typesNamed(request)) definitions.load([type]);
    const [outcome, resource] = await router.handleRequest(request, new RouterRepository(records.guarded(context.var.actor)));
    const status = getStatus(outcome) as ContentfulStatusCode;
    if (!resource) return answer(context, status, outcome);
    const type = resource.resourceType;
    if (resource.meta?.versionId && type !== 'Bundle') {
      context.header('etag', `W/"${resource.meta.versionId}"`);
      if (resource.meta.lastUpdated) context.header('last-modified', new Date(resource.meta.lastUpdated).toUTCString());
      if (status === 201) context.header('location', `${baseOf(req.url)}/${type}/${resource.id}/_history/${resource.meta.versionId}`);
    }
    return answer(context, status, type === 'Bundle' ? absolute(resource, baseOf(req.url), address) : resource);
  });
  return app;
}

/** The router, with its search replaced by one that refuses what it does not understand. */
function routerOf(definitions: Definitions): FhirRouter {
  const router = new FhirRouter();
  const { routes } = router.router;
  const kept = routes.filter(
    ({ data, handler }) => data?.interaction !== 'search-type' && data?.interaction !== 'search-system' && !NOT_OFFERED.has(handler.name),
  );
  routes.splice(0, routes.length, ...kept.filter(({ path }) => path[0]?.value !== '$graphql'));
  const search = (parameters: (request: FhirRequest) => Record<string, string | string[] | undefined>) => {
    return async (request: FhirRequest, repository: Parameters<FhirRouter['handleRequest']>[1]): Promise<[OperationOutcome, Resource]> => {
      let asked: SearchRequest;
      try {
        asked = parseParameters(definitions, request.params.resourceType ?? '', parameters(request));
      } catch (error) {
        throw outcomeError(error);
      }
      return [allOk, await repository.search(asked)];
    };
  };
  router.add(
    'GET',
    ':resourceType',
    search(request => request.query),
    'search-type',
  );
  router.add(
    'POST',
    ':resourceType/_search',
    search(request => (request.body ?? {}) as Record<string, string>),
    'search-type',
  );
  return router;
}

async function bodyOf(context: Context<HubEnv>): Promise<unknown> {
  if (['GET', 'HEAD', 'DELETE'].includes(context.req.method)) return undefined;
  const kind = (context.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  const text = await context.req.text();
  if (kind === 'application/x-www-form-urlencoded') {
    const form: Record<string, string[]> = {};
    for (const [name, value] of new URLSearchParams(text)) form[name] = [...(form[name] ?? []), value];
    return form;
  }
  if (!JSON_TYPES.has(kind)) throw unsupported(415, 'application/fhir+json');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, 'not-json', { ja: '送られた内容が JSON ではありません。', en: 'The body is not JSON.' }, { cause });
  }
  if (typeof body !== 'object' || body === null)
    throw new Problem(400, 'not-json', { ja: '送られた内容が JSON の形ではありません。', en: 'The body is no JSON object.' });
  return body;
}

/** Types whose definitions the router's own parsing needs before our repository is asked. */
function typesNamed(request: FhirRequest): string[] {
  const bundle = request.body as Bundle | undefined;
  const inBundle = bundle?.resourceType === 'Bundle' && Array.isArray(bundle.entry) ? bundle.entry : [];
  const urls = [request.url, ...inBundle.map(entry => entry?.request?.url ?? '')];
  return urls.map(url => /^\/?([A-Z][A-Za-z]+)/.exec(url)?.[1] ?? '').filter(Boolean);
}

/** Entry addresses and links of a Bundle made absolute. */
function absolute(bundle: Bundle, base: string, address: URL): Bundle {
  const self = `${base}${address.pathname.replace(/^.*?\/fhir\/R4/, '')}${address.search}`;
  const next = bundle.link?.find(link => link.relation === 'next')?.url;
  if (bundle.type !== 'searchset' && bundle.type !== 'history') return bundle;
  const link = [{ relation: 'self', url: self }];
  if (next) {
    const url = new URL(self);
    url.searchParams.set('_offset', next.replace('_offset=', ''));
    link.push({ relation: 'next', url: url.href });
  }
  return {
    ...bundle,
    link,
    entry: bundle.entry?.map(entry => (entry.fullUrl ? { ...entry, fullUrl: `${base}/${entry.fullUrl}` } : entry)),
  };
}

const baseOf = (url: string) => `${new URL(url).origin}/fhir/R4`;

function answer(context: Context<HubEnv>, status: ContentfulStatusCode, body: Resource) {
  const { id, ...outcome } = body as OperationOutcome;
  // The outcome's id is the library's own word for the status; it names no stored resource.
  return context.body(JSON.stringify(body.resourceType === 'OperationOutcome' && id ? outcome : body), status, {
    'content-type': FHIR_JSON,
  });
}

function refused(context: Context<HubEnv>, error: unknown) {
  const told = problemOf(error);
  if (told?.status === 413) context.header('connection', 'close');
  if (told) return answer(context, told.status, outcomeOf(told));
  if (error instanceof OperationOutcomeError) return answer(context, getStatus(error.outcome) as ContentfulStatusCode, error.outcome);
  context.var.log?.error({ error: { name: (error as Error).name, message: (error as Error).message } }, 'FHIR request failed');
  return answer(context, 500, outcomeOf(new Problem(500, 'unexpected', { ja: 'うまくいきませんでした。', en: 'Something went wrong.' })));
}

const tooLarge = () =>
  new Problem(413, 'too-large', { ja: '送られた内容が大きすぎます (1 MB まで)。', en: 'The body is too large (1 MB at most).' });
const unsupported = (status: 406 | 415, wanted: string) =>
  new Problem(status, 'format-unsupported', { ja: `形式は ${wanted} だけです。`, en: `Only ${wanted} is understood.` });
