// What searches need besides: numbers, quantities, URIs and composites; one order of all versions for histories; the key of paging cursors.
import type { Resource } from '@medplum/fhirtypes';
import { type Kysely, sql } from 'kysely';
import type { Definitions } from '../definitions.ts';
import type { SearchRows } from '../search/search-index.ts';

/**
 * `search_number` holds numbers and quantities as spans (`low` … `high`, both inclusive; open ends are infinite), `search_composite` one row for
 * each pair of values that stand together in one element. Index rows are the store's own (store.ts): a trigger clears them with their resource,
 * because a foreign key would look up the resource once more for each of the dozens of rows that a resource has.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search_number (
      row bigint not null,
      type text not null,
      param text not null,
      low numeric not null,
      high numeric not null,
      system text,
      code text,
      unit text
    );
    create index search_number_low on search_number (type, param, low, row);
    create index search_number_high on search_number (type, param, high, row);
    create index search_number_row on search_number (row, param);

    create table search_uri (
      row bigint not null,
      type text not null,
      param text not null,
      uri text collate "C" not null
    );
    create index search_uri_value on search_uri (type, param, uri, row);
    create index search_uri_row on search_uri (row, param);

    create table search_composite (
      row bigint not null,
      type text not null,
      param text not null,
      system text,
      code text collate "C" not null,
      second_system text,
      second_code text collate "C",
      low numeric,
      high numeric,
      unit text,
      low_date timestamptz,
      high_date timestamptz,
      folded text collate "C",
      exact text
    );
    create index search_composite_code on search_composite (type, param, code, second_code, row);
    create index search_composite_number on search_composite (type, param, code, low, row) where low is not null;
    create index search_composite_date on search_composite (type, param, code, low_date, row) where low_date is not null;
    create index search_composite_row on search_composite (row, param);

    alter table search_token drop constraint search_token_row_fkey;
    alter table search_reference drop constraint search_reference_row_fkey;
    alter table search_date drop constraint search_date_row_fkey;
    alter table search_string drop constraint search_string_row_fkey;
    create function search_rows_go() returns trigger language plpgsql as $$
      begin
        delete from search_token where row = old.row;
        delete from search_reference where row = old.row;
        delete from search_date where row = old.row;
        delete from search_string where row = old.row;
        delete from search_number where row = old.row;
        delete from search_uri where row = old.row;
        delete from search_composite where row = old.row;
        return old;
      end $$;
    create trigger search_rows_go after delete on resources for each row execute function search_rows_go();

    drop index resources_by_time;
    create index resources_by_time on resources (type, last_updated, row);
    create index resources_by_row on resources (type, row) where not deleted;

    alter table resource_history add column seq bigint generated always as identity;
    create index resource_history_time on resource_history (last_updated, seq);
    create index resource_history_type on resource_history (type, last_updated, seq);

    create table search_secret (key bytea not null);
    insert into search_secret select sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
  `.execute(db);
  await indexAgain(db);
}

/** Resources that were written before these tables get their rows anew: some 1,000 a second. */
async function indexAgain(db: Kysely<unknown>) {
  let last = '0';
  let definitions: Definitions | undefined;
  for (;;) {
    const { rows } = await sql<{ row: string; content: Resource }>`select row, content from resources
      where not deleted and row > ${last} order by row limit 500`.execute(db);
    if (!rows.length) return;
    last = rows.at(-1)!.row;
    // Only where there is something to index: reading the definitions takes a tenth of a second.
    const [{ openDefinitions }, { searchRows }, { indexDeletes, indexInserts }] = await Promise.all([
      import('../definitions.ts'),
      import('../search/search-index.ts'),
      import('../search/search-rows.ts'),
    ]);
    definitions ??= openDefinitions();
    const found: SearchRows[] = [];
    for (const { content } of rows) found.push(searchRows(definitions, content));
    await sql`with placed as (select (o - 1)::int as n, row, type from unnest(${rows.map(row => row.row)}::bigint[]) with ordinality l(row, o) join resources using (row)),
      ${sql.join([...indexDeletes(rows.map(row => row.row)), ...indexInserts(found)])} select 1`.execute(db);
  }
}
