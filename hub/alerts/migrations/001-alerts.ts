// Alerts: raised by a prediction, acknowledged, and closed with what really happened.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  await database.schema
    .createTable('alerts')
    .addColumn('id', 'uuid', column => column.primaryKey().defaultTo(sql`gen_random_uuid()`))
    .addColumn('patient', 'text', column => column.notNull())
    .addColumn('facility', 'text', column => column.notNull())
    .addColumn('raised_at', 'timestamptz', column => column.notNull())
    .addColumn('prediction', 'jsonb', column => column.notNull())
    .addColumn('state', 'text', column => column.notNull().check(sql`state in ('open', 'acknowledged', 'resolved')`))
    .addColumn('fell_at', 'timestamptz')
    .addColumn('acknowledged_by', 'text')
    .addColumn('acknowledged_reference', 'text')
    .addColumn('acknowledged_at', 'timestamptz')
    .addColumn('outcome', 'text', column => column.check(sql`outcome in ('episode', 'prevented', 'false', 'unknown')`))
    .addColumn('onset', 'timestamptz')
    .addColumn('comment', 'text')
    .addColumn('resolved_by', 'text')
    .addColumn('resolved_reference', 'text')
    .addColumn('resolved_at', 'timestamptz')
    .addColumn('assessment', 'text')
    .execute();
  // Two predict processes may see the same rise: the database lets one of them raise it.
  await sql`create unique index alerts_one_unresolved on alerts (patient) where state <> 'resolved'`.execute(database);
  await sql`create index alerts_patient on alerts (patient, raised_at desc)`.execute(database);
  await sql`create index alerts_facility on alerts (facility, raised_at desc)`.execute(database);
}
