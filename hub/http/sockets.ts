// socket.io on the same server as HTTP: each connection belongs to a signed-in person from its first packet.
import type { Server as HttpServer } from 'node:http';
import { type Namespace, Server } from 'socket.io';
import type { Person } from '../identity/actor.ts';
import { isSameOrigin } from './app.ts';
import { notSignedIn } from './problem.ts';

const NAMESPACES = ['/live', '/consult'] as const;

export interface Sockets {
  live: Namespace;
  consult: Namespace;
  close(): Promise<void>;
}

/** Opens socket.io with the namespaces of the areas; `socket.data.actor` is the `Person`. A connection ends with its session. */
export function openSockets(server: HttpServer, actorOf: (headers: Headers) => Promise<Person | null>): Sockets {
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
  for (const name of NAMESPACES) {
    io.of(name).use(async (socket, next) => {
      try {
        const actor = await actorOf(new Headers({ cookie: socket.handshake.headers.cookie ?? '' }));
        if (!actor) throw notSignedIn();
        socket.data.actor = actor;
        next();
      } catch (error) {
        next(Object.assign(new Error('not-signed-in', { cause: error }), { data: notSignedIn().body() }));
      }
    });
  }
  io.on('connection', socket => {
    // The default namespace serves nothing.
    socket.disconnect(true);
  });
  return {
    live: io.of('/live'),
    consult: io.of('/consult'),
    close: () => io.close(),
  };
}
