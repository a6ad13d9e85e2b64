// How each device is doing, in PostgreSQL: notes of several ingest nodes come together here, under the row's lock.
import { sql, type Transaction } from 'kysely';
import { GATEWAY, isDrifting } from '../../devices/index.ts';
import type { Database, NoTables } from '../store/index.ts';
import { follow, missingPacks, type SeenRun, type SequenceState } from './sequence.ts';
import { joinSpans, type Span } from './spans.ts';

/** Notification {facility}: a device of the facility does better or worse than before. */
export const HEALTH_CHANNEL = 'device-health';
/** A battery below this share is low. */
export const LOW_BATTERY = 0.2;

/** What a device says of itself, or the broker of its connection. */
export interface DeviceState {
  connected?: boolean;
  /** Charge, 0 … 1. */
  battery?: number;
}

/** All that was noted of a device since the last writing. */
export interface HealthNotes extends DeviceState {
  facility: string;
  device: string;
  seen: SeenRun[];
  spans: Span[];
  /** The longest pause between samples that is no gap, ms. */
  allowed: number;
  /** ms; undefined when nothing new is known. */
  clock?: number | null;
  refused: boolean;
}

/** A row of `ingest_device_health`. */
export interface HealthRow {
  facility: string;
  device: string;
  /** null while no pack with a number came. */
  sequence: SequenceState | null;
  spans: Span[];
  /** null while neither the device nor the broker said. */
  connected: boolean | null;
  connected_since: Date | null;
  /** 0 … 1 */
  battery: number | null;
  battery_at: Date | null;
  /** What must be added to the device's times, s. */
  clock_offset: number | null;
  last_refused: Date | null;
}

/** All rows of a facility, by device: one query. */
export async function healthRows(database: Database, facility: string): Promise<Map<string, HealthRow>> {
  const { rows } = await sql<HealthRow>`select * from ingest_device_health where facility = ${facility}`.execute(database.kysely);
  return new Map(rows.map(row => [row.device, row]));
}

/** Two queries for all devices, and a notification for each facility where something is other than before. */
export async function writeNotes(database: Database, notes: HealthNotes[], now: number): Promise<void> {
  if (!notes.length) return;
  const changed = new Set<string>();
  await database.kysely.transaction().execute(async transaction => {
    const before = await lockRows(transaction, notes);
    const rows: HealthRow[] = [];
    for (const noted of notes) {
      const row = before.get(`${noted.facility}/${noted.device}`);
      // A device that nobody registered has none.
      if (!row) continue;
      const next = after(row, noted, now);
      if (standing(row, noted.allowed, now) !== standing(next, noted.allowed, now)) changed.add(row.facility);
      rows.push(next);
    }
    await save(transaction, rows);
    for (const facility of changed) await sql`select pg_notify(${HEALTH_CHANNEL}, ${JSON.stringify({ facility })})`.execute(transaction);
  });
}

function after(row: HealthRow, noted: HealthNotes, now: number): HealthRow {
  const turned = noted.connected !== undefined && noted.connected !== row.connected;
  return {
    ...row,
    sequence: noted.seen.length ? follow(row.sequence, noted.seen, now) : row.sequence,
    spans: noted.spans.length ? joinSpans(row.spans, noted.spans, noted.allowed, now) : row.spans,
    connected: noted.connected ?? row.connected,
    connected_since: turned ? new Date(now) : row.connected_since,
    battery: noted.battery ?? row.battery,
    battery_at: noted.battery === undefined ? row.battery_at : new Date(now),
    clock_offset: noted.clock === undefined ? row.clock_offset : noted.clock === null ? null : noted.clock / 1000,
    last_refused: noted.refused ? new Date(now) : row.last_refused,
  };
}

/** What a page shows of it, in short: when it stays the same, nobody needs to look again. */
function standing(row: HealthRow, allowed: number, now: number): string {
  const newest = row.spans.at(-1)?.[1];
  return JSON.stringify([
    row.connected,
    row.sequence && [missingPacks(row.sequence), row.sequence.resets],
    row.battery !== null && row.battery < LOW_BATTERY,
    isDrifting(row.clock_offset && row.clock_offset * 1000),
    newest === undefined || now - newest > allowed / 2,
    row.last_refused !== null && now - row.last_refused.getTime() < 60_000,
  ]);
}

/** The devices' rows, made where missing, locked in one order so that two nodes do not wait for each other. */
async function lockRows(transaction: Transaction<NoTables>, notes: HealthNotes[]): Promise<Map<string, HealthRow>> {
  const named = sql`unnest(${notes.map(one => one.facility)}::text[], ${notes.map(one => one.device)}::text[]) as n (facility, device)`;
  const lock = async () => {
    const { rows } = await sql<HealthRow>`select h.* from ingest_device_health h join ${named} using (facility, device)
      order by h.facility, h.device for update of h`.execute(transaction);
    return rows;
  };
  let rows = await lock();
  if (rows.length < notes.length) {
    await sql`insert into ingest_device_health (facility, device) select n.facility, n.device from ${named}
      where n.device = ${GATEWAY} or exists (select from ingest_device d where d.facility = n.facility and d.device = n.device)
      order by n.facility, n.device on conflict do nothing`.execute(transaction);
    rows = await lock();
  }
  return new Map(rows.map(row => [`${row.facility}/${row.device}`, row]));
}

async function save(transaction: Transaction<NoTables>, rows: HealthRow[]) {
  if (!rows.length) return;
  await sql`
    update ingest_device_health h set sequence = n.sequence, spans = n.spans, connected = n.connected, connected_since = n.connected_since,
      battery = n.battery, battery_at = n.battery_at, clock_offset = n.clock_offset, last_refused = n.last_refused
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (facility text, device text, sequence jsonb, spans jsonb, connected boolean,
      connected_since timestamptz, battery real, battery_at timestamptz, clock_offset double precision, last_refused timestamptz)
    where h.facility = n.facility and h.device = n.device`.execute(transaction);
}
