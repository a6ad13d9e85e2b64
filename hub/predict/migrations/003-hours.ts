// Which hours of a resident's predictions are in the record, as one RiskAssessment each. `assessment` is null while it is being written.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`create table prediction_hours (patient text not null, hour timestamptz not null, begun timestamptz not null, assessment text,
    primary key (patient, hour))`.execute(kysely);
  await sql`create index on prediction_hours (begun)`.execute(kysely);
}
