// Values that fit the model to one person, as versions: proposed, adopted, declined or taken back. At most one of a person is in force.
import { sql } from 'kysely';
import { notFound, Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { PersonValueView } from './contract.ts';
import { LEARNING_CHANNEL } from './versions.ts';

/** In force for one person. */
export interface PersonValue {
  /** Version of the facility's model that it was reckoned with. */
  base: string;
  number: number;
  /** Added to the log odds. */
  offset: number;
}

interface Row {
  id: string;
  patient: string;
  base: string;
  number: number;
  offset: number;
  figures: PersonValueView['figures'];
  proposed_at: Date;
  state: PersonValueView['state'];
  decided_at: Date | null;
  decided_by: string | null;
}

/** Newest first, those of people in `patients` that were made for this version of the facility's model. */
export async function personValuesOf(database: Database, base: string, patients: string[]): Promise<PersonValueView[]> {
  const { rows } = await sql<Row>`
    select * from person_values where base = ${base} and patient = any(${patients}::text[]) order by patient, number desc`.execute(
    database.kysely,
  );
  return rows.map(row => ({
    id: row.id,
    patient: row.patient,
    number: row.number,
    offset: row.offset,
    state: row.state,
    figures: row.figures,
    proposedAt: row.proposed_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: row.decided_by,
  }));
}

/** By patient. Whether it fits the version that predicts now is for the caller to see. */
export async function personValuesInForce(database: Database): Promise<Map<string, PersonValue>> {
  const { rows } = await sql<PersonValue & { patient: string }>`
    select patient, base, number, "offset" from person_values where state = 'adopted'`.execute(database.kysely);
  return new Map(rows.map(({ patient, ...value }) => [patient, value]));
}

/** A proposal takes the place of one of the person that nobody decided on. */
export async function proposePersonValue(
  database: Database,
  proposal: { facility: string; patient: string; base: string; offset: number; figures: PersonValueView['figures']; at: Date },
): Promise<void> {
  const { facility, patient, base, offset, figures, at } = proposal;
  await database.kysely.transaction().execute(async transaction => {
    await sql`select pg_advisory_xact_lock(hashtext(${`person-values ${patient}`}))`.execute(transaction);
    await sql`delete from person_values where patient = ${patient} and state = 'proposed'`.execute(transaction);
    await sql`
      insert into person_values (facility, patient, base, number, "offset", figures, proposed_at, state)
      select ${facility}, ${patient}, ${base}, coalesce(max(number), 0) + 1, ${offset}::double precision, ${JSON.stringify(figures)}::jsonb, ${at}::timestamptz,
        'proposed' from person_values where patient = ${patient} and base = ${base}`.execute(transaction);
  });
}

/** Takes back a proposal that the newest outcomes no longer speak for. */
export async function withdrawProposal(database: Database, patient: string): Promise<void> {
  await sql`delete from person_values where patient = ${patient} and state = 'proposed'`.execute(database.kysely);
}

/**
 * Puts a proposed or former value in force; null lets the person be predicted as everybody. The one before stays and can be restored.
 * @throws Problem 404; 409 for a declined one
 */
export async function adoptPersonValue(
  database: Database,
  choice: { facility: string; patient: string; base: string; value: string | null; by: string; at: Date },
): Promise<void> {
  const { facility, patient, base, value, by, at } = choice;
  await database.kysely.transaction().execute(async transaction => {
    await sql`select pg_advisory_xact_lock(hashtext(${`person-values ${patient}`}))`.execute(transaction);
    if (value) {
      const { rows } = await sql<Row>`
        select * from person_values where id = ${value}::uuid and patient = ${patient} and base = ${base}`.execute(transaction);
      if (!rows[0]) throw notFound();
      if (rows[0].state === 'declined') throw declined();
    }
    await sql`update person_values set state = 'former' where patient = ${patient} and state = 'adopted'`.execute(transaction);
    if (value)
      await sql`
        update person_values set state = 'adopted', facility = ${facility}, decided_at = ${at}, decided_by = ${by} where id = ${value}::uuid`.execute(
        transaction,
      );
    await sql`select pg_notify(${LEARNING_CHANNEL}, ${JSON.stringify({ facility })})`.execute(transaction);
  });
}

/** @throws Problem 404 when it is no open proposal for this person */
export async function declinePersonValue(
  database: Database,
  choice: { patient: string; value: string; by: string; at: Date },
): Promise<void> {
  const { patient, value, by, at } = choice;
  const { rows } = await sql`
    update person_values set state = 'declined', decided_at = ${at}, decided_by = ${by}
    where id = ${value}::uuid and patient = ${patient} and state = 'proposed' returning id`.execute(database.kysely);
  if (!rows.length) throw notFound();
}

const declined = () =>
  new Problem(409, 'value-declined', {
    ja: 'この値は「使わない」と決められています。次の見直しを待ってください。',
    en: 'This value was declined. Wait for the next review.',
  });
