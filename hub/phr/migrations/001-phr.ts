// What a patient does with the own record: imports and what each brought, requests of doctors, links, downloads, wishes to be erased.
import { type Kysely, sql } from 'kysely';

/**
 * `phr_items`: which import brought which thing; the resource in the record has an id made from patient and key, so that a thing is there once
 * however often it comes. `phr_looks`: every time somebody opened a link. A link's token is kept as its hash alone.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table phr_imports (
      id uuid primary key,
      patient text not null,
      name text not null,
      size bigint not null,
      state text not null check (state in
        ('uploading', 'checking', 'ready', 'taking', 'done', 'refused', 'stopping', 'stopped', 'undoing', 'undone')),
      format text check (format in ('omh', 'apple', 'fhir')),
      hash text,
      bytes_done bigint not null default 0,
      kinds jsonb not null default '{}',
      unknown jsonb not null default '{}',
      refusals jsonb not null default '[]',
      refused int not null default 0,
      taken int not null default 0,
      known int not null default 0,
      since timestamptz,
      until timestamptz,
      owner jsonb,
      problem jsonb,
      document text,
      request uuid,
      created_at timestamptz not null,
      changed_at timestamptz not null
    );
    create index phr_imports_patient on phr_imports (patient, created_at desc);

    create table phr_parts (
      import uuid not null references phr_imports on delete cascade,
      number int not null,
      hash text not null,
      size int not null,
      primary key (import, number)
    );

    create table phr_items (
      patient text not null,
      key text not null,
      import uuid not null references phr_imports on delete cascade,
      type text not null,
      resource text not null,
      primary key (patient, key, import)
    );
    create index phr_items_import on phr_items (import);

    create table phr_requests (
      id uuid primary key,
      patient text not null,
      organization text not null,
      doctor text not null,
      doctor_name text not null,
      organization_name text not null,
      what text not null,
      asked_at timestamptz not null,
      answer text check (answer in ('yes', 'no', 'over')),
      answered_at timestamptz,
      consent text,
      until timestamptz
    );
    create index phr_requests_patient on phr_requests (patient, asked_at desc);

    create table phr_shares (
      id uuid primary key,
      patient text not null,
      token_sha256 text not null unique,
      categories text[] not null,
      since timestamptz,
      purpose text not null,
      pin text,
      wrong int not null default 0,
      consent text not null,
      created_at timestamptz not null,
      until timestamptz not null,
      ended_at timestamptz,
      ended_by text
    );
    create index phr_shares_patient on phr_shares (patient, created_at desc);

    create table phr_looks (
      id bigint generated always as identity primary key,
      share uuid not null references phr_shares on delete cascade,
      at timestamptz not null,
      what text not null check (what in ('opened', 'looked', 'wrong-pin', 'refused')),
      browser text not null
    );
    create index phr_looks_share on phr_looks (share, at desc);

    create table phr_downloads (
      id uuid primary key,
      patient text not null,
      account text not null,
      actor jsonb not null,
      state text not null check (state in ('making', 'ready', 'failed', 'over')),
      hash text,
      size bigint,
      entries int,
      created_at timestamptz not null,
      until timestamptz
    );
    create index phr_downloads_patient on phr_downloads (patient, created_at desc);

    create table phr_erasures (
      id uuid primary key,
      patient text not null,
      patient_name text not null,
      what text not null check (what in ('brought', 'charts')),
      wish text not null,
      asked_at timestamptz not null,
      decision text check (decision in ('erased', 'kept')),
      reason text,
      decided_at timestamptz,
      decided_by text,
      erased int
    );
    create index phr_erasures_patient on phr_erasures (patient, asked_at desc);
  `.execute(db);
}
