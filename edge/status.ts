// The gateway's status page, for whoever stands in front of it: alarms, is the hub there, what waits, which devices speak. No personal data.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Text } from '../devices/index.ts';
import type { LocalAlarm } from './alarms.ts';

export interface EdgeStatus {
  facility: string;
  /** ISO time. */
  now: string;
  hub: { connected: boolean; since: string; lastError: string | null; certificateUntil: string | null };
  queue: {
    packs: number;
    limit: number;
    /** Why devices are held back; null while there is room. */
    full: 'packs' | 'disk' | 'fault' | null;
    heldBack: number;
    inFlight: number;
    delivered: number;
    /** When the oldest waiting pack came, ISO. */
    oldest: string | null;
  };
  /** False until the hub's list of devices came for the first time. */
  listKnown: boolean;
  devices: DeviceStatus[];
  /** What nobody has seen to first; those of the last 24 hours that are over at the end. */
  alarms: LocalAlarm[];
  /** Whether acknowledging asks for a PIN. */
  pin: boolean;
}
export interface DeviceStatus {
  device: string;
  profile: string;
  profileName: Text | null;
  place: string | null;
  connected: boolean;
  lastPack: string | null;
  packs: number;
  refused: number;
  /** 0 … 1. */
  battery: number | null;
  /** What must be added to the device's times, and what is added, seconds. */
  clockOffset: number | null;
  clockCorrection: number;
}

export interface StatusPage {
  port: number;
  /** Something has changed: pages are told within a second, or at once. */
  changed(atOnce?: boolean): void;
  close(): Promise<void>;
}

/** Pages that may be open at one time. */
const VIEWERS = 50;
/** Wrong PINs a minute. */
const TRIES = 5;
/** Pages are told at most so often, and at least so often, ms. */
const PACE = 1000;
const BEAT = 15_000;
const BODY_LIMIT = 1024;

const FILES: Record<string, { file: string; type: string }> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  '/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
};
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/**
 * Serves `/` (HTML), `/status` (JSON: EdgeStatus), `/events` (server-sent events, each an EdgeStatus) and POST `/alarms/<id>/acknowledge`
 * (JSON `{"pin"?}`; 204, 403 wrong PIN, 404, 429 too many wrong ones). Asked for by a strange name it answers 421.
 */
export async function openStatusPage({
  host,
  port,
  names = [],
  pin,
  status,
  acknowledge,
}: {
  host: string;
  port: number;
  /** Names that the page is reached by, besides addresses and those of the local network. */
  names?: readonly string[];
  pin: string | null;
  status: () => EdgeStatus;
  /** @returns whether there is such an alarm. */
  acknowledge: (id: string) => boolean;
}): Promise<StatusPage> {
  const files = new Map(
    Object.entries(FILES).map(([at, { file, type }]) => [at, { type, body: readFileSync(path.join(import.meta.dirname, 'page', file)) }]),
  );
  const viewers = new Set<ServerResponse>();
  let wrong: number[] = [];

  const server = createServer((request, response) => {
    // A name of the internet that its owner points at this gateway would make a page of his into one of the gateway's own (DNS rebinding).
    if (!isOwnName(request.headers.host, names)) return end(response, 421);
    // Not parsed as a URL: an address such as `//` is none, and must not end the gateway.
    const [pathname = ''] = (request.url ?? '/').split('?', 1);
    const file = files.get(pathname);
    const [, id] = /^\/alarms\/([A-Za-z0-9-]{1,64})\/acknowledge$/.exec(pathname) ?? [];
    if (id) {
      if (request.method !== 'POST') end(response, 405);
      else void answerAcknowledge(id, request, response);
    } else if (request.method !== 'GET') end(response, 405);
    else if (file) response.writeHead(200, { ...HEADERS, 'content-type': file.type }).end(file.body);
    else if (pathname === '/status')
      response.writeHead(200, { ...HEADERS, 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(status()));
    else if (pathname === '/events') view(response);
    else end(response, 404);
  });

  function view(response: ServerResponse) {
    if (viewers.size >= VIEWERS) return end(response, 503);
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
    viewers.add(response);
    response.once('close', () => viewers.delete(response));
    response.write(`retry: 2000\n\n${event()}`);
  }
  const event = () => `data: ${JSON.stringify(status())}\n\n`;
  function tell() {
    if (!viewers.size) return;
    const text = event();
    // Who does not read gets the newest state when he does.
    for (const viewer of viewers) if (!viewer.writableNeedDrain) viewer.write(text);
  }
  let pending: NodeJS.Timeout | null = null;
  const beat = setInterval(tell, BEAT);

  async function answerAcknowledge(id: string, request: IncomingMessage, response: ServerResponse) {
    // A page of another site cannot send this type without asking first, and is not allowed to.
    if (request.headers['content-type'] !== 'application/json' || !sameSite(request)) return end(response, 403);
    const given = await readPin(request);
    if (pin !== null) {
      wrong = wrong.filter(at => at > Date.now() - 60_000);
      if (wrong.length >= TRIES) return end(response, 429);
      if (!equal(given ?? '', pin)) {
        if (given) wrong.push(Date.now());
        return end(response, 403);
      }
    }
    end(response, acknowledge(id) ? 204 : 404);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    changed(atOnce = false) {
      if (atOnce) tell();
      else
        pending ??= setTimeout(() => {
          pending = null;
          tell();
        }, PACE);
    },
    async close() {
      clearInterval(beat);
      if (pending) clearTimeout(pending);
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}

const end = (response: ServerResponse, status: number) => void response.writeHead(status, HEADERS).end();

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const equal = (given: string, expected: string) => timingSafeEqual(sha256(given), sha256(expected));

/** Addresses, names without a dot, names that nobody can register (RFC 6762, 8375, 2606), the machine's own, and those that were given. */
function isOwnName(host: string | undefined, names: readonly string[]): boolean {
  if (!host || !URL.canParse(`http://${host}`)) return false;
  const name = new URL(`http://${host}`).hostname.replace(/\.$/, '').toLowerCase();
  if (isIP(name.replace(/^\[|\]$/g, '')) || !name.includes('.')) return true;
  return /\.(local|lan|internal|home\.arpa|localhost|test)$/.test(name) || name === hostname().toLowerCase() || names.includes(name);
}

function sameSite({ headers }: IncomingMessage): boolean {
  if (!headers.origin) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
}

/** @returns the PIN; null when there is none, or no such JSON. */
async function readPin(request: IncomingMessage): Promise<string | null> {
  let body = '';
  try {
    for await (const chunk of request) {
      body += String(chunk);
      if (body.length > BODY_LIMIT) return null;
    }
    const { pin } = JSON.parse(body) as { pin?: unknown };
    return typeof pin === 'string' ? pin : null;
  } catch {
    return null;
  }
}
