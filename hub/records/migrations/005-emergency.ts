// Emergency access: areas in disaster, and each opening of a record outside consent, with its review.
import { type Kysely, sql } from 'kysely';

/** An area is in disaster from `since` until `until` or `ended_at`. A grant opens the summary of one patient to one account for its time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table emergency_areas (
      id uuid primary key default gen_random_uuid(),
      name text not null,
      reason text not null,
      facilities text[] not null,
      prefectures text[] not null,
      municipalities text[] not null,
      since timestamptz not null,
      until timestamptz not null,
      ended_at timestamptz,
      by_account text not null,
      by_name text not null,
      check (until > since)
    );
    create table emergency_grants (
      id uuid primary key default gen_random_uuid(),
      account text not null,
      reference text,
      who text not null,
      organization_name text not null,
      patient text not null,
      reason text not null check (reason in ('unconscious', 'life-threat', 'disaster')),
      area uuid references emergency_areas,
      words text not null,
      since timestamptz not null,
      until timestamptz not null,
      ended_at timestamptz,
      told_at timestamptz,
      seen_at timestamptz,
      alarmed_at timestamptz,
      reviewed_at timestamptz,
      reviewed_by text,
      reviewer text,
      verdict text check (verdict in ('justified', 'not-justified')),
      review_words text,
      check ((reason = 'disaster') = (area is not null)),
      check ((verdict is null) = (reviewed_at is null))
    );
    create index emergency_grants_patient on emergency_grants (patient, since);
    create index emergency_grants_open on emergency_grants (since) where reviewed_at is null;
  `.execute(db);
}
