// Who of a facility may be called: caregivers and managers by the record, with the accounts they have.
import type { PractitionerRole } from '@medplum/fhirtypes';
import { accountsOf, service } from '../identity/index.ts';
import { type Records, ROLE_SYSTEM } from '../records/index.ts';
import type { Database } from '../store/index.ts';
import type { OnDuty } from './messenger.ts';

const CALLED = ['caregiver', 'manager'] as const;
const PAGE = 200;

/** Asked for each time: who has left the facility is not called. */
export async function staffOf(database: Database, records: Pick<Records, 'as'>, facility: string): Promise<OnDuty[]> {
  const repository = records.as(service('setup'));
  const held = new Map<string, Set<OnDuty['roles'][number]>>();
  for (let offset = 0; ; offset += PAGE) {
    const roles = await repository.search<PractitionerRole>(
      `PractitionerRole?organization=Organization/${facility}&active=true&_count=${PAGE}&_offset=${offset}&_sort=_id`,
    );
    for (const { practitioner, code } of roles) {
      const codes = (code ?? []).flatMap(concept => concept.coding ?? []).filter(coding => coding.system === ROLE_SYSTEM);
      const called = CALLED.filter(role => codes.some(coding => coding.code === role));
      const reference = practitioner?.reference;
      if (reference && called.length) held.set(reference, new Set([...(held.get(reference) ?? []), ...called]));
    }
    if (roles.length < PAGE) break;
  }
  const accounts = await accountsOf(database, [...held.keys()]);
  return accounts.map(({ reference, ...account }) => ({ ...account, roles: [...held.get(reference)!] }));
}
