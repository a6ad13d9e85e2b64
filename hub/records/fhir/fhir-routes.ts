// FHIR R4 over HTTP at /fhir/R4: @medplum/fhir-router on the guarded repository. Every refusal is an OperationOutcome.
import { getStatus, OperationOutcomeError } from '@medplum/core';
import type { FhirRequest, HttpMethod } from '@medplum/fhir-router';
import type { Bundle, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { parseJson } from '../../http/index.ts';
import { Problem, problemOf } from '../../http/problem.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { auditEventRoutes } from '../audit/audit-event.ts';
import type { OpenRecords } from '../open.ts';
import { capabilityStatement } from './capability.ts';
import { RouterRepository } from './fhir-repository.ts';
import { fhirRouter } from './fhir-router.ts';
import { projected, projectionOf } from './fhir-search.ts';
import { outcomeOf } from './outcome.ts';
import { addValidate } from './validate-operation.ts';

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const MAX_BODY_BYTES = 1024 * 1024;
const JSON_TYPES = new Set(['application/fhir+json', 'application/json', 'application/json-patch+json']);

/** Routes for `/fhir/R4`. The signed-in person is in `c.var.actor`. */
export function fhirRoutes({ records }: { records: OpenRecords }): Hono<HubEnv> {
  const { definitions } = records.context;
  const router = fhirRouter();
  addValidate(router, records.context);
  const app = new Hono<HubEnv>();
  app.onError((error, context) => refused(context, error));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: context => refused(context, tooLarge()) }));

  app.get('/metadata', context => answer(context, 200, capabilityStatement(definitions, baseOf(context.req.url), new Date())));
  app.route('/', auditEventRoutes({ records }));
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
    const [outcome, resource] = await router.handleRequest(
      request,
      new RouterRepository(records.guarded(context.var.actor), records.cursors),
    );
    const status = statusOf(outcome);
    if (!resource) return answer(context, status, outcome);
    const base = baseOf(req.url);
    if (resource.resourceType === 'Bundle' && !resource.meta?.versionId) return answer(context, status, absolute(resource, base));
    const { versionId, lastUpdated } = resource.meta ?? {};
    if (versionId) context.header('etag', `W/"${versionId}"`);
    if (lastUpdated) context.header('last-modified', new Date(lastUpdated).toUTCString());
    if (req.method !== 'GET') {
      if (status === 201) context.header('location', `${base}/${resource.resourceType}/${resource.id}/_history/${versionId}`);
      return wanted(context, status, resource);
    }
    if (unchanged(context, resource)) return context.body(null, 304);
    return answer(context, status, projected(resource, projectionOf(address.searchParams)));
  });
  return app;
}

/** What a write answers, as the client prefers it (R4 http.html#return). */
function wanted(context: Context<HubEnv>, status: ContentfulStatusCode, resource: Resource) {
  const preferred = /\breturn\s*=\s*(\w+)/.exec(context.req.header('prefer') ?? '')?.[1];
  if (preferred === 'minimal') return context.body(null, status);
  if (preferred !== 'OperationOutcome') return answer(context, status, resource);
  const text = `${resource.resourceType}/${resource.id} is now version ${resource.meta?.versionId}`;
  return answer(context, status, {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'information', code: 'informational', details: { text } }],
  });
}

/** Whether the client has this version already (R4 http.html#cread). */
function unchanged({ req }: Context<HubEnv>, { meta }: Resource): boolean {
  const tags = req.header('if-none-match');
  if (tags !== undefined) return tags.split(',').some(tag => tag.trim() === '*' || tag.includes(`"${meta?.versionId}"`));
  const since = Date.parse(req.header('if-modified-since') ?? '');
  // The header knows whole seconds only.
  return Boolean(meta?.lastUpdated) && Math.floor(Date.parse(meta!.lastUpdated!) / 1000) * 1000 <= since;
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
  const body = parseJson(text);
  if (typeof body !== 'object' || body === null)
    throw new Problem(400, 'not-json', { ja: '送られた内容が JSON の形ではありません。', en: 'The body is no JSON object.' });
  return body;
}

/** Addresses and links of a Bundle, and of Bundles in it, made absolute. */
function absolute(bundle: Bundle, base: string): Bundle {
  const whole = (url: string) => (/^[a-z]+:/i.test(url) ? url : `${base}/${url}`);
  return {
    ...bundle,
    ...(bundle.link ? { link: bundle.link.map(link => ({ ...link, url: whole(link.url) })) } : {}),
    ...(bundle.entry
      ? {
          entry: bundle.entry.map(entry => ({
            ...entry,
            ...(entry.fullUrl ? { fullUrl: whole(entry.fullUrl) } : {}),
            ...(entry.resource?.resourceType === 'Bundle' && entry.resource.type === 'searchset'
              ? { resource: absolute(entry.resource, base) }
              : {}),
          })),
        }
      : {}),
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

/** The router knows no 503: an outcome of an audit trail that is away is told by its code. */
function statusOf(outcome: OperationOutcome): ContentfulStatusCode {
  const away = outcome.issue.some(({ details }) => details?.coding?.some(({ code }) => code === 'audit-unavailable'));
  return away ? 503 : (getStatus(outcome) as ContentfulStatusCode);
}

function refused(context: Context<HubEnv>, error: unknown) {
  const told = problemOf(error);
  if (told?.status === 413) context.header('connection', 'close');
  if (told) return answer(context, told.status, outcomeOf(told));
  if (error instanceof OperationOutcomeError) return answer(context, statusOf(error.outcome), error.outcome);
  context.var.log?.error({ error: { name: (error as Error).name, message: (error as Error).message } }, 'FHIR request failed');
  return answer(context, 500, outcomeOf(new Problem(500, 'unexpected', { ja: 'うまくいきませんでした。', en: 'Something went wrong.' })));
}

const tooLarge = () =>
  new Problem(413, 'too-large', { ja: '送られた内容が大きすぎます (1 MB まで)。', en: 'The body is too large (1 MB at most).' });
const unsupported = (status: 406 | 415, wanted: string) =>
  new Problem(status, 'format-unsupported', { ja: `形式は ${wanted} だけです。`, en: `Only ${wanted} is understood.` });
