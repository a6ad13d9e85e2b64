// What the alarms keep in PostgreSQL: running alarms of devices, losses of cover that were told, limits of residents.
import { sql } from 'kysely';
import type { AlarmLimits, AlarmState } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';
import type { Loss } from './cover.ts';

/** A device and how far each of its rules is: what a restart must not forget. */
export interface KeptDevice {
  facility: string;
  device: string;
  state: AlarmState;
}

/** Of all facilities. */
export async function keptDevices({ kysely }: Database): Promise<KeptDevice[]> {
  return (await sql<KeptDevice>`select facility, device, state from alarm_device`.execute(kysely)).rows;
}

/** In place of what was kept of these devices. */
export async function keepDevices({ kysely }: Database, devices: KeptDevice[]): Promise<void> {
  if (!devices.length) return;
  await sql`insert into alarm_device (facility, device, state)
    select facility, device, state from jsonb_to_recordset(${JSON.stringify(devices)}::jsonb) as n (facility text, device text, state jsonb)
    order by facility, device on conflict (facility, device) do update set state = excluded.state`.execute(kysely);
}

/** Losses of cover that were told and are not over; `since` in ms since 1970. */
export async function keptLosses({ kysely }: Database): Promise<Loss[]> {
  const { rows } = await sql<Omit<Loss, 'since'> & { since: Date }>`select facility, resident, key, since from alarm_loss`.execute(kysely);
  return rows.map(row => ({ ...row, since: row.since.getTime() }));
}

/** One for a resident, or for the whole facility: a later one takes its place. */
export async function keepLoss({ kysely }: Database, { facility, resident, key, since }: Loss): Promise<void> {
  await sql`insert into alarm_loss (facility, resident, key, since)
    values (${facility}, ${resident}, ${key}, ${new Date(since)})
    on conflict (facility, resident) do update set key = excluded.key, since = excluded.since`.execute(kysely);
}

/** Cover is back. */
export async function forgetLoss({ kysely }: Database, { facility, resident }: Loss): Promise<void> {
  await sql`delete from alarm_loss where facility = ${facility} and resident = ${resident}`.execute(kysely);
}

interface LimitRow {
  patient: string;
  rule: string;
  below: number | null;
  above: number | null;
  off: boolean;
}

/** By resident; of all, or of these. */
export async function limitsOf({ kysely }: Database, patients: string[] | null = null): Promise<Map<string, AlarmLimits>> {
  const { rows } = await sql<LimitRow>`select patient, rule, below, above, off from alarm_limit
    where ${patients}::text[] is null or patient = any(${patients}::text[])`.execute(kysely);
  const limits = new Map<string, Record<string, AlarmLimits[string]>>();
  for (const { patient: whose, rule, below, above, off } of rows) {
    const own = limits.get(whose) ?? {};
    limits.set(whose, own);
    own[rule] = { ...(below === null ? {} : { below }), ...(above === null ? {} : { above }), ...(off ? { off } : {}) };
  }
  return limits;
}

/** In place of all that were there. @param by Who set them, e.g. `Practitioner/…` */
export async function setLimits({ kysely }: Database, patient: string, limits: AlarmLimits, by: string, at: Date): Promise<void> {
  const rows = Object.entries(limits).map(([rule, { below = null, above = null, off = false }]) => ({ rule, below, above, off }));
  await kysely.transaction().execute(async transaction => {
    await sql`delete from alarm_limit where patient = ${patient}`.execute(transaction);
    await sql`insert into alarm_limit (patient, rule, below, above, off, set_by, set_at)
      select ${patient}, n.rule, n.below, n.above, n.off, ${by}, ${at}
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (rule text, below double precision, above double precision, off boolean)`.execute(
      transaction,
    );
  });
}
