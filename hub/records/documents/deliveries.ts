// Documents on their way to the shared platform, for people: what the platform said, sending again, giving up with a reason.
import type { Selectable } from 'kysely';
import { notAllowed, notFound, Problem } from '../../http/problem.ts';
import { hasRole, type Person, requireRole } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import type { OpenRecords } from '../open.ts';
import type { RecordTables } from '../tables.ts';
import type { DeliveryView } from './contract.ts';

type Row = Selectable<RecordTables['deliveries']>;

/** Newest first, at most 200: all for an administrator, the own documents for a doctor. @throws Problem 403 */
export async function deliveriesFor(database: Database, actor: Person): Promise<DeliveryView[]> {
  requireRole(actor, ['administrator', 'doctor', 'specialist']);
  let query = tablesOf(database).selectFrom('deliveries').selectAll().orderBy('created_at', 'desc').limit(200);
  if (!hasRole(actor, ['administrator'])) query = query.where('author', '=', actor.reference ?? '');
  return (await query.execute()).map(deliveryView);
}

/** Puts a refused document back on its way. @throws Problem 403, 404 */
export async function sendAgain(records: OpenRecords, database: Database, actor: Person, id: string): Promise<void> {
  requireRole(actor, ['administrator']);
  const changed = await tablesOf(database)
    .updateTable('deliveries')
    .set({ state: 'waiting', next_attempt: records.context.now(), problem: null, reason: null })
    .where('id', '=', id)
    .where('state', 'in', ['waiting', 'refused', 'given-up'])
    .returning(['patient'])
    .executeTakeFirst();
  if (!changed) throw notFound();
  const what = { ja: '文書をもう一度送る', en: 'retry a delivery' };
  await records.audit({ actor, action: 'deliver', what, patient: changed.patient, allowed: true });
  await database.notify('outbox', {});
}

/** Ends the attempts, with a reason that stays on the page. @throws Problem 403, 404; 409 once delivered */
export async function giveUp(records: OpenRecords, database: Database, actor: Person, id: string, reason: string): Promise<void> {
  const tables = tablesOf(database);
  const row = await tables.selectFrom('deliveries').selectAll().where('id', '=', id).executeTakeFirst();
  const mine = row !== undefined && row.author === actor.reference;
  if (!mine && !hasRole(actor, ['administrator'])) throw notAllowed();
  if (!row) throw notFound();
  const changed = await tables
    .updateTable('deliveries')
    .set({ state: 'given-up', next_attempt: null, reason: `${reason} (${actor.name})` })
    .where('id', '=', id)
    .where('state', 'in', ['waiting', 'refused'])
    .returning('id')
    .executeTakeFirst();
  if (!changed)
    throw new Problem(409, 'delivery-over', { ja: 'この文書は、もう送り終わっています。', en: 'This delivery is over already.' });
  const what = { ja: '文書を送るのをやめた', en: 'gave a delivery up' };
  await records.audit({ actor, action: 'deliver', what, patient: row.patient, allowed: true });
}

export function deliveryView(row: Row): DeliveryView {
  return {
    id: row.id,
    document: row.document,
    title: row.title,
    state: row.state,
    step: row.step,
    attempts: row.attempts,
    createdAt: row.created_at.toISOString(),
    nextAttempt: row.next_attempt?.toISOString() ?? null,
    deliveredAt: row.delivered_at?.toISOString() ?? null,
    problem: row.problem,
    remedy: row.state === 'refused' ? remedyFor(row.problem ?? '') : null,
    reason: row.reason,
  };
}

/** What helps against a refusal, by the rules and places that the platform names in it (JP-CLINS R1012, R1013). */
function remedyFor(problem: string): DeliveryView['remedy'] {
  if (/R1012|R1013|JP_Insurance_memberID/.test(problem)) return 'insured-number';
  if (/institution number|insurance-medical-institution-no/.test(problem)) return 'institution-number';
  return 'amend';
}

export const tablesOf = (database: Database) => database.kysely.withTables<RecordTables>();
