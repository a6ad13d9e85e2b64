// Everything the record holds of a patient that the actor may see, all versions, one after another: for the patient's own copy.
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { Person } from '../../identity/actor.ts';
import { resourcePredicate } from '../access/access.ts';
import { isWithheld } from '../access/compartment.ts';
import { looksAsPatient } from '../access/consent.ts';
import type { OpenRecords } from '../open.ts';

const PAGE = 200;

/**
 * Resources of the patient's compartment, newest version first and then the older ones of the same resource. Rights are asked anew for each page.
 * The access is audited by who calls, as one export.
 */
export async function* everythingOf(records: OpenRecords, actor: Person, patient: string): AsyncGenerator<Resource> {
  const { connection } = records.context;
  let after = '0';
  for (;;) {
    const visible = resourcePredicate(actor, 'export', 'Patient', records.context.now());
    const { rows } = await sql<{ row: string; type: string; id: string }>`
      select r0.row, r0.type, r0.id from resources r0
      where r0.patients @> array[${patient}]::text[] and r0.row > ${after} and not r0.deleted and ${visible}
      order by r0.row limit ${PAGE}`.execute(connection);
    if (!rows.length) return;
    after = rows.at(-1)!.row;
    const versions = await connection
      .selectFrom('resource_history')
      .select(['type', 'id', 'content'])
      .where(eb =>
        eb(
          eb.refTuple('type', 'id'),
          'in',
          rows.map(row => eb.tuple(row.type, row.id)),
        ),
      )
      .where('content', 'is not', null)
      .orderBy('type')
      .orderBy('id')
      .orderBy('version', 'desc')
      .execute();
    // Versions that the patient was not to be told of then are none of the patient's copy.
    for (const { content } of versions as { content: Resource }[]) if (!looksAsPatient(actor) || !isWithheld(content)) yield content;
  }
}
