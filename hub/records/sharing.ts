// What the patient decides about sharing: who could see the record and why, and Consents that deny it.
import type { Consent, Organization } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notFound } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import type { SharingView } from './contract.ts';
import { tokyoTime } from './dates.ts';
import type { OpenRecords } from './open.ts';
import { denialsOf } from './relations.ts';

/** Organizations that stand in a relation to the patient (through a clinician's own organization for consultations), and whether they may see the record. */
export async function sharingOf(records: OpenRecords, patient: Person): Promise<SharingView[]> {
  const patientId = idOf(patient);
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
        where r.patient = ${patientId} and r.kind = 'consulted' and (r.until is null or r.until > ${records.context.now()})
      ) every order by organization, weight
    ) one order by array_position(array['treats', 'residence', 'consulted'], relation), organization`.execute(records.context.connection);
  const denied = new Map<string, string | null>();
  for (const consent of await denying(records, patient)) {
    for (const { party } of denialsOf(consent)) if (party) denied.set(party, consent.dateTime ?? null);
  }
  const relations = new Map(rows.map(row => [row.organization, row]));
  // A denied organization stays on the page even when the relation is over: the patient can take the denial back.
  const all = [...new Set([...relations.keys(), ...denied.keys()])].filter(party => party.startsWith('Organization/'));
  const names = await namesOf(records, patient, all);
  return all.map(party => ({
    organization: party.slice('Organization/'.length),
    name: names.get(party) ?? '—',
    relation: relations.get(party)?.relation ?? 'consulted',
    allowed: !denied.has(party),
    since: denied.has(party) ? denied.get(party)! : (relations.get(party)?.since?.toISOString() ?? null),
  }));
}

/** Denies an organization the record, or ends every denial of it. Both are Consents in the record; ended ones stay, inactive. */
export async function setSharing(records: OpenRecords, patient: Person, organization: string, allow: boolean): Promise<void> {
  const party = `Organization/${organization}`;
  const patientId = idOf(patient);
  if (!(await namesOf(records, patient, [party])).size) throw notFound();
  const standing = (await denying(records, patient)).filter(consent => denialsOf(consent).some(denial => denial.party === party));
  await records.guarded(patient).within(async view => {
    if (allow) {
      for (const consent of standing) await view.update({ ...consent, status: 'inactive' });
      return;
    }
    if (standing.some(consent => denialsOf(consent).some(denial => denial.party === party && denial.category === null))) return;
    const consent: Consent = {
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }] }],
      patient: { reference: `Patient/${patientId}` },
      dateTime: tokyoTime(records.context.now()),
      performer: [{ reference: `Patient/${patientId}` }],
      policyRule: { text: '本人の意思 (the patient’s wish)' },
      provision: {
        type: 'deny',
        actor: [
          {
            role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
            reference: { reference: party },
          },
        ],
      },
    };
    await view.create(consent);
  });
}

const idOf = (patient: Person) => patient.reference!.slice('Patient/'.length);

async function denying(records: OpenRecords, patient: Person) {
  const consents = await records.as(patient).search<Consent>(`Consent?patient=${patient.reference}&status=active&_count=1000`);
  return consents.filter(consent => denialsOf(consent).length > 0);
}

async function namesOf(records: OpenRecords, patient: Person, parties: string[]): Promise<Map<string, string>> {
  if (!parties.length) return new Map();
  const ids = parties.map(party => party.slice('Organization/'.length)).join(',');
  const found = await records.as(patient).search<Organization>(`Organization?_id=${ids}&_count=${parties.length}`);
  return new Map(found.map(organization => [`Organization/${organization.id}`, organization.name ?? '—']));
}
