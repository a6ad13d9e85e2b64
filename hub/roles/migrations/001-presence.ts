// Which role processes are alive, on which node, with what backends: read by `/health/ready`.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`create table role_presence (node text not null, role text not null, pid integer not null, detail jsonb not null,
    beat timestamptz not null default now(), primary key (node, role))`.execute(kysely);
}
