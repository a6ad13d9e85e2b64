// A patient's record in order of time, from every kind the actor may see.
import type { Communication, DocumentReference, Encounter, Observation, Practitioner, Resource, RiskAssessment } from '@medplum/fhirtypes';
import type { Text } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { isResidence } from './compartment.ts';
import type { TimelineEntry } from './contract.ts';
import { kanjiName } from './names.ts';
import type { OpenRecords } from './open.ts';
import { HOURLY_TAG } from './systems.ts';
import type { RecordTables } from './tables.ts';

/** Entries of one kind on the page. */
const MOST = 100;

/** Newest first. @throws Problem 403 when the actor may not know this patient at all */
export async function timelineOf(records: OpenRecords, database: Database, actor: Person, patient: string): Promise<TimelineEntry[]> {
  await records.require(actor, patient, 'demographics', 'read', { ja: '記録の一覧を見る', en: 'read the timeline' });
  const view = records.as(actor);
  const search = <T extends Resource>(query: string) => view.search<T>(`${query}=Patient/${patient}&_count=${MOST}`);
  const encounters = (await search<Encounter>('Encounter?_sort=-date&subject')).filter(encounter => !isResidence(encounter));
  const documents = await search<DocumentReference>('DocumentReference?_sort=-date&subject');
  const observations = await search<Observation>('Observation?_sort=-date&subject');
  const risks = await search<RiskAssessment>(`RiskAssessment?_sort=-date&_tag:not=${HOURLY_TAG.system}|${HOURLY_TAG.code}&subject`);
  const communications = (await search<Communication>('Communication?_sort=-sent&subject')).filter(({ encounter }) => !encounter);
  const names = await practitionerNames(records, actor, [...encounters, ...documents, ...communications]);
  const texts = await noteTexts(
    database,
    documents.map(document => document.id!),
  );
  const by = (reference: string | undefined) => (reference ? (names.get(reference) ?? null) : null);

  const entries: TimelineEntry[] = [
    ...encounters.map(encounter => ({
      at: encounter.period?.start ?? encounter.meta?.lastUpdated ?? '',
      kind: 'consultation' as const,
      title: both(`診察: ${reasonOf(encounter) ?? ''}`, `Consultation: ${reasonOf(encounter) ?? ''}`),
      reference: `Encounter/${encounter.id}`,
      by: by(
        encounter.participant?.map(({ individual }) => individual?.reference).find(reference => reference?.startsWith('Practitioner/')),
      ),
      text: null,
    })),
    ...documents.map(document => ({
      at: document.date ?? '',
      kind: 'document' as const,
      title: both(document.description ?? '文書', 'Signed note (referral document)'),
      reference: `DocumentReference/${document.id}`,
      by: by(document.author?.[0]?.reference),
      text: texts.get(document.id!) ?? null,
    })),
    ...observations.map(observation => ({
      at: observation.effectivePeriod?.start ?? observation.effectiveDateTime ?? observation.meta?.lastUpdated ?? '',
      kind: 'observation' as const,
      title: both(valueInWords(observation), valueInWords(observation)),
      reference: `Observation/${observation.id}`,
      by: null,
      text: null,
    })),
    ...risks.map(risk => ({
      at: risk.occurrenceDateTime ?? risk.meta?.lastUpdated ?? '',
      kind: 'risk' as const,
      title: riskTitle(risk),
      reference: `RiskAssessment/${risk.id}`,
      by: null,
      text: risk.prediction?.[0]?.rationale ?? null,
    })),
    ...communications.map(communication => ({
      at: communication.sent ?? communication.meta?.lastUpdated ?? '',
      kind: 'communication' as const,
      title: both('連絡', 'Message'),
      reference: `Communication/${communication.id}`,
      by: by(communication.sender?.reference),
      text: communication.payload?.[0]?.contentString ?? null,
    })),
  ];
  return entries.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

const both = (ja: string, en: string): Text => ({ ja, en });
const reasonOf = (encounter: Encounter) => encounter.reasonCode?.[0]?.text ?? encounter.reasonCode?.[0]?.coding?.[0]?.display;

function valueInWords(observation: Observation): string {
  const { valueQuantity: quantity, code } = observation;
  const name = code.text ?? code.coding?.[0]?.display ?? '';
  return quantity ? `${name} ${quantity.value} ${quantity.unit ?? quantity.code ?? ''}`.trim() : name;
}

/** What was foreseen, in natural frequencies that never claim certainty. Only agitation is predicted so far (models/facility). */
function riskTitle(risk: RiskAssessment): Text {
  const ten = Math.round((risk.prediction?.[0]?.probabilityDecimal ?? 0) * 10);
  const [ja, en] =
    ten === 0 ? ['1回より少なく', 'fewer than 1 in 10'] : ten === 10 ? ['9回より多く', 'more than 9 in 10'] : [`${ten}回`, `${ten} in 10`];
  return both(
    `落ち着かなくなるかもしれない、という予測 (似た状態の10回のうち${ja})`,
    `Restlessness was foreseen (${en} in a state like this)`,
  );
}

async function practitionerNames(records: OpenRecords, actor: Person, resources: (Encounter | DocumentReference | Communication)[]) {
  const references = new Set<string>();
  for (const resource of resources) {
    if (resource.resourceType === 'Encounter') for (const { individual } of resource.participant ?? []) add(individual?.reference);
    else if (resource.resourceType === 'DocumentReference') add(resource.author?.[0]?.reference);
    else add(resource.sender?.reference);
  }
  function add(reference: string | undefined) {
    if (reference?.startsWith('Practitioner/')) references.add(reference);
  }
  if (!references.size) return new Map<string, string>();
  const ids = [...references].map(reference => reference.slice('Practitioner/'.length));
  const found = await records.as(actor).search<Practitioner>(`Practitioner?_id=${ids.join(',')}&_count=${ids.length}`);
  return new Map(found.map(practitioner => [`Practitioner/${practitioner.id}`, kanjiName(practitioner.name)]));
}

/** Whole texts of signed notes by their DocumentReference; the actor has just been given those documents. */
async function noteTexts(database: Database, documents: string[]): Promise<Map<string, string>> {
  if (!documents.length) return new Map();
  const tables = database.kysely.withTables<RecordTables>();
  const rows = await tables.selectFrom('notes').selectAll().where('document', 'in', documents).execute();
  const part = (title: string, text: string) => (text.trim() ? `${title}\n${text.trim()}` : '');
  return new Map(
    rows.map(row => [
      row.document!,
      [
        part('お話', row.subjective),
        part('診察の結果', row.objective),
        part('診断・評価', row.assessment),
        part('これからのこと', row.plan),
      ]
        .filter(Boolean)
        .join('\n\n'),
    ]),
  );
}
