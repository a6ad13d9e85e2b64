// What a facility's calibration is fitted on: the shipped model's own probability beside the one that was shown, and what it speaks of.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table predictions add column base_probability double precision`.execute(kysely);
  await sql`update predictions set base_probability = probability`.execute(kysely);
  await sql`alter table prediction_models add column alert_horizon integer not null default 60`.execute(kysely);
  await sql`create index predictions_facility on predictions (facility, made_at)`.execute(kysely);
}
