// The record's tables: resources with every version, what searches use, who stands how to a patient, audit, drafts, deliveries.
import { type Kysely, sql } from 'kysely';

/**
 * `resources` holds the newest version of each resource, `resource_history` all of them (a deletion is a version without content).
 * `patients` are the ids of the Patient compartment(s) the resource is in; `category` is what consent speaks of; `withheld` marks
 * what the patient must not be shown yet. The `search_*` tables hold one row per value of a FHIR search parameter.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table resources (
      row bigint generated always as identity primary key,
      type text not null,
      id text collate "C" not null,
      version bigint not null,
      content jsonb,
      last_updated timestamptz not null,
      deleted boolean not null default false,
      patients text[] not null default '{}',
      category text not null,
      withheld boolean not null default false,
      unique (type, id)
    );
    create index resources_by_time on resources (type, last_updated);
    create index resources_by_patient on resources using gin (patients);

    create table resource_history (
      type text not null,
      id text collate "C" not null,
      version bigint not null,
      content jsonb,
      last_updated timestamptz not null,
      actor text not null,
      primary key (type, id, version)
    );

    create table search_token (
      row bigint not null references resources on delete cascade,
      type text not null,
      param text not null,
      system text,
      code text collate "C" not null
    );
    create index search_token_value on search_token (type, param, code, system, row);
    create index search_token_row on search_token (row, param);

    create table search_reference (
      row bigint not null references resources on delete cascade,
      type text not null,
      param text not null,
      target text collate "C" not null
    );
    create index search_reference_value on search_reference (type, param, target, row);
    create index search_reference_row on search_reference (row, param);

    create table search_date (
      row bigint not null references resources on delete cascade,
      type text not null,
      param text not null,
      low timestamptz not null,
      high timestamptz not null
    );
    create index search_date_low on search_date (type, param, low, row);
    create index search_date_high on search_date (type, param, high, row);
    create index search_date_row on search_date (row, param);

    create table search_string (
      row bigint not null references resources on delete cascade,
      type text not null,
      param text not null,
      folded text collate "C" not null,
      exact text not null
    );
    create index search_string_value on search_string (type, param, folded text_pattern_ops, row);
    create index search_string_row on search_string (row, param);

    create table patient_relations (
      source bigint not null references resources on delete cascade,
      patient text not null,
      kind text not null check (kind in ('treats', 'residence', 'consulted')),
      party text not null,
      since timestamptz,
      until timestamptz
    );
    create index patient_relations_patient on patient_relations (patient);
    create index patient_relations_party on patient_relations (party, kind);
    create index patient_relations_source on patient_relations (source);

    create table patient_denials (
      source bigint not null references resources on delete cascade,
      patient text not null,
      party text,
      category text,
      since timestamptz,
      until timestamptz
    );
    create index patient_denials_patient on patient_denials (patient);
    create index patient_denials_source on patient_denials (source);

    create table audit_events (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      actor_kind text not null,
      account text,
      session text,
      reference text,
      who text not null,
      role text not null,
      organization text not null default '',
      organization_name text not null default '',
      action text not null,
      what jsonb not null,
      resource text,
      patients text[] not null default '{}',
      refused text[] not null default '{}',
      allowed boolean not null
    );
    create index audit_events_patient on audit_events using gin (patients);
    create index audit_events_time on audit_events (at);
    create function audit_events_stay() returns trigger language plpgsql as $$
      begin raise exception 'audit_events is append-only'; end $$;
    create trigger audit_events_stay before update or delete or truncate on audit_events
      for each statement execute function audit_events_stay();

    create table notes (
      encounter text primary key,
      patient text not null,
      subjective text not null,
      objective text not null,
      assessment text not null,
      plan text not null,
      addressee text,
      version int not null,
      author text not null,
      updated_at timestamptz not null,
      signed_at timestamptz,
      signed_by text,
      document text
    );

    create table deliveries (
      id uuid primary key default gen_random_uuid(),
      bundle text not null unique,
      identifier text not null unique,
      document text not null,
      title text not null,
      patient text not null,
      author text not null,
      state text not null default 'waiting' check (state in ('waiting', 'delivered', 'refused')),
      attempts int not null default 0,
      created_at timestamptz not null default clock_timestamp(),
      next_attempt timestamptz,
      delivered_at timestamptz,
      problem text
    );
    create index deliveries_document on deliveries (document);
  `.execute(db);
}
