// socket.io on the same server as HTTP: each connection belongs to a signed-in person from its first packet.
import type { Server as HttpServer } from 'node:http';
import { type Namespace, Server, type Socket } from 'socket.io';
import type { Person } from '../identity/actor.ts';
import { isSameOrigin } from './app.ts';
import { notSignedIn, Problem } from './problem.ts';

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
export function openSockets(server: HttpServer, actorOf: ActorOf): Sockets {
  const io = new Server(server, {
    serveClient: false,
    maxHttpBufferSize: 256 * 1024,
    pingInterval: 10_000,
    pingTimeout: 10_000,
    transports: ['websocket', 'polling'],
    allowRequest: (request, decide) => {
      const { origin, host } = request.headers;
      decide(null, origin === undefined || isSameOrigin(origin, host));
    },
  });
  const cookieOf = (socket: Socket) => new Headers({ cookie: socket.handshake.headers.cookie ?? '' });
  for (const name of NAMESPACES) {
    io.of(name).use(async (socket, next) => {
      try {
        const actor = await actorOf(cookieOf(socket));
        if (!actor) throw notSignedIn();
        socket.data.actor = actor;
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

/** A message that no area listens for is answered too: its sender waits for an acknowledgement. */
function refuseUnknown(socket: Socket) {
  socket.use(([event, ...sent], next) => {
    if (socket.listenerCount(event) > 0) return next();
    const acknowledge: unknown = sent.at(-1);
    if (typeof acknowledge === 'function') acknowledge({ ok: false, ...unknownMessage().body() });
  });
}

const unknownMessage = () => new Problem(400, 'unknown-message', { ja: 'このメッセージは扱えません。', en: 'There is no such message.' });
