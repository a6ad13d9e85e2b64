// When a person's records of other institutions were asked for at the shared platform, and how much came.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table platform_imports (
      id bigint generated always as identity primary key,
      patient text not null,
      at timestamptz not null,
      by text not null,
      taken int not null,
      known int not null,
      refused int not null
    );
    create index platform_imports_patient on platform_imports (patient, at);
  `.execute(db);
}
