// Alerts of other kinds than a predicted risk: a call, a fall, a vital sign out of bounds, nobody watched. Each has its cause in words.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  await sql`
    alter table alerts
      add column kind text not null default 'bpsd' check (kind in ('bpsd', 'call', 'fall', 'vital', 'uncovered')),
      add column detail jsonb,
      alter column prediction drop not null,
      add constraint alerts_say_why check (kind <> 'bpsd' or prediction is not null)`.execute(database);
  await sql`drop index alerts_one_unresolved`.execute(database);
  await sql`create unique index alerts_one_unresolved on alerts (patient, kind) where state <> 'resolved'`.execute(database);
  // Each cause counts once, however often and by however many processes it is told.
  await database.schema
    .createTable('alert_causes')
    .addColumn('key', 'text', column => column.primaryKey())
    .addColumn('alert', 'uuid', column => column.notNull().references('alerts.id').onDelete('cascade'))
    .addColumn('at', 'timestamptz', column => column.notNull())
    .execute();
  await sql`create index alert_causes_alert on alert_causes (alert)`.execute(database);
}
