// socket.io on the same server as HTTP: each connection belongs to a signed-in person from its first packet.
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { type Namespace, Server, type Socket } from 'socket.io';
import type { Person } from '../identity/actor.ts';
import { type Doors, refusalOf } from './guard.ts';
import { ALWAYS } from './headers.ts';
import { notSignedIn, Problem } from './problem.ts';
import { networkOf, openCounter } from './rates.ts';

const NAMESPACES = ['/live', '/consult'] as const;

/** How often the sessions of open connections are looked at, ms: a session that ended and a role that was taken away end here too. */
const RECHECK_MS = 30_000;

export interface Sockets {
  live: Namespace;
  consult: Namespace;
  /** Looks now whether the sessions of all connections still stand: called when somebody signed out. */
  recheck(): Promise<void>;
  close(): Promise<void>;
}

/** `renew: false` looks at a session without making it last longer. */
export type ActorOf = (headers: Headers, options?: { renew?: boolean }) => Promise<Person | null>;

/** Opens socket.io with the namespaces of the areas; `socket.data.actor` is the `Person`. A connection ends with its session. */
export function openSockets(server: HttpServer | HttpsServer, actorOf: ActorOf, { doors, proxied = false }: SocketOptions): Sockets {
  const handshakes = openCounter(HANDSHAKES);
  const io = new Server(server, {
    serveClient: false,
    maxHttpBufferSize: 256 * 1024,
    pingInterval: 10_000,
    pingTimeout: 10_000,
    transports: ['websocket', 'polling'],
    allowRequest: (request, decide) => {
      const header = (name: string) => request.headers[name] as string | undefined;
      const { host } = request.headers;
      // A handshake opens a way to change things, whatever its method says.
      const refused = refusalOf({ method: 'POST', host, header }, doors);
      if (refused) return decide(refused.code, false);
      handshakes.spend(networkOf(peerOf(request, proxied))).then(
        () => decide(null, true),
        () => decide('too-many', false),
      );
    },
  });
  io.engine.on('headers', (headers: Record<string, string>) => {
    Object.assign(headers, ALWAYS, {
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  });
  const cookieOf = (socket: Socket) => new Headers({ cookie: socket.handshake.headers.cookie ?? '' });
  for (const name of NAMESPACES) {
    io.of(name).use(async (socket, next) => {
      try {
        const actor = await actorOf(cookieOf(socket));
        if (!actor) throw notSignedIn();
        socket.data.actor = actor;
        bound(socket);
        next();
      } catch (error) {
        next(Object.assign(new Error('not-signed-in', { cause: error }), { data: notSignedIn().body() }));
      }
    });
  }
  io.of('/live').on('connection', refuseUnknown);
  io.on('connection', socket => {
    // The default namespace serves nothing.
    socket.disconnect(true);
  });

  const recheck = async () => {
    const sessions = new Map<string, Promise<Person | null>>();
    for (const socket of NAMESPACES.flatMap(name => [...io.of(name).sockets.values()])) {
      const held = socket.data.actor as Person;
      const asked = sessions.get(held.session) ?? actorOf(cookieOf(socket), { renew: false });
      sessions.set(held.session, asked);
      try {
        const actor = await asked;
        // The areas hold on to the person they were given: what changed is put into it.
        if (actor?.session === held.session) Object.assign(held, actor);
        else socket.disconnect(true);
      } catch {
        // The database is away: nobody can be judged now, and the next look comes soon.
      }
    }
  };
  const timer = setInterval(() => void recheck(), RECHECK_MS);
  timer.unref();
  return {
    live: io.of('/live'),
    consult: io.of('/consult'),
    recheck,
    async close() {
      clearInterval(timer);
      await io.close();
    },
  };
}

/** Handshakes and long-polling requests a minute of one address. */
const HANDSHAKES = 6000;
/** Messages of one connection in ten seconds: signalling of a call's beginning is some dozens. */
const MESSAGES = 400;
const MESSAGES_SECONDS = 10;

export interface SocketOptions {
  doors: Doors;
  /** A proxy of the hub's own stands in front and says in X-Forwarded-For who asks. */
  proxied?: boolean;
}

function peerOf(request: IncomingMessage, proxied: boolean): string {
  const forwarded = proxied
    ? String(request.headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)
        ?.trim()
    : undefined;
  return forwarded || (request.socket.remoteAddress ?? 'unknown');
}

/** A connection that sends too much gets a refusal for what is over. */
function bound(socket: Socket) {
  let [sent, until] = [0, 0];
  socket.use((packet, next) => {
    const now = Date.now();
    if (now > until) [sent, until] = [0, now + MESSAGES_SECONDS * 1000];
    if (++sent <= MESSAGES) return next();
    const acknowledge: unknown = packet.at(-1);
    if (typeof acknowledge === 'function') acknowledge({ ok: false, ...tooManyMessages().body() });
  });
}

const tooManyMessages = () =>
  new Problem(429, 'too-many', {
    ja: '操作が多すぎます。10 秒待ってから、もう一度試してください。',
    en: 'Too many messages. Wait 10 seconds, then try again.',
  });

/** A message that no area listens for is answered too: its sender waits for an acknowledgement. */
function refuseUnknown(socket: Socket) {
  socket.use(([event, ...sent], next) => {
    if (socket.listenerCount(event) > 0) return next();
    const acknowledge: unknown = sent.at(-1);
    if (typeof acknowledge === 'function') acknowledge({ ok: false, ...unknownMessage().body() });
  });
}

const unknownMessage = () => new Problem(400, 'unknown-message', { ja: 'このメッセージは扱えません。', en: 'There is no such message.' });
