// Conformance runs in PostgreSQL: which goes on, what pages see of each, and the reports as they were signed.
import { type ColumnType, sql } from 'kysely';
import type { RunView } from '../../devices/conformance/index.ts';
import type { Text } from '../http/problem.ts';
import type { Database } from '../store/index.ts';

/** Notification {run, stop?}: the run changed, or is to be stopped. */
export const RUN_CHANNEL = 'bench-run';
/** A run whose process has said nothing for so long is over. */
const SILENT = '30 seconds';
/** Reports that a page lists. */
const LISTED = 50;

type Tables = {
  bench_run: {
    id: string;
    facility: string;
    device: string;
    account: string;
    state: RunView['state'];
    started: ColumnType<Date, Date, never>;
    alive: ColumnType<Date, Date, ReturnType<typeof sql<Date>>>;
    view: ColumnType<RunView, string, string>;
    report: string | null;
  };
};

export interface RunStore {
  /** @returns false when a run of this device goes on. */
  begin(view: RunView, account: string): Promise<boolean>;
  save(view: RunView, report?: string): Promise<void>;
  /** The process that makes the run is still there. */
  alive(run: string): Promise<void>;
  of(run: string): Promise<RunView | null>;
  /** The report to the letter, as it was signed; null before the run has ended. */
  report(run: string): Promise<string | null>;
  /** Newest first. */
  list(facility: string, device: string): Promise<RunView[]>;
  /** Ends the runs of processes that are gone. */
  endSilent(reason: Text): Promise<void>;
}

/** Conformance runs, told of at {@link RUN_CHANNEL} on each change. */
export function runStore(database: Database): RunStore {
  const tables = database.kysely.withTables<Tables>();
  const store: RunStore = {
    async begin(view, account) {
      const now = new Date();
      const { id, facility, device, state } = view;
      const row = { id, facility, device, state, account, started: new Date(view.startedAt), alive: now, view: JSON.stringify(view) };
      const made = await tables
        .insertInto('bench_run')
        .values({ ...row, report: null })
        .onConflict(conflict => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      return made !== undefined;
    },
    async save(view, report) {
      await tables
        .updateTable('bench_run')
        .set({ state: view.state, view: JSON.stringify(view), alive: sql<Date>`now()`, ...(report === undefined ? {} : { report }) })
        .where('id', '=', view.id)
        // What was ended from elsewhere stays ended.
        .where('state', '=', 'running')
        .execute();
      await database.notify(RUN_CHANNEL, { run: view.id });
    },
    async alive(run) {
      await tables.updateTable('bench_run').set({ alive: sql<Date>`now()` }).where('id', '=', run).execute();
    },
    async of(run) {
      return (await tables.selectFrom('bench_run').select('view').where('id', '=', run).executeTakeFirst())?.view ?? null;
    },
    async report(run) {
      return (await tables.selectFrom('bench_run').select('report').where('id', '=', run).executeTakeFirst())?.report ?? null;
    },
    async list(facility, device) {
      const rows = await tables
        .selectFrom('bench_run')
        .select('view')
        .where('facility', '=', facility)
        .where('device', '=', device)
        .orderBy('started', 'desc')
        .limit(LISTED)
        .execute();
      return rows.map(row => row.view);
    },
    async endSilent(reason) {
      const rows = await tables
        .selectFrom('bench_run')
        .select('view')
        .where('state', '=', 'running')
        .where('alive', '<', sql<Date>`now() - ${sql.lit(SILENT)}::interval`)
        .execute();
      for (const { view } of rows) await store.save({ ...view, state: 'aborted', endedAt: new Date().toISOString(), step: null, reason });
    },
  };
  return store;
}
