// A stand-in for what doctors sign with and for a timestamp authority, over HTTP. Shares no code with the hub.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { JsonName } from '@peculiar/x509';
import { type Issued, openRoot, type Root } from './authority.ts';
import { signDigest } from './digest.ts';
import { answerStamp } from './stamp.ts';

const MAX_BODY_BYTES = 64 * 1024;

export interface SigningService {
  port: number;
  url: string;
  /** Files (PEM) of the two roots. */
  signerCa: string;
  stampCa: string;
  close(): Promise<void>;
}

interface Card {
  issued: Issued;
  person: string;
}

/**
 * Starts it on loopback; `port` 0 takes a free one. Roots are kept in `data`.
 * `POST /signer/certificates {name, registration}` → `{key, x5c}`; 403 for a name without family and given name.
 * `POST /signer/signatures {key, algorithm, digest}` → `{signature}` (base64url, r and s). `POST /tsa`: RFC 3161 section 3.4.
 */
export async function startSigning(options: { port: number; data: string; now?: () => Date }): Promise<SigningService> {
  const now = options.now ?? (() => new Date());
  const roots = {
    signer: await openRoot(options.data, 'signer', 'Simulated HPKI CA', now),
    stamp: await openRoot(options.data, 'tsa', 'Simulated Timestamp CA', now),
  };
  const authority = await roots.stamp.issue('CN=Simulated Timestamp Authority, O=Simulated', 'timestamp');
  const cards = new Map<string, Card>();
  const server = createServer((request, response) => {
    answer({ roots, authority, cards, now }, request, response).catch((error: Error) => {
      process.stderr.write(`${error.stack}\n`);
      if (!response.headersSent) send(response, 500, { error: 'unexpected error' });
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    signerCa: path.join(options.data, 'signer-ca.pem'),
    stampCa: path.join(options.data, 'tsa-ca.pem'),
    async close() {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Inside {
  roots: { signer: Root; stamp: Root };
  authority: Issued;
  cards: Map<string, Card>;
  now: () => Date;
}

async function answer({ roots, authority, cards, now }: Inside, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = `${request.method} ${new URL(request.url ?? '/', 'http://signing').pathname}`;
  if (route === 'GET /health') return send(response, 200, { status: 'up' });
  const body = await bodyOf(request);
  if (body === null) return send(response, 413, { error: 'too long' });
  if (route === 'POST /tsa') {
    if (request.headers['content-type'] !== 'application/timestamp-query') return send(response, 415, { error: 'not a timestamp query' });
    response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(answerStamp(body, authority, now()));
    return;
  }
  const said = json(body);
  if (route === 'POST /signer/certificates') {
    const { name, registration } = said;
    if (typeof name !== 'string' || !/\S+[ 　]\S+/.test(name)) return send(response, 403, { error: 'nobody of this name has a card' });
    const person = `${name} ${typeof registration === 'string' ? registration : ''}`;
    const known = [...cards].find(([, card]) => card.person === person);
    // 2.5.4.5: serialNumber of the subject (RFC 5280), here the number in the register of doctors.
    const number: JsonName = typeof registration === 'string' ? [{ '2.5.4.5': [registration] }] : [];
    const subject: JsonName = [{ CN: [name] }, ...number, { O: ['Simulated'] }];
    const issued = known?.[1].issued ?? (await roots.signer.issue(subject, 'signature'));
    const key = known?.[0] ?? randomBytes(16).toString('base64url');
    cards.set(key, { issued, person });
    const x5c = [issued.certificate, roots.signer.certificate].map(certificate => Buffer.from(certificate.rawData).toString('base64'));
    return send(response, 200, { key, x5c });
  }
  if (route === 'POST /signer/signatures') {
    const card = cards.get(String(said.key));
    const digest = Buffer.from(String(said.digest), 'base64url');
    if (!card) return send(response, 404, { error: 'no such card' });
    if (said.algorithm !== 'ES256' || digest.length !== 32)
      return send(response, 422, { error: 'ES256 over a digest of 32 bytes is what this card makes' });
    return send(response, 200, { signature: signDigest(card.issued.key, digest).toString('base64url') });
  }
  return send(response, 404, { error: `${route} is not offered` });
}

function json(body: Buffer): Record<string, unknown> {
  try {
    return (JSON.parse(body.toString('utf8')) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? null : Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
