// What the alarms know and must know after a restart: running alarms of devices, who is not watched, limits of residents.
import { type Kysely, sql } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  const statements = [
    // `state` as `judgeAlarms` of devices/ keeps it.
    sql`create table alarm_device (facility text not null, device text not null, state jsonb not null, primary key (facility, device))`,
    // A loss of cover that was told: of one resident, or (`resident` empty) of a whole facility, told at `patient`.
    sql`create table alarm_loss (facility text not null, resident text not null default '', patient text not null, key text not null,
      since timestamptz not null, primary key (facility, resident))`,
    sql`create table alarm_limit (patient text not null, rule text not null, below double precision, above double precision,
      off boolean not null default false, set_by text not null, set_at timestamptz not null, primary key (patient, rule))`,
  ];
  for (const statement of statements) await statement.execute(kysely);
}
