// A facility's on-call list and its shifts: who is called, after how long, by which ways, in which hours.
import { sql } from 'kysely';
import type { Hours, OnCall, Step } from './contract.ts';
import type { Connection } from './store.ts';

const always = { hours: null };
/** The hub's own list: those on the floor at once, the manager after five minutes; for what can wait, the manager after half an hour. */
export const DEFAULT_STEPS: Step[] = [
  { ...always, who: { role: 'caregiver' }, afterSeconds: 0, ways: ['live', 'push'], tiers: ['urgent', 'act', 'watch'] },
  { ...always, who: { role: 'manager' }, afterSeconds: 300, ways: ['live', 'push', 'mail'], tiers: ['urgent', 'act'] },
  { ...always, who: { role: 'manager' }, afterSeconds: 1800, ways: ['live'], tiers: ['watch'] },
];
export const DEFAULT_ON_CALL: OnCall = { steps: DEFAULT_STEPS, forgottenMinutes: { urgent: 15, act: 60, watch: 480 } };

const TOKYO = 9 * 3_600_000;
const DAY = 86_400_000;
const msOf = (time: string) => (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * 60_000;

/** Whether a time (ms since 1970) lies in the hours: `from` inclusive, `to` exclusive. */
export function inHours(hours: Hours | null, at: number): boolean {
  if (!hours) return true;
  const [from, to, time] = [msOf(hours.from), msOf(hours.to), (at + TOKYO) % DAY];
  if (from === to) return true;
  return from < to ? time >= from && time < to : time >= from || time < to;
}

/** The last begin of the hours at or before `at`, and the end that belongs to it, ms since 1970. */
export function spanAround(hours: Hours, at: number): { from: number; to: number } {
  const midnight = Math.floor((at + TOKYO) / DAY) * DAY - TOKYO;
  const today = midnight + msOf(hours.from);
  const from = today <= at ? today : today - DAY;
  const length = (msOf(hours.to) - msOf(hours.from) + DAY) % DAY || DAY;
  return { from, to: from + length };
}

export interface StoredOnCall {
  list: OnCall;
  changedBy: string | null;
  changedAt: Date | null;
}

/** The facility's list, or the hub's own. */
export async function readOnCall(connection: Connection, facility: string): Promise<StoredOnCall> {
  const { rows } = await sql<{ list: OnCall; changed_by: string; changed_at: Date }>`
    select list, changed_by, changed_at from alert_on_call where facility = ${facility}`.execute(connection);
  const [row] = rows;
  return row
    ? { list: row.list, changedBy: row.changed_by, changedAt: row.changed_at }
    : { list: DEFAULT_ON_CALL, changedBy: null, changedAt: null };
}

/** An empty list takes the facility's own away. */
export async function writeOnCall(connection: Connection, facility: string, list: OnCall, by: string, at: Date): Promise<void> {
  if (!list.steps.length) await sql`delete from alert_on_call where facility = ${facility}`.execute(connection);
  else
    await sql`
      insert into alert_on_call (facility, list, changed_by, changed_at) values (${facility}, ${JSON.stringify(list)}::jsonb, ${by}, ${at})
      on conflict (facility) do update set list = excluded.list, changed_by = excluded.changed_by, changed_at = excluded.changed_at`.execute(
      connection,
    );
}
