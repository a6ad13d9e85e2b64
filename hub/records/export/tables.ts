// The table of bulk exports as Kysely sees it (migrations/012-exports.ts).
import type { ColumnType, Generated } from 'kysely';
import type { Person } from '../../identity/actor.ts';
import type { Category } from '../records.ts';

/** One file of an export: resources of one type, a line each. */
export interface ExportFile {
  type: string;
  /** SHA-256 of the content, by which the file store knows it. */
  hash: string;
  /** Bytes. */
  size: number;
  /** Resources. */
  count: number;
  /** Whose data of which kind is in it: asked again before it is given out. */
  kinds: { category: Category; withheld: boolean; patients: string[] }[];
}

type Stamp = ColumnType<Date, Date, Date>;
type NullableStamp = ColumnType<Date | null, Date | null | undefined, Date | null>;

export type ExportTables = {
  bulk_exports: {
    id: string;
    account: string;
    actor: ColumnType<Person, string, string>;
    level: 'system' | 'patient' | 'group';
    organization: string | null;
    types: string[];
    since: NullableStamp;
    /** The address of the request that began it. */
    request: string;
    state: Generated<'waiting' | 'done' | 'failed' | 'cancelled' | 'expired'>;
    progress: Generated<string>;
    problem: string | null;
    output: ColumnType<ExportFile[], string | undefined, string>;
    transaction_time: NullableStamp;
    created_at: Stamp;
    ended_at: NullableStamp;
  };
};

/** NOTIFY: an export was asked for. */
export const EXPORT_CHANNEL = 'bulk-export';
