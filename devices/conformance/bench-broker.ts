// The broker of a conformance run: answers one device as the hub would, writes down everything, and can cut the line or withhold PUBACKs.
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type Client } from 'aedes';
import { deviceTopic, deviceUsername, parseTopic } from '../topics.ts';
import type { Connection, Message } from './observed.ts';

/** Nobody gets what a device sends: no wildcard matches it (MQTT 3.1.1 section 4.7.2). */
const TAKEN = '$taken';
const NOTHING = Buffer.alloc(0);
/** CONNACK return codes, MQTT 3.1.1 section 3.2.2.3. */
const IDENTIFIER_REJECTED = 2;
const BAD_CREDENTIALS = 4;

export interface BenchBroker {
  port: number;
  connections: readonly Connection[];
  messages: readonly Message[];
  /** The device's present connection. */
  live(): Connection | null;
  /** Marks what comes now as undisturbed or not. */
  undisturbed(value: boolean): void;
  /** From now on packs get no PUBACK, or get one again. */
  withhold(value: boolean): void;
  /** Breaks the line. `away`: and answers nobody until `open`. */
  cut(away: boolean): void;
  open(): void;
  close(): Promise<void>;
}

/**
 * @param onEvent Called after something was written down.
 * @throws Error when the port cannot be used.
 */
export async function openBenchBroker({
  host,
  port,
  facility,
  device,
  secret,
  onEvent,
}: {
  host: string;
  port: number;
  facility: string;
  device: string;
  secret: string;
  onEvent: () => void;
}): Promise<BenchBroker> {
  const connections: Connection[] = [];
  const messages: Message[] = [];
  const of = new WeakMap<Client, Connection>();
  const sockets = new Set<Socket>();
  const own = new Set<string>([deviceTopic(facility, device, 'config'), deviceTopic(facility, device, 'refused')]);
  let isUndisturbed = true;
  let withholding = false;
  let away = false;
  let current: { client: Client; connection: Connection } | null = null;

  function judgeSignIn(connection: Connection, password: Buffer | undefined): Connection['signIn'] {
    if (!connection.clientId && !connection.clean) return 'client-id';
    if (connection.username !== deviceUsername(facility, device)) return 'username';
    return password?.toString() === secret ? 'accepted' : 'secret';
  }

  function ended(client: Client, end: Connection['end']) {
    const connection = of.get(client);
    if (!connection || connection.endedAt !== null) return;
    connection.endedAt = Date.now();
    connection.end = end;
    if (current?.client === client) current = null;
    onEvent();
  }

  const aedes = await Aedes.createBroker({
    maxClientsIdLength: 1024,
    preConnect(client, packet, done) {
      const connection: Connection = {
        at: Date.now(),
        protocol: packet.protocolId ?? '',
        level: packet.protocolVersion ?? 0,
        clientId: packet.clientId ?? '',
        clean: packet.clean ?? false,
        keepAlive: packet.keepalive ?? 0,
        username: packet.username ?? null,
        will: packet.will
          ? {
              topic: packet.will.topic,
              payload: Buffer.from(packet.will.payload),
              qos: packet.will.qos ?? 0,
              retain: packet.will.retain ?? false,
            }
          : null,
        // Until the broker asks for the credentials, which it does only for a version it speaks.
        signIn: 'protocol',
        subscriptions: [],
        refusedSubscriptions: [],
        endedAt: null,
        end: null,
      };
      connections.push(connection);
      of.set(client, connection);
      client.conn.once('close', () => ended(client, 'lost'));
      // As the hub: no session outlives its connection.
      packet.clean = true;
      onEvent();
      done(null, true);
    },
    authenticate(client, _username, password, done) {
      const connection = of.get(client)!;
      connection.signIn = judgeSignIn(connection, password);
      if (connection.signIn === 'accepted') current = { client, connection };
      onEvent();
      if (connection.signIn === 'accepted') return done(null, true);
      const returnCode = connection.signIn === 'client-id' ? IDENTIFIER_REJECTED : BAD_CREDENTIALS;
      done(Object.assign(new Error('sign-in refused'), { returnCode }), false);
    },
    authorizePublish(client, packet, done) {
      const connection = client && of.get(client);
      const topic = packet.topic;
      // A last will is published after its connection ended; CONNECT has told it already.
      if (client && connection && !client.closed) {
        const parsed = parseTopic(topic);
        const isPack = parsed?.kind === 'device' && (parsed.channel === 'json' || parsed.channel === 'cbor');
        const withheld = withholding && isPack && packet.qos === 1;
        messages.push({
          at: Date.now(),
          connection,
          topic,
          qos: packet.qos,
          retain: packet.retain,
          dup: packet.dup,
          payload: Buffer.from(packet.payload),
          withheld,
          undisturbed: isUndisturbed,
        });
        // To the broker it becomes a QoS 0 message, which has no PUBACK; an unanswered call would stop it from reading on.
        if (withheld) packet.qos = 0;
      }
      packet.topic = TAKEN;
      packet.payload = NOTHING;
      packet.retain = false;
      done(null);
      onEvent();
    },
    authorizeSubscribe(client, subscription, done) {
      const connection = of.get(client)!;
      const allowed = own.has(subscription.topic);
      (allowed ? connection.subscriptions : connection.refusedSubscriptions).push(subscription.topic);
      onEvent();
      done(null, allowed ? subscription : null);
    },
  });
  aedes.on('keepaliveTimeout', client => ended(client, 'keep-alive'));
  // A listener keeps the broker's complaints about one client from ending the run.
  (aedes as NodeJS.EventEmitter).on('error', () => {});

  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {});
    if (away) return void socket.destroy();
    sockets.add(socket);
    const client = aedes.handle(socket);
    socket.once('end', () => ended(client, hasSaidGoodbye(client) ? 'device' : 'lost'));
    socket.once('close', () => sockets.delete(socket));
  });
  try {
    await listen(server, host, port);
  } catch (cause) {
    aedes.close();
    throw new Error(`${host}:${port} cannot be listened at: ${(cause as Error).message}`, { cause });
  }
  const address = server.address();

  return {
    port: typeof address === 'object' && address ? address.port : port,
    connections,
    messages,
    live: () => current?.connection ?? null,
    undisturbed: value => {
      isUndisturbed = value;
    },
    withhold: value => {
      withholding = value;
    },
    cut(stayAway) {
      away = stayAway;
      if (current) ended(current.client, 'run');
      for (const socket of sockets) socket.destroy();
    },
    open() {
      away = false;
    },
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      await closed;
    },
  };
}

/** aedes notes a DISCONNECT here, and nowhere else. */
const hasSaidGoodbye = (client: Client) => (client as { _disconnected?: boolean })._disconnected === true;

const listen = (server: Server, host: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
