// Whom a doctor may invite: practitioners with a role at an organization (FHIR PractitionerRole).
import type { Organization, Practitioner, PractitionerRole } from '@medplum/fhirtypes';
import { PERSON_ROLES, type PersonRole } from '../identity/actor.ts';
import type { Repository } from '../records/records.ts';
import { ROLE_SYSTEM } from '../records/systems.ts';
import type { CardView, Invitable } from './contract.ts';

/** Roles that can take part in a consultation. */
export const INVITABLE_ROLES = ['doctor', 'specialist', 'caregiver'] as const satisfies readonly PersonRole[];

export interface InvitablePerson extends Invitable {
  /** Organization id. */
  organization: string;
}

/** People with one of the roles; `q` is looked for in name and organization. At most 100, by name. */
export async function findInvitable(repository: Repository, roles: readonly PersonRole[], q = ''): Promise<InvitablePerson[]> {
  const found = await repository.search<PractitionerRole>(
    `PractitionerRole?role=${roles.map(role => encodeURIComponent(`${ROLE_SYSTEM}|${role}`)).join(',')}&_count=500`,
  );
  const people = await namedPeople(repository, found, roles);
  const wanted = q.trim().toLowerCase();
  return people
    .filter(person => `${person.name} ${person.organizationName}`.toLowerCase().includes(wanted))
    .sort((a, b) => a.name.localeCompare(b.name, 'ja'))
    .slice(0, 100);
}

/** The role in which a practitioner would take part, or undefined when they have none. */
export async function invitable(repository: Repository, practitioner: string): Promise<InvitablePerson | undefined> {
  const found = await repository.search<PractitionerRole>(`PractitionerRole?practitioner=Practitioner/${practitioner}&_count=50`);
  const people = await namedPeople(repository, found, INVITABLE_ROLES);
  return people.sort((a, b) => orderOf(a.role) - orderOf(b.role))[0];
}

/** What the patient may open at any time in the call: who this doctor is (online-consultation guideline, identity of the doctor). */
export async function cardOf(
  repository: Repository,
  person: { reference: string; role: PersonRole; organizationName: string; name: string },
  licence: CardView['licence'],
) {
  const practitioner = await repository.read('Practitioner', person.reference.replace(/^Practitioner\//, ''));
  const registered = practitioner.qualification?.find(each => each.period?.start)?.period?.start;
  const photo = practitioner.photo?.find(each => each.data && each.contentType?.startsWith('image/'));
  const card: CardView = {
    reference: person.reference,
    name: person.name,
    role: person.role,
    organizationName: person.organizationName,
    registeredYear: registered ? Number(registered.slice(0, 4)) : null,
    photo: photo ? `data:${photo.contentType};base64,${photo.data}` : null,
    // The number and the certificate's serial are the doctor's own affair.
    licence: licence && {
      certificateUntil: licence.certificateUntil,
      certificateSeen: licence.certificateSeen,
      registrationSeen: licence.registrationSeen,
      affiliationSeen: licence.affiliationSeen,
    },
  };
  return card;
}

const orderOf = (role: PersonRole) => (INVITABLE_ROLES as readonly PersonRole[]).indexOf(role);

async function namedPeople(repository: Repository, found: PractitionerRole[], roles: readonly PersonRole[]): Promise<InvitablePerson[]> {
  const held = found
    .filter(each => each.active !== false && each.practitioner?.reference?.startsWith('Practitioner/'))
    .flatMap(each => {
      const role = roleOf(each);
      return role && roles.includes(role) ? [{ each, role }] : [];
    });
  const practitioners = await byId<Practitioner>(
    repository,
    'Practitioner',
    held.map(({ each }) => idOf(each.practitioner?.reference)),
  );
  const organizations = await byId<Organization>(
    repository,
    'Organization',
    held.map(({ each }) => idOf(each.organization?.reference)),
  );
  return held.map(({ each, role }) => {
    const practitioner = idOf(each.practitioner?.reference);
    const organization = idOf(each.organization?.reference);
    return {
      practitioner,
      name: humanName(practitioners.get(practitioner)) ?? each.practitioner?.display ?? practitioner,
      role,
      organization,
      organizationName: organizations.get(organization)?.name ?? each.organization?.display ?? '',
    };
  });
}

const idOf = (reference: string | undefined) => reference?.split('/')[1] ?? '';

function roleOf(resource: PractitionerRole): PersonRole | undefined {
  const code = resource.code?.flatMap(each => each.coding ?? []).find(coding => coding.system === ROLE_SYSTEM)?.code;
  return PERSON_ROLES.find(role => role === code);
}

async function byId<T extends Practitioner | Organization>(repository: Repository, type: T['resourceType'], ids: string[]) {
  const wanted = [...new Set(ids.filter(Boolean))];
  if (!wanted.length) return new Map<string, T>();
  const resources = await repository.search<T>(`${type}?_id=${wanted.join(',')}&_count=${wanted.length}`);
  return new Map(resources.map(resource => [resource.id, resource] as const));
}

/** The official name as written: `text`, else family and given. */
export function humanName(resource: { name?: { use?: string; text?: string; family?: string; given?: string[] }[] } | undefined) {
  const name = resource?.name?.find(each => each.use === 'official') ?? resource?.name?.[0];
  if (!name) return undefined;
  return name.text ?? [name.family, ...(name.given ?? [])].filter(Boolean).join(' ');
}
