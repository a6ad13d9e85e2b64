// How each device is doing beside its counts: running numbers, when samples were there, connection, battery, clock.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  // `sequence` and `spans` as in sequence.ts and spans.ts. The facility's gateway has a row of its own, `gateway`, with its connection only.
  await sql`create table ingest_device_health (facility text not null, device text not null, sequence jsonb, spans jsonb not null default '[]',
    connected boolean, connected_since timestamptz, battery real, battery_at timestamptz, clock_offset double precision,
    last_refused timestamptz, primary key (facility, device))`.execute(kysely);
}
