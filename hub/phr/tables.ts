// The area's tables as Kysely sees them (migrations/001-phr.ts).
import type { ColumnType } from 'kysely';
import type { Text } from '../http/problem.ts';
import type { ErasureView, ImportView, LookView } from './contract.ts';
import type { Refusal } from './reading.ts';

type Json<T> = ColumnType<T, string | undefined, string>;
type Big = ColumnType<string, number, number>;

export type PhrTables = {
  phr_imports: {
    id: string;
    patient: string;
    name: string;
    size: Big;
    state: ImportView['state'];
    format: 'omh' | 'apple' | 'fhir' | null;
    hash: string | null;
    bytes_done: ColumnType<string, number | undefined, number>;
    kinds: Json<Record<string, number>>;
    unknown: Json<Record<string, number>>;
    refusals: Json<Refusal[]>;
    refused: ColumnType<number, number | undefined, number>;
    taken: ColumnType<number, number | undefined, number>;
    known: ColumnType<number, number | undefined, number>;
    since: Date | null;
    until: Date | null;
    owner: ColumnType<ImportView['owner'], string | null, string | null>;
    problem: ColumnType<Text | null, string | null, string | null>;
    document: string | null;
    request: string | null;
    created_at: Date;
    changed_at: Date;
  };
  phr_parts: { import: string; number: number; hash: string; size: number };
  phr_items: { patient: string; key: string; import: string; type: string; resource: string };
  phr_requests: {
    id: string;
    patient: string;
    organization: string;
    doctor: string;
    doctor_name: string;
    organization_name: string;
    what: string;
    asked_at: Date;
    answer: 'yes' | 'no' | 'over' | null;
    answered_at: Date | null;
    consent: string | null;
    until: Date | null;
  };
  phr_shares: {
    id: string;
    patient: string;
    token_sha256: string;
    categories: string[];
    since: Date | null;
    purpose: string;
    pin: string | null;
    wrong: ColumnType<number, number | undefined, number>;
    consent: string;
    created_at: Date;
    until: Date;
    ended_at: Date | null;
    ended_by: string | null;
  };
  phr_looks: { id: ColumnType<string, never, never>; share: string; at: Date; what: LookView['what']; browser: string };
  phr_downloads: {
    id: string;
    patient: string;
    account: string;
    actor: ColumnType<unknown, string, string>;
    state: 'making' | 'ready' | 'failed' | 'over';
    hash: string | null;
    size: ColumnType<string | null, number | null, number | null>;
    entries: number | null;
    created_at: Date;
    until: Date | null;
  };
  phr_erasures: {
    id: string;
    patient: string;
    patient_name: string;
    what: ErasureView['what'];
    wish: string;
    asked_at: Date;
    decision: 'erased' | 'kept' | null;
    reason: string | null;
    decided_at: Date | null;
    decided_by: string | null;
    erased: number | null;
  };
};
