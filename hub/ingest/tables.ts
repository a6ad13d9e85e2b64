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
    secret_sha256: string;
    created: Time;
    revoked: TimeOrNone;
  };
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
