// Alerts in PostgreSQL: their rows, and the ways to find them. They are changed through changing.ts alone.
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Text } from '../http/problem.ts';
import type { NoTables } from '../store/index.ts';
import type { AlertKind, AlertView, Outcome, PredictionView } from './contract.ts';

export interface AlertRow {
  id: string;
  /** null: of a place, or without one of the whole facility. */
  patient: string | null;
  /** Location id */
  place: string | null;
  facility: string;
  kind: AlertKind;
  raised_at: Date;
  /** Not null for kind `bpsd`. */
  prediction: PredictionView | null;
  detail: Text | null;
  state: AlertView['state'];
  fell_at: Date | null;
  acknowledged_by: string | null;
  acknowledged_at: Date | null;
  outcome: Outcome | null;
  onset: Date | null;
  comment: string | null;
  resolved_by: string | null;
  resolved_at: Date | null;
  assessment: string | null;
  /** Roles and accounts whose live page it calls. */
  paged: string[];
  forgotten_by: string | null;
  forgotten_at: Date | null;
  /** Encounter id */
  consultation: string | null;
}

export type Connection = Kysely<NoTables> | Transaction<NoTables>;

/** The newest alert of a predicted risk, of each of the patients that has one. */
export async function lastAlerts(connection: Connection, patients: string[]): Promise<Map<string, AlertRow>> {
  if (!patients.length) return new Map();
  const { rows } = await sql<AlertRow>`
    select a.* from unnest(${patients}::text[]) as wanted(patient)
    cross join lateral (select * from alerts where patient = wanted.patient and kind = 'bpsd' order by raised_at desc limit 1) a`.execute(
    connection,
  );
  return new Map(rows.flatMap(row => (row.patient === null ? [] : [[row.patient, row] as const])));
}

export async function alertById(connection: Connection, id: string): Promise<AlertRow | null> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null;
  const { rows } = await sql<AlertRow>`select * from alerts where id = ${id}::uuid`.execute(connection);
  return rows[0] ?? null;
}

/** Newest first, at most 500. */
export async function alertsOfFacility(connection: Connection, facility: string, states: AlertView['state'][]): Promise<AlertRow[]> {
  const { rows } = await sql<AlertRow>`
    select * from alerts where facility = ${facility} and state = any(${states}::text[]) order by raised_at desc limit 500`.execute(
    connection,
  );
  return rows;
}

/** In order of time; `from` inclusive, `to` exclusive. */
export async function alertsOfPatient(connection: Connection, patient: string, from: Date, to: Date): Promise<AlertRow[]> {
  const { rows } = await sql<AlertRow>`
    select * from alerts where patient = ${patient} and raised_at >= ${from} and raised_at < ${to} order by raised_at limit 1000`.execute(
    connection,
  );
  return rows;
}

/** Unresolved alerts of the patients. */
export async function unresolvedOf(connection: Connection, patients: string[]): Promise<Map<string, AlertRow[]>> {
  if (!patients.length) return new Map();
  const { rows } = await sql<AlertRow>`
    select * from alerts where patient = any(${patients}::text[]) and state <> 'resolved'`.execute(connection);
  return Map.groupBy(rows, row => row.patient ?? '');
}

/** Unresolved alerts of a facility that concern no resident. */
export async function unresolvedOfPlaces(connection: Connection, facility: string): Promise<AlertRow[]> {
  const { rows } = await sql<AlertRow>`
    select * from alerts where facility = ${facility} and patient is null and state <> 'resolved'`.execute(connection);
  return rows;
}
