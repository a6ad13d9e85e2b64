// What an export holds: resources of a type that the one who asked may export, as things stand while it is read, page by page.
import type { Resource } from '@medplum/fhirtypes';
import { type Selectable, sql } from 'kysely';
import { resourcePredicate } from '../access/access.ts';
import type { Category } from '../records.ts';
import type { RecordContext } from '../repository.ts';
import type { ExportTables } from './tables.ts';

const PAGE = 500;

export type Asked = Pick<Selectable<ExportTables['bulk_exports']>, 'actor' | 'level' | 'organization' | 'since'>;

export interface Exported {
  content: Resource;
  category: Category | 'setup';
  withheld: boolean;
  patients: string[];
}

/** Pages of resources of one type. Rights and consent are asked anew for each page, so that what is revoked meanwhile stays out. */
export async function* pagesOf({ connection, now }: RecordContext, asked: Asked, type: string, until: Date): AsyncGenerator<Exported[]> {
  const { actor, level, organization, since } = asked;
  let after = '0';
  for (;;) {
    const visible = resourcePredicate(actor, 'export', type, now());
    // Of a facility: those whom it treats today. Of patients: nothing that speaks of no patient.
    const within =
      level === 'group'
        ? sql`and r0.category <> 'setup' and exists (select 1 from patient_relations g where g.patient = any(r0.patients) and g.kind = 'treats'
            and g.party = ${`Organization/${organization}`} and (g.until is null or g.until > ${now()}))`
        : level === 'patient'
          ? sql`and r0.category <> 'setup'`
          : sql``;
    const { rows } = await sql<Exported & { row: string }>`
      select r0.row, r0.content, r0.category, r0.withheld, r0.patients from resources r0
      where r0.type = ${type} and r0.row > ${after} and not r0.deleted and r0.last_updated <= ${until}
        ${since ? sql`and r0.last_updated >= ${since}` : sql``} ${within} and ${visible}
      order by r0.row limit ${PAGE}`.execute(connection);
    if (rows.length) yield rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.row;
  }
}
