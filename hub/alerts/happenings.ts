// What happened with alerts, as it was written beside each change: raised, paged, taken, forgotten, closed, consulted.
import { sql } from 'kysely';
import type { Happening } from './contract.ts';
import type { Connection } from './store.ts';

/** In order of time, at most 2,000. The caller answers for who may see these alerts. */
export async function happenings(connection: Connection, alerts: string[], since: Date): Promise<Happening[]> {
  const { rows } = await sql<Omit<Happening, 'at' | 'by'> & { at: Date; by_name: string | null }>`
    select alert, at, what, by_name, detail from alert_events
    where alert = any(${alerts}::uuid[]) and at >= ${since} order by id limit 2000`.execute(connection);
  return rows.map(({ at, by_name, ...one }) => ({ ...one, at: at.toISOString(), by: by_name }));
}
