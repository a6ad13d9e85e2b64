// Accounts, sessions, credentials (the tables that better-auth 1.7 expects, under our names) and sign-in links.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table identity_account ("id" text primary key, "name" text not null, "email" text not null unique, "emailVerified" boolean not null,
      "image" text, "createdAt" timestamptz not null default current_timestamp, "updatedAt" timestamptz not null default current_timestamp,
      "reference" text unique, "language" text not null default 'ja', "administrator" boolean not null default false)`,
    sql`create table identity_session ("id" text primary key, "expiresAt" timestamptz not null, "token" text not null unique,
      "createdAt" timestamptz not null default current_timestamp, "updatedAt" timestamptz not null, "ipAddress" text, "userAgent" text,
      "userId" text not null references identity_account ("id") on delete cascade)`,
    sql`create table identity_credential ("id" text primary key, "accountId" text not null, "providerId" text not null,
      "userId" text not null references identity_account ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text,
      "accessTokenExpiresAt" timestamptz, "refreshTokenExpiresAt" timestamptz, "scope" text, "password" text,
      "createdAt" timestamptz not null default current_timestamp, "updatedAt" timestamptz not null)`,
    sql`create table identity_verification ("id" text primary key, "identifier" text not null, "value" text not null, "expiresAt" timestamptz not null,
      "createdAt" timestamptz not null default current_timestamp, "updatedAt" timestamptz not null default current_timestamp)`,
    sql`create table identity_rate_limit ("id" text primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null)`,
    sql`create index on identity_session ("userId")`,
    sql`create index on identity_credential ("userId")`,
    sql`create index on identity_verification ("identifier")`,
    sql`create table identity_link (token_sha256 text primary key, account text references identity_account ("id") on delete cascade,
      uses_left integer not null check (uses_left >= 0), expires timestamptz not null, created_by text, created timestamptz not null)`,
    sql`create index on identity_link (account)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
