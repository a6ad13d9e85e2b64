// The one place that decides: consent's table (consent.ts) joined with relations and denials in SQL, for one patient or for a whole search.
import { type RawBuilder, sql } from 'kysely';
import type { Actor } from '../identity/actor.ts';
import { deniableAs, type Ground, groundsOf, setupSeen } from './consent.ts';
import type { Action, Category } from './records.ts';
import type { Connection } from './tables.ts';

/**
 * SQL that is true when the actor may do `action` with data of `category` of `patient`, as things stand at `now`.
 * Later denials of the patient count at once: nothing is cached.
 */
function patientPredicate(
  actor: Actor,
  action: Action,
  now: Date,
  columns: { patient: RawBuilder<unknown>; category: RawBuilder<unknown>; withheld: RawBuilder<unknown> },
): RawBuilder<boolean> {
  const grounds = groundsOf(actor, action);
  const self = grounds.filter(ground => ground.kind === 'self');
  const others = grounds.filter(ground => ground.kind !== 'self');
  const { patient, category, withheld } = columns;
  const asSelf = self.map(
    ground => sql`(${patient} = any(${ground.parties}::text[]) and ${category} = any(${ground.categories}::text[]) and not ${withheld})`,
  );
  const related = others.map(ground =>
    ground.kind === 'everyone'
      ? sql`${category} = any(${ground.categories}::text[])`
      : sql`(${category} = any(${ground.categories}::text[]) and exists (
          select 1 from patient_relations r
          where r.patient = ${patient} and r.kind = ${ground.kind} and r.party = any(${ground.parties}::text[])
            and (r.until is null or r.until > ${now})) ${ground.kind === 'share' ? sql`and not ${withheld}` : sql``})`,
  );
  if (!asSelf.length && !related.length) return sql<boolean>`false`;
  const denied = sql`exists (
    select 1 from patient_denials d
    where d.patient = ${patient} and (d.party is null or d.party = any(${deniableAs(actor)}::text[]))
      and (d.category is null or d.category = ${category})
      and (d.since is null or d.since <= ${now}) and (d.until is null or d.until > ${now}))`;
  const either = (parts: RawBuilder<unknown>[]) => (parts.length ? sql`(${sql.join(parts, sql` or `)})` : sql`false`);
  // The set-up service is how the record is seeded and repaired; a patient's denial is about people and what acts for them.
  const deniable = actor.kind === 'service' && actor.name === 'setup' ? sql`true` : sql`not ${denied}`;
  return sql<boolean>`(${either(asSelf)} or (${either(related)} and ${deniable}))`;
}

/**
 * SQL over a row of `resources`, named `alias` in the query: whether the actor may do `action` with it. A resource with several patients
 * needs the right for each. A search asks it of every resource it touches: what matches, what a chain goes through, what is included.
 */
export function resourcePredicate(actor: Actor, action: Action, type: string, now: Date, alias = 'r0'): RawBuilder<boolean> {
  const of = (column: string) => sql.ref(`${alias}.${column}`);
  const person = patientPredicate(actor, action, now, {
    patient: sql`p.id`,
    category: of('category'),
    withheld: of('withheld'),
  });
  const seen = setupSeen(actor, type);
  const setup =
    seen === 'none'
      ? sql`false`
      : seen === 'all'
        ? sql`${of('category')} = 'setup'`
        : sql`(${of('category')} = 'setup' and exists (select 1 from search_reference o
            where o.row = ${of('row')} and o.param = 'organization' and o.target = any(${seen.organizations}::text[])))`;
  return sql<boolean>`(${setup} or (${of('category')} <> 'setup' and ${of('patients')} <> '{}' ${amongMine(groundsOf(actor, action), of('patients'))}
    and not exists (select 1 from unnest(${of('patients')}) p(id) where not ${person})))`;
}

/** Lets the planner start from the actor's own patients when nothing else narrows the search. */
function amongMine(grounds: Ground[], patients: RawBuilder<unknown>): RawBuilder<unknown> {
  if (grounds.some(ground => ground.kind === 'everyone')) return sql``;
  const self = grounds.filter(ground => ground.kind === 'self').flatMap(ground => ground.parties);
  const parties = grounds.filter(ground => ground.kind !== 'self').flatMap(ground => ground.parties);
  return sql`and ${patients} && (${self}::text[] || array(select patient from patient_relations where party = any(${parties}::text[])))`;
}

/** Which of the patients (ids) the actor may do `action` with, in `category`. */
export async function allowedPatients(
  connection: Connection,
  actor: Actor,
  patients: string[],
  category: Category,
  action: Action,
  now: Date,
  withheld = false,
): Promise<Set<string>> {
  if (!patients.length) return new Set();
  const predicate = patientPredicate(actor, action, now, {
    patient: sql`p.id`,
    category: sql`${category}::text`,
    withheld: sql`${withheld}::boolean`,
  });
  const { rows } = await sql<{ id: string }>`select p.id from unnest(${patients}::text[]) p(id) where ${predicate}`.execute(connection);
  return new Set(rows.map(row => row.id));
}
