// Escalation: the on-call list, where each alert stands on it, the pages it sent, and what happened with each alert.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  const statements = [
    sql`alter table alerts add column paged text[] not null default '{}', add column forgotten_by text, add column forgotten_at timestamptz`,
    sql`create table alert_on_call (facility text primary key, list jsonb not null, changed_by text not null, changed_at timestamptz not null)`,
    sql`create table alert_escalations (
      alert uuid primary key references alerts (id) on delete cascade, state jsonb not null, due_at timestamptz)`,
    sql`create index alert_escalations_due on alert_escalations (due_at) where due_at is not null`,
    // A page's name is unique: however often a step is worked on, it is asked for once.
    sql`create table alert_pages (
      id uuid primary key default gen_random_uuid(), alert uuid not null references alerts (id) on delete cascade,
      round integer not null, step integer not null, repeat integer not null, way text not null check (way in ('live', 'push', 'mail')),
      who jsonb not null, made_at timestamptz not null,
      state text not null check (state in ('due', 'sent', 'dropped', 'failed')), attempts integer not null default 0,
      next_attempt timestamptz, sent_at timestamptz, reached integer, problem text, unique (alert, round, step, repeat, way))`,
    sql`create index alert_pages_due on alert_pages (alert) where state = 'due'`,
    // One person's device or address a page has reached: it is left out when the page is tried again.
    sql`create table alert_deliveries (
      page uuid not null references alert_pages (id) on delete cascade, target text not null, at timestamptz not null, primary key (page, target))`,
    sql`create table alert_events (
      id bigint generated always as identity primary key, alert uuid not null references alerts (id) on delete cascade,
      at timestamptz not null, what text not null, by_name text, detail jsonb)`,
    sql`create index alert_events_alert on alert_events (alert, id)`,
  ];
  for (const statement of statements) await statement.execute(database);
}
