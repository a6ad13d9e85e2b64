// What the record area says over HTTP besides FHIR itself (/fhir/R4).
import type { Text } from '../http/problem.ts';

export type { DeliveryView, DocumentView, DraftView, ElsewhereView, SectionView } from './documents/contract.ts';
export type {
  AreaView,
  EmergencySummary,
  EntitledView,
  FoundPerson,
  GrantView,
  Notices,
  OpenedView,
  SummaryLine,
} from './emergency/contract.ts';
export type { Category } from './records.ts';

import type { Category } from './records.ts';

/** GET /api/records/audit?patient=ID&from=ISO&to=ISO&limit=N (administrator; a patient for the own record) */
export interface AuditView {
  id: string;
  at: string;
  /** Name of the person or service. */
  who: string;
  role: string;
  organizationName: string;
  action: 'read' | 'search' | 'create' | 'update' | 'delete' | 'join' | 'leave' | 'sign-in' | 'sign-out' | 'export' | 'deliver' | 'execute';
  /** What was touched, in words. */
  what: Text;
  /** `Type/id`, or a search's type. */
  resource: string | null;
  patient: string | null;
  /** How many patients it was about. */
  patients: number;
  allowed: boolean;
  /** Read in an emergency, outside consent. */
  emergency: boolean;
  /** Somebody who acts for the patient. */
  onBehalf: boolean;
}

/** GET /api/records/timeline/:patient?before=CURSOR&kinds=a,b&from=YYYY-MM-DD&to=YYYY-MM-DD&words=…&count=N: newest first, with what was asked for. */
export interface TimelinePage {
  entries: TimelineEntry[];
  /** Cursor of the next (older) page; null at the end. */
  next: string | null;
}
export const TIMELINE_KINDS = [
  'consultation',
  'document',
  'observation',
  'result',
  'medication',
  'allergy',
  'condition',
  'procedure',
  'immunization',
  'plan',
  'risk',
  'communication',
] as const;
export interface TimelineEntry {
  at: string;
  kind: (typeof TIMELINE_KINDS)[number];
  title: Text;
  /** `Encounter/…`, `DocumentReference/…` …; of a day's measurements the last one's. */
  reference: string;
  /** Who did, wrote or prescribed it. */
  by: string | null;
  /** Whole text of a signed note, for documents. */
  text: string | null;
  /** More about it, each with its name. */
  lines: { label: Text; value: Text }[];
  /** Measurements of this day that the entry sums up; 1 for everything else. */
  count: number;
  /** Where it comes from: written here, brought along by the patient, or from the shared record platform; with the name of the source. */
  origin: { kind: 'here' | 'phr' | 'platform'; name: string | null };
}
// GET /api/records/documents/:id → the document Bundle (FHIR JSON), as signed
/** GET /api/records/sharing (patient): who may see the own record. POST /api/records/sharing {organization, allow} */
export interface SharingView {
  organization: string;
  name: string;
  /** Why they could see it at all: treats, lives-there, consulted; `permitted`: because the patient said so. */
  relation: 'treats' | 'residence' | 'consulted' | 'permitted';
  /** Whether anything is open. */
  allowed: boolean;
  since: string | null;
  /** What its people could see at most by their work, and what of that is open now. */
  usual: Category[];
  open: Category[];
}

/** One decision of the patient: a Consent. */
export interface SharingRule {
  consent: string;
  effect: 'permit' | 'deny';
  /** `Organization/…`, `Practitioner/…`; null: everyone. */
  party: string | null;
  /** Name of the party; null: everyone. */
  name: string | null;
  /** Null: everything. */
  categories: Category[] | null;
  /** v3-ActReason; null: whatever for. */
  purposes: string[] | null;
  from: string | null;
  until: string | null;
  decidedAt: string | null;
  standing: 'now' | 'later' | 'over' | 'ended';
}

/** GET /api/records/sharing/rules (patient) */
export interface SharingRules {
  rules: SharingRule[];
  /** Every change, newest first. */
  history: { at: string; by: string; change: 'decided' | 'ended' | 'again' | 'changed'; rule: SharingRule }[];
}

/** GET /api/records/sharing/people?name= (patient): whom a rule can name. */
export interface Shareable {
  party: string;
  name: string;
  kind: 'organization' | 'practitioner';
}

/** POST /api/records/proxies/:patient (the patient: family; an administrator, with evidence) */
export interface NewProxy {
  name: string;
  relationship: 'guardian' | 'family';
  /** Null: everything. */
  categories: Category[] | null;
  until: string | null;
  phone: string;
  evidence: string;
}
/** GET /api/records/proxies/:patient: who acts or acted for the patient. POST …/:id/end */
export interface ProxyView {
  /** RelatedPerson id. */
  id: string;
  name: string;
  relationship: 'guardian' | 'family';
  categories: Category[];
  since: string | null;
  until: string | null;
  standing: boolean;
  evidence: string | null;
  /** There is an account to sign in with. */
  account: boolean;
}
