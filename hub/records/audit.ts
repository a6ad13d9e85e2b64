// The audit trail: one row per access, granted or not. The table refuses change and deletion.
import type { Text } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';
import { roleOf } from './consent.ts';
import type { Connection } from './tables.ts';

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
  phr: '取り込み (phr)',
  setup: 'セットアップ (setup)',
};

/** Writes entries. When it throws, the access it speaks of must not happen. */
export async function writeAudit(connection: Connection, entries: AuditEntry[]): Promise<void> {
  if (!entries.length) return;
  await connection
    .insertInto('audit_events')
    .values(
      entries.map(({ actor, action, what, resource, patients, refused, allowed }) => ({
        ...whoOf(actor),
        action,
        what: JSON.stringify(what),
        resource: resource ?? null,
        patients: [...new Set(patients ?? [])],
        refused: [...new Set(refused ?? (allowed ? [] : (patients ?? [])))],
        allowed,
      })),
    )
    .execute();
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
