// Devices, their credentials, whom they watched and when, how they are doing, and what of theirs was refused.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table ingest_device (facility text not null, device text not null, profile text not null,
      created timestamptz not null, revoked timestamptz, primary key (facility, device))`,
    sql`create index on ingest_device (device)`,
    // A username has at most one credential that is in force; a rotated or revoked one stays as a trace.
    sql`create table ingest_credential (id bigint generated always as identity primary key, kind text not null check (kind in ('device', 'gateway')),
      facility text not null, device text, username text not null, secret_sha256 text not null,
      created timestamptz not null, revoked timestamptz, check ((kind = 'device') = (device is not null)))`,
    sql`create unique index on ingest_credential (username) where revoked is null`,
    sql`create index on ingest_credential (facility) where revoked is null`,
    // "from" inclusive, "to" exclusive, null while it lasts.
    sql`create table ingest_assignment (id bigint generated always as identity primary key, facility text not null, device text not null,
      subject text not null, "from" timestamptz not null, "to" timestamptz check ("to" > "from"),
      foreign key (facility, device) references ingest_device (facility, device) on delete cascade)`,
    sql`create unique index on ingest_assignment (facility, device) where "to" is null`,
    sql`create index on ingest_assignment (facility, device, "from")`,
    sql`create index on ingest_assignment (subject)`,
    // delivering_since: when the samples began to come without a gap that counts as silence.
    sql`create table ingest_device_state (facility text not null, device text not null, last_sample timestamptz, delivering_since timestamptz,
      accepted bigint not null default 0, refused bigint not null default 0, primary key (facility, device))`,
    sql`create table ingest_refusal (id bigint generated always as identity primary key, facility text not null, device text not null,
      at timestamptz not null, topic text not null, reason text not null, ja text not null, en text not null, excerpt text not null)`,
    sql`create index on ingest_refusal (facility, device, id desc)`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
