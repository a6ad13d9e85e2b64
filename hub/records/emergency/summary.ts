// What an emergency needs of a record and no more: who it is, whom to tell, allergies, diseases, medicine, vaccinations.
import type {
  AllergyIntolerance,
  CodeableConcept,
  Condition,
  Immunization,
  MedicationRequest,
  MedicationStatement,
  Patient,
  RelatedPerson,
  Resource,
} from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notAllowed } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import { resourcePredicate } from '../access/access.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { INSURED_PERSON, NAME_REPRESENTATION } from '../systems.ts';
import { type EmergencySummary, REASONS, type SummaryLine } from './contract.ts';
import { standingGrant, underGrant } from './grants.ts';
import type { Journal } from './journal.ts';

const TYPES = ['Patient', 'RelatedPerson', 'AllergyIntolerance', 'Condition', 'MedicationRequest', 'MedicationStatement', 'Immunization'];
const MOST = 500;

/** Reads it under the actor's own grant. Goes on with the journal when the audit trail is away. @throws Problem 404, 403 */
export async function emergencySummary(
  { records, journal }: { records: OpenRecords; journal: Journal },
  actor: Person,
  id: string,
): Promise<EmergencySummary> {
  const grant = await standingGrant(records, actor, id);
  const { connection, now } = records.context;
  const acting = underGrant(actor, grant.id);
  const { rows } = await sql<{ content: Resource }>`select r0.content from resources r0
    where r0.type = any(${TYPES}::text[]) and not r0.deleted and r0.patients = array[${grant.patient}]::text[]
      and ${resourcePredicate(acting, 'read', 'Patient', now())} order by r0.last_updated desc limit ${MOST}`.execute(connection);
  const why = REASONS[grant.reason];
  const what = { ja: `緊急閲覧で要約を見る (${why.ja})`, en: `read the emergency summary (${why.en})` };
  const allowed = rows.length > 0;
  await journal.write([{ actor: acting, action: 'read', what, resource: `Patient/${grant.patient}`, patients: [grant.patient], allowed }]);
  // The patient's own word against emergencies (a denial for ETREAT) holds.
  if (!allowed) throw notAllowed();
  const of = <T extends Resource>(type: T['resourceType']) =>
    rows.flatMap(({ content }) => (content.resourceType === type ? [content as T] : []));
  const [patient] = of<Patient>('Patient');
  const kana = patient?.name?.find(each =>
    each.extension?.some(({ url, valueCode }) => url === NAME_REPRESENTATION && valueCode === 'SYL'),
  );
  const [address] = patient?.address ?? [];
  return {
    grant: grant.id,
    until: grant.until.toISOString(),
    name: kanjiName(patient?.name),
    kana: kana?.text ?? [kana?.family, ...(kana?.given ?? [])].filter(Boolean).join(' '),
    birthDate: patient?.birthDate ?? null,
    gender: patient?.gender ?? null,
    address: address?.text ?? [address?.state, address?.city, ...(address?.line ?? [])].filter(Boolean).join(''),
    insured: (patient?.identifier ?? []).flatMap(({ system, value }) => (system === INSURED_PERSON && value ? [value] : [])),
    contacts: [
      ...(patient?.contact ?? []).map(contact => ({
        name: kanjiName(contact.name ? [contact.name] : undefined),
        relation: textOf(contact.relationship?.[0]),
        phone: contact.telecom?.find(({ system }) => system === 'phone')?.value ?? '',
      })),
      ...of<RelatedPerson>('RelatedPerson').map(related => ({
        name: kanjiName(related.name),
        relation: textOf(related.relationship?.[0]),
        phone: related.telecom?.find(({ system }) => system === 'phone')?.value ?? '',
      })),
    ],
    treatedAt: await treatedAt(records, grant.patient),
    allergies: of<AllergyIntolerance>('AllergyIntolerance')
      .filter(({ verificationStatus }) => !refuted(verificationStatus))
      .map(one =>
        line(
          textOf(one.code),
          [
            one.criticality === 'high' ? '重い (severe)' : '',
            ...(one.reaction ?? []).flatMap(({ manifestation }) => manifestation.map(textOf)),
          ],
          one.recordedDate,
        ),
      ),
    diseases: of<Condition>('Condition')
      .filter(({ verificationStatus }) => !refuted(verificationStatus))
      .map(one => line(textOf(one.code), [one.clinicalStatus?.coding?.[0]?.code ?? ''], one.onsetDateTime ?? one.recordedDate)),
    medicines: [
      ...of<MedicationStatement>('MedicationStatement')
        .filter(({ status }) => status === 'active')
        .map(one =>
          line(
            textOf(one.medicationCodeableConcept),
            (one.dosage ?? []).map(({ text }) => text ?? ''),
            one.effectivePeriod?.start ?? one.effectiveDateTime,
          ),
        ),
      ...of<MedicationRequest>('MedicationRequest')
        .filter(({ status }) => status === 'active' || status === 'completed')
        .map(one =>
          line(
            textOf(one.medicationCodeableConcept),
            (one.dosageInstruction ?? []).map(({ text }) => text ?? ''),
            one.authoredOn,
          ),
        ),
    ],
    vaccinations: of<Immunization>('Immunization')
      .filter(({ status }) => status === 'completed')
      .map(one => line(textOf(one.vaccineCode), [], one.occurrenceDateTime)),
  };
}

const textOf = (concept: CodeableConcept | undefined) =>
  concept?.text ?? concept?.coding?.[0]?.display ?? concept?.coding?.[0]?.code ?? '—';
const refuted = (status: CodeableConcept | undefined) =>
  status?.coding?.some(({ code }) => code === 'refuted' || code === 'entered-in-error') === true;
const line = (text: string, detail: string[], date: string | undefined): SummaryLine => ({
  text,
  detail: detail.filter(Boolean).join('・'),
  date: date?.slice(0, 10) ?? null,
});

async function treatedAt(records: OpenRecords, patient: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select distinct o.content ->> 'name' as name from patient_relations r
    join resources o on o.type = 'Organization' and r.party = 'Organization/' || o.id and not o.deleted
    where r.patient = ${patient} and r.kind in ('treats', 'residence')`.execute(records.context.connection);
  return rows.map(({ name }) => name).filter(Boolean);
}
