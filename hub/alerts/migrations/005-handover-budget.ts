// Hand-overs from shift to shift, the consultation asked for from an alert, and a facility's alarm budget.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  const statements = [
    sql`alter table alerts add column consultation text`,
    sql`drop table alert_handovers`,
    // A span is taken over once, by the first who presses.
    sql`create table alert_handovers (
      facility text not null, began_at timestamptz not null, ended_at timestamptz not null, shift text not null,
      taken_by text not null, taken_reference text, primary key (facility, began_at))`,
    sql`create table alert_budgets (
      facility text primary key, per_shift double precision not null check (per_shift > 0), caregivers integer not null check (caregivers > 0),
      shifts_a_day integer not null check (shifts_a_day > 0), residents integer not null, act double precision not null,
      model text not null, changed_by text not null, changed_at timestamptz not null)`,
  ];
  for (const statement of statements) await statement.execute(database);
}
