// The loss of a whole facility's cover is told at the facility, no longer at one of its residents.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table alarm_loss drop column patient`.execute(kysely);
}
