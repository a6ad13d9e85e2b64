// Devices that asked for notifications (Web Push), and a facility's shifts with their hand-overs.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  const statements = [
    sql`create table push_subscriptions (
      name text primary key, account text not null, endpoint text not null, p256dh text not null, auth text not null, made_at timestamptz not null)`,
    sql`create index push_subscriptions_account on push_subscriptions (account)`,
    sql`create table alert_shifts (facility text primary key, shifts jsonb not null, changed_by text not null, changed_at timestamptz not null)`,
    sql`create table alert_handovers (
      facility text not null, ended_at timestamptz not null, shift text not null, note text,
      taken_by text not null, taken_reference text, taken_at timestamptz not null, primary key (facility, ended_at))`,
  ];
  for (const statement of statements) await statement.execute(database);
}
