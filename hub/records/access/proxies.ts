// Who acts for a patient: family whom the patient names, and guardians whom an administrator enters with evidence. A RelatedPerson, and a
// Consent of the patient's that permits it to look.
import type { Consent, RelatedPerson } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notFound } from '../../http/problem.ts';
import { type Person, service } from '../../identity/actor.ts';
import type { NewProxy, ProxyView } from '../contract.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { CATEGORIES } from '../records.ts';
import { tokyoTime } from '../search/dates.ts';
import { CATEGORY_SYSTEM, consentWith, provisionsOf } from './provisions.ts';

const ROLE_CODE = 'http://terminology.hl7.org/CodeSystem/v3-RoleCode';
const RELATIONS = {
  guardian: { code: 'GUARD', text: '法定代理人 (guardian)' },
  family: { code: 'FAMMEMB', text: '家族 (family)' },
} as const;

/**
 * Lets somebody act for the patient until `until`, within `categories`. Given by the patient, or by an administrator with evidence: then the
 * Consent says who verified it and how.
 */
export async function addProxy(records: OpenRecords, actor: Person, patient: string, asked: NewProxy): Promise<string> {
  const { name, relationship, categories, until, phone, evidence } = asked;
  const now = records.context.now();
  const relation = RELATIONS[relationship];
  const what = { ja: '代わりに見る人を決める', en: 'name somebody who acts for the patient' };
  await records.audit({ actor, action: 'create', what, patient, allowed: true });
  return records.guarded(service('setup')).within(async view => {
    const person = await view.create({
      resourceType: 'RelatedPerson',
      active: true,
      patient: { reference: `Patient/${patient}` },
      relationship: [{ coding: [{ system: ROLE_CODE, code: relation.code }], text: relation.text }],
      name: [{ text: name }],
      ...(phone ? { telecom: [{ system: 'phone', value: phone }] } : {}),
      period: { start: tokyoTime(now), ...(until ? { end: until } : {}) },
    });
    const provision = {
      type: 'permit' as const,
      period: { start: tokyoTime(now), ...(until ? { end: until } : {}) },
      actor: [
        {
          role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: relation.code }] },
          reference: { reference: `RelatedPerson/${person.id}` },
        },
      ],
      ...(categories ? { class: categories.map(code => ({ system: CATEGORY_SYSTEM, code })) } : {}),
    };
    const byPatient = actor.reference === `Patient/${patient}`;
    const words = byPatient ? '本人の意思 (the patient’s wish)' : '法定代理 (legal representation)';
    const consent: Consent = {
      ...consentWith(patient, byPatient ? `Patient/${patient}` : `RelatedPerson/${person.id}`, tokyoTime(now), [provision], words),
      ...(evidence ? { verification: [{ verified: true, verificationDate: tokyoTime(now) }], sourceAttachment: { title: evidence } } : {}),
    };
    await view.create(consent);
    return `RelatedPerson/${person.id}`;
  });
}

/** Ends it at once: the Consent stays, inactive, and the RelatedPerson is no longer active. @throws Problem 404 */
export async function endProxy(records: OpenRecords, actor: Person, patient: string, id: string): Promise<void> {
  const found = (await proxyConsents(records, patient)).find(({ party }) => party === `RelatedPerson/${id}`);
  if (!found) throw notFound();
  const what = { ja: '代わりに見る人を終える', en: 'end that somebody acts for the patient' };
  await records.audit({ actor, action: 'update', what, patient, allowed: true });
  await records.guarded(service('setup')).within(async view => {
    for (const consent of found.consents.filter(({ status }) => status === 'active'))
      await view.update({ ...consent, id: consent.id!, status: 'inactive' });
    const person = (await view.read('RelatedPerson', id)) as RelatedPerson & { id: string };
    if (person.active) await view.update({ ...person, active: false });
  });
}

/** Those who act for the patient now, and those who did. */
export async function proxiesOf(records: OpenRecords, patient: string): Promise<ProxyView[]> {
  const now = records.context.now();
  const proxies = await proxyConsents(records, patient);
  const { rows } = await sql<{ reference: string; content: RelatedPerson; account: boolean }>`
    select r.type || '/' || r.id as reference, r.content, exists (select 1 from identity_account a where a.reference = r.type || '/' || r.id) as account
    from resources r where r.type = 'RelatedPerson' and not r.deleted and r.patients @> array[${patient}]::text[]`.execute(
    records.context.connection,
  );
  const people = new Map(rows.map(row => [row.reference, row]));
  return proxies.flatMap(({ party, consents }): ProxyView[] => {
    const person = people.get(party);
    const [latest] = consents;
    if (!person || !latest) return [];
    const [rule] = provisionsOf({ ...latest, status: 'active' }).filter(({ effect }) => effect === 'permit');
    const standing = latest.status === 'active' && (!rule?.until || rule.until > now);
    return [
      {
        id: person.content.id!,
        name: kanjiName(person.content.name),
        relationship: person.content.relationship?.[0]?.coding?.some(({ code }) => code === 'GUARD') ? 'guardian' : 'family',
        categories: rule?.categories ?? [...CATEGORIES],
        since: latest.dateTime ?? null,
        until: rule?.until?.toISOString() ?? null,
        standing,
        evidence: latest.sourceAttachment?.title ?? null,
        account: person.account,
      },
    ];
  });
}

/** The patient's Consents that name a RelatedPerson, by that person, newest first. */
async function proxyConsents(records: OpenRecords, patient: string): Promise<{ party: string; consents: Consent[] }[]> {
  const { rows } = await sql<{ content: Consent }>`select content from resources
    where type = 'Consent' and not deleted and patients @> array[${patient}]::text[] order by row desc`.execute(records.context.connection);
  const byParty = new Map<string, Consent[]>();
  for (const { content } of rows) {
    const parties = provisionsOf({ ...content, status: 'active' }).flatMap(rule => rule.parties.flat());
    for (const party of new Set(parties.filter(each => each.startsWith('RelatedPerson/'))))
      byParty.set(party, [...(byParty.get(party) ?? []), content]);
  }
  return [...byParty].map(([party, consents]) => ({ party, consents }));
}

/** For whom a RelatedPerson (id) acts; null when it is over. */
export async function actsFor(records: OpenRecords, id: string): Promise<string | null> {
  const { rows } = await sql<{ patient: string }>`select patients[1] as patient from resources
    where type = 'RelatedPerson' and id = ${id} and not deleted and coalesce(content ->> 'active', 'true') = 'true'`.execute(
    records.context.connection,
  );
  return rows[0]?.patient ?? null;
}
