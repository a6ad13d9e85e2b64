// Mends what the platform refused for want of the insured person's number: it is entered into the record, and the document confirmed anew with it.
import type { Patient } from '@medplum/fhirtypes';
import { notFound } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import { INSURED_PERSON } from '../systems.ts';
import { type ConfirmDeps, confirmDraft } from './confirm.ts';
import { tablesOf } from './deliveries.ts';
import { amendDocument } from './drafts.ts';

/**
 * As a doctor who may change the patient's details and the document. The signed version stays as it is; a new one replaces it.
 * @returns the new DocumentReference's id. @throws Problem 403, 404, 409, 422
 */
export async function correctInsuredNumber(deps: ConfirmDeps, actor: Person, delivery: string, number: string): Promise<string> {
  const { records, database } = deps;
  const row = await tablesOf(database)
    .selectFrom('deliveries')
    .selectAll()
    .where('id', '=', delivery)
    .where('state', '=', 'refused')
    .executeTakeFirst();
  if (!row) throw notFound();
  const view = records.as(actor);
  const patient: Patient & { id: string } = await view.read('Patient', row.patient);
  const others = (patient.identifier ?? []).filter(({ system }) => system !== INSURED_PERSON);
  await view.update({ ...patient, identifier: [...others, { system: INSURED_PERSON, value: number }] });
  const draft = await amendDocument(deps, actor, row.document, '被保険者番号を直して、もう一度送るため');
  return confirmDraft(deps, actor, draft.id, draft.version);
}
