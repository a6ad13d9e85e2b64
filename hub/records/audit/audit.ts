// The audit trail: one entry per access, granted or not. The table refuses change and deletion; audit-seal.ts chains the entries.
import { sql } from 'kysely';
import { Problem, type Text } from '../../http/problem.ts';
import type { Actor } from '../../identity/actor.ts';
import { purposeOf, roleOf } from '../access/consent.ts';
import type { Connection } from '../tables.ts';

export interface AuditEntry {
  actor: Actor | null;
  action: string;
  what: Text;
  /** `Type/id`, or a search's type. */
  resource?: string;
  patients?: string[];
  /** Those among `patients` for whom it was not granted. */
  refused?: string[];
  allowed: boolean;
}

const SERVICE_NAMES: Readonly<Record<string, string>> = {
  ingest: 'センサー受信 (ingest)',
  predict: '予測 (predict)',
  alerts: '通知 (alerts)',
  outbox: '送信箱 (outbox)',
  consult: '診察 (consult)',
  documents: '文書 (documents)',
  phr: '取り込み (phr)',
  setup: 'セットアップ (setup)',
};

/** As it is written: one element of the array that the function `audit_write` takes (migrations/004). */
export interface AuditRow {
  /** ISO 8601; null: now, by the database's clock. */
  at: string | null;
  /** Of an entry that had to wait in the journal: it is written once only. */
  journal: string | null;
  [column: string]: unknown;
}

/** Writes entries. When it throws, the access they speak of must not happen. @throws Problem 503 when the trail cannot be written */
export async function writeAudit(connection: Connection, entries: AuditEntry[]): Promise<void> {
  if (entries.length) await writeAuditRows(connection, entries.map(auditRow));
}

export async function writeAuditRows(connection: Connection, rows: AuditRow[]): Promise<void> {
  try {
    await sql`select audit_write(${JSON.stringify(rows)}::jsonb)`.execute(connection);
  } catch (error) {
    // Two transactions in each other's way: whoever began this one may try again.
    if (AGAIN.has((error as { code?: string }).code ?? '')) throw error;
    throw auditAway(error);
  }
}
/** PostgreSQL: serialization failure, deadlock, a transaction that has failed already, a text that no column takes. */
const AGAIN = new Set(['40001', '40P01', '25P02', '22P05', '22021', '22P02']);

const auditAway = (cause: unknown) =>
  new Problem(
    503,
    'audit-unavailable',
    {
      ja: 'だれが見たかを記録できないため、いまは開けません。少し待って、もう一度試してください。続くときは、管理者に知らせてください。',
      en: 'Who looks cannot be recorded at the moment, so nothing is opened. Wait a little and try again; if it goes on, tell your administrator.',
    },
    { cause },
  );

export function auditRow({ actor, action, what, resource, patients, refused, allowed }: AuditEntry): AuditRow {
  return {
    at: null,
    journal: null,
    ...whoOf(actor),
    action,
    what,
    resource: resource ?? null,
    patients: [...new Set(patients ?? [])],
    refused: [...new Set(refused ?? (allowed ? [] : (patients ?? [])))],
    allowed,
    purpose: actor ? purposeOf(actor) : null,
    on_behalf: actor?.kind === 'person' && actor.actsFor ? `Patient/${actor.actsFor}` : null,
  };
}

function whoOf(actor: Actor | null) {
  const nobody = { account: null, session: null, reference: null, organization: '', organization_name: '' };
  if (!actor) return { ...nobody, actor_kind: 'nobody', who: '—', role: 'none' };
  if (actor.kind === 'service')
    return { ...nobody, actor_kind: 'service', who: SERVICE_NAMES[actor.name] ?? actor.name, role: `service:${actor.name}` };
  const { role, organization, organizationName } = roleOf(actor);
  return {
    actor_kind: 'person',
    account: actor.account,
    session: actor.session,
    reference: actor.reference,
    who: actor.name,
    role,
    organization,
    organization_name: organizationName,
  };
}

const TYPE_WORDS: Readonly<Record<string, Text>> = {
  Patient: { ja: '基本情報', en: 'personal details' },
  Practitioner: { ja: '医療者', en: 'practitioner' },
  PractitionerRole: { ja: '役割', en: 'role' },
  Organization: { ja: '施設', en: 'organization' },
  Location: { ja: '場所', en: 'place' },
  Device: { ja: '機器', en: 'device' },
  Appointment: { ja: '予約', en: 'appointment' },
  Encounter: { ja: '診察・入居', en: 'encounter' },
  Consent: { ja: '共有の同意', en: 'consent' },
  Composition: { ja: '文書', en: 'document' },
  DocumentReference: { ja: '文書', en: 'document' },
  Bundle: { ja: '文書一式', en: 'document bundle' },
  Observation: { ja: '測定・観察', en: 'observation' },
  RiskAssessment: { ja: '予測', en: 'risk assessment' },
  Communication: { ja: '連絡', en: 'message' },
  Condition: { ja: '傷病名', en: 'condition' },
  RelatedPerson: { ja: '家族・代理の人', en: 'related person' },
  AllergyIntolerance: { ja: 'アレルギー', en: 'allergy' },
  MedicationRequest: { ja: '薬', en: 'medicine' },
  MedicationStatement: { ja: '飲んでいる薬', en: 'medicine taken' },
  Immunization: { ja: '予防接種', en: 'vaccination' },
  Coverage: { ja: '保険', en: 'insurance' },
  ServiceRequest: { ja: '紹介・依頼', en: 'request' },
  Task: { ja: '依頼', en: 'task' },
  DiagnosticReport: { ja: '検査の報告', en: 'report' },
  QuestionnaireResponse: { ja: '質問への答え', en: 'answers to a form' },
  AuditEvent: { ja: 'アクセスの記録', en: 'audit entry' },
};
const ACTION_WORDS: Readonly<Record<string, Text>> = {
  read: { ja: '見る', en: 'read' },
  search: { ja: 'さがす', en: 'search' },
  create: { ja: '作る', en: 'create' },
  update: { ja: '変える', en: 'change' },
  delete: { ja: '消す', en: 'delete' },
};

/** What was done to what, in words, e.g. 「診察・入居を見る」. Names no person and no content. */
export function wordsFor(type: string, action: string): Text {
  const thing = TYPE_WORDS[type] ?? { ja: type, en: type };
  const verb = ACTION_WORDS[action] ?? { ja: action, en: action };
  return { ja: `${thing.ja}を${verb.ja}`, en: `${verb.en}: ${thing.en}` };
}
