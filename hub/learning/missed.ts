// Episodes that nobody was warned of, as caregivers report them: without them a model would look better than it is.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import type { Missed } from './windows.ts';

export interface MissedReport {
  patient: string;
  facility: string;
  onset: Date;
  comment: string;
  /** Reference of who reports it. */
  by: string;
  at: Date;
}

/** The same episode twice is one. */
export async function reportMissed(database: Database, { patient, facility, onset, comment, by, at }: MissedReport): Promise<void> {
  await sql`
    insert into missed_episodes (patient, facility, onset, comment, reported_by, reported_at)
    values (${patient}, ${facility}, ${onset}, ${comment}, ${by}, ${at}) on conflict do nothing`.execute(database.kysely);
}

/** Onsets in a span, ms since 1970. */
export async function missedEpisodes(database: Database, facility: string, from: number, to: number): Promise<Missed[]> {
  const { rows } = await sql<{ patient: string; onset: Date }>`
    select patient, onset from missed_episodes where facility = ${facility} and onset >= ${new Date(from)} and onset < ${new Date(to)}`.execute(
    database.kysely,
  );
  return rows.map(({ patient, onset }) => ({ patient, onset: onset.getTime() }));
}
