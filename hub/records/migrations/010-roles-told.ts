// Whoever remembers people's roles hears at once, on every node, that one changed: PractitionerRole, or the name of an Organization.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`create function tell_of_roles() returns trigger language plpgsql as $$
    begin perform pg_notify('roles', '{}'); return null; end $$`.execute(kysely);
  await sql`create trigger resources_tell_of_roles after insert or update on resources for each row
    when (new.type in ('PractitionerRole', 'Organization')) execute function tell_of_roles()`.execute(kysely);
}
