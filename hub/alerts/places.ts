// Alerts that concern no resident, of a place or a whole facility: who may see them, and what the place is called.
import type { Location } from '@medplum/fhirtypes';
import { notAllowed, type Text } from '../http/problem.ts';
import { type Actor, hasRole, type Person } from '../identity/actor.ts';
import type { Action, Records } from '../records/records.ts';
import type { AlertView } from './contract.ts';
import { alertView } from './floor.ts';
import { facilityName } from './people.ts';
import type { AlertRow } from './store.ts';

/** No resident's consent is asked for here: who cares at the facility sees them. */
export const caresAt = (actor: Actor, facility: string): boolean => hasRole(actor, ['caregiver', 'manager'], facility);

/** Decides and audits. @throws Problem 403 */
export async function requireCare(records: Records, actor: Person, facility: string, action: Action, what: Text): Promise<void> {
  const allowed = caresAt(actor, facility);
  await records.audit({ actor, action, what, allowed });
  if (!allowed) throw notAllowed();
}

/** As the actor may read them: names of places and facilities are set-up of the record, and each look is audited as such. */
export async function placeViews(records: Records, actor: Actor, rows: AlertRow[]): Promise<AlertView[]> {
  const places = [...new Set(rows.flatMap(({ place }) => place ?? []))];
  const found = places.length ? await records.as(actor).search<Location>(`Location?_id=${places.join(',')}&_count=${places.length}`) : [];
  const names = new Map(found.map(location => [location.id, location.name]));
  return Promise.all(
    rows.map(async row => {
      // A place that is no longer in the record still belongs to the facility.
      const name = (row.place && names.get(row.place)) || (await facilityName(records, actor, row.facility));
      return { ...alertView(row, undefined), placeName: name };
    }),
  );
}
