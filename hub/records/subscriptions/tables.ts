// The table of subscriptions as Kysely sees it (migrations/013-subscriptions.ts), and its channels of NOTIFY.
import type { Subscription } from '@medplum/fhirtypes';
import type { ColumnType, Generated } from 'kysely';

type Stamp = ColumnType<Date, Date, Date>;
type NullableStamp = ColumnType<Date | null, Date | null | undefined, Date | null>;

export type SubscriptionTables = {
  subscriptions: {
    id: string;
    account: string;
    version: Generated<number>;
    content: ColumnType<Subscription, string, string>;
    type: string;
    criteria: string;
    channel: 'rest-hook' | 'websocket';
    state: 'active' | 'off' | 'error';
    problem: string | null;
    failures: Generated<number>;
    next_attempt: NullableStamp;
    /** What was written before is not told. */
    began_at: Stamp;
    told_until: Stamp;
    told: Generated<string[]>;
    until: NullableStamp;
    updated_at: Stamp;
  };
};

/** NOTIFY { type }: a resource of a type that somebody subscribes to was written. Sent by the database. */
export const CHANGED_CHANNEL = 'record-changed';
/** NOTIFY { id }: whoever is bound to this subscription is to be told, at whichever node the socket is. */
export const PING_CHANNEL = 'subscription-ping';
