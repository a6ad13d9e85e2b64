// Who may open a record in an emergency: a flag beside a role at one organization, given and taken by administrators.
import type { Organization, Practitioner, PractitionerRole } from '@medplum/fhirtypes';
import { notFound } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { ROLE_SYSTEM } from '../systems.ts';
import type { EntitledView } from './contract.ts';
import { BREAK_GLASS } from './grants.ts';

/** Kinds of work that can carry the flag. */
const STAFF = ['doctor', 'specialist', 'caregiver', 'manager'];

const codesOf = (role: PractitionerRole) =>
  (role.code ?? []).flatMap(({ coding }) => coding ?? []).flatMap(({ system, code }) => (system === ROLE_SYSTEM && code ? [code] : []));

/** Everybody who works somewhere, with the flag. */
export async function entitledStaff(records: OpenRecords, actor: Person): Promise<EntitledView[]> {
  const view = records.as(actor);
  const roles = (await view.search<PractitionerRole>('PractitionerRole?active=true&_count=1000')).filter(role =>
    codesOf(role).some(code => STAFF.includes(code)),
  );
  const named = async <T extends Practitioner | Organization>(type: T['resourceType'], references: (string | undefined)[]) => {
    const ids = [...new Set(references.flatMap(reference => reference?.split('/')[1] ?? []))];
    const found: T[] = [];
    for (let at = 0; at < ids.length; at += 100)
      found.push(...(await view.search<T>(`${type}?_id=${ids.slice(at, at + 100).join(',')}&_count=100`)));
    return new Map(found.map(one => [`${type}/${one.id}`, one.resourceType === 'Organization' ? (one.name ?? '—') : kanjiName(one.name)]));
  };
  const people = await named<Practitioner>(
    'Practitioner',
    roles.map(({ practitioner }) => practitioner?.reference),
  );
  const places = await named<Organization>(
    'Organization',
    roles.map(({ organization }) => organization?.reference),
  );
  return roles
    .map(role => ({
      role: role.id!,
      name: people.get(role.practitioner?.reference ?? '') ?? '—',
      does: codesOf(role).find(code => STAFF.includes(code)) ?? '',
      organizationName: places.get(role.organization?.reference ?? '') ?? '—',
      entitled: codesOf(role).includes(BREAK_GLASS),
    }))
    .sort((a, b) => Number(b.entitled) - Number(a.entitled) || a.name.localeCompare(b.name, 'ja'));
}

export async function entitle(records: OpenRecords, actor: Person, id: string, entitled: boolean): Promise<void> {
  const view = records.as(actor);
  const role = await view.read('PractitionerRole', id);
  if (!codesOf(role).some(code => STAFF.includes(code))) throw notFound();
  if (codesOf(role).includes(BREAK_GLASS) === entitled) return;
  const others = (role.code ?? []).filter(
    ({ coding }) => !coding?.some(({ system, code }) => system === ROLE_SYSTEM && code === BREAK_GLASS),
  );
  const flag = { coding: [{ system: ROLE_SYSTEM, code: BREAK_GLASS }], text: '緊急閲覧' };
  await view.update({ ...role, code: entitled ? [...others, flag] : others });
}
