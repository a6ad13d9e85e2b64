// Two more ways to stand to a patient, both from a permit of the patient's own: holding a link, and having been given what the patient brought along.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table patient_relations drop constraint if exists patient_relations_kind_check;
    alter table patient_relations add constraint patient_relations_kind_check
      check (kind in ('treats', 'residence', 'consulted', 'share', 'phr'));
  `.execute(db);
}
