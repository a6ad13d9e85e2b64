// A stand-in for a browser maker's push service (RFC 8030): takes encrypted messages from who signs them (RFC 8292), for simulated devices.
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Device, makeDevice } from './device.ts';

export interface PushMessage {
  device: string;
  /** As the device has decrypted it. */
  payload: string;
  topic: string | null;
  urgency: string | null;
  receivedAt: string;
}

export interface PushService {
  url: string;
  close(): Promise<void>;
}

const MAX_BYTES = 4096;

/**
 * `POST /devices` makes a device and answers its subscription; `DELETE /devices/:id` ends it: messages to it are then 410, as RFC 8030 7.3
 * says. `POST /push/:id` takes a message. `GET /messages` shows what the devices have got. `PUT /trouble {"status":503}` refuses everything.
 */
export async function startPushService({ port }: { port: number }): Promise<PushService> {
  const devices = new Map<string, Device | null>();
  const messages: PushMessage[] = [];
  let trouble: number | null = null;
  let url = '';

  const routes: [method: string, path: RegExp, answer: (id: string, request: IncomingMessage, body: Buffer) => [number, unknown?]][] = [
    [
      'POST',
      /^\/devices$/,
      () => {
        const [id, device] = [randomUUID(), makeDevice()];
        devices.set(id, device);
        return [201, { id, subscription: { endpoint: `${url}/push/${id}`, keys: device.keys } }];
      },
    ],
    ['DELETE', /^\/devices\/([\w-]+)$/, id => [end(id)]],
    ['GET', /^\/messages$/, () => [200, messages]],
    [
      'PUT',
      /^\/trouble$/,
      (_, __, body) => {
        trouble = (JSON.parse(body.toString()) as { status: number | null }).status;
        return [200, { status: trouble }];
      },
    ],
    ['POST', /^\/push\/([\w-]+)$/, (id, request, body) => [take(id, request, body)]],
  ];

  function end(id: string): number {
    if (!devices.has(id)) return 404;
    devices.set(id, null);
    return 204;
  }

  function take(id: string, { headers }: IncomingMessage, body: Buffer): number {
    if (trouble) return trouble;
    const device = devices.get(id);
    if (device === undefined) return 404;
    if (device === null) return 410;
    if (!Number.isInteger(Number(headers.ttl)) || headers['content-encoding'] !== 'aes128gcm') return 400;
    if (body.length > MAX_BYTES) return 413;
    if (!signedFor(url, headers.authorization)) return 403;
    const header = (name: string) => (headers[name] as string | undefined) ?? null;
    const message = { device: id, payload: device.read(body), topic: header('topic'), urgency: header('urgency') };
    // RFC 8030 section 5.4: a message takes the place of one of the same topic.
    const before = messages.findIndex(one => one.device === id && one.topic !== null && one.topic === message.topic);
    if (before >= 0) messages.splice(before, 1);
    messages.push({ ...message, receivedAt: new Date().toISOString() });
    return 201;
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      let answer: [number, unknown?] = [404];
      try {
        for (const [method, path, work] of routes) {
          const found = request.method === method && path.exec(request.url ?? '');
          if (found) answer = work(found[1] ?? '', request, Buffer.concat(chunks));
        }
      } catch (error) {
        answer = [400, { error: (error as Error).message }];
      }
      response.writeHead(answer[0], { 'content-type': 'application/json' });
      response.end(answer[1] === undefined ? '' : JSON.stringify(answer[1]));
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** RFC 8292 sections 2 and 3: `vapid t=<JWT, ES256>, k=<public key>`, for this origin, not older than a day. */
function signedFor(origin: string, authorization: string | undefined): boolean {
  const [, token, key] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization ?? '') ?? [];
  const [head, claims, signature] = token?.split('.') ?? [];
  if (!head || !claims || !signature || !key) return false;
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: string; exp: number; sub?: string };
  const now = Date.now() / 1000;
  if (aud !== origin || exp < now || exp > now + 86_400 || !sub) return false;
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(half => half.toString('base64url'));
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  return verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
}
