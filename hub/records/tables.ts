// The record area's tables as Kysely sees them (migrations/001-records.ts), and the two ways to reach them: pool or transaction.
import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';
import type { Text } from '../http/problem.ts';

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
  };
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
  };
  deliveries: {
    id: Generated<string>;
    bundle: string;
    identifier: string;
    document: string;
    title: string;
    patient: string;
    author: string;
    state: ColumnType<'waiting' | 'delivered' | 'refused', 'waiting' | undefined, 'waiting' | 'delivered' | 'refused'>;
    attempts: Generated<number>;
    created_at: Stamp;
    next_attempt: NullableStamp;
    delivered_at: NullableStamp;
    problem: string | null;
  };
};

/** A pool or a transaction on it. */
export type Connection = Kysely<RecordTables> | Transaction<RecordTables>;
