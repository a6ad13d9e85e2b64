// Conformance runs and their signed reports.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    // `alive`: when the process that makes the run last said so. `view`: what pages see of it. `report`: canonical JSON, byte for byte.
    sql`create table bench_run (id uuid primary key, facility text not null, device text not null, account text not null,
      state text not null check (state in ('running', 'done', 'aborted')), started timestamptz not null, alive timestamptz not null,
      view jsonb not null, report text)`,
    sql`create unique index on bench_run (facility, device) where state = 'running'`,
    sql`create index on bench_run (facility, device, started desc)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
