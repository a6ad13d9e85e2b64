// What an actor may write: decided from what the resource is about, before and after the change, by the rules of access.ts and consent.ts.
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { type Actor, scopeOf } from '../../identity/actor.ts';
import type { Action, Category } from '../records.ts';
import type { Stored, Version } from '../store.ts';
import { ROLE_SYSTEM } from '../systems.ts';
import type { Connection } from '../tables.ts';
import { allowedPatients } from './access.ts';
import { groundsOf, inOwnName, mayWriteSetup, PATIENT_WRITES, type SetupFacts } from './consent.ts';
import { relationsOf } from './relations.ts';

/** Who writes, in which transaction, at what moment. */
export interface Writing {
  actor: Actor;
  connection: Connection;
  now: Date;
}

/** Whether the scopes of a token leave room for it, whatever the actor's own rights are. */
function inScope({ actor }: Writing, action: Action, type: string, patients: readonly string[]): boolean {
  const scope = scopeOf(actor, action, type);
  return scope === 'all' || (scope !== 'none' && patients.length > 0 && patients.every(patient => patient === scope.patient));
}

/** Which of these the actor may create. Those of one kind are asked about together. */
export async function mayCreate(writing: Writing, versions: Version[]): Promise<boolean[]> {
  const may: boolean[] = [];
  const plain: { next: Version; index: number }[] = [];
  for (const [index, next] of versions.entries()) {
    const { category, patients } = next.belonging;
    const now = mayCreateAtAll(writing, next);
    if (now !== undefined) may[index] = now;
    else if (category === 'setup') may[index] = await mayHold(writing, 'create', next);
    else if (!patients.length) may[index] = false;
    else plain.push({ next, index });
  }
  for (const group of Map.groupBy(plain, ({ next: { belonging } }) => `${belonging.category} ${belonging.withheld}`).values()) {
    const { category, withheld } = group[0]!.next.belonging;
    const patients = [...new Set(group.flatMap(({ next }) => next.belonging.patients))];
    const now = writing.now;
    const allowed = await allowedPatients(writing.connection, writing.actor, patients, category as Category, 'create', now, withheld);
    for (const { next, index } of group) may[index] = next.belonging.patients.every(patient => allowed.has(patient));
  }
  return may;
}

/** What is decided without asking the database; undefined: it has to be asked. */
function mayCreateAtAll(writing: Writing, next: Version): boolean | undefined {
  const { actor } = writing;
  const { resourceType } = next.resource;
  if (!inScope(writing, 'create', resourceType, next.belonging.patients)) return false;
  if (isPatient(actor) && !PATIENT_WRITES.has(resourceType)) return false;
  if (!inOwnName(actor, next.resource)) return false;
  if (resourceType !== 'Patient' || actor.kind === 'service') return undefined;
  // A new patient has no relations yet: the organization that takes the patient on is the one that may write the first lines.
  const parties = relationsOf(next.resource, next.at).map(relation => relation.party);
  return groundsOf(actor, 'create').some(
    ({ kind, categories, parties: own }) =>
      kind === 'treats' && categories.includes('demographics') && own.some(party => parties.includes(party)),
  );
}

/** Whether the actor may do `action` to a resource such as this one. */
export async function mayHold(writing: Writing, action: Action, { resource, belonging }: Version): Promise<boolean> {
  const { patients, category, withheld } = belonging;
  if (!inScope(writing, action, resource.resourceType, patients)) return false;
  if (category === 'setup') {
    return mayWriteSetup(writing.actor, resource.resourceType, await factsOf(writing.connection, resource), action);
  }
  if (!patients.length) return false;
  const allowed = await allowedPatients(writing.connection, writing.actor, patients, category, action, writing.now, withheld);
  return allowed.size === patients.length;
}

export async function mayChange(writing: Writing, action: Action, type: string, previous: Stored): Promise<boolean> {
  if (!inScope(writing, action, type, previous.patients)) return false;
  if (previous.category === 'setup') {
    const facts = previous.content ? await factsOf(writing.connection, previous.content) : { organizations: [], roles: [] };
    return mayWriteSetup(writing.actor, type, facts, action);
  }
  const category = previous.category as Version['belonging']['category'];
  if (category === 'setup' || !previous.patients.length) return false;
  const allowed = await allowedPatients(
    writing.connection,
    writing.actor,
    previous.patients,
    category,
    action,
    writing.now,
    previous.withheld,
  );
  return allowed.size === previous.patients.length;
}

async function factsOf(connection: Connection, resource: Resource): Promise<SetupFacts> {
  const codes = resource.resourceType === 'PractitionerRole' ? (resource.code ?? []).flatMap(concept => concept.coding ?? []) : [];
  const roles = codes.flatMap(({ system, code }) => (system === ROLE_SYSTEM && code ? [code] : []));
  return { organizations: await organizationsOf(connection, resource), roles };
}

/** Ids of the organizations a resource of the set-up belongs to: what a manager or maker must work for to change it. */
async function organizationsOf(connection: Connection, resource: Resource): Promise<string[]> {
  const idOf = (reference: string | undefined) => (reference?.startsWith('Organization/') ? [reference.slice('Organization/'.length)] : []);
  switch (resource.resourceType) {
    case 'Organization':
      return resource.id ? [resource.id] : [];
    case 'Location':
      return idOf(resource.managingOrganization?.reference);
    case 'PractitionerRole':
      return idOf(resource.organization?.reference);
    case 'Device':
      return idOf(resource.owner?.reference);
    case 'Practitioner': {
      const { rows } = await sql<{
        target: string;
      }>`select distinct o.target from search_reference p join search_reference o on o.row = p.row
        where p.type = 'PractitionerRole' and p.param = 'practitioner' and p.target = ${`Practitioner/${resource.id}`} and o.param = 'organization'`.execute(
        connection,
      );
      return rows.flatMap(row => idOf(row.target));
    }
    default:
      return [];
  }
}

const isPatient = (actor: Actor) => actor.kind === 'person' && actor.reference?.startsWith('Patient/') === true;
