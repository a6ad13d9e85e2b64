// Alerts that concern no resident: of a place where nobody lives (a call, a fall), or of a whole facility that is not watched.
import { type Kysely, sql } from 'kysely';
import type { NoTables } from '../../store/index.ts';

export async function up(database: Kysely<NoTables>): Promise<void> {
  const statements = [
    sql`alter table alerts alter column patient drop not null, add column place text`,
    // What was raised at one resident for the whole facility is the facility's: its keys name no resident.
    sql`update alerts set patient = null where kind = 'uncovered' and state <> 'resolved'
      and exists (select 1 from alert_causes c where c.alert = alerts.id and c.key like 'uncovered/%//%')
      and not exists (select 1 from alert_causes c where c.alert = alerts.id and c.key not like 'uncovered/%//%')`,
    sql`alter table alerts add constraint alerts_one_subject check (
      case when patient is not null then place is null
        when place is not null then kind in ('call', 'fall')
        else kind = 'uncovered' end)`,
    sql`create unique index alerts_one_unresolved_at_place on alerts (place, kind) where place is not null and state <> 'resolved'`,
    sql`create unique index alerts_one_unresolved_of_facility on alerts (facility, kind)
      where patient is null and place is null and state <> 'resolved'`,
    sql`alter table alerts drop constraint alerts_outcome_check`,
    sql`alter table alerts add constraint alerts_outcome_check check (outcome in ('episode', 'prevented', 'false', 'unknown', 'handled'))`,
  ];
  for (const statement of statements) await statement.execute(database);
}
