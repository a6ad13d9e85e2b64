// Documents: drafts of those that are no consultation note, timestamps still to come, rendered files, and deliveries in two steps.
import { type Kysely, sql } from 'kysely';

/**
 * `document_drafts` holds what was typed and not confirmed yet; `replaces` and `replies_to` are ids of DocumentReferences. `document_stamps`
 * names the Provenance whose signature waits for its timestamp token. `document_files` are rendered once per version of a Bundle.
 * A delivery that replaces another document of the platform deletes that one first: `replaces` is its Bundle identifier, `step` how far it came.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table document_drafts (
      id uuid primary key,
      kind text not null,
      patient text not null,
      encounter text,
      content jsonb not null,
      addressee text,
      withheld text,
      replaces text,
      reason text,
      replies_to text,
      version int not null,
      author text not null,
      author_name text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      confirmed_at timestamptz,
      confirmed_by text,
      document text
    );
    create index document_drafts_patient on document_drafts (patient) where confirmed_at is null;

    create table document_stamps (
      provenance text primary key,
      document text not null,
      patient text not null,
      state text not null default 'waiting' check (state in ('waiting', 'stamped')),
      attempts int not null default 0,
      next_attempt timestamptz not null,
      problem text
    );
    create index document_stamps_document on document_stamps (document);
    create index document_stamps_waiting on document_stamps (next_attempt) where state = 'waiting';

    create table document_files (
      bundle text not null,
      version bigint not null,
      sha256 text not null,
      content bytea not null,
      made_at timestamptz not null default clock_timestamp(),
      primary key (bundle, version)
    );

    alter table notes add column withheld text;

    alter table deliveries drop constraint deliveries_state_check;
    alter table deliveries add constraint deliveries_state_check check (state in ('waiting', 'delivered', 'refused', 'given-up', 'replaced'));
    alter table deliveries add column replaces text;
    alter table deliveries add column step text not null default 'register' check (step in ('delete', 'register'));
    alter table deliveries add column deleted_at timestamptz;
    alter table deliveries add column reason text;
  `.execute(db);
}
