// The gateway's own broker: devices sign in, may use their own topics only, and get PUBACK when their pack is on disk.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes, type AedesPublishPacket, type Client } from 'aedes';
import type { Logger } from 'pino';
import {
  clientOf,
  deviceTopic,
  gateSocket,
  gatewayAlarmTopic,
  MAX_PACK_BYTES,
  type PackFormat,
  parseTopic,
  parseUsername,
  type RefusalReason,
  type Text,
  usernameOf,
} from '../devices/index.ts';
import { type Roster, type SignedInWith, secretOf } from './roster.ts';

/** Largest packet taken from the network: a pack of 64 KiB with its topic and header. */
const PACKET_LIMIT = MAX_PACK_BYTES + 512;
/** Packs of one device that may wait for the disk. A device that does not wait for acknowledgements is cut off. */
const WAITING_PER_DEVICE = 200;
/** CONNACK return codes, MQTT 3.1.1 section 3.2.2.3. */
const CONNACK = { serverUnavailable: 3, badCredentials: 4, notAuthorized: 5 } as const;
/** Where messages end that no subscriber may get: outside every filter that may be subscribed. */
const TAKEN = '$taken';

export interface DeviceSeen {
  /** Milliseconds since 1970. */
  lastPack: number | null;
  connected: boolean;
  packs: number;
  refused: number;
}

export interface BrokerOptions {
  host: string;
  port: number;
  /** A second port, for devices that speak TLS (PEM); null for none. With `ca` they may sign in by a certificate of that authority. */
  tls: { port: number; cert: string; key: string; ca: string | null } | null;
  facility: string;
  roster: Roster;
  log: Logger;
  /** A device's pack: resolves when it is on disk, and may be acknowledged. `connection` stands for the one it came by. */
  take(pack: {
    topic: string;
    device: string;
    format: PackFormat;
    payload: Buffer;
    receivedAt: number;
    connection: object;
  }): Promise<unknown>;
  /** This connection is gone: nothing that waits for the disk can be acknowledged any more. */
  gone(connection: object): void;
  /** A device's state changed (its own words or its last will). */
  state(device: string, topic: string, payload: Buffer): void;
  /** A device has signed in. */
  signedIn(device: string, by: SignedInWith): void;
  /** A device asks for a certificate. False while it cannot be passed on. */
  request(topic: string, payload: Buffer): boolean;
  /** Something that the status page shows has changed. */
  changed(): void;
  /** ms since 1970. */
  now?: () => number;
}

export interface Broker {
  port: number;
  tlsPort: number | null;
  seen: ReadonlyMap<string, DeviceSeen>;
  /** Passes a message of the hub on to a device. */
  deliver(topic: string, payload: Uint8Array, retain: boolean): void;
  /** Ends connections of devices that are no longer on the list or have a new secret. */
  cutRevoked(): void;
  close(): Promise<void>;
}

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { host, port, facility, roster, log, now = Date.now } = options;
  const sessions = new Map<Client, { device: string; by: SignedInWith; waiting: number }>();
  const seen = new Map<string, DeviceSeen>();
  const see = (device: string) => {
    const known = seen.get(device) ?? { lastPack: null, connected: false, packs: 0, refused: 0 };
    seen.set(device, known);
    return known;
  };

  const aedes = await Aedes.createBroker({
    connectTimeout: 10_000,
    // MQTT 3.1 limits ids to 23 characters; ours carry the username in front (below).
    maxClientsIdLength: 1024,
    maxTopicLevels: 16,
    preConnect(client, packet, callback) {
      // Sessions are not kept: nothing grows in memory for devices that are away. The id carries the username, so that no
      // device can take over another's connection.
      packet.clean = true;
      const shown = clientOf(client.conn, now());
      const name = packet.username ?? (shown && 'holder' in shown ? usernameOf(shown.holder) : undefined);
      if (packet.clientId && name) packet.clientId = `${name}:${packet.clientId}`;
      callback(null, true);
    },
    authenticate(client, username, password, callback) {
      const refuse = (returnCode: number, message: string) => {
        log.info({ username: username?.slice(0, 130), reason: message }, 'sign-in refused');
        callback(Object.assign(new Error(message), { returnCode }), false);
      };
      if (!roster.known) return refuse(CONNACK.serverUnavailable, 'the list of devices has not come from the hub yet');
      // As at the hub: a certificate that is shown must be good, and a secret does not make up for it.
      const shown = clientOf(client.conn, now());
      if (shown && 'refused' in shown) return refuse(CONNACK.notAuthorized, `certificate: ${shown.refused}`);
      if (shown && username && username !== usernameOf(shown.holder)) return refuse(CONNACK.badCredentials, 'the certificate is another’s');
      const login = shown ? shown.holder : parseUsername(username ?? '');
      const by: SignedInWith = shown ? { kind: 'certificate', sha256: shown.fingerprint } : secretOf(password ?? Buffer.alloc(0));
      if (login?.kind !== 'device' || login.facility !== facility || !roster.holds(login.device, by))
        return shown
          ? refuse(CONNACK.notAuthorized, 'certificate: unknown or revoked')
          : refuse(CONNACK.badCredentials, 'unknown device or wrong secret');
      sessions.set(client, { device: login.device, by, waiting: 0 });
      options.signedIn(login.device, by);
      see(login.device).connected = true;
      options.changed();
      callback(null, true);
    },
    authorizeSubscribe(client, subscription, callback) {
      // A lamp or a siren of the facility is a device too: alarms are for all of them. They name devices and places, no persons.
      if (subscription.topic === gatewayAlarmTopic(facility, '+') && sessions.has(client!)) return callback(null, subscription);
      const topic = parseTopic(subscription.topic);
      const own =
        topic?.kind === 'device' &&
        topic.facility === facility &&
        topic.device === sessions.get(client)?.device &&
        (topic.channel === 'config' || topic.channel === 'refused' || topic.channel === 'certificate');
      callback(null, own ? subscription : null);
    },
    authorizePublish(client, packet, callback) {
      const session = client && sessions.get(client);
      const end = () => {
        packet.topic = TAKEN;
        packet.payload = Buffer.alloc(0);
        packet.retain = false;
        callback(null);
      };
      if (!session) return end();
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      const topic = parseTopic(packet.topic);
      const channel = topic?.kind === 'device' && topic.facility === facility && topic.device === session.device ? topic.channel : null;
      if (channel === 'state') {
        options.state(session.device, packet.topic, payload);
        return end();
      }
      if (channel === 'csr') {
        if (!options.request(packet.topic, payload)) refuse(session.device, packet.topic, payload, 'csr-refused', HUB_AWAY);
        return end();
      }
      if (channel !== 'json' && channel !== 'cbor') {
        refuse(session.device, packet.topic, payload, 'topic-unknown', {
          ja: `この機器が送れるのは care/1/${facility}/${session.device}/json、…/cbor、…/state、…/csr だけです。`,
          en: `This device may send to care/1/${facility}/${session.device}/json, …/cbor, …/state and …/csr only.`,
        });
        return end();
      }
      if (session.waiting >= WAITING_PER_DEVICE) return callback(new Error('the device sends without waiting for acknowledgements'));
      session.waiting++;
      const device = see(session.device);
      device.lastPack = now();
      device.packs++;
      options.changed();
      const receivedAt = now();
      options.take({ topic: packet.topic, device: session.device, format: channel, payload, receivedAt, connection: session }).then(
        () => {
          session.waiting--;
          end();
        },
        (error: Error) => {
          session.waiting--;
          log.debug({ err: error }, 'a pack was not kept; its device is not acknowledged');
          callback(error);
        },
      );
    },
  });

  function refuse(device: string, topic: string, payload: Buffer, reason: RefusalReason, text: Text) {
    see(device).refused++;
    const excerpt = payload.subarray(0, 200).toString('utf8');
    const view = { at: new Date(now()).toISOString(), device, topic: topic.slice(0, 200), reason, text, excerpt };
    publish(deviceTopic(facility, device, 'refused'), Buffer.from(JSON.stringify(view)), false);
  }
  function publish(topic: string, payload: Uint8Array, retain: boolean) {
    const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as AedesPublishPacket;
    aedes.publish(packet, error => error && log.warn({ err: error }, 'a message to a device failed'));
  }

  aedes.on('clientDisconnect', client => {
    const session = sessions.get(client);
    sessions.delete(client);
    if (!session) return;
    options.gone(session);
    if (![...sessions.values()].some(other => other.device === session.device)) see(session.device).connected = false;
    options.changed();
  });
  aedes.on('clientError', (client, error) => log.debug({ client: client.id, err: error }, 'a device’s connection ended'));
  // aedes keeps 'error' out of its types; without a listener it would end the process.
  (aedes as NodeJS.EventEmitter).on('error', error => log.error({ err: error }, 'the broker failed at something'));
  aedes.on('connectionError', (_client, error) => log.debug({ err: error }, 'a connection ended before sign-in'));

  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    gateSocket(socket, {
      limit: PACKET_LIMIT,
      hold: () => false,
      oversized: ({ bytes, topic, beginning }) => {
        const device = sessions.get(client)?.device;
        if (device)
          refuse(device, topic ?? '', beginning, 'packet-too-large', {
            ja: `パケットが大きすぎます（${bytes} バイト、上限 64 KiB）。接続を切りました。分けて送ってください。`,
            en: `The packet is too large (${bytes} bytes, limit 64 KiB). The connection was closed. Send it in parts.`,
          });
      },
    });
    const client = aedes.handle(socket);
  };
  const server = createServer({ noDelay: true }, serve);
  const tlsServer = options.tls && createTlsServer({ ...secureContext(options.tls), noDelay: true }, serve);
  tlsServer?.on('tlsClientError', error => log.debug({ err: error }, 'a TLS connection ended before sign-in'));
  const ports = await (async () => ({
    port: await listen(server, port, host),
    tlsPort: tlsServer && options.tls ? await listen(tlsServer, options.tls.port, host) : null,
  }))().catch(async error => {
    server.close();
    // Its heartbeat would keep the process alive.
    await new Promise<void>(resolve => aedes.close(() => resolve()));
    throw error;
  });

  return {
    ...ports,
    seen,
    deliver: publish,
    cutRevoked() {
      for (const [client, { device, by }] of sessions) if (!roster.holds(device, by)) client.close();
    },
    async close() {
      server.close();
      tlsServer?.close();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Who shows no certificate, or one that is not good, is told so in MQTT: the handshake lets it in. */
const secureContext = ({ cert, key, ca }: { cert: string; key: string; ca: string | null }): TlsOptions => ({
  ...{ cert, key, minVersion: 'TLSv1.2' },
  ...(ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
});

const HUB_AWAY: Text = {
  ja: 'ゲートウェイがハブとつながっていないので、証明書を頼めません。しばらく待ってから送ってください。',
  en: 'The gateway is not connected to the hub, so no certificate can be asked for. Send the request again later.',
};

/** @returns the port that it listens at. */
async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}
