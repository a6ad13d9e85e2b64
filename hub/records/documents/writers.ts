// Who writes to whom, as the record has them, each read through the rights of who confirms; and the tags of what the patient is not shown yet.
import type { Coding, Organization, Practitioner, PractitionerRole } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import type { GuardedRepository } from '../repository.ts';
import { INDICATION } from '../systems.ts';
import type { ReferralFacts } from './referral.ts';

type With<T> = T & { id: string };

/** The institution in whose name a doctor writes: the one named, when they are a doctor there, else their first. @throws Problem 403 */
export async function institutionOf(view: GuardedRepository, actor: Person, wanted: string | undefined): Promise<With<Organization>> {
  const here = actor.roles.filter(({ role, organization }) => (role === 'doctor' || role === 'specialist') && organization);
  const own = here.find(({ organization }) => `Organization/${organization}` === wanted) ?? here[0];
  if (!own)
    throw new Problem(403, 'not-allowed', { ja: '医師として登録された施設がありません。', en: 'You are a doctor at no institution.' });
  return (await view.read('Organization', own.organization)) as With<Organization>;
}

/** @param reference `Practitioner/…` */
export const practitionerOf = async (view: GuardedRepository, reference: string): Promise<With<Practitioner>> =>
  (await view.read('Practitioner', reference.slice('Practitioner/'.length))) as With<Practitioner>;

/** A recipient and where they work. @throws Problem 422 when the record names no institution */
export async function recipientOf(records: OpenRecords, actor: Person, practitioner: string): Promise<ReferralFacts['to']> {
  const view = records.guarded(actor);
  const roles = await records.as(actor).search<PractitionerRole>(`PractitionerRole?practitioner=Practitioner/${practitioner}`);
  const organization = roles.map(role => role.organization?.reference).find(Boolean);
  if (!organization) {
    throw new Problem(422, 'recipient-unknown', {
      ja: '宛先の医師が所属する医療機関が登録されていません。宛先を選び直してください。',
      en: 'The recipient works at no institution in the record. Choose another recipient.',
    });
  }
  return {
    practitioner: await practitionerOf(view, `Practitioner/${practitioner}`),
    organization: (await view.read('Organization', organization.slice('Organization/'.length))) as With<Organization>,
  };
}

/** Tags of JP-CLINS on what the patient must not be shown yet: every part of the document gets them. */
export const tagsOf = (withheld: 'UNINFORMED' | 'UNDELIVERED' | null): Coding[] =>
  withheld ? [{ system: INDICATION, code: withheld }] : [];
