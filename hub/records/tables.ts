// The record area's tables as Kysely sees them (migrations/001-records.ts), and the two ways to reach them: pool or transaction.
import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';
import type { Text } from '../http/problem.ts';
import type { DeliveryView, DocumentKind, DraftContent } from './documents/contract.ts';

type DeliveryState = DeliveryView['state'];

type Stamp = ColumnType<Date, Date | undefined, Date>;
type NullableStamp = ColumnType<Date | null, Date | null | undefined, Date | null>;

export type RecordTables = {
  resources: {
    row: Generated<string>;
    type: string;
    id: string;
    version: string | number;
    content: unknown;
    last_updated: Stamp;
    deleted: boolean;
    patients: string[];
    category: string;
    withheld: boolean;
  };
  resource_history: { type: string; id: string; version: string | number; content: unknown; last_updated: Stamp; actor: string };
  audit_events: {
    id: Generated<string>;
    at: Stamp;
    actor_kind: string;
    account: string | null;
    session: string | null;
    reference: string | null;
    who: string;
    role: string;
    organization: string;
    organization_name: string;
    action: string;
    what: ColumnType<Text, string, string>;
    resource: string | null;
    /** All patients the access was about; `refused` are those among them for whom it was not granted. */
    patients: string[];
    refused: string[];
    allowed: boolean;
    /** v3-ActReason. */
    purpose: string | null;
    /** `Patient/…` for whom somebody else acted. */
    on_behalf: string | null;
    journal: string | null;
  };
  audit_chain: { number: Generated<string>; event: string; hash: Buffer | null };
  notes: {
    encounter: string;
    patient: string;
    subjective: string;
    objective: string;
    assessment: string;
    plan: string;
    addressee: string | null;
    version: number;
    author: string;
    updated_at: Stamp;
    signed_at: NullableStamp;
    signed_by: string | null;
    document: string | null;
    withheld: ColumnType<
      'UNINFORMED' | 'UNDELIVERED' | null,
      'UNINFORMED' | 'UNDELIVERED' | null | undefined,
      'UNINFORMED' | 'UNDELIVERED' | null
    >;
  };
  deliveries: {
    id: Generated<string>;
    bundle: string;
    identifier: string;
    document: string;
    title: string;
    patient: string;
    author: string;
    state: ColumnType<DeliveryState, DeliveryState | undefined, DeliveryState>;
    attempts: Generated<number>;
    created_at: Stamp;
    next_attempt: NullableStamp;
    delivered_at: NullableStamp;
    problem: string | null;
    /** Bundle identifier of what is deleted at the platform before this is registered. */
    replaces: ColumnType<string | null, string | null | undefined, string | null>;
    step: ColumnType<'delete' | 'register', 'delete' | 'register' | undefined, 'delete' | 'register'>;
    deleted_at: NullableStamp;
    reason: ColumnType<string | null, string | null | undefined, string | null>;
  };
  document_drafts: {
    id: string;
    kind: DocumentKind;
    patient: string;
    encounter: string | null;
    content: ColumnType<DraftContent, string, string>;
    addressee: string | null;
    withheld: 'UNINFORMED' | 'UNDELIVERED' | null;
    replaces: string | null;
    reason: string | null;
    replies_to: string | null;
    version: number;
    author: string;
    author_name: string;
    created_at: Stamp;
    updated_at: Stamp;
    confirmed_at: NullableStamp;
    confirmed_by: string | null;
    document: string | null;
  };
  document_stamps: {
    provenance: string;
    document: string;
    patient: string;
    state: ColumnType<'waiting' | 'stamped', 'waiting' | undefined, 'waiting' | 'stamped'>;
    attempts: Generated<number>;
    next_attempt: Stamp;
    problem: string | null;
  };
  document_files: { bundle: string; version: string | number; sha256: string; content: Buffer; made_at: Generated<Date> };
};

/** A pool or a transaction on it. */
export type Connection = Kysely<RecordTables> | Transaction<RecordTables>;
