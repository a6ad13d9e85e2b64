// Subscriptions: who wants to be told of what, how far each was told, and a word to the hub when something they ask for was written.
import { type Kysely, sql } from 'kysely';

/**
 * `content` is the Subscription (R4) as its subscriber wrote it; `state` is its status; what was written before `began_at` is not told. `told_until` and `told` (`Type/id/version`) say what was told.
 * NOTIFY `record-changed` { type } is sent only for types that somebody asks for: a NOTIFY makes commits wait for each other.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table subscriptions (
      id uuid primary key,
      account text not null,
      version int not null default 1,
      content jsonb not null,
      type text not null,
      criteria text not null,
      channel text not null check (channel in ('rest-hook', 'websocket')),
      state text not null check (state in ('active', 'off', 'error')),
      problem text,
      failures int not null default 0,
      next_attempt timestamptz,
      began_at timestamptz not null,
      told_until timestamptz not null,
      told text[] not null default '{}',
      until timestamptz,
      updated_at timestamptz not null
    );
    create index subscriptions_account on subscriptions (account);
    create index subscriptions_type on subscriptions (type) where state = 'active';

    create function tell_subscribers() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from subscriptions s where s.state = 'active' and s.type = new.type) then
        perform pg_notify('record-changed', json_build_object('type', new.type)::text);
      end if;
      return null;
    end $$;
    create trigger resources_tell after insert or update on resources
      for each row when (not new.deleted) execute function tell_subscribers();
  `.execute(db);
}
