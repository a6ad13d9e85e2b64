// What became of a facility's alerts about BPSD: for learning, without names and words.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import type { Outcome } from './contract.ts';

export interface AlertOutcome {
  /** Patient id. */
  patient: string;
  /** ms since 1970 */
  raisedAt: number;
  /** null while nobody has said. */
  outcome: Exclude<Outcome, 'handled'> | null;
  /** ms since 1970; of outcome `episode`, when it is known. */
  onset: number | null;
}

/** Alerts that were raised in a span (ms since 1970), `from` inclusive, `to` exclusive. The caller answers for who learns of them. */
export async function alertOutcomes(database: Database, facility: string, from: number, to: number): Promise<AlertOutcome[]> {
  const { rows } = await sql<{ patient: string; raised_at: Date; outcome: AlertOutcome['outcome']; onset: Date | null }>`
    select patient, raised_at, outcome, onset from alerts
    where facility = ${facility} and kind = 'bpsd' and raised_at >= ${new Date(from)} and raised_at < ${new Date(to)} order by raised_at`.execute(
    database.kysely,
  );
  return rows.map(row => ({
    patient: row.patient,
    raisedAt: row.raised_at.getTime(),
    outcome: row.outcome,
    onset: row.onset?.getTime() ?? null,
  }));
}
