// Credentials of two kinds (secret, certificate), of which a rotated one stays good for a while; configuration kept for devices.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    // used: when it was first signed in with. ends: after a rotation, when it is over at the latest. renew_asked: since when the hub asks the
    // holder to renew its certificate.
    sql`alter table ingest_credential alter column secret_sha256 drop not null,
      add column serial text, add column fingerprint text, add column not_after timestamptz,
      add column used timestamptz, add column ends timestamptz, add column renew_asked timestamptz,
      add check ((secret_sha256 is null) = (fingerprint is not null)),
      add check ((fingerprint is null) = (serial is null) and (fingerprint is null) = (not_after is null))`,
    sql`update ingest_credential set used = created`,
    // During a rotation a username has two that are in force.
    sql`drop index ingest_credential_username_idx`,
    sql`create index on ingest_credential (username) where revoked is null`,
    sql`create unique index on ingest_credential (serial)`,
    sql`create table ingest_config (facility text not null, device text not null, config jsonb not null, changed timestamptz not null,
      primary key (facility, device))`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
