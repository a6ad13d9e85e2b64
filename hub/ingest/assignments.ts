// Which devices watched a person, and when: for a report about them.
import type { Database } from '../store/index.ts';
import type { IngestTables } from './tables.ts';

export interface AssignmentSpan {
  facility: string;
  device: string;
  /** Device profile, e.g. `bed`. */
  profile: string;
  from: Date;
  /** null while it lasts. */
  to: Date | null;
}

/** Assignments of a subject (`Patient/…`) that touch a span, in order of time. The caller has the right to the subject's vitals. */
export async function assignmentsOf(database: Database, subject: string, from: Date, to: Date): Promise<AssignmentSpan[]> {
  return database.kysely
    .withTables<IngestTables>()
    .selectFrom('ingest_assignment as a')
    .innerJoin('ingest_device as d', join => join.onRef('d.facility', '=', 'a.facility').onRef('d.device', '=', 'a.device'))
    .select(['a.facility', 'a.device', 'd.profile', 'a.from', 'a.to'])
    .where('a.subject', '=', subject)
    .where('a.from', '<', to)
    .where(row => row.or([row('a.to', 'is', null), row('a.to', '>', from)]))
    .orderBy('a.from')
    .execute();
}
