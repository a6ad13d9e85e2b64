// The broker of a conformance run: answers one device as the hub would, writes down everything, and can cut the line or withhold PUBACKs.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type PeerCertificate, TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { deviceTopic, deviceUsername, parseTopic } from '../topics.ts';
import type { BenchAuthority } from './bench-authority.ts';
import type { Line } from './line.ts';
import type { Connection, Message } from './observed.ts';

/** Nobody gets what a device sends: no wildcard matches it (MQTT 3.1.1 section 4.7.2). */
const TAKEN = '$taken';
const NOTHING = Buffer.alloc(0);
/** CONNACK return codes, MQTT 3.1.1 section 3.2.2.3. */
const IDENTIFIER_REJECTED = 2;
const BAD_CREDENTIALS = 4;
/** Asks a device to request a new certificate. */
const RENEW = '{"renew":true}';

export interface BenchBroker extends Line {
  port: number;
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
  authority,
  onEvent,
}: {
  host: string;
  port: number;
  facility: string;
  device: string;
  /** Null: only a certificate signs in. */
  secret: string | null;
  /** With it TLS is spoken, and a certificate of this authority signs in. */
  authority?: BenchAuthority;
  onEvent: () => void;
}): Promise<BenchBroker> {
  const connections: Connection[] = [];
  const messages: Message[] = [];
  const of = new WeakMap<Client, Connection>();
  const sockets = new Set<Socket>();
  const own = new Set<string>((['config', 'refused', 'certificate'] as const).map(channel => deviceTopic(facility, device, channel)));
  let isUndisturbed = true;
  let withholding = false;
  let away = false;
  let current: { client: Client; connection: Connection } | null = null;

  function judgeSignIn(connection: Connection, password: Buffer | undefined, peer: Peer): Connection['signIn'] {
    if (!connection.clientId && !connection.clean) return 'client-id';
    // With a certificate the user name may be missing: the certificate says who it is.
    if (!password?.length && peer !== null) {
      if (!peer.trusted || peer.uri !== `urn:hub:device:${facility}:${device}`) return 'certificate';
      return connection.username === null || connection.username === deviceUsername(facility, device) ? 'accepted' : 'username';
    }
    if (connection.username !== deviceUsername(facility, device)) return 'username';
    return secret !== null && password?.toString() === secret ? 'accepted' : 'secret';
  }

  function ended(client: Client, end: Connection['end']) {
    const connection = of.get(client);
    if (!connection || connection.endedAt !== null) return;
    connection.endedAt = Date.now();
    connection.end = end;
    if (current?.client === client) current = null;
    onEvent();
  }

  /** As the hub: the certificate and the authority's, on `…/certificate`. What is no request gets no answer, and the run sees no return. */
  function answerRequest(client: Client, csr: string) {
    authority?.renew(csr).then(
      certificate => send(client, 'certificate', `${certificate}\n${authority.ca}\n`, false),
      () => {},
    );
  }
  function send(client: Client, channel: 'certificate' | 'config', payload: string, retain: boolean) {
    const topic = deviceTopic(facility, device, channel);
    if (!of.get(client)?.subscriptions.includes(topic)) return;
    client.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain, dup: false }, () => {});
  }

  let renewing = false;
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
        certificate: null,
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
      const peer = peerOf(client.conn);
      connection.signIn = judgeSignIn(connection, password, peer);
      if (connection.signIn === 'accepted' && !password?.length) connection.certificate = peer?.fingerprint ?? null;
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
        if (topic === deviceTopic(facility, device, 'csr')) answerRequest(client, packet.payload.toString());
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
      if (renewing && subscription.topic === deviceTopic(facility, device, 'config'))
        setImmediate(() => send(client, 'config', RENEW, true));
    },
  });
  aedes.on('keepaliveTimeout', client => ended(client, 'keep-alive'));
  // A listener keeps the broker's complaints about one client from ending the run.
  (aedes as NodeJS.EventEmitter).on('error', () => {});

  const serve = (socket: Socket) => {
    socket.on('error', () => {});
    if (away) return void socket.destroy();
    sockets.add(socket);
    const client = aedes.handle(socket);
    socket.once('end', () => ended(client, hasSaidGoodbye(client) ? 'device' : 'lost'));
    socket.once('close', () => sockets.delete(socket));
  };
  // A certificate is asked for, not demanded: which one came, the sign-in judges.
  const server = authority
    ? createTlsServer(
        { key: authority.server.key, cert: authority.server.certificate, ca: authority.ca, requestCert: true, rejectUnauthorized: false },
        serve,
      )
    : createServer({ noDelay: true }, serve);
  try {
    await listen(server, host, port);
  } catch (cause) {
    aedes.close();
    throw new Error(`${host}:${port} cannot be listened at: ${(cause as Error).message}`, { cause });
  }
  const address = server.address();
  const openPort = typeof address === 'object' && address ? address.port : port;

  return {
    port: openPort,
    address: `${authority ? 'mqtts' : 'mqtt'}://${host.includes(':') ? `[${host}]` : host}:${openPort}`,
    connections,
    messages,
    live: () => current?.connection ?? null,
    undisturbed: value => {
      isUndisturbed = value;
    },
    withhold: async value => {
      withholding = value;
    },
    async cut(stayAway) {
      away = stayAway;
      if (current) ended(current.client, 'run');
      for (const socket of sockets) socket.destroy();
    },
    async open() {
      away = false;
    },
    renew(ask) {
      renewing = ask;
      if (current) send(current.client, 'config', ask ? RENEW : '{}', true);
    },
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      await closed;
    },
  };
}

type Peer = { trusted: boolean; uri: string; fingerprint: string } | null;

/** The client certificate of a connection; null when there is none. */
function peerOf(socket: unknown): Peer {
  if (!(socket instanceof TLSSocket)) return null;
  // Null, against its type, once the connection is gone.
  const { fingerprint256, subjectaltname } = (socket.getPeerCertificate() as PeerCertificate | null) ?? {};
  if (!fingerprint256) return null;
  return { trusted: socket.authorized, uri: (subjectaltname ?? '').replace(/^URI:/, ''), fingerprint: fingerprint256 };
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
