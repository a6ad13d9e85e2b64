// What aedes does otherwise than MQTT 3.1.1 says, mended at its clients. With which QoS a subscriber gets a message: the smaller of the
// message's and the highest granted to any of its filters that match (section 3.8.4, MQTT-3.3.5-1); aedes takes that of whichever filter it
// comes upon first. And a filter that stands twice in one SUBSCRIBE is answered twice (MQTT-3.9.3-1); aedes answers it once.
import type { EventEmitter } from 'node:events';
import type { Aedes, Client, PublishPacket } from 'aedes';

type Deliver = (packet: PublishPacket, done: (error?: Error) => void) => void;
/** What aedes keeps of a client and does not put into its types. */
interface Delivering {
  deliver0: Deliver;
  deliverQoS: Deliver;
  subscriptions: Record<string, { qos: number } | undefined>;
  connackSent: boolean;
  closed: boolean;
  _parser: EventEmitter;
  _keepaliveTimer: NodeJS.Timeout | null;
}
interface Parsed {
  cmd: string;
  subscriptions?: { topic: string }[];
}

export interface Deliveries {
  /** To be called for each new connection. */
  follow(client: Client): void;
  granted(client: Client, filter: string, qos: number): void;
  removed(client: Client, filters: string[]): void;
  /** The message as this client may get it (aedes: `authorizeForward`). */
  forward<T extends { topic: string; qos: number }>(client: Client, packet: T): T;
}

export function openDeliveries(): Deliveries {
  const grants = new WeakMap<Client, Map<string, number>>();
  return {
    follow(client) {
      const delivering = client as unknown as Delivering;
      const { deliver0, deliverQoS } = delivering;
      // What is published with a QoS is delivered by it even when a filter with QoS 0 is met first; `forward` then says with which.
      delivering.deliver0 = (packet, done) => (packet.qos === 0 ? deliver0(packet, done) : deliverQoS(packet, done));
      delivering._parser.prependListener('packet', keepTwins);
    },
    granted(client, filter, qos) {
      const filters = grants.get(client) ?? new Map<string, number>();
      grants.set(client, filters.set(filter, qos));
    },
    removed(client, filters) {
      for (const filter of filters) grants.get(client)?.delete(filter);
    },
    forward(client, packet) {
      let highest = 0;
      for (const [filter, qos] of grants.get(client) ?? []) if (qos > highest && matches(filter, packet.topic)) highest = qos;
      packet.qos = Math.min(packet.qos, highest);
      // aedes lowers to this one again.
      const same = (client as unknown as Delivering).subscriptions[packet.topic];
      if (same) same.qos = highest;
      return packet;
    },
  };
}

/**
 * Before aedes sees a SUBSCRIBE: it keeps one of the subscriptions whose filters are the same text. Text objects are each themselves, so it
 * keeps them all; `filterOf` makes text of them again.
 */
function keepTwins({ cmd, subscriptions }: Parsed) {
  if (cmd !== 'subscribe' || !subscriptions || subscriptions.length < 2) return;
  const seen = new Set<string>();
  for (const subscription of subscriptions) {
    if (seen.has(subscription.topic)) subscription.topic = Object(subscription.topic);
    else seen.add(subscription.topic);
  }
}

/** The filter of a subscription that aedes asks about, from then on text. */
export function filterOf(subscription: { topic: string }): string {
  subscription.topic = String(subscription.topic);
  return subscription.topic;
}

/** Where aedes asks for the subscriptions with which a session begins that is resumed. */
export function restoreFrom(aedes: Aedes, of: (clientId: string) => { topic: string; qos: number }[]): void {
  const { persistence } = aedes as unknown as { persistence: { subscriptionsByClient(client: { id: string }): Promise<object[]> } };
  persistence.subscriptionsByClient = async ({ id }) => of(id);
}

/** Whether the client's CONNACK is out and its connection not over. */
export function isOpen(client: Client): boolean {
  const { connackSent, closed } = client as unknown as Delivering;
  return connackSent && !closed;
}

/** Something came from the client that aedes did not see: its keep-alive begins anew (MQTT-3.1.2-24). */
export function heard(client: Client): void {
  (client as unknown as Delivering)._keepaliveTimer?.refresh();
}

/** Whether a topic filter names the topic (MQTT 3.1.1 section 4.7). */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const [wanted, given] = [filter.split('/'), topic.split('/')];
  if (topic.startsWith('$') && (wanted[0] === '#' || wanted[0] === '+')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}
