// What was added to the log odds of a prediction to fit it to the person; null where nothing was.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table predictions add column personal double precision`.execute(kysely);
}
