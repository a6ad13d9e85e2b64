// Batches and transactions (R4 http.html#transaction). A transaction is one database transaction, refused whole with the place of the fault.
import { randomUUID } from 'node:crypto';
import { getStatus, normalizeOperationOutcome, OperationOutcomeError } from '@medplum/core';
import type { FhirRequest, FhirRouter, HttpMethod } from '@medplum/fhir-router';
import type { Bundle, BundleEntry, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';
import type { GuardedRepository, Identified } from '../repository.ts';
import { matchingId, queryOf, theOne, withoutId } from './fhir-conditional.ts';
import { ifMatchOf, RouterRepository } from './fhir-repository.ts';
import { outcomeError, problemIn } from './outcome.ts';

/** The most entries of one bundle. */
const MAX_ENTRIES = 1000;
/** The order in which a transaction is done (R4 http.html#trules), whatever the order of its entries. */
const ORDER = ['DELETE', 'POST', 'PUT', 'PATCH', 'GET', 'HEAD'];

interface Step {
  index: number;
  method: string;
  type: string;
  /** Empty until it is known. */
  id: string;
  /** The condition in the address of a PUT, PATCH or DELETE. */
  query: string | null;
  url: string;
  entry: BundleEntry;
  /** If-None-Exist found it: nothing is to be done. */
  existing?: Identified;
}

const wrong = (en: string, ja: string) => new Problem(400, 'bundle-invalid', { ja, en });

/** Does what the bundle says. @throws Problem for a transaction, with the entry's place; a batch carries each entry's fault in its answer */
export function runBundle(
  router: FhirRouter,
  repository: RouterRepository,
  bundle: Bundle,
  headers: FhirRequest['headers'] = {},
): Promise<Bundle> {
  const entries = bundle.entry ?? [];
  if (!Array.isArray(entries)) throw wrong('Bundle.entry is no list', 'Bundle.entry が並びになっていません。');
  if (entries.length > MAX_ENTRIES)
    throw wrong(`A bundle has at most ${MAX_ENTRIES} entries`, `1 回に送れる項目は ${MAX_ENTRIES} 件までです。`);
  if (bundle.type === 'transaction') return transaction(router, repository, entries, headers);
  if (bundle.type === 'batch') return batch(router, repository, entries, headers);
  throw wrong('Bundle.type is batch or transaction', 'Bundle.type は batch か transaction です。');
}

async function batch(
  router: FhirRouter,
  repository: RouterRepository,
  entries: BundleEntry[],
  headers: FhirRequest['headers'],
): Promise<Bundle> {
  const answers: BundleEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    try {
      const { method, url } = stepOf(entry, index);
      answers.push(await dispatch(router, repository, method, url, entry, headers));
    } catch (error) {
      answers.push(refusal(normalizeOperationOutcome(outcomeError(error))));
    }
  }
  return { resourceType: 'Bundle', type: 'batch-response', entry: answers };
}

/** One entry as the request it stands for. */
async function dispatch(
  router: FhirRouter,
  repository: RouterRepository,
  method: string,
  url: string,
  { resource, request }: BundleEntry,
  headers: FhirRequest['headers'],
): Promise<BundleEntry> {
  const own = { 'if-none-exist': request?.ifNoneExist, 'if-match': request?.ifMatch };
  const [outcome, answer] = await router.handleRequest(
    {
      method: method as HttpMethod,
      url,
      pathname: '',
      params: {},
      query: {},
      headers: { prefer: headers?.prefer, ...own },
      body: method === 'PATCH' ? patchOf(resource) : resource,
    },
    repository,
  );
  const status = getStatus(outcome);
  if (status >= 400) return refusal(outcome);
  const version = answer?.meta?.versionId;
  // R4 http.html#cread, in an entry of its own.
  if (request?.ifNoneMatch && version && request.ifNoneMatch.includes(`"${version}"`))
    return { response: { status: '304', etag: `W/"${version}"` } };
  return answered(String(status), answer, headers);
}

const refusal = (outcome: OperationOutcome): BundleEntry => ({ response: { status: String(getStatus(outcome)), outcome } });

function answered(status: string, resource: Resource | undefined, headers: FhirRequest['headers']): BundleEntry {
  const { versionId, lastUpdated } = resource?.meta ?? {};
  const stored = resource && versionId !== undefined && resource.resourceType !== 'Bundle';
  const minimal = /return\s*=\s*minimal/.test(String(headers?.prefer ?? '')) && stored;
  return {
    ...(resource && !minimal ? { resource } : {}),
    response: {
      status,
      ...(stored
        ? { location: `${resource.resourceType}/${resource.id}/_history/${versionId}`, etag: `W/"${versionId}"`, lastModified: lastUpdated }
        : {}),
    },
  };
}

/** A JSON Patch in a Binary (R4 http.html#patch). */
function patchOf(resource: Resource | undefined): unknown {
  if (resource?.resourceType !== 'Binary' || !resource.data)
    throw wrong('The resource of a PATCH is a Binary that holds a JSON Patch', 'PATCH の中身は JSON Patch を入れた Binary です。');
  try {
    return JSON.parse(Buffer.from(resource.data, 'base64').toString('utf8'));
  } catch (cause) {
    throw new Problem(
      400,
      'bundle-invalid',
      { ja: 'PATCH の中身が JSON ではありません。', en: 'The Binary of a PATCH holds no JSON.' },
      { cause },
    );
  }
}

function stepOf(entry: BundleEntry, index: number): Step {
  const { method, url } = entry?.request ?? {};
  if (!method || !ORDER.includes(method) || typeof url !== 'string')
    throw wrong('request.method and request.url are needed', 'request.method と request.url が要ります。');
  const address = url.replace(/^\//, '');
  const [path = '', query] = [address.split('?', 1)[0], address.includes('?') ? address.slice(address.indexOf('?') + 1) : null];
  const [type = '', id = ''] = path.split('/');
  if (!path) throw wrong('A bundle inside a bundle is not taken', '一式の中に一式は入れられません。');
  return { index, method, type, id, query, url: address, entry };
}

/** Puts the place of the entry on what went wrong with it. */
function placed(index: number, error: unknown): unknown {
  const problem = problemIn(error) ?? (error instanceof OperationOutcomeError ? problemOf(error.outcome) : undefined);
  if (!problem) return error;
  const place = `Bundle.entry[${index}]`;
  return new Problem(
    problem.status,
    problem.code,
    { ja: `${index + 1} 番目の項目: ${problem.text.ja}`, en: `Entry ${index + 1} (${place}): ${problem.text.en}` },
    {
      cause: error,
      details: (problem.details ?? [{ path: '', message: '' }]).map(({ path, message }) => ({
        path: path ? `${place}.resource.${path.replace(/^[A-Z]\w*\.?/, '')}`.replace(/\.$/, '') : place,
        message,
      })),
    },
  );
}

function problemOf(outcome: OperationOutcome): Problem {
  const words = outcome.issue.map(({ details, diagnostics, code }) => details?.text ?? diagnostics ?? code).join('; ');
  return new Problem(getStatus(outcome) as Problem['status'], 'entry-refused', { ja: `受け付けられません。${words}`, en: words });
}

async function transaction(
  router: FhirRouter,
  repository: RouterRepository,
  entries: BundleEntry[],
  headers: FhirRequest['headers'],
): Promise<Bundle> {
  const each = async <T>(step: { index: number }, work: () => Promise<T> | T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw placed(step.index, error);
    }
  };
  const steps: Step[] = [];
  for (const [index, entry] of entries.entries()) steps.push(await each({ index }, () => stepOf(structuredClone(entry), index)));

  return repository.guarded.within(async guarded => {
    const inside = new RouterRepository(guarded, repository.cursors);
    const identities = new Map<string, string>();
    const touched = new Set<string>();
    for (const step of steps) await each(step, () => identify(guarded, step, identities, touched));
    const conditions = new Map<string, string>();
    for (const step of steps)
      if (step.entry.resource)
        await each(step, async () => (step.entry.resource = await relinked(guarded, step.entry.resource!, identities, conditions)));

    const answers: BundleEntry[] = new Array(steps.length);
    for (const method of ORDER) {
      const now = steps.filter(step => step.method === method);
      if (method === 'POST') await createSteps(guarded, now, answers, headers);
      else for (const step of now) answers[step.index] = await each(step, () => oneStep(router, inside, step, headers));
    }
    return { resourceType: 'Bundle', type: 'transaction-response', entry: answers };
  });
}

/** Finds out which resource an entry is about, before anything is done. */
async function identify(guarded: GuardedRepository, step: Step, identities: Map<string, string>, touched: Set<string>) {
  const { method, type, entry, query } = step;
  const { resource, request, fullUrl } = entry;
  if (method === 'GET' || method === 'HEAD') return;
  if (!guarded.context.definitions.kept(type))
    throw wrong(`Resources of type ${type} are not kept here`, `${type} はここに記録できません。`);
  if (method === 'POST') {
    if (step.id || query !== null)
      throw wrong('A POST in a transaction creates: its address is a type', 'POST のあて先は種類の名前だけです。');
    if (request?.ifNoneExist) step.existing = await theOne(guarded, type, queryOf(request.ifNoneExist));
    step.id = step.existing?.id ?? randomUUID();
  } else if (query !== null) {
    const found = await theOne(guarded, type, queryOf(query));
    if (found && resource && method === 'PUT') matchingId(resource, found);
    if (!found && method === 'PUT' && resource) {
      withoutId(resource);
      step.method = 'POST';
    }
    if (!found && method === 'PATCH')
      throw new Problem(404, 'not-found', { ja: '条件に合う記録がありません。', en: 'Nothing matches the condition.' });
    step.id = found?.id ?? (method === 'PUT' ? randomUUID() : '');
  } else if (!step.id) throw wrong(`${method} needs an id or a condition`, `${method} には番号か条件が要ります。`);
  if ((method === 'POST' || method === 'PUT') && resource?.resourceType !== type)
    throw wrong(`The resource is no ${type}`, `送られた記録は ${type} ではありません。`);
  if (method === 'PUT' && query === null && resource?.id !== step.id)
    throw wrong('The id of the resource is not that of the address', '記録の番号とあて先の番号が違います。');
  const identity = `${type}/${step.id}`;
  if (step.id && !step.existing) {
    // R4 http.html#trules: the outcome may not hang on the order of the entries.
    if (touched.has(identity)) throw wrong(`${identity} is named by another entry too`, '同じ記録が 2 回出てきます。');
    touched.add(identity);
  }
  if (fullUrl && step.id) {
    if (identities.has(fullUrl)) throw wrong(`The fullUrl ${fullUrl} is there twice`, '同じ fullUrl が 2 回出てきます。');
    identities.set(fullUrl, identity);
  }
}

/** References to other entries, and those that name a resource by a condition, as what they turned out to be (R4 http.html#trules). */
async function relinked(
  guarded: GuardedRepository,
  resource: Resource,
  identities: Map<string, string>,
  conditions: Map<string, string>,
): Promise<Resource> {
  const wanted = new Set<string>();
  const walk = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') {
      const [whole, fragment] = value.split('#', 2);
      const known =
        identities.get(value) ?? (fragment !== undefined && identities.get(whole!) ? `${identities.get(whole!)}#${fragment}` : undefined);
      if (known) return known;
      if (key === 'reference' && /^[A-Z][A-Za-z]+\?/.test(value)) {
        wanted.add(value);
        return conditions.get(value) ?? value;
      }
      if (key === 'div') return [...identities].reduce((text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`), value);
      return value;
    }
    if (Array.isArray(value)) return value.map(item => walk(item, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, name)]));
  };
  const first = walk(resource, '') as Resource;
  const open = [...wanted].filter(reference => !conditions.has(reference));
  if (!open.length) return first;
  for (const reference of open) {
    const [type = '', query = ''] = reference.split('?', 2);
    const found = await theOne(guarded, type, queryOf(query));
    // The condition itself may name a person: it is not repeated.
    if (!found)
      throw new Problem(412, 'reference-unknown', {
        ja: `条件で示された ${type} が見つかりません。`,
        en: `No ${type} fulfils the condition of a reference.`,
      });
    conditions.set(reference, `${type}/${found.id}`);
  }
  return walk(resource, '') as Resource;
}

async function createSteps(guarded: GuardedRepository, steps: Step[], answers: BundleEntry[], headers: FhirRequest['headers']) {
  const fresh = steps.filter(({ existing }) => !existing);
  const made = await guarded.createAll(
    fresh.map(({ entry, id }) => ({ resource: entry.resource as Resource, id })),
    (at, error) => placed(fresh[at]!.index, error),
  );
  for (const [at, { index }] of fresh.entries()) answers[index] = answered('201', made[at], headers);
  for (const { index, existing } of steps) if (existing) answers[index] = answered('200', existing, headers);
}

async function oneStep(router: FhirRouter, inside: RouterRepository, step: Step, headers: FhirRequest['headers']): Promise<BundleEntry> {
  const { method, type, id, entry, url } = step;
  const ifMatch = ifMatchOf({ 'if-match': entry.request?.ifMatch });
  switch (method) {
    case 'DELETE':
      if (id) await inside.guarded.delete(type, id, ifMatch);
      return { response: { status: '204' } };
    case 'PUT':
      return answered('200', await inside.guarded.update({ ...entry.resource, id } as Identified, ifMatch), headers);
    case 'PATCH':
      return answered(
        '200',
        await inside.patchResource(type as Resource['resourceType'], id, patchOf(entry.resource) as never, { ifMatch }),
        headers,
      );
    default: {
      const answer = await dispatch(router, inside, 'GET', url, entry, headers);
      if (answer.response?.outcome && Number(answer.response.status) >= 400) throw new OperationOutcomeError(answer.response.outcome);
      return answer;
    }
  }
}
