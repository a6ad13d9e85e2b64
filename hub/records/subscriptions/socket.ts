// Subscriptions over WebSocket (R4 subscription.html#2.46.7.2): `bind {id}` is answered by `bound {id}`, and each change by `ping {id}`.
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Person } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import { PING_CHANNEL, type SubscriptionTables } from './tables.ts';

/** Where clients connect; the CapabilityStatement names it. */
export const SOCKET_PATH = '/fhir/R4/subscriptions';
const MAX_MESSAGE_BYTES = 256;
const MOST_BINDINGS = 20;
/** How often it is looked whether a client is still there and its session still stands, ms. */
const LOOK_MS = 30_000;

export interface SocketDeps {
  server: HttpServer | HttpsServer;
  database: Database;
  /** Who asks to connect; null when nobody is signed in, or the request comes from elsewhere. Asked again before each word. */
  admit: (request: IncomingMessage) => Promise<Person | null>;
}

export interface SubscriptionSockets {
  /** Looks now whether the sessions of all connections still stand: called when somebody signed out. */
  recheck(): Promise<void>;
  close(): Promise<void>;
}

interface Client {
  socket: WebSocket;
  request: IncomingMessage;
  account: string;
  bound: Set<string>;
  alive: boolean;
}

/** Listens for connections on the hub's own server. A connection ends with its session. */
export async function attachSubscriptions({ server, database, admit }: SocketDeps): Promise<SubscriptionSockets> {
  const tables = database.kysely.withTables<SubscriptionTables>();
  const clients = new Set<Client>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, clientTracking: false });

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (request.url?.split('?')[0] !== SOCKET_PATH) return;
    admit(request).then(
      actor => {
        if (!actor) return refuse(stream, '401 Unauthorized');
        sockets.handleUpgrade(request, stream, head, socket =>
          welcome({ socket, request, account: actor.account, bound: new Set(), alive: true }),
        );
      },
      () => refuse(stream, '503 Service Unavailable'),
    );
  };
  server.on('upgrade', upgrade);

  function welcome(client: Client) {
    const { socket } = client;
    clients.add(client);
    socket.on('close', () => clients.delete(client));
    socket.on('error', () => socket.terminate());
    socket.on('pong', () => {
      client.alive = true;
    });
    socket.on('message', content => {
      const id = /^bind ([0-9a-f-]{36})$/.exec(String(content).trim())?.[1];
      if (!id || client.bound.size >= MOST_BINDINGS) return socket.close(1008, 'bind {id} of an own subscription');
      void bind(client, id).catch(() => socket.close(1011));
    });
  }

  async function bind(client: Client, id: string) {
    const found = await tables
      .selectFrom('subscriptions')
      .select('id')
      .where('id', '=', id)
      .where('account', '=', client.account)
      .where('channel', '=', 'websocket')
      .where('state', '=', 'active')
      .executeTakeFirst();
    // Another's subscription and one that is not there are the same to a client.
    if (!found) return client.socket.close(1008, 'there is no such subscription');
    client.bound.add(id);
    client.socket.send(`bound ${id}`);
  }

  /** Whether the session of a client still stands; ends the connection when not. */
  async function stands(client: Client): Promise<boolean> {
    const actor = await admit(client.request).catch(() => undefined);
    // The database is away: nobody can be judged now.
    if (actor === undefined) return false;
    if (actor?.account === client.account) return true;
    client.socket.close(1008, 'the session has ended');
    return false;
  }

  async function ping(id: string) {
    for (const client of clients) if (client.bound.has(id) && (await stands(client))) client.socket.send(`ping ${id}`);
  }
  const everyone = () => {
    // Notifications were missed: all are told to look.
    for (const client of clients) for (const id of client.bound) void ping(id);
  };
  const unlisten = await database.listen(PING_CHANNEL, payload => void ping((payload as { id: string }).id), everyone);
  const timer = setInterval(() => {
    for (const client of clients) {
      if (!client.alive) {
        client.socket.terminate();
        continue;
      }
      client.alive = false;
      client.socket.ping();
      void stands(client);
    }
  }, LOOK_MS);
  timer.unref();

  return {
    async recheck() {
      for (const client of clients) await stands(client);
    },
    async close() {
      clearInterval(timer);
      server.off('upgrade', upgrade);
      await unlisten();
      for (const { socket } of clients) socket.terminate();
    },
  };
}

function refuse(stream: Duplex, status: string) {
  stream.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
