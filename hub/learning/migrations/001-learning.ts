// Versions of the model's calibration by facility, the weekly reviews they come from, and episodes that nobody was warned of.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table model_versions (id uuid primary key default gen_random_uuid(), facility text not null, base text not null, version text not null,
      slope double precision not null, "offset" double precision not null, figures jsonb not null, proposed_at timestamptz not null,
      state text not null check (state in ('proposed', 'adopted', 'former', 'declined')), decided_at timestamptz, decided_by text,
      unique (facility, version))`,
    // One version at most is in force; none means the model as shipped.
    sql`create unique index on model_versions (facility) where state = 'adopted'`,
    sql`create table model_reviews (id bigint generated always as identity primary key, facility text not null, at timestamptz not null,
      review jsonb not null)`,
    sql`create index on model_reviews (facility, at desc)`,
    sql`create table missed_episodes (id uuid primary key default gen_random_uuid(), patient text not null, facility text not null,
      onset timestamptz not null, comment text not null, reported_by text not null, reported_at timestamptz not null, unique (patient, onset))`,
    sql`create index on missed_episodes (facility, onset)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
