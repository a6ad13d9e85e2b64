// Dates are found between two bounds: most are shorter than a day, so where one ends says about where it began; the few long ones stand apart.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table search_date add column long boolean not null default false;
    update search_date set long = true where high > low + interval '24 hours';
    alter table search_date alter column long drop default;
    create index search_date_long on search_date (type, param, high, row) where long;
    drop index search_date_high;
  `.execute(db);
}
