// A stand-in for the shared record platform: takes or refuses whole bundles over HTTP, and gives out what a patient agreed to. Shares no code with the hub.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Archive, keyOf, memberOf, type Taken } from './archive.ts';
import { faultsOf } from './checks.ts';
import { type Fault, operationOutcome } from './outcome.ts';
import { page } from './page.ts';

const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface Platform {
  port: number;
  url: string;
  close(): Promise<void>;
}

/**
 * Starts the platform on loopback; `port` 0 takes a free one. Documents are kept as files below `data`.
 * `POST /bundles` answers 201 (taken), 200 (had it already), 409 (another document has this key), 422 (refused, with reasons).
 * `POST /bundles/delete {member, identifier}` takes one back (200, also when it was taken back before; 404 never had it), `POST /bundles/undo`
 * puts it there again. An update is both: a document that replaces another is taken when that was taken back on the same day (Asia/Tokyo).
 * `POST /query {member, consent}`: what other institutions registered, as one Bundle.
 */
export async function startPlatform(options: { port: number; data: string; now?: () => Date }): Promise<Platform> {
  const archive = new Archive(options.data);
  const now = options.now ?? (() => new Date());
  const server: Server = createServer((request, response) => {
    answer(archive, now, request, response).catch((error: Error) => {
      process.stderr.write(`${error.stack}\n`);
      if (!response.headersSent) refuse(response, 500, [{ path: '', code: 'invalid', reason: 'unexpected error' }]);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(archive: Archive, now: () => Date, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://platform');
  const route = `${request.method} ${url.pathname}`;
  if (route === 'GET /health') return send(response, 200, { status: 'up', bundles: archive.all().length });
  if (route === 'GET /') return html(response, page(archive.all()));
  if (route === 'GET /bundles') {
    const identifier = url.searchParams.get('identifier');
    const wanted = identifier?.includes('|') ? identifier.slice(identifier.indexOf('|') + 1) : identifier;
    const found = archive.all(url.searchParams.has('all')).filter(taken => wanted === null || taken.identifier === wanted);
    return send(
      response,
      200,
      found.map(({ key, identifier: value, receivedAt, deletedAt }) => ({ key, identifier: value, receivedAt, deletedAt })),
    );
  }
  const key = /^GET \/bundles\/([0-9a-f]{32})$/.exec(route)?.[1];
  if (key) {
    const taken = archive.get(key);
    return taken ? send(response, 200, taken.bundle) : refuse(response, 404, [{ path: '', code: 'not-found', reason: 'no such bundle' }]);
  }
  if (route === 'POST /bundles') return take(archive, now, request, response);
  if (route === 'POST /bundles/delete' || route === 'POST /bundles/undo') {
    const { member, identifier } = await fieldsOf(request);
    const taken = archive.get(keyOf(member ?? '', identifier ?? ''));
    if (!taken) return refuse(response, 404, [{ path: '', code: 'not-found', reason: 'no such bundle' }]);
    const changed = route.endsWith('undo') ? archive.mark(taken, null) : taken.deletedAt ? taken : archive.mark(taken, now());
    return send(response, 200, { key: changed.key, deletedAt: changed.deletedAt });
  }
  if (route === 'POST /query') {
    const { member, consent } = await fieldsOf(request);
    if (!consent) return refuse(response, 403, [{ path: 'consent', code: 'required', reason: 'the patient’s consent is needed' }]);
    return send(response, 200, found(archive.all().filter(taken => taken.member === member)));
  }
  return refuse(response, 404, [{ path: '', code: 'not-found', reason: `${route} is not offered` }]);
}

async function take(archive: Archive, now: () => Date, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  if (body === null) return refuse(response, 413, [{ path: '', code: 'too-long', reason: `at most ${MAX_BODY_BYTES} bytes` }]);
  let bundle: unknown;
  try {
    bundle = JSON.parse(body);
  } catch {
    return refuse(response, 400, [{ path: '', code: 'structure', reason: 'the body is not JSON' }]);
  }
  const faults = faultsOf(bundle);
  if (faults.length) return refuse(response, 422, faults);
  const document = bundle as Record<string, unknown> & { identifier: { value: string } };
  const member = memberOf(document);
  const early = updateFault(archive, member, document, now());
  if (early) return refuse(response, 422, [early]);
  const { outcome, taken } = archive.take(member, document.identifier.value, document, now());
  if (outcome === 'different') {
    return refuse(response, 409, [{ path: 'Bundle.identifier', code: 'duplicate', reason: 'another document has this identifier' }]);
  }
  response.setHeader('location', `/bundles/${taken.key}`);
  return send(response, outcome === 'new' ? 201 : 200, { key: taken.key, identifier: taken.identifier, receivedAt: taken.receivedAt });
}

/** The same-day rule: what a document replaces must have been taken back, and on this day. Null when all is well, or it was never here. */
function updateFault(archive: Archive, member: string, document: Record<string, unknown>, now: Date): Fault | null {
  const [first] = document.entry as { resource: { relatesTo?: { code?: string; targetIdentifier?: { value?: string } }[] } }[];
  const at = 'Bundle.entry[0].resource.relatesTo';
  for (const { code, targetIdentifier } of first?.resource.relatesTo ?? []) {
    const former = code === 'replaces' ? archive.get(keyOf(member, targetIdentifier?.value ?? '')) : undefined;
    if (!former) continue;
    if (!former.deletedAt) return { path: at, code: 'conflict', reason: 'take back the document that this one replaces first' };
    if (
      tokyoDay(new Date(former.deletedAt)) !== tokyoDay(now) &&
      !archive.get(keyOf(member, (document.identifier as { value: string }).value))
    )
      return {
        path: at,
        code: 'conflict',
        reason: 'SAME-DAY: what this one replaces was taken back on another day; undo that, and take it back again',
      };
  }
  return null;
}

const tokyoDay = (moment: Date) => new Date(moment.getTime() + 9 * 3_600_000).toISOString().slice(0, 10);

/** The answer to a query: each registered bundle as an entry, as it came, with when it was registered. */
const found = (all: Taken[]) => ({
  resourceType: 'Bundle',
  type: 'collection',
  entry: all.map(({ bundle, receivedAt }) => ({
    resource: { ...bundle, meta: { ...(bundle.meta as object), lastUpdated: receivedAt } },
  })),
});

async function fieldsOf(request: IncomingMessage): Promise<Record<string, string | undefined>> {
  try {
    return (JSON.parse((await bodyOf(request)) ?? '{}') ?? {}) as Record<string, string | undefined>;
  } catch {
    return {};
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? null : Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/fhir+json; charset=utf-8' }).end(JSON.stringify(body));
}

const refuse = (response: ServerResponse, status: number, faults: Fault[]) => send(response, status, operationOutcome(faults));

function html(response: ServerResponse, body: string): void {
  const security = "default-src 'none'; style-src 'unsafe-inline'";
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': security }).end(body);
}
