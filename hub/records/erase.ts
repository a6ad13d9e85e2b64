// Taking resources out of the record for good: newest version, history and everything they are found by. That it was done stays in the audit.
import { sql } from 'kysely';
import { notAllowed } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';
import { resourcePredicate } from './access/access.ts';
import { wordsFor, writeAudit } from './audit/audit.ts';
import type { GuardedRepository } from './repository.ts';

/**
 * Erases resources (`Type/id`) that the actor of `view` may delete; those that are not there are passed over. With one audit entry for each,
 * which names no content. @throws Problem 403 when one of them may not be deleted: nothing is erased then
 */
export async function eraseResources(view: GuardedRepository, references: string[]): Promise<number> {
  const byType = new Map<string, string[]>();
  for (const reference of references) {
    const [type = '', id = ''] = reference.split('/');
    byType.set(type, [...(byType.get(type) ?? []), id]);
  }
  return view.within(async inside => {
    let erased = 0;
    for (const [type, ids] of byType) erased += await eraseType(inside, type, ids);
    return erased;
  });
}

async function eraseType(view: GuardedRepository, type: string, ids: string[]): Promise<number> {
  const may = resourcePredicate(view.actor as Actor, 'delete', type, view.context.now());
  const { rows } = await sql<{ row: string; id: string; patients: string[]; allowed: boolean }>`
    select r0.row, r0.id, r0.patients, ${may} as allowed from resources r0
    where r0.type = ${type} and r0.id = any(${ids}::text[]) for update`.execute(view.connection);
  if (rows.some(({ allowed }) => !allowed)) throw notAllowed();
  if (!rows.length) return 0;
  const [found, named] = [rows.map(({ row }) => row), rows.map(({ id }) => id)];
  await sql`delete from resource_history where type = ${type} and id = any(${named}::text[])`.execute(view.connection);
  // Rows of the indices, relations and the timeline go with it.
  await sql`delete from resources where row = any(${found}::bigint[])`.execute(view.connection);
  await writeAudit(
    view.connection,
    rows.map(({ id, patients }) => ({
      actor: view.actor,
      action: 'delete',
      what: wordsFor(type, 'delete'),
      resource: `${type}/${id}`,
      patients,
      allowed: true,
    })),
  );
  return rows.length;
}
