// Counts what came from each device and keeps refused messages aside, in memory for a moment and then in PostgreSQL, never per message.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Profile, Refusal } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';
import { openHealthLedger, type PackNote } from './health-ledger.ts';
import type { DeviceState } from './health-store.ts';
import type { IngestTables } from './tables.ts';

/** Refusals kept per device; older ones go. */
export const REFUSALS_KEPT = 1000;
/** Refusals kept in memory until the next writing; further ones are only counted. */
const REFUSALS_WAITING = 2000;

export interface KeptRefusal extends Refusal {
  facility: string;
  device: string;
  topic: string;
  /** Milliseconds since 1970. */
  at: number;
  excerpt: string;
}

interface Tally {
  facility: string;
  device: string;
  accepted: number;
  refused: number;
  /** Oldest and newest sample, ms since 1970. */
  first: number | null;
  last: number | null;
  /** A gap longer than this between samples counts as silence, ms. */
  silence: number;
}

/** A device that sends nothing for so long is silent: three intervals, at least 5 minutes. Milliseconds. */
export const silenceOf = (profile: Pick<Profile, 'intervalSeconds'> | undefined): number =>
  Math.max(300_000, 3000 * (profile?.intervalSeconds ?? 600));

export interface Ledger {
  accepted(facility: string, device: string, profile: Profile | undefined, times: number[]): void;
  refused(refusal: KeptRefusal, count: number): void;
  /** What a pack said beside its samples, whether they were taken or not. */
  noted(facility: string, device: string, note: PackNote): void;
  /** What a device says of itself, or the broker of its connection; of a gateway with the device `gateway`. */
  state(facility: string, device: string, state: DeviceState): void;
  /** Writes what is waiting now. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** @param everyMilliseconds Pause between writings. Default 1,000. */
export function openLedger({
  database,
  log,
  everyMilliseconds = 1000,
  now = Date.now,
}: {
  database: Database;
  log: Logger;
  everyMilliseconds?: number;
  /** ms since 1970 */
  now?: () => number;
}): Ledger {
  const tables = database.kysely.withTables<IngestTables>();
  const health = openHealthLedger(database, now);
  let tallies = new Map<string, Tally>();
  let refusals: KeptRefusal[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let closed = false;

  function tallyOf(facility: string, device: string): Tally {
    const key = `${facility}/${device}`;
    let tally = tallies.get(key);
    if (!tally) {
      tally = { facility, device, accepted: 0, refused: 0, first: null, last: null, silence: 0 };
      tallies.set(key, tally);
    }
    later();
    return tally;
  }

  function later() {
    if (!closed) timer ??= setTimeout(() => void flush(), everyMilliseconds);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  }

  async function write() {
    const [counted, kept] = [[...tallies.values()], refusals];
    tallies = new Map();
    refusals = [];
    try {
      if (counted.length) await writeTallies(counted);
    } catch (error) {
      log.warn({ err: error }, 'the devices’ counts could not be written; they are kept for the next time');
      for (const tally of counted) merge(tallyOf(tally.facility, tally.device), tally);
    }
    try {
      if (kept.length) await writeRefusals(kept);
    } catch (error) {
      log.warn({ err: error }, 'refused messages could not be kept aside; they are tried again');
      refusals = [...kept, ...refusals].slice(-REFUSALS_WAITING);
      later();
    }
    try {
      await health.write();
    } catch (error) {
      log.warn({ err: error }, 'how the devices are doing could not be written; it is kept for the next time');
      later();
    }
  }

  async function writeTallies(counted: Tally[]) {
    // Sorted, so that two ingest nodes lock rows in the same order.
    counted.sort((a, b) => (`${a.facility}/${a.device}` < `${b.facility}/${b.device}` ? -1 : 1));
    const column = <T>(pick: (tally: Tally) => T) => sql.val(counted.map(pick));
    await sql`
      insert into ingest_device_state as kept (facility, device, last_sample, delivering_since, accepted, refused)
      select n.facility, n.device, to_timestamp(n.last / 1000), case
          when n.first is null then s.delivering_since
          when s.last_sample is null or to_timestamp((n.first - n.silence) / 1000) > s.last_sample then to_timestamp(n.first / 1000)
          else s.delivering_since end, n.accepted, n.refused
      from unnest(${column(t => t.facility)}::text[], ${column(t => t.device)}::text[], ${column(t => t.first)}::float8[],
          ${column(t => t.last)}::float8[], ${column(t => t.silence)}::float8[], ${column(t => t.accepted)}::bigint[],
          ${column(t => t.refused)}::bigint[]) with ordinality as n (facility, device, first, last, silence, accepted, refused, place)
      left join ingest_device_state s on s.facility = n.facility and s.device = n.device
      order by n.place
      on conflict (facility, device) do update set
        last_sample = greatest(kept.last_sample, excluded.last_sample), delivering_since = excluded.delivering_since,
        accepted = kept.accepted + excluded.accepted, refused = kept.refused + excluded.refused`.execute(tables);
  }

  async function writeRefusals(kept: KeptRefusal[]) {
    await tables
      .insertInto('ingest_refusal')
      .values(
        kept.map(({ facility, device, topic, at, reason, text, excerpt }) => ({
          ...{ facility, device, reason, topic: storable(topic), excerpt: storable(excerpt) },
          at: new Date(at),
          ja: storable(text.ja),
          en: storable(text.en),
        })),
      )
      .execute();
    for (const owner of new Map(kept.map(refusal => [`${refusal.facility}/${refusal.device}`, refusal])).values()) {
      await sql`delete from ingest_refusal where facility = ${owner.facility} and device = ${owner.device} and id <= (
        select id from ingest_refusal where facility = ${owner.facility} and device = ${owner.device}
        order by id desc offset ${REFUSALS_KEPT} limit 1)`.execute(tables);
    }
  }

  return {
    accepted(facility, device, profile, times) {
      const [first, last] = [Math.min(...times), Math.max(...times)];
      const silence = silenceOf(profile);
      merge(tallyOf(facility, device), { accepted: times.length, refused: 0, first, last, silence });
      health.samples(facility, device, times, silence);
    },
    noted(facility, device, note) {
      health.pack(facility, device, note);
      later();
    },
    state(facility, device, state) {
      health.state(facility, device, state);
      later();
    },
    refused(refusal, count) {
      if (count) health.refused(refusal.facility, refusal.device);
      tallyOf(refusal.facility, refusal.device).refused += count;
      if (refusals.length < REFUSALS_WAITING) refusals.push(refusal);
    },
    flush,
    async close() {
      closed = true;
      await flush();
    },
  };
}

function merge(into: Tally, more: Omit<Tally, 'facility' | 'device'>) {
  into.accepted += more.accepted;
  into.refused += more.refused;
  if (more.first !== null) into.first = Math.min(into.first ?? more.first, more.first);
  if (more.last !== null) into.last = Math.max(into.last ?? more.last, more.last);
  into.silence = Math.max(into.silence, more.silence);
}

/** PostgreSQL takes no NUL in text, and one row that it does not take would keep all others waiting; topics and names come from devices. */
const storable = (text: string) => text.replace(/\p{Cc}/gu, '·').toWellFormed();
