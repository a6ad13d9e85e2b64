// A stand-in for the shared record platform: takes or refuses whole document bundles over HTTP. Shares no code with the hub.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Archive } from './archive.ts';
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
 * `POST /bundles` answers 201 (taken), 200 (had it already), 409 (another document has this identifier), 422 (refused, with reasons).
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
    const found = archive.all().filter(taken => wanted === null || taken.identifier === wanted);
    return send(
      response,
      200,
      found.map(({ key, identifier: value, receivedAt }) => ({ key, identifier: value, receivedAt })),
    );
  }
  const key = /^GET \/bundles\/([0-9a-f]{32})$/.exec(route)?.[1];
  if (key) {
    const taken = archive.get(key);
    return taken ? send(response, 200, taken.bundle) : refuse(response, 404, [{ path: '', code: 'not-found', reason: 'no such bundle' }]);
  }
  if (route === 'POST /bundles') return take(archive, now, request, response);
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
  const { outcome, taken } = archive.take(document.identifier.value, document, now());
  if (outcome === 'different') {
    return refuse(response, 409, [{ path: 'Bundle.identifier', code: 'duplicate', reason: 'another document has this identifier' }]);
  }
  response.setHeader('location', `/bundles/${taken.key}`);
  return send(response, outcome === 'new' ? 201 : 200, { key: taken.key, identifier: taken.identifier, receivedAt: taken.receivedAt });
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
