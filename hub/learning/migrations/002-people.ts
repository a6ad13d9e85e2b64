// Values that fit a model to one person: proposed by a review, adopted, declined or taken back by a person.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    // `base` is the version of the facility's model that it was reckoned with: beside another one it says nothing.
    sql`create table person_values (id uuid primary key default gen_random_uuid(), facility text not null, patient text not null, base text not null,
      number integer not null, "offset" double precision not null, figures jsonb not null, proposed_at timestamptz not null,
      state text not null check (state in ('proposed', 'adopted', 'former', 'declined')), decided_at timestamptz, decided_by text,
      unique (patient, base, number))`,
    sql`create unique index on person_values (patient) where state = 'adopted'`,
    sql`create unique index on person_values (patient) where state = 'proposed'`,
    sql`create index on person_values (facility)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
