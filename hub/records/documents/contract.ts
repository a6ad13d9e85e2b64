// What documents say over HTTP, below /api/records: kinds, drafts, a document as it is read, deliveries.
import { z } from 'zod';
import type { Text } from '../../http/problem.ts';
import { resourceId } from '../../http/request.ts';

/** note: of a consultation. request, reply: from doctor to doctor. bpsd: what was foreseen and what happened. devices: what watched a person. */
export const DOCUMENT_KINDS = ['note', 'request', 'reply', 'bpsd', 'devices'] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];
/** Kinds that are drafted here; a note is drafted in its consultation. */
export const DRAFTED_KINDS = ['request', 'reply', 'bpsd', 'devices'] as const;

/** A piece of a section: a paragraph, or a table. */
export type Block = { kind: 'text'; text: string } | { kind: 'table'; head: string[]; rows: string[][] };

const words = z.string().max(10_000).default('');
/** What a doctor writes; which of it a kind uses is in DRAFT_FIELDS. */
export const DraftContent = z.object({
  purpose: words,
  complaint: words,
  illness: words,
  findings: words,
  allergies: words,
  medication: words,
  labs: words,
  plan: words,
  remarks: words,
  /** What the writer says of a BPSD summary or a device report. */
  comment: words,
  /** Days (Asia/Tokyo) that a BPSD summary or a device report is about; `to` inclusive. */
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
});
export type DraftContent = z.infer<typeof DraftContent>;
export type DraftField = Exclude<keyof DraftContent, 'from' | 'to'>;
/** Fields of a draft in the order in which they are read; those of the first list must be filled. */
export const DRAFT_FIELDS: Readonly<Record<(typeof DRAFTED_KINDS)[number], { must: DraftField[]; may: DraftField[] }>> = {
  request: { must: ['purpose', 'complaint', 'illness'], may: ['findings', 'allergies', 'medication', 'labs', 'plan', 'remarks'] },
  reply: { must: ['complaint', 'illness'], may: ['findings', 'medication', 'labs', 'plan', 'remarks'] },
  bpsd: { must: [], may: ['comment'] },
  devices: { must: [], may: ['comment'] },
};

/** POST /api/records/drafts → DraftView */
export const NewDraft = z.object({
  kind: z.enum(DRAFTED_KINDS),
  patient: resourceId,
  encounter: resourceId.nullable().default(null),
  /** DocumentReference id of the request that a reply answers. */
  repliesTo: resourceId.nullable().default(null),
});
/** POST /api/records/documents/:id/amend → DraftView (a note too is amended so). */
export const Amend = z.object({ reason: z.string().trim().min(1).max(500) });
/** PUT /api/records/drafts/:id */
export const DraftChange = z.object({
  /** Version the editor has seen; another one in the store is a 409. */
  version: z.number().int().min(1),
  content: DraftContent,
  /** Practitioner id. */
  to: resourceId.nullable().default(null),
  /** Not to be shown to the patient yet: not told (未告知) or not given (未提供). */
  withheld: z.enum(['UNINFORMED', 'UNDELIVERED']).nullable().default(null),
});
/** POST /api/records/drafts/:id/confirm (doctor, specialist) → { document } */
export const Confirm = z.object({ version: z.number().int().min(1) });

export interface DraftView {
  id: string;
  kind: DocumentKind;
  patient: { id: string; name: string };
  content: DraftContent;
  to: string | null;
  withheld: 'UNINFORMED' | 'UNDELIVERED' | null;
  version: number;
  /** Who typed it last. */
  author: { reference: string; name: string };
  updatedAt: string;
  /** DocumentReference id of the version it corrects, and why. */
  replaces: string | null;
  reason: string | null;
  repliesTo: string | null;
  /** Which fields this kind has; those of the first list must be filled. */
  fields: { must: DraftField[]; may: DraftField[] };
  /** Whether the asking person may confirm it. */
  mayConfirm: boolean;
}

export interface SectionView {
  title: string;
  code: string | null;
  blocks: Block[];
  sections: SectionView[];
}

/** good: as it was signed, by whom a known authority says. changed: no longer what was signed. unsure: nobody known vouches for it. none: not signed. */
export type SignatureState = 'good' | 'changed' | 'unsure' | 'none';

export interface SignatureView {
  state: SignatureState;
  /** Name in the certificate. */
  signer: string | null;
  /** Who vouches for the signer. */
  authority: string | null;
  /** The hub's own signature: it vouches for the content, not for a person's card. */
  local: boolean;
  /** ISO time the signer said (sigT). */
  at: string | null;
  reason: Text | null;
}
export interface StampView {
  /** waiting: signed, to be stamped. none: no timestamp authority is configured. */
  state: 'good' | 'changed' | 'unsure' | 'waiting' | 'none';
  /** ISO time of the authority. */
  at: string | null;
  authority: string | null;
  reason: Text | null;
}

/** GET /api/records/documents/:id/view */
export interface DocumentView {
  id: string;
  kind: DocumentKind | 'other';
  title: string;
  /** The Bundle's identifier. */
  identifier: string;
  patient: { id: string; name: string; birthDate: string | null };
  /** Who typed it. */
  author: string;
  /** Who confirmed it (確定), by name; null for a document from elsewhere that does not say. */
  confirmer: string | null;
  confirmedAt: string;
  /** Typed by one and confirmed by another (代行入力). */
  proxy: boolean;
  organization: string;
  /** `1.0`, `2.0` … */
  version: string;
  /** Whether a later version replaced it. */
  current: boolean;
  versions: { id: string; version: string; at: string; by: string; current: boolean }[];
  /** Why this version was written. */
  reason: string | null;
  sections: SectionView[];
  signature: SignatureView;
  stamp: StampView;
  delivery: DeliveryView | null;
  /** Where it came from, when it was taken over from the shared platform; ISO time of that. */
  source: { name: string; at: string } | null;
  withheld: 'UNINFORMED' | 'UNDELIVERED' | null;
  /** Request and replies belonging together, as DocumentReference ids. */
  repliesTo: string | null;
  replies: { id: string; by: string; at: string }[];
  may: { amend: boolean; reply: boolean };
}

/** GET /api/records/deliveries (administrator; a doctor for the own documents) */
export interface DeliveryView {
  id: string;
  document: string;
  title: string;
  /** refused: a person has to see to it. given-up: somebody decided not to send it. replaced: a corrected version is sent instead. */
  state: 'waiting' | 'delivered' | 'refused' | 'given-up' | 'replaced';
  /** What is done next at the platform: an update deletes the former version, then registers. */
  step: 'delete' | 'register';
  attempts: number;
  createdAt: string;
  nextAttempt: string | null;
  deliveredAt: string | null;
  /** The platform's words when it refused, or why it could not be reached. */
  problem: string | null;
  /** What a person can do about a refusal. */
  remedy: 'insured-number' | 'institution-number' | 'amend' | null;
  /** Why it was given up. */
  reason: string | null;
}
/** GET, PUT /api/records/elsewhere/:patient: what other institutions have, taken over with the patient's consent. */
export interface ElsewhereView {
  /** No platform is configured. */
  available: boolean;
  /** ISO time until which the patient lets it be asked for; null: not, or no more. */
  consentUntil: string | null;
  /** Whether the asking person gives that consent. */
  own: boolean;
  /** ISO time of the last time it was asked for, and how much came. */
  lastAt: string | null;
  lastCount: number | null;
}
/** PUT: the patient lets it be asked for so many days; 0 takes it back. */
export const ElsewhereConsent = z.object({ days: z.number().int().min(0).max(365) });

/** POST /api/records/deliveries/:id/give-up (administrator, author) */
export const GiveUp = z.object({ reason: z.string().trim().min(1).max(500) });
/** POST /api/records/deliveries/:id/correct (a doctor who treats the patient): enters what was missing and confirms a new version. */
export const Correct = z.object({
  /** Insured person's number: insurer 8 digits, symbol, number, branch of 2 digits or none. */
  insuredNumber: z.string().regex(/^[0-9]{8}:[^:\s]{0,40}:[^:\s]{1,40}:([0-9]{2})?$/),
});
