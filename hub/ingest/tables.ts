// The tables of `migrations/` as Kysely sees them. `bigint` columns arrive as text.
import type { ColumnType, Generated } from 'kysely';

type Time = ColumnType<Date, Date, Date>;
type TimeOrNone = ColumnType<Date | null, Date | null, Date | null>;
type Count = ColumnType<string, number, number>;

export type IngestTables = {
  ingest_device: { facility: string; device: string; profile: string; created: Time; revoked: TimeOrNone };
  ingest_credential: {
    id: Generated<string>;
    kind: 'device' | 'gateway';
    facility: string;
    device: string | null;
    username: string;
    /** Of a secret; null for a certificate. */
    secret_sha256: string | null;
    /** Of a certificate, with the three below; null for a secret. */
    serial: string | null;
    fingerprint: string | null;
    not_after: TimeOrNone;
    created: Time;
    /** First sign-in. */
    used: TimeOrNone;
    /** Over at the latest then: another has taken its place. */
    ends: TimeOrNone;
    renew_asked: TimeOrNone;
    revoked: TimeOrNone;
  };
  ingest_config: { facility: string; device: string; config: ColumnType<Record<string, unknown>, string, string>; changed: Time };
  ingest_assignment: { id: Generated<string>; facility: string; device: string; subject: string; from: Time; to: TimeOrNone };
  ingest_device_state: {
    facility: string;
    device: string;
    last_sample: TimeOrNone;
    delivering_since: TimeOrNone;
    accepted: Count;
    refused: Count;
  };
  ingest_refusal: {
    id: Generated<string>;
    facility: string;
    device: string;
    at: Time;
    topic: string;
    reason: string;
    ja: string;
    en: string;
    excerpt: string;
  };
};
