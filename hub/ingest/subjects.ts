// Names of what devices watch, as far as the asking person may see them.
import type { Location } from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import type { Records, Resident } from '../records/records.ts';

/** Residents by their name, places by theirs; null for what the person may not see. */
export async function subjectNames(
  records: Records,
  actor: Person,
  facility: string,
  known?: Resident[],
): Promise<(subject: string) => string | null> {
  const [residents, locations] = await Promise.all([
    known ?? orNone(records.residents(actor, facility)),
    orNone(records.as(actor).search<Location>(`Location?organization=Organization/${facility}&_count=1000`)),
  ]);
  const names = new Map<string, string>();
  for (const { patient, name } of residents) names.set(`Patient/${patient}`, name);
  for (const { id, name } of locations) if (name) names.set(`Location/${id}`, name);
  return subject => names.get(subject) ?? null;
}

/** A maker has devices but no residents to see. */
async function orNone<T>(list: Promise<T[]>): Promise<T[]> {
  try {
    return await list;
  } catch (error) {
    if (error instanceof Problem && (error.status === 403 || error.status === 404)) return [];
    throw error;
  }
}
