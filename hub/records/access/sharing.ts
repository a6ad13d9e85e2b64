// What the patient decides about sharing: who could see the record and why, what of it is open, and the Consents that say otherwise.
import type { Consent, Organization, Practitioner, Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notFound } from '../../http/problem.ts';
import type { Person, RoleAt } from '../../identity/actor.ts';
import type { Shareable, SharingRule, SharingRules, SharingView } from '../contract.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { CATEGORIES, type Category } from '../records.ts';
import { tokyoTime } from '../search/dates.ts';
import { groundsOf } from './consent.ts';
import { decisions } from './evaluate.ts';
import { CATEGORY_SYSTEM, consentWith, PURPOSE_SYSTEM, provisionsOf } from './provisions.ts';

/** Organizations that stand in a relation to the patient or are named by a rule, and what of the record is open to them now. */
export async function sharingOf(records: OpenRecords, patient: Person): Promise<SharingView[]> {
  const patientId = idOf(patient);
  const now = records.context.now();
  const { rows } = await sql<{ organization: string; relation: SharingView['relation']; since: Date | null }>`
    select organization, relation, since from (
      select distinct on (organization) * from (
        select r.party as organization, r.kind as relation, r.since, case r.kind when 'residence' then 1 else 2 end as weight
        from patient_relations r where r.patient = ${patientId} and r.kind in ('treats', 'residence')
        union all
        select o.target, 'consulted', r.since, 3
        from patient_relations r
        join search_reference p on p.type = 'PractitionerRole' and p.param = 'practitioner' and p.target = r.party
        join search_reference o on o.row = p.row and o.param = 'organization'
        where r.patient = ${patientId} and r.kind = 'consulted' and (r.until is null or r.until > ${now})
      ) every order by organization, weight
    ) one order by array_position(array['treats', 'residence', 'consulted'], relation), organization`.execute(records.context.connection);
  const consents = await standing(records, patient);
  const relations = new Map(rows.map(row => [row.organization, row]));
  // An organization that a rule names stays on the page even when the relation is over: the patient can take the rule back.
  const named = consents.flatMap(consent => provisionsOf(consent).flatMap(({ parties }) => parties.flat()));
  const all = [...new Set([...relations.keys(), ...named])].filter(party => party.startsWith('Organization/'));
  const names = await namesOf(records, patient, all);
  return all.map(party => {
    const relation = relations.get(party)?.relation ?? 'permitted';
    const usual = usualFor(party, relation);
    const said = (category: Category) => decisions(consents, { parties: [party], category, purpose: 'TREAT', now });
    const open = CATEGORIES.filter(category => {
      const decided = said(category);
      return (
        !decided.some(({ effect }) => effect === 'deny') &&
        (usual.includes(category) || decided.some(({ grants, named }) => grants && named))
      );
    });
    const latest = consents.find(consent => provisionsOf(consent).some(({ parties }) => parties.flat().includes(party)));
    return {
      organization: party.slice('Organization/'.length),
      name: names.get(party) ?? '—',
      relation,
      allowed: open.length > 0,
      since: latest?.dateTime ?? relations.get(party)?.since?.toISOString() ?? null,
      usual,
      open,
    };
  });
}

/** What the staff of an organization could read at most, were nothing decided: by the same table that decides for them (consent.ts). */
function usualFor(party: string, relation: SharingView['relation']): Category[] {
  const at = (role: RoleAt['role']): RoleAt => ({ role, organization: party.slice('Organization/'.length), organizationName: '' });
  const roles = { treats: [at('doctor')], residence: [at('caregiver')], consulted: [at('specialist')], permitted: [] }[relation];
  const anyone: Person = { kind: 'person', account: '', session: '', name: '', reference: 'Practitioner/-', roles, language: 'ja' };
  const grounds = groundsOf(anyone, 'read').filter(({ kind }) => kind === relation);
  return CATEGORIES.filter(category => grounds.some(({ categories }) => categories.includes(category)));
}

/** Denies an organization the record, or ends every denial of it. Both are Consents in the record; ended ones stay, inactive. */
export async function setSharing(records: OpenRecords, patient: Person, organization: string, allow: boolean): Promise<void> {
  const party = `Organization/${organization}`;
  if (!(await namesOf(records, patient, [party])).size) throw notFound();
  const denials = (await standing(records, patient)).filter(consent =>
    provisionsOf(consent).some(({ effect, parties }) => effect === 'deny' && parties.flat().includes(party)),
  );
  if (allow) {
    await records.guarded(patient).within(async view => {
      for (const consent of denials) await view.update({ ...consent, status: 'inactive' });
    });
    return;
  }
  const whole = denials.some(consent => {
    const [rule] = rulesIn(consent, records.context.now());
    return rule?.standing === 'now' && !rule.categories && !rule.until && !rule.purposes;
  });
  if (!whole) await addRule(records, patient, { effect: 'deny', party, categories: null, purposes: null, from: null, until: null });
}

export type NewRule = Pick<SharingRule, 'effect' | 'party' | 'categories' | 'purposes' | 'from' | 'until'>;

/** Writes one decision as a Consent. @throws Problem 404 for a party that is not in the record */
export async function addRule(records: OpenRecords, patient: Person, rule: NewRule): Promise<string> {
  const { effect, party, categories, purposes, from, until } = rule;
  if (party !== null && !(await namesOf(records, patient, [party])).size) throw notFound();
  const provision = {
    type: effect,
    ...(from || until ? { period: { ...(from ? { start: from } : {}), ...(until ? { end: until } : {}) } } : {}),
    ...(party
      ? {
          actor: [
            {
              role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
              reference: { reference: party },
            },
          ],
        }
      : {}),
    ...(purposes ? { purpose: purposes.map(code => ({ system: PURPOSE_SYSTEM, code })) } : {}),
    ...(categories ? { class: categories.map(code => ({ system: CATEGORY_SYSTEM, code })) } : {}),
  };
  const consent = consentWith(
    idOf(patient),
    patient.reference!,
    tokyoTime(records.context.now()),
    [provision],
    '本人の意思 (the patient’s wish)',
  );
  return (await records.guarded(patient).create(consent)).id;
}

/** Ends a decision, or lets an ended one stand again. @throws Problem 404, 403 */
export async function setRule(records: OpenRecords, patient: Person, id: string, stands: boolean): Promise<void> {
  await records.guarded(patient).within(async view => {
    const consent = (await view.read('Consent', id)) as Resource & { id: string };
    if (consent.resourceType !== 'Consent') throw notFound();
    const status = stands ? 'active' : 'inactive';
    if (consent.status !== status) await view.update({ ...consent, status });
  });
}

/** All decisions that stand or stood, and each change of them. Those for people who act for the patient are on a page of their own. */
export async function rulesOf(records: OpenRecords, patient: Person): Promise<SharingRules> {
  const patientId = idOf(patient);
  const now = records.context.now();
  await records.require(patient, patientId, 'sharing', 'read', { ja: '共有の決まりを見る', en: 'read the rules of sharing' });
  const { rows } = await sql<{ content: Consent; last_updated: Date; actor: string; version: string }>`
    select h.content, h.last_updated, h.actor, h.version from resources r
    join resource_history h on h.type = r.type and h.id = r.id
    where r.type = 'Consent' and r.patients @> array[${patientId}]::text[] and h.content is not null
    order by h.last_updated, h.version`.execute(records.context.connection);
  const last = new Map<string, Consent>();
  const changes: { at: string; by: string; change: SharingRules['history'][number]['change']; rule: SharingRule }[] = [];
  for (const { content, last_updated, actor } of rows) {
    const former = last.get(content.id!);
    last.set(content.id!, content);
    const [rule] = rulesIn(content, now);
    if (!rule) continue;
    const ended = content.status !== 'active';
    const change = !former ? 'decided' : former.status === content.status ? 'changed' : ended ? 'ended' : 'again';
    changes.push({ at: last_updated.toISOString(), by: actor === patient.reference ? patient.name : byWord(actor), change, rule });
  }
  const rules = [...last.values()].flatMap(consent => rulesIn(consent, now)).reverse();
  const parties = [...new Set([...rules, ...changes.map(({ rule }) => rule)].flatMap(({ party }) => party ?? []))];
  const names = await namesOf(records, patient, parties);
  const called = (rule: SharingRule): SharingRule => ({ ...rule, name: rule.party && (names.get(rule.party) ?? '—') });
  const mine = ({ party }: SharingRule) => !party?.startsWith('RelatedPerson/') && !party?.startsWith('urn:');
  return {
    rules: rules.filter(rule => rule.standing !== 'ended' && mine(rule)).map(called),
    history: changes
      .filter(({ rule }) => mine(rule))
      .map(change => ({ ...change, rule: called(change.rule) }))
      .reverse(),
  };
}

const byWord = (writer: string) => (writer.startsWith('service:') ? 'システム (system)' : '—');

/** What a Consent decides, one rule for each provision with a type; standing as of `now`. */
function rulesIn(consent: Consent, now: Date): SharingRule[] {
  const ended = consent.status !== 'active';
  return provisionsOf({ ...consent, status: 'active' }).flatMap(({ effect, parties, categories, purposes, since, until }): SharingRule[] =>
    effect
      ? [
          {
            consent: consent.id ?? '',
            effect,
            party: parties.at(-1)?.[0] ?? null,
            name: null,
            categories,
            purposes,
            from: since?.toISOString() ?? null,
            until: until?.toISOString() ?? null,
            decidedAt: consent.dateTime ?? null,
            standing: ended ? 'ended' : until && until <= now ? 'over' : since && since > now ? 'later' : 'now',
          },
        ]
      : [],
  );
}

/** Hospitals, facilities and people of them whose name holds `text`. */
export async function shareable(records: OpenRecords, patient: Person, text: string): Promise<Shareable[]> {
  const view = records.as(patient);
  const name = encodeURIComponent(text);
  const organizations = await view.search<Organization>(`Organization?name:contains=${name}&_count=20`);
  const people = await view.search<Practitioner>(`Practitioner?name:contains=${name}&_count=20`);
  return [
    ...organizations.map(one => ({ party: `Organization/${one.id}`, name: one.name ?? '—', kind: 'organization' as const })),
    ...people.map(one => ({ party: `Practitioner/${one.id}`, name: kanjiName(one.name), kind: 'practitioner' as const })),
  ];
}

const idOf = (patient: Person) => patient.reference!.slice('Patient/'.length);

/** The patient's active Consents, the newest first. */
async function standing(records: OpenRecords, patient: Person) {
  const found = await records.as(patient).search<Consent>(`Consent?patient=${patient.reference}&status=active&_count=1000`);
  return found.sort((a, b) => (b.dateTime ?? '').localeCompare(a.dateTime ?? ''));
}

async function namesOf(records: OpenRecords, patient: Person, parties: string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const type of ['Organization', 'Practitioner'] as const) {
    const ids = parties.filter(party => party.startsWith(`${type}/`)).map(party => party.slice(type.length + 1));
    if (!ids.length) continue;
    const found = await records.as(patient).search<Organization | Practitioner>(`${type}?_id=${ids.join(',')}&_count=${ids.length}`);
    for (const one of found) names.set(`${type}/${one.id}`, one.resourceType === 'Organization' ? (one.name ?? '—') : kanjiName(one.name));
  }
  return names;
}
