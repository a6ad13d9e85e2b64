// Who follows what at the broker: whether a filter may be followed, and whether anybody listens to what ingest itself would publish.
import type { Client } from 'aedes';
import type { Login } from '../../devices/index.ts';
import { maySubscribe } from './rights.ts';

/** What one gateway may follow: a few topics of each device of the largest facility. */
const GATEWAY_FILTERS = 20_000;

export interface Following {
  /** Whether the login may follow the filter; a gateway not without end. */
  may(client: Client, login: Login, filter: string): boolean;
  /** The client follows these now. */
  began(client: Client, filters: readonly string[]): void;
  ended(client: Client, filters: readonly string[]): void;
  /** The client is gone. */
  left(client: Client): void;
  /** Whether anybody follows this device's messages on `hub/1/bench/…`. */
  benchWatched(device: string): boolean;
  /** Whether anybody has subscribed to what is stored, `hub/1/stored/…`. */
  storedWatched(): boolean;
}

export function openFollowing(): Following {
  const ofGateways = new WeakMap<Client, Set<string>>();
  const benches = new Map<Client, Set<string>>();
  const stored = new Map<Client, Set<string>>();

  const withinLimit = (client: Client, filter: string) => {
    const own = ofGateways.get(client) ?? new Set();
    ofGateways.set(client, own);
    if (own.add(filter).size <= GATEWAY_FILTERS) return true;
    own.delete(filter);
    return false;
  };
  const add = (to: Map<Client, Set<string>>, client: Client, names: string[]) => {
    if (names.length) to.set(client, new Set([...(to.get(client) ?? []), ...names]));
  };

  return {
    may: (client, login, filter) => maySubscribe(login, filter) && (login.kind !== 'gateway' || withinLimit(client, filter)),
    began(client, filters) {
      add(stored, client, filters.filter(mayNameStored));
      add(benches, client, filters.filter(filter => filter.startsWith('hub/1/')).map(benchDevice));
    },
    ended(client, filters) {
      for (const filter of filters) {
        ofGateways.get(client)?.delete(filter);
        benches.get(client)?.delete(benchDevice(filter));
        const own = stored.get(client);
        if (own?.delete(filter) && !own.size) stored.delete(client);
      }
    },
    left(client) {
      benches.delete(client);
      stored.delete(client);
    },
    benchWatched(device) {
      for (const devices of benches.values()) if (devices.has(device) || devices.has('*')) return true;
      return false;
    },
    storedWatched: () => stored.size > 0,
  };
}

/** Which device a bench subscription follows: `hub/1/bench/<facility>/<device>`; `*` for one with a wildcard there. */
function benchDevice(topic: string): string {
  const [, , area, , device] = topic.split('/');
  if (area !== 'bench' && area !== '#' && area !== '+') return '';
  return device === undefined || device === '+' || device === '#' ? '*' : device;
}

/** Whether a topic filter may name what ingest publishes on `hub/1/stored/…`. */
function mayNameStored(filter: string): boolean {
  const levels = filter.split('/');
  for (const [index, level] of ['hub', '1', 'stored'].entries()) {
    if (levels[index] === '#') return true;
    if (levels[index] !== '+' && levels[index] !== level) return false;
  }
  return true;
}
