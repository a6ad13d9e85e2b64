// The embedded broker: aedes over TCP, with sign-in, rights and acknowledgements of our own.
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import type { Logger } from 'pino';
import { gateSocket, MAX_PACK_BYTES, type Oversized, usernameOf } from '../../devices/index.ts';
import { Answers } from './answers.ts';
import { openBehindGateway } from './behind-gateway.ts';
import type { Certifier } from './certifier.ts';
import type { Holder } from './credentials.ts';
import { filterOf, heard, isOpen, openDeliveries, restoreFrom } from './delivery.ts';
import type { Directory, FacilityDirectory } from './directory.ts';
import { openFollowing } from './following.ts';
import type { Intake, Outcome, Publish } from './intake.ts';
import type { Observer } from './observer.ts';
import type { Presence } from './presence.ts';
import { guardSocket } from './protocol.ts';
import { Allowances, type Rates } from './rate.ts';
import { publicationOf } from './rights.ts';
import { KeptSessions } from './sessions.ts';
import { IDENTIFIER_REJECTED, nameShown, openSignIn, refusal, type Session, UNAVAILABLE } from './sign-in.ts';
import { openTls, type TlsOptions } from './tls.ts';

/** Largest packet: a pack of 64 KiB with its topic and header. */
export const PACKET_LIMIT = MAX_PACK_BYTES + 512;
/** Where messages end that no subscriber may get. `$` keeps it out of every wildcard (MQTT 3.1.1 section 4.7.2). */
const TAKEN = '$taken';
const NOTHING = Buffer.alloc(0);
/** A client is told so often at most that it sends too fast, ms. */
const BETWEEN_NOTES = 60_000;

export interface Broker {
  port: number;
  /** TCP port of MQTT over TLS; null without it. */
  tlsPort: number | null;
  publish: Publish;
  benchWatched(device: string): boolean;
  /** Whether anybody has subscribed to what is stored. */
  storedWatched(): boolean;
  /** Ends connections whose credentials are no longer in force. */
  cutRevoked(facility: FacilityDirectory): void;
  /** Breaks a device's connections off, as a lost network would. */
  cutDevice(facility: string, device: string): void;
  /** Reading may go on. */
  onRoom(): void;
  /**
   * `protocolFaults`: connections closed because of what their clients sent against MQTT 3.1.1; `heldBack`: how often a client that sent
   * too fast was read later.
   */
  stats(): { connections: number; oversized: number; refusedSignIns: number; protocolFaults: number; heldBack: number };
  /** Takes no more connections and messages. */
  stopReading(): Promise<void>;
  close(): Promise<void>;
}

/** `intake` is asked for after the broker stands, as the two need each other. */
export async function openBroker({
  host,
  port,
  mqttInternal,
  presence,
  directory,
  intake,
  rates,
  observer,
  tls,
  firstUse,
  certifier,
  log,
}: {
  host: string;
  port: number;
  mqttInternal: string;
  presence: Presence;
  directory: Directory;
  intake: () => Intake;
  rates: Rates;
  observer: Observer;
  /** MQTT over TLS beside plain MQTT; undefined for none. */
  tls?: TlsOptions;
  /** Told of a credential that was signed in with for the first time. */
  firstUse: (holder: Holder, credential: string) => Promise<void>;
  /** Answers requests for certificates. */
  certifier: Certifier;
  log: Logger;
}): Promise<Broker> {
  const sessions = new Map<Client, Session>();
  const following = openFollowing();
  const withoutId = new WeakSet<Client>();
  const deliveries = openDeliveries();
  const answers = new WeakMap<Client, Answers>();
  const kept = new KeptSessions();
  const keeping = new WeakSet<Client>();
  /** Why these are closed is known. */
  const ended = new WeakSet<Client>();
  /** Each connection is counted once, for the first thing that was wrong. */
  const isFirst = (client: Client) => !ended.has(client) && Boolean(ended.add(client));
  /** Whether aedes itself closes the connection for what came: not the network, not for a refused sign-in (`errorCode`). */
  const foundByAedes = (client: Client, error: Error) => !client.closed && !('code' in error || 'errorCode' in error) && isFirst(client);
  let oversized = 0;
  let refusedSignIns = 0;
  let protocolFaults = 0;
  let heldBack = 0;
  const behindGateway = openBehindGateway({
    ...{ directory, firstUse, certifier },
    refuse: (holder, topic, request, refused) => intake().refuseOutright(holder, topic, request, refused),
  });
  const signIn = openSignIn({ mqttInternal, directory, allowances: new Allowances(rates), firstUse });

  function begin(client: Client, { login }: Session) {
    if (!keeping.has(client)) return kept.discard(client.id);
    // To aedes the session is a clean one that begins with subscriptions: it would queue messages without end for those who are away.
    client.clean = true;
    const resumed = kept.resume(client, client.id, login.kind === 'hub' ? 'hub' : usernameOf(login));
    following.began(
      client,
      resumed.map(({ topic }) => topic),
    );
  }
  const options: AedesOptions = {
    // MQTT 3.1 ids are limited to 23 characters; ours carry the username in front (below).
    maxClientsIdLength: 1024,
    maxTopicLevels: 16,
    connectTimeout: 10_000,
    // Packets that may follow CONNECT before CONNACK is out (section 3.1.4): as many as one reading of the socket can hold.
    queueLimit: 32_768,
    preConnect(client, packet, callback) {
      if (!observer.connecting(client, packet)) return client.conn.destroy();
      if (!packet.clientId && !packet.clean) withoutId.add(client);
      // No one can take over another's session by its client id, and nothing is queued in memory for those who are away.
      const name = packet.username ?? nameShown(client.conn);
      if (packet.clientId && name) packet.clientId = `${name}:${packet.clientId}`;
      if (!packet.clean) keeping.add(client);
      callback(null, true);
    },
    authenticate(client, username, password, callback) {
      const signedIn = withoutId.has(client)
        ? Promise.reject(refusal(IDENTIFIER_REJECTED, 'a session that is kept needs a client id'))
        : signIn(client.conn, username, password);
      signedIn.then(
        session => {
          if (!client.closed) {
            sessions.set(client, session);
            begin(client, session);
          }
          observer.signedIn(client, 0, session.login.kind === 'device' ? usernameOf(session.login) : undefined);
          callback(null, true);
        },
        error => {
          if (isFirst(client)) refusedSignIns++;
          if ('returnCode' in error) observer.signedIn(client, error.returnCode as number);
          log.info({ username: username?.slice(0, 130), reason: (error as Error).message }, 'sign-in at the broker refused');
          callback('returnCode' in error ? error : refusal(UNAVAILABLE, 'the registry cannot be read'), false);
        },
      );
    },
    authorizePublish(client, packet, callback) {
      const session = client && sessions.get(client);
      const turn = client && answers.get(client)?.reserved((packet as { messageId?: number }).messageId);
      const end = () => {
        packet.topic = TAKEN;
        packet.payload = NOTHING;
        packet.retain = false;
        callback(null);
      };
      if (!session) return end();
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      const withheld = observer.published(client, packet);
      const done = (outcome: Outcome) => {
        if (outcome === 'failed') return void client?.conn.destroy();
        const answer = () => {
          // To aedes it becomes a QoS 0 message, which has no PUBACK; an unanswered call would stop it from reading on.
          if (withheld) packet.qos = 0;
          if (outcome === 'forward') callback(null);
          else end();
        };
        if (turn) answers.get(client)?.end(turn, answer);
        else answer();
      };
      const taken = () => done('taken');
      const asked = /\/(csr|credential)$/.test(packet.topic) ? publicationOf(session.login, packet.topic) : null;
      if (asked?.kind === 'credential') behindGateway.used(asked.facility, asked.device, payload, taken);
      else if (asked?.kind === 'csr' && asked.passedOn) behindGateway.request(asked.login, packet.topic, payload, taken);
      else if (asked?.kind === 'csr') certifier.answer(asked.login, packet.topic, payload, taken);
      else intake().take({ login: session.login, topic: packet.topic, payload }, done);
    },
    authorizeSubscribe(client, subscription, callback) {
      const session = sessions.get(client);
      const filter = filterOf(subscription);
      const may = session && following.may(client, session.login, filter);
      observer.subscribed(client, filter, Boolean(may));
      if (may) deliveries.granted(client, filter, subscription.qos);
      callback(null, may ? subscription : null);
    },
    authorizeForward: (client, packet) => deliveries.forward(client, packet),
  };

  const aedes = await Aedes.createBroker(options);
  aedes.on('keepaliveTimeout', client => {
    ended.add(client);
    observer.keepAliveOver(client);
  });
  aedes.on('client', client => presence.came(sessions.get(client)?.login));
  restoreFrom(aedes, id => kept.of(id));
  aedes.on('clientDisconnect', client => {
    // When the broker itself ends, nobody has left it.
    if (!stopped) presence.left(sessions.get(client)?.login);
    kept.ended(client);
    sessions.delete(client);
    following.left(client);
  });
  aedes.on('clientError', (client, error) => {
    if (foundByAedes(client, error)) protocolFaults++;
    log.debug({ client: client.id, err: error }, 'connection of a client ended');
  });
  aedes.on('connectionError', (client, error) => {
    if (foundByAedes(client, error)) protocolFaults++;
    log.debug({ err: error }, 'connection ended before sign-in');
  });
  // aedes keeps 'error' out of its types; without a listener it would end the process.
  (aedes as NodeJS.EventEmitter).on('error', error => log.error({ err: error }, 'the broker failed at something'));
  aedes.on('subscribe', (subscriptions, client) => {
    const granted = subscriptions.filter(({ qos }) => (qos as number) !== 128).map(({ topic, qos }) => ({ topic, qos: qos as 0 | 1 | 2 }));
    for (const { topic, qos } of granted) kept.subscribed(client, topic, qos);
    following.began(
      client,
      granted.map(({ topic }) => topic),
    );
  });
  aedes.on('unsubscribe', (topics, client) => {
    deliveries.removed(client, topics);
    // A connection that ends is unsubscribed too; its session is not.
    if (!client.closed) kept.unsubscribed(client, topics);
    following.ended(client, topics);
  });

  const sockets = new Map<Socket, () => void>();
  let stopped = false;
  const accept = (socket: Socket) => {
    const signedIn = () => sessions.get(client);
    const goOn = gateSocket(socket, {
      limit: PACKET_LIMIT,
      hold: () => {
        const session = signedIn();
        return stopped || own.full || (session !== undefined && (intake().full || tooFast(session)));
      },
      oversized: packet => {
        if (isFirst(client)) oversized++;
        const session = signedIn();
        if (session) intake().refuseOutright(session.login, packet.topic ?? '', packet.beginning, tooLarge(packet));
      },
    });
    let reading: NodeJS.Timeout | undefined;
    const tooFast = (session: Session) => {
      const now = performance.now();
      const wait = session.allowance?.wait(now) ?? 0;
      if (!wait || !session.allowance) return false;
      heldBack++;
      reading ??= setTimeout(() => {
        reading = undefined;
        goOn();
      }, wait);
      if (session.toldAt === undefined || now - session.toldAt > BETWEEN_NOTES) {
        session.toldAt = now;
        intake().noteRate(session.login, session.allowance.perSecond);
      }
      return true;
    };
    const own = new Answers(bytes => void (socket.writable && socket.write(bytes)), goOn);
    guardSocket(socket, {
      published: id => {
        signedIn()?.allowance?.spend();
        if (id) own.reserve(id);
      },
      // Packs need nothing of the broker but their acknowledgement, and they are nearly all that comes.
      take: ({ topic, id, payload }) => {
        const session = signedIn();
        if (!session || !isOpen(client) || observer.watching(client)) return false;
        const publication = publicationOf(session.login, topic);
        if (publication.kind !== 'pack') return false;
        session.allowance?.spend();
        heard(client);
        const turn = id ? own.begin(id) : undefined;
        intake().take({ login: session.login, topic, payload, publication }, outcome => {
          if (outcome === 'failed') socket.destroy();
          else if (turn) own.end(turn);
        });
        return true;
      },
      violated: ({ what }) => {
        if (isFirst(client)) protocolFaults++;
        log.debug({ client: client.id, what }, 'connection closed: not MQTT 3.1.1');
      },
    });
    sockets.set(socket, goOn);
    socket.once('close', () => {
      clearTimeout(reading);
      sockets.delete(socket);
    });
    // A socket that breaks before its handshake or sign-in is over must not end the process.
    socket.on('error', error => log.debug({ reason: error.message }, 'connection of a client broke'));
    const client = aedes.handle(socket);
    answers.set(client, own);
    deliveries.follow(client);
  };
  const server = createServer({ noDelay: true }, accept);
  const secure = tls && (await openTls(tls, accept, log));
  const servers: Server[] = secure ? [server, secure.server] : [server];
  const tlsPort = secure && tls ? await listen(secure.server, host, tls.port) : null;

  return {
    port: await listen(server, host, port),
    tlsPort,
    publish: (topic, payload, { retain = false } = {}) => {
      const packet: PublishPacket = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain, dup: false };
      aedes.publish(packet, error => error && log.warn({ err: error, topic }, 'a message could not be published'));
    },
    benchWatched: following.benchWatched,
    storedWatched: following.storedWatched,
    cutRevoked({ facility, credentials, loadedAt }) {
      const now = Date.now();
      for (const [client, { login, credential, since }] of sessions) {
        // A list that is older than the session cannot know its credentials.
        if (login.kind === 'hub' || login.facility !== facility || since > loadedAt) continue;
        if (credentials.get(usernameOf(login))?.some(({ id, until }) => id === credential && until > now)) continue;
        log.info({ username: usernameOf(login) }, 'connection cut: its credentials are no longer in force');
        client.close();
      }
    },
    cutDevice(facility, device) {
      for (const [client, { login }] of sessions)
        if (login.kind === 'device' && login.facility === facility && login.device === device) client.conn.destroy();
    },
    onRoom() {
      for (const goOn of sockets.values()) goOn();
    },
    stats: () => ({ connections: sessions.size, oversized, refusedSignIns, protocolFaults, heldBack }),
    async stopReading() {
      stopped = true;
      for (const each of servers) each.close();
    },
    async close() {
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      secure?.close();
      for (const socket of sockets.keys()) socket.destroy();
      for (const each of servers) if (each.listening) await new Promise<void>(resolve => each.close(() => resolve()));
    },
  };
}

const tooLarge = ({ bytes }: Oversized) => ({
  reason: 'packet-too-large' as const,
  text: {
    ja: `パケットが大きすぎます（${bytes} バイト、上限 64 KiB）。接続を切りました。パックを分けて送ってください。`,
    en: `The packet is too large (${bytes} bytes, limit 64 KiB). The connection was closed. Send the pack in parts.`,
  },
});

/** The port that it listens at. */
const listen = (server: Server, host: string, port: number) =>
  new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
