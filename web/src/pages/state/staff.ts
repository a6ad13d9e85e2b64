// Staff in the record: a person with a role at an organization, the account to sign in with, and the end of a role.
import type { PractitionerRole } from '@medplum/fhirtypes';
import { api } from '../../shared/api.ts';
import {
  createTogether,
  humanNames,
  inTransaction,
  type OrganizationKind,
  ROLE_SYSTEM,
  type Stored,
  search,
  update,
  type WrittenName,
} from '../../shared/fhir.ts';
import type { LinkView, PersonRole, PersonView, RoleAt } from '../../shared/hub.ts';

export type StaffRole = Exclude<PersonRole, 'patient' | 'administrator'>;
export const STAFF_ROLES: readonly StaffRole[] = ['doctor', 'specialist', 'caregiver', 'manager', 'maker'];
/** Where each role is held. */
export const WORKS_AT: Record<StaffRole, OrganizationKind> = {
  doctor: 'hospital',
  specialist: 'hospital',
  caregiver: 'care-facility',
  manager: 'care-facility',
  maker: 'maker',
};

/** Puts the person and the role into the record, both or neither. @returns `Practitioner/…` @throws ApiError */
export async function recordStaff(name: WrittenName, role: StaffRole, organization: string): Promise<string> {
  const [practitioner] = await createTogether([
    { resourceType: 'Practitioner', active: true, name: humanNames(name) },
    {
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: inTransaction(0),
      organization: { reference: `Organization/${organization}` },
      code: [{ coding: [{ system: ROLE_SYSTEM, code: role }] }],
    },
  ]);
  return practitioner!;
}

/** @throws ApiError 409 when the address or the person has an account already */
export const makeAccount = (name: string, email: string, reference: string) =>
  api.post<PersonView>('/api/people', { name, email, reference });

/** A sign-in link that works once within a day. @throws ApiError */
export const makeLink = (account: string) => api.post<LinkView>(`/api/people/${account}/link`, { hours: 24, uses: 1 });

/** Ends a role: the person is refused within seconds; what they wrote keeps their name. @returns gives the role back. @throws ApiError */
export async function endRole(practitioner: string, { role, organization }: RoleAt): Promise<() => Promise<void>> {
  const held = await search<PractitionerRole>(`PractitionerRole?practitioner=${practitioner}&active=true&_count=50`);
  const ending = held.filter(
    one =>
      one.organization?.reference === `Organization/${organization}` &&
      one.code?.some(code => code.coding?.some(coding => coding.system === ROLE_SYSTEM && coding.code === role)),
  );
  const ended: [before: Stored<PractitionerRole>, now: Stored<PractitionerRole>][] = [];
  for (const one of ending)
    ended.push([one, await update<PractitionerRole>({ ...one, active: false, period: { ...one.period, end: new Date().toISOString() } })]);
  return async () => {
    for (const [before, now] of ended) await update<PractitionerRole>({ ...before, meta: now.meta });
  };
}
