// Bulk exports: what was asked, how far it is, and the files it made.
import { type Kysely, sql } from 'kysely';

/**
 * `actor` is who asked, as the rights are decided by; `output` lists the files: `[{ type, hash, size, count, kinds: [{ category, patients }] }]`.
 * The files themselves are in the file store, area `export`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table bulk_exports (
      id uuid primary key,
      account text not null,
      actor jsonb not null,
      level text not null check (level in ('system', 'patient', 'group')),
      organization text,
      types text[] not null,
      since timestamptz,
      request text not null,
      state text not null default 'waiting' check (state in ('waiting', 'done', 'failed', 'cancelled', 'expired')),
      progress text not null default '',
      problem text,
      output jsonb not null default '[]',
      transaction_time timestamptz,
      created_at timestamptz not null,
      ended_at timestamptz
    );
    create index bulk_exports_account on bulk_exports (account) where state = 'waiting';
    create index bulk_exports_ended on bulk_exports (ended_at) where state in ('done', 'failed', 'cancelled');
  `.execute(db);
}
