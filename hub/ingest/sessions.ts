// Sessions that outlive their connection (MQTT 3.1.1 section 3.1.2.4): which filters a client had subscribed, for its next connection with
// clean session 0. Messages do not wait: what the hub sends is retained or of QoS 0, which need not be stored (3.1.2.4, 4.1), so nothing grows
// in memory for those who are away. Sessions are few per login and end by themselves, as section 4.1 allows.

/** A session whose client stays away ends after this, ms. */
const KEPT_FOR = 86_400_000;
/** Sessions of one login and of all; above it those that were used longest ago end. */
const PER_LOGIN = 4;
const ALL = 20_000;
/** Filters of one session that are remembered. */
const FILTERS = 64;

export interface Subscribed {
  topic: string;
  qos: 0 | 1 | 2;
}

interface Session {
  login: string;
  filters: Map<string, 0 | 1 | 2>;
  /** The connection that has it. */
  client: object | null;
  /** When its connection ended, ms since 1970. */
  ended: number;
}

export class KeptSessions {
  /** By client id with the login in front; in order of last use. */
  readonly #sessions = new Map<string, Session>();
  readonly #byClient = new WeakMap<object, Session>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A client is let in that wants its session kept. @returns What it had subscribed; empty when there was no session. */
  resume(client: object, id: string, login: string): Subscribed[] {
    const known = this.#sessions.get(id);
    const good = known && (known.client || this.#now() - known.ended < KEPT_FOR) ? known : null;
    const session = good ?? { login, filters: new Map(), client: null, ended: 0 };
    session.client = client;
    this.#byClient.set(client, session);
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    if (!good) this.#makeRoom(login);
    return this.of(id);
  }
  /** A client is let in with clean session 1: what was kept under its id ends (MQTT-3.1.2-6). */
  discard(id: string): void {
    this.#sessions.delete(id);
  }
  of(id: string): Subscribed[] {
    return [...(this.#sessions.get(id)?.filters ?? [])].map(([topic, qos]) => ({ topic, qos }));
  }

  subscribed(client: object, filter: string, qos: 0 | 1 | 2): void {
    const filters = this.#byClient.get(client)?.filters;
    if (filters && (filters.size < FILTERS || filters.has(filter))) filters.set(filter, qos);
  }
  unsubscribed(client: object, filters: readonly string[]): void {
    for (const filter of filters) this.#byClient.get(client)?.filters.delete(filter);
  }
  ended(client: object): void {
    const session = this.#byClient.get(client);
    if (session?.client !== client) return;
    session.client = null;
    session.ended = this.#now();
  }

  #makeRoom(login: string) {
    let own = 0;
    for (const [, session] of this.#sessions) if (session.login === login) own++;
    for (const [id, session] of this.#sessions) {
      const over = own > PER_LOGIN && session.login === login;
      const old = !session.client && this.#now() - session.ended >= KEPT_FOR;
      if (!over && !old && this.#sessions.size <= ALL) continue;
      if (session.login === login) own--;
      this.#sessions.delete(id);
    }
  }
}
