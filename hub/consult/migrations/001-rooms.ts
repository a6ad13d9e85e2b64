// Live rooms and everyone's place in them: what must outlive a killed care process. Everything else about a consultation is FHIR.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  await database.schema
    .createTable('rooms')
    .addColumn('encounter', 'text', column => column.primaryKey())
    .addColumn('patient', 'text', column => column.notNull())
    .addColumn('node', 'text')
    .addColumn('opened_at', 'timestamptz')
    .addColumn('closed_at', 'timestamptz')
    .execute();
  await database.schema
    .createTable('room_participants')
    .addColumn('encounter', 'text', column => column.notNull().references('rooms.encounter').onDelete('cascade'))
    .addColumn('reference', 'text', column => column.notNull())
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('role', 'text', column => column.notNull())
    .addColumn('organization', 'text', column => column.notNull())
    .addColumn('organization_name', 'text', column => column.notNull())
    .addColumn('host', 'boolean', column => column.notNull())
    .addColumn('state', 'text', column => column.notNull().check(sql`state in ('invited', 'waiting', 'admitted', 'left')`))
    .addColumn('invited_at', 'timestamptz', column => column.notNull().defaultTo(sql`now()`))
    .addColumn('waiting_at', 'timestamptz')
    .addColumn('admitted_at', 'timestamptz')
    .addColumn('left_at', 'timestamptz')
    .addPrimaryKeyConstraint('room_participants_key', ['encounter', 'reference'])
    .execute();
}
