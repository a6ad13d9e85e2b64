// Conformance runs at the hub's own broker: tells the care role what one device does, packet by packet, and disturbs its line when asked to.
// Costs nothing while no device is observed.
import { randomUUID } from 'node:crypto';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import type { Client, ConnectPacket, PublishPacket } from 'aedes';
import { z } from 'zod';
import type { Connection } from '../../devices/conformance/index.ts';
import { deviceUsername, isId } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';

/** Notifications of `Observation`: what the care role wants of the broker, whole each time and again every few seconds. */
export const OBSERVATION_CHANNEL = 'device-observation';
export const Observation = z.object({
  facility: z.string().refine(isId),
  device: z.string().refine(isId),
  run: z.string(),
  /** False: the run is over. */
  watch: z.boolean(),
  /** The line is down: whoever connects is cut at once. */
  away: z.boolean(),
  /** Packs are stored, but get no PUBACK. */
  withhold: z.boolean(),
  /** How often the connection was to be cut since the run began. */
  cuts: z.number().int(),
  /** Echoed once it is in force. */
  wish: z.number().int(),
});
export type Observation = z.infer<typeof Observation>;

/** Where the care role hears what was seen: a JSON `Sight`. Outside the devices' grammar, so only the hub's own roles get it. */
export const observationTopic = (facility: string, device: string) => `hub/1/observed/${facility}/${device}`;

export type SignIn = 'accepted' | 'secret' | 'certificate' | 'client-id';
/** One thing that was seen. `connection` names the connection it belongs to; `at` is ms since 1970; payloads are base64. */
export type Sight =
  | ({
      kind: 'connect';
      connection: string;
      will: { topic: string; payload: string; qos: 0 | 1 | 2; retain: boolean } | null;
    } & Pick<Connection, 'at' | 'protocol' | 'level' | 'clientId' | 'clean' | 'keepAlive' | 'username'>)
  | { kind: 'sign-in'; connection: string; result: SignIn; certificate: string | null }
  | { kind: 'subscribe'; connection: string; topic: string; allowed: boolean }
  | {
      kind: 'publish';
      connection: string;
      at: number;
      topic: string;
      qos: 0 | 1 | 2;
      retain: boolean;
      dup: boolean;
      payload: string;
      withheld: boolean;
    }
  | { kind: 'end'; connection: string; at: number; end: 'run' | 'device' | 'lost' | 'keep-alive' }
  /** What the care role asked for with this number is in force. */
  | { kind: 'applied'; wish: number }
  /** More was sent than a run looks at. */
  | { kind: 'too-much' };

export interface Observer {
  /** On CONNECT, before anything of the packet is changed. False: the line is down, end the connection without an answer. */
  connecting(client: Client, packet: ConnectPacket): boolean;
  /** @param returnCode CONNACK's: 0 for let in (MQTT 3.1.1 section 3.2.2.3); then `username` says which device it is */
  signedIn(client: Client, returnCode: number, username?: string): void;
  subscribed(client: Client, topic: string, allowed: boolean): void;
  /** On PUBLISH of a connection that is open. True: it gets no PUBACK (it is stored all the same). */
  published(client: Client, packet: PublishPacket): boolean;
  keepAliveOver(client: Client): void;
  /** Whether this connection's messages must come by `published`. */
  watching(client: Client): boolean;
  close(): Promise<void>;
}

/** A run whose care role says nothing for so long is over, ms: its device must not stay cut off. */
const FORGET_AFTER = 20_000;
const IDENTIFIER_REJECTED = 2;
/** What one run looks at in the most. */
const MOST_MESSAGES = 5000;
const MOST_BYTES = 16 * 1024 * 1024;

interface Entry {
  watch: Watch;
  connection: string;
  /** Fingerprint, when it signs in by certificate. */
  certificate: string | null;
  ended: boolean;
}
interface Watch extends Observation {
  heardAt: number;
  messages: number;
  bytes: number;
}

/**
 * @param publish Sends a `Sight` to the hub's own roles.
 * @param cut Ends the device's present connections.
 */
export async function openObserver({
  database,
  publish,
  cut,
  now = Date.now,
}: {
  database: Pick<Database, 'listen'>;
  publish: (topic: string, payload: string) => void;
  cut: (facility: string, device: string) => void;
  now?: () => number;
}): Promise<Observer> {
  /** By username. */
  const watches = new Map<string, Watch>();
  const seen = new WeakMap<Client, Entry>();

  const tell = (watch: Watch, sight: Sight) => publish(observationTopic(watch.facility, watch.device), JSON.stringify(sight));
  function end(client: Client, how: 'run' | 'device' | 'lost' | 'keep-alive') {
    const entry = seen.get(client);
    if (!entry || entry.ended) return;
    entry.ended = true;
    tell(entry.watch, { kind: 'end', connection: entry.connection, at: now(), end: how });
  }
  /** The run that a connection belongs to, while it lasts. */
  function entryOf(client: Client) {
    const entry = seen.get(client);
    return entry && !entry.ended && watches.get(deviceUsername(entry.watch.facility, entry.watch.device)) === entry.watch
      ? entry
      : undefined;
  }

  const stop = await database.listen(OBSERVATION_CHANNEL, payload => {
    const parsed = Observation.safeParse(payload);
    if (!parsed.success) return;
    const wanted = parsed.data;
    const username = deviceUsername(wanted.facility, wanted.device);
    const known = watches.get(username);
    if (!wanted.watch) {
      if (known?.run === wanted.run) watches.delete(username);
      return;
    }
    const watch = known?.run === wanted.run ? known : { ...wanted, cuts: 0, messages: 0, bytes: 0, heardAt: 0 };
    const cuts = wanted.cuts > watch.cuts;
    watches.set(username, Object.assign(watch, wanted, { heardAt: now() }));
    if (cuts) cut(wanted.facility, wanted.device);
    tell(watch, { kind: 'applied', wish: wanted.wish });
  });
  const timer = setInterval(() => {
    for (const [username, { heardAt }] of watches) if (now() - heardAt > FORGET_AFTER) watches.delete(username);
  }, 5000);
  timer.unref();

  return {
    connecting(client, packet) {
      if (!watches.size) return true;
      const peer = peerOf(client.conn);
      const watch = watches.get(packet.username ?? peer?.username ?? '');
      if (!watch) return true;
      if (watch.away) return false;
      const connection = randomUUID();
      seen.set(client, { watch, connection, certificate: (!packet.password?.length && peer?.fingerprint) || null, ended: false });
      tell(watch, {
        ...{ kind: 'connect', connection, at: now(), protocol: packet.protocolId ?? '', level: packet.protocolVersion ?? 0 },
        ...{ clientId: packet.clientId ?? '', clean: packet.clean ?? false, keepAlive: packet.keepalive ?? 0 },
        username: packet.username ?? null,
        will: packet.will
          ? {
              topic: packet.will.topic,
              payload: Buffer.from(packet.will.payload).toString('base64'),
              qos: packet.will.qos ?? 0,
              retain: packet.will.retain ?? false,
            }
          : null,
      });
      const { conn } = client;
      conn.once('end', () => end(client, hasSaidGoodbye(client) ? 'device' : 'lost'));
      conn.once('close', () => end(client, hasSaidGoodbye(client) ? 'device' : 'lost'));
      return true;
    },
    signedIn(client, returnCode, username) {
      const entry = entryOf(client);
      if (!entry) {
        // It was on its way in when the run began: its next sign-in is seen whole.
        if (username !== undefined && watches.has(username)) setImmediate(() => client.conn.destroy());
        return;
      }
      const { connection, certificate } = entry;
      const refused = returnCode === IDENTIFIER_REJECTED ? 'client-id' : certificate === null ? 'secret' : 'certificate';
      tell(entry.watch, { kind: 'sign-in', connection, result: returnCode === 0 ? 'accepted' : refused, certificate });
    },
    subscribed(client, topic, allowed) {
      const entry = entryOf(client);
      if (entry) tell(entry.watch, { kind: 'subscribe', connection: entry.connection, topic: topic.slice(0, 500), allowed });
    },
    published(client, packet) {
      const entry = entryOf(client);
      // A last will is published after its connection ended; CONNECT has told it already.
      if (!entry || client.closed) return false;
      const { watch, connection } = entry;
      const payload = Buffer.from(packet.payload);
      if (watch.messages >= MOST_MESSAGES || watch.bytes >= MOST_BYTES) return false;
      watch.messages++;
      watch.bytes += payload.byteLength;
      if (watch.messages === MOST_MESSAGES || watch.bytes >= MOST_BYTES) tell(watch, { kind: 'too-much' });
      const withheld = watch.withhold && packet.qos === 1 && /\/(json|cbor)$/.test(packet.topic);
      tell(watch, {
        ...{ kind: 'publish', connection, at: now(), topic: packet.topic, qos: packet.qos, retain: packet.retain, dup: packet.dup },
        ...{ payload: payload.toString('base64'), withheld },
      });
      return withheld;
    },
    keepAliveOver: client => end(client, 'keep-alive'),
    watching: client => seen.has(client),
    async close() {
      clearInterval(timer);
      watches.clear();
      await stop();
    },
  };
}

/** Whose certificate a connection brings: user name as in its alternative name `urn:hub:device:<facility>:<device>`. */
function peerOf(socket: unknown): { username: string; fingerprint: string } | null {
  if (!(socket instanceof TLSSocket)) return null;
  // Null, against its type, once the connection is gone.
  const { fingerprint256, subjectaltname } = (socket.getPeerCertificate() as PeerCertificate | null) ?? {};
  const [, facility, device] = /URI:urn:hub:device:([^:,]+):([^:,]+)/.exec(subjectaltname ?? '') ?? [];
  return fingerprint256 && facility && device ? { username: `${facility}/${device}`, fingerprint: fingerprint256 } : null;
}

/** aedes notes a DISCONNECT here, and nowhere else. */
const hasSaidGoodbye = (client: Client) => (client as { _disconnected?: boolean })._disconnected === true;
