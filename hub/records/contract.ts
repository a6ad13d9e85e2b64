// What the record area says over HTTP besides FHIR itself (/fhir/R4).
import type { Text } from '../http/problem.ts';

/** GET /api/records/deliveries (administrator; a doctor for the own documents) */
export interface DeliveryView {
  id: string;
  document: string;
  title: string;
  state: 'waiting' | 'delivered' | 'refused';
  attempts: number;
  nextAttempt: string | null;
  deliveredAt: string | null;
  /** The platform's words when it refused, or why it could not be reached. */
  problem: string | null;
}
// POST /api/records/deliveries/:id/retry (administrator)

/** GET /api/records/audit?patient=ID&from=ISO&to=ISO&limit=N (administrator; a patient for the own record) */
export interface AuditView {
  id: string;
  at: string;
  /** Name of the person or service. */
  who: string;
  role: string;
  organizationName: string;
  action: 'read' | 'search' | 'create' | 'update' | 'delete' | 'join' | 'sign-in' | 'export' | 'deliver' | 'execute';
  /** What was touched, in words. */
  what: Text;
  patient: string | null;
  allowed: boolean;
}

/** GET /api/records/timeline/:patient: newest first. */
export interface TimelineEntry {
  at: string;
  kind: 'consultation' | 'document' | 'observation' | 'risk' | 'communication';
  title: Text;
  /** `Encounter/…`, `DocumentReference/…` … */
  reference: string;
  by: string | null;
  /** Whole text of a signed note, for documents. */
  text: string | null;
}
// GET /api/records/documents/:id → the document Bundle (FHIR JSON), as signed
/** GET /api/records/sharing (patient): who may see the own record. POST /api/records/sharing {organization, allow} */
export interface SharingView {
  organization: string;
  name: string;
  /** Why they could see it at all: treats, lives-there, consulted. */
  relation: 'treats' | 'residence' | 'consulted';
  allowed: boolean;
  since: string | null;
}
