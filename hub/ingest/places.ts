// In which room or place a device is, in the facility's words, for its gateway's page: never a person's name.
import type { Location } from '@medplum/fhirtypes';
import { service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';

/** Names of places by subject of a facility's devices: `Location/…` its own, `Patient/…` that of the resident's room. */
export type PlacesOf = (facility: string) => Promise<ReadonlyMap<string, string>>;

/** Longest name that a gateway takes. */
const NAME_LIMIT = 80;

/** Two searches for a whole facility. */
export function placesIn(records: Records): PlacesOf {
  return async facility => {
    const [residents, locations] = await Promise.all([
      records.residents(service('ingest'), facility),
      records.as(service('ingest')).search<Location>(`Location?organization=Organization/${facility}&_count=1000`),
    ]);
    const places = new Map<string, string>();
    const put = (subject: string, name: string | undefined) => name && places.set(subject, name.slice(0, NAME_LIMIT));
    for (const { patient, room } of residents) put(`Patient/${patient}`, room?.name);
    for (const { id, name } of locations) put(`Location/${id}`, name);
    return places;
  };
}
