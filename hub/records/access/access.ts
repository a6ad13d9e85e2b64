// The one place that decides: consent's table (consent.ts) joined with relations and the patient's own provisions in SQL, for one patient or for a whole search.
import { type RawBuilder, sql } from 'kysely';
import { type Actor, scopeOf } from '../../identity/actor.ts';
import type { Action, Category } from '../records.ts';
import type { Connection } from '../tables.ts';
import { deniableAs, type Ground, groundsOf, isClinician, looksAsPatient, purposeOf, setupSeen } from './consent.ts';

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
  const purpose = purposeOf(actor);
  const asked = { patient, category, purpose, now };
  const asSelf = self.map(
    ground => sql`(${patient} = any(${ground.parties}::text[]) and ${category} = any(${ground.categories}::text[]) and not ${withheld})`,
  );
  // What the patient was not told yet stays with those who treat: neither a link nor who acts for the patient opens it.
  const told = looksAsPatient(actor) ? sql`and not ${withheld}` : sql``;
  const related = others.map(ground => {
    const opened = sql`${category} = any(${ground.categories}::text[])`;
    switch (ground.kind) {
      case 'everyone':
        return opened;
      case 'granted':
        return sql`(${opened} ${told} and ${decisive({ ...asked, effect: sql`c.grants and (c.parties <> '[]' or ${isClinician(actor)})`, parties: ground.parties })})`;
      case 'emergency':
        return sql`(${opened} and exists (select 1 from emergency_grants g where g.id::text = any(${ground.parties}::text[])
          and g.patient = ${patient} and g.ended_at is null and g.since <= ${now} and g.until > ${now}))`;
      default:
        return sql`(${opened} ${told} and exists (
          select 1 from patient_relations r
          where r.patient = ${patient} and r.kind = ${ground.kind} and r.party = any(${ground.parties}::text[])
            and (r.until is null or r.until > ${now})))`;
    }
  });
  if (!asSelf.length && !related.length) return sql<boolean>`false`;
  // In an emergency only a denial that speaks of emergencies holds.
  const effect = purpose === 'ETREAT' ? sql`c.effect = 'deny' and c.purposes is not null` : sql`c.effect = 'deny'`;
  const denied = decisive({ ...asked, effect, parties: deniableAs(actor) });
  const either = (parts: RawBuilder<unknown>[]) => (parts.length ? sql`(${sql.join(parts, sql` or `)})` : sql`false`);
  // The set-up service is how the record is seeded and repaired; a patient's denial is about people and what acts for them.
  const deniable = actor.kind === 'service' && actor.name === 'setup' ? sql`true` : sql`not ${denied}`;
  return sql<boolean>`(${either(asSelf)} or (${either(related)} and ${deniable}))`;
}

/**
 * SQL that is true when a provision of the patient with this effect decides: it fits the question, and none that is nested in it does. So an
 * inner provision speaks for its narrower case, and of several that fit, each by itself, a denial is enough (R4 consent.html, nested rules).
 */
function decisive(asked: {
  patient: RawBuilder<unknown>;
  category: RawBuilder<unknown>;
  purpose: string;
  now: Date;
  effect: RawBuilder<unknown>;
  parties: string[];
}): RawBuilder<boolean> {
  const { patient, category, purpose, now, effect, parties } = asked;
  const fits = (row: 'c' | 'i') => {
    const of = (column: string) => sql.ref(`${row}.${column}`);
    return sql`(${of('categories')} is null or ${category} = any(${of('categories')}))
      and (${of('purposes')} is null or ${purpose} = any(${of('purposes')}))
      and (${of('since')} is null or ${of('since')} <= ${now}) and (${of('until')} is null or ${of('until')} > ${now})
      and not exists (select 1 from jsonb_array_elements(${of('parties')}) level where not jsonb_exists_any(level, ${parties}::text[]))`;
  };
  return sql<boolean>`exists (select 1 from patient_provisions c where c.patient = ${patient} and ${effect} and ${fits('c')}
    and not exists (select 1 from patient_provisions i where i.source = c.source and i.parent = c.node and ${fits('i')}))`;
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
  const scope = scopeOf(actor, action, type);
  if (scope === 'none') return sql<boolean>`false`;
  const within = scope === 'all' ? sql`` : sql`and ${of('patients')} = array[${scope.patient}]::text[]`;
  const seen = setupSeen(actor, type);
  const setup =
    seen === 'none'
      ? sql`false`
      : seen === 'all'
        ? sql`${of('category')} = 'setup'`
        : sql`(${of('category')} = 'setup' and exists (select 1 from search_reference o
            where o.row = ${of('row')} and o.param = 'organization' and o.target = any(${seen.organizations}::text[])))`;
  return sql<boolean>`(${setup} or (${of('category')} <> 'setup' and ${of('patients')} <> '{}' ${within} ${amongMine(actor, groundsOf(actor, action), of('patients'))}
    and not exists (select 1 from unnest(${of('patients')}) p(id) where not ${person})))`;
}

/** Lets the planner start from the actor's own patients when nothing else narrows the search. */
function amongMine(actor: Actor, grounds: Ground[], patients: RawBuilder<unknown>): RawBuilder<unknown> {
  if (grounds.some(ground => ground.kind === 'everyone')) return sql``;
  const partiesOf = (...kinds: Ground['kind'][]) => grounds.filter(({ kind }) => kinds.includes(kind)).flatMap(ground => ground.parties);
  const granted = partiesOf('granted');
  const emergency = partiesOf('emergency');
  const parts = [
    sql`select unnest(${partiesOf('self')}::text[])`,
    sql`select patient from patient_relations where party = any(${partiesOf('treats', 'residence', 'consulted', 'share', 'phr')}::text[])`,
    ...(granted.length ? [sql`select patient from patient_provisions where grants and named && ${granted}::text[]`] : []),
    ...(granted.length && isClinician(actor) ? [sql`select patient from patient_provisions where grants and named = '{}'`] : []),
    ...(emergency.length ? [sql`select patient from emergency_grants where id::text = any(${emergency}::text[])`] : []),
  ];
  return sql`and ${patients} && array(${sql.join(parts, sql` union all `)})`;
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
