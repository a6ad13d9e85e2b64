// Invented facts for tests of pages, typed by the hub's contracts: one hospital, one facility of twelve residents, a few people.
import type { LimitsView } from '../../hub/alarms/contract.ts';
import type { AlertView, FloorView, HandoverView, ModelView, OnCallView } from '../../hub/alerts/contract.ts';
import type { EncounterView, Invitable } from '../../hub/consult/contract.ts';
import type { PersonRole } from '../../hub/identity/actor.ts';
import type { PersonView } from '../../hub/identity/contract.ts';
import type { CoverageView, DeviceView, RefusalView } from '../../hub/ingest/contract.ts';
import type {
  AuditView,
  DeliveryView,
  DocumentView,
  DraftView,
  ElsewhereView,
  SharingView,
  TimelineEntry,
} from '../../hub/records/contract.ts';
import type { DayView } from '../../hub/vitals/contract.ts';
import { consultationFacts } from './consultation-facts.ts';
import { dayFacts } from './day-facts.ts';
import { deviceFacts } from './device-facts.ts';
import { documentFacts } from './document-facts.ts';
import { floorFacts } from './floor-facts.ts';
import { type PhrFacts, phrFacts } from './phr-facts.ts';
import { recordFacts } from './record-facts.ts';
import { type Ago, MINUTE, people, roleAt } from './world-facts.ts';

export interface Facts {
  encounters: EncounterView[];
  specialists: Invitable[];
  timeline: TimelineEntry[];
  sharing: SharingView[];
  audit: AuditView[];
  deliveries: DeliveryView[];
  document: DocumentView;
  draft: DraftView;
  elsewhere: ElsewhereView;
  floor: FloorView;
  alerts: AlertView[];
  onCall: OnCallView;
  model: ModelView;
  handover: HandoverView;
  day: DayView;
  coverage: CoverageView;
  limits: LimitsView;
  benchDevices: DeviceView[];
  refusals: RefusalView[];
  people: PersonView[];
  patients: object;
  readiness: object;
  phr: PhrFacts;
}

/** All facts, with times around `now` (ms since 1970). */
export function facts(now: number): Facts {
  const ago: Ago = minutes => new Date(now - minutes * MINUTE).toISOString();
  const floor = floorFacts(ago);
  return {
    ...consultationFacts(now, ago),
    ...recordFacts(now, ago),
    ...documentFacts(ago),
    ...floor,
    ...deviceFacts(ago),
    day: dayFacts(now, ago, floor.alerts[0]!),
    phr: phrFacts(ago),
    people: (Object.keys(people) as PersonRole[]).map((role, index) => ({
      account: `a${index}`,
      name: people[role].name,
      email: `${role}@example.jp`,
      reference: people[role].reference,
      roles: [roleAt(role)],
      lastSignIn: index % 3 === 2 ? null : ago(30 * (index + 1)),
      ended: null,
    })),
    readiness: {
      status: 'not-ready',
      parts: {
        database: { ok: true, backend: 'PostgreSQL 18.4' },
        samples: { ok: true, backend: 'InfluxDB 1.6.7' },
        broker: { ok: true, backend: 'aedes' },
        mediaWorkers: { ok: true, backend: 'mediasoup 3.27.1, 2 workers' },
        modelBackend: { ok: false, backend: 'unknown', problem: 'no answer within 3000 ms' },
      },
    },
  };
}
