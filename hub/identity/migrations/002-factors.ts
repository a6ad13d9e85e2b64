// Factors of sign-in, what is good for one use only, counted attempts, ends of accounts, outside identities, apps and their tokens.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table identity_account add column "ended" timestamptz, add column "endedBy" text`,
    // Sessions from before there were factors were opened by a link or a password alone: they begin anew.
    sql`delete from identity_session`,
    sql`alter table identity_session add column "factors" text, add column "lastUsed" timestamptz, add column "confirmed" timestamptz`,
    sql`drop table identity_rate_limit`,
    sql`create table identity_attempt (key varchar(255) primary key, points integer not null default 0, expire bigint)`,
    sql`create table identity_once (key_sha256 text primary key, purpose text not null, content jsonb not null, expires timestamptz not null)`,
    sql`create index on identity_once (expires)`,
    sql`create table identity_passkey (id text primary key, account text not null references identity_account ("id") on delete cascade,
      public_key bytea not null, counter bigint not null, transports text[] not null, name text not null, synced boolean not null,
      created timestamptz not null, last_used timestamptz)`,
    sql`create index on identity_passkey (account)`,
    sql`create table identity_totp (account text primary key references identity_account ("id") on delete cascade, secret text,
      pending text, last_step bigint not null default 0)`,
    sql`create table identity_backup_code (account text not null references identity_account ("id") on delete cascade,
      code_sha256 text not null, used timestamptz, primary key (account, code_sha256))`,
    sql`create table identity_binding (issuer text not null, subject text not null,
      account text not null references identity_account ("id") on delete cascade, provider text not null,
      created timestamptz not null, last_used timestamptz, primary key (issuer, subject))`,
    sql`create index on identity_binding (account)`,
    sql`create table identity_licence (account text primary key references identity_account ("id") on delete cascade,
      registration_number text not null, hc_role text not null, certificate_serial text not null, certificate_until timestamptz not null,
      certificate_seen timestamptz not null, registration_seen timestamptz not null,
      affiliations text[] not null, affiliation_seen timestamptz)`,
    sql`create table identity_app (id text primary key, name text not null, kind text not null check (kind in ('service', 'user')),
      keys jsonb, redirects text[] not null, scopes text[] not null, role text, organization text, organization_name text,
      created timestamptz not null, created_by text not null, ended timestamptz)`,
    sql`create table identity_token (id text primary key, app text not null references identity_app (id) on delete cascade,
      account text references identity_account ("id") on delete cascade, scopes text[] not null, patient text,
      issued timestamptz not null, expires timestamptz not null, last_used timestamptz, revoked timestamptz)`,
    sql`create index on identity_token (account)`,
    sql`create index on identity_token (app)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
