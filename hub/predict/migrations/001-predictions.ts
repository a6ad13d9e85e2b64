// What was predicted for each resident, cycle by cycle, and with which model. Kept for 90 days; an alert keeps its own copy.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  await database.schema
    .createTable('predictions')
    .addColumn('id', 'bigint', column => column.primaryKey().generatedAlwaysAsIdentity())
    .addColumn('patient', 'text', column => column.notNull())
    .addColumn('facility', 'text', column => column.notNull())
    .addColumn('at', 'timestamptz', column => column.notNull())
    .addColumn('made_at', 'timestamptz', column => column.notNull())
    .addColumn('stands_until', 'timestamptz', column => column.notNull())
    .addColumn('horizon_minutes', 'integer', column => column.notNull())
    .addColumn('probability', 'double precision')
    .addColumn('probabilities', 'jsonb', column => column.notNull())
    .addColumn('coverage', 'double precision', column => column.notNull())
    .addColumn('reasons', 'jsonb', column => column.notNull())
    .addColumn('abstained', 'jsonb')
    .addColumn('level', 'text', column => column.notNull().check(sql`level in ('calm', 'watch', 'not-covered')`))
    .addColumn('level_since', 'timestamptz', column => column.notNull())
    .addColumn('model_name', 'text', column => column.notNull())
    .addColumn('model_version', 'text', column => column.notNull())
    .execute();
  await sql`create index predictions_patient on predictions (patient, made_at desc)`.execute(database);
  // Rows come in order of time: a block range index is enough for clearing away the old ones.
  await sql`create index predictions_made on predictions using brin (made_at)`.execute(database);
  await database.schema
    .createTable('prediction_models')
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('version', 'text', column => column.notNull())
    .addColumn('trained_on', 'jsonb', column => column.notNull())
    .addColumn('started', 'timestamptz', column => column.notNull())
    .addPrimaryKeyConstraint('prediction_models_key', ['name', 'version'])
    .execute();
}
