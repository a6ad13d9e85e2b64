// The audit trail becomes a chain: each entry gets a number without gaps when its transaction commits, and soon a hash over the one before.
import { type Kysely, sql } from 'kysely';

/**
 * Entries are numbered by a deferred trigger, so at commit: what is rolled back takes no number, many transactions may commit together, and
 * a number that is missing is a trace. One sealer (audit-seal.ts) then hashes them in that order, within a second. Hashing inside the
 * transactions would make each commit of the whole hub wait for the one before.
 *
 * `audit_write` gives up after three seconds when the table is held: an access that cannot be audited is refused, not kept waiting.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table audit_events
      add column purpose text,
      add column on_behalf text,
      add column journal uuid unique;
    create index audit_events_who on audit_events (reference, id);
    create index audit_events_account on audit_events (account, id);

    create table audit_chain (
      number bigint generated always as identity primary key,
      event bigint not null unique,
      hash bytea
    ) with (fillfactor = 60);
    insert into audit_chain (event) select id from audit_events order by id;

    create function audit_number() returns trigger language plpgsql set lock_timeout = '3s' as $$
      begin
        insert into audit_chain (event) values (new.id);
        return null;
      end $$;
    create constraint trigger audit_number after insert on audit_events
      deferrable initially deferred for each row execute function audit_number();

    create function audit_chain_stays() returns trigger language plpgsql as $$
      begin
        if tg_op = 'UPDATE' and old.hash is null and new.hash is not null and new.number = old.number and new.event = old.event then
          return new;
        end if;
        raise exception 'audit_chain is append-only';
      end $$;
    create trigger audit_chain_stays before update or delete on audit_chain for each row execute function audit_chain_stays();
    create trigger audit_chain_stays_whole before truncate on audit_chain for each statement execute function audit_chain_stays();

    create function audit_write(entries jsonb) returns void language plpgsql set lock_timeout = '3s' as $$
      begin
        insert into audit_events (at, actor_kind, account, session, reference, who, role, organization, organization_name, action, what,
            resource, patients, refused, allowed, purpose, on_behalf, journal)
          select coalesce(at, clock_timestamp()), actor_kind, account, session, reference, who, role, organization, organization_name, action,
            what, resource, patients, refused, allowed, purpose, on_behalf, journal
          from jsonb_to_recordset(entries) v(at timestamptz, actor_kind text, account text, session text, reference text, who text, role text,
            organization text, organization_name text, action text, what jsonb, resource text, patients text[], refused text[],
            allowed boolean, purpose text, on_behalf text, journal uuid)
          on conflict (journal) do nothing;
      end $$;
  `.execute(db);
}
