// The jobs of exports: each is made by one node, begun again after a crash, and its files are forgotten after their time.
import type { Logger } from 'pino';
import { type Database, type FileStore, openJobs } from '../../store/index.ts';
import type { OpenRecords } from '../open.ts';
import { openMaking } from './make.ts';
import { EXPORT_CHANNEL, type ExportTables } from './tables.ts';

/** Hours that the files of an export can be fetched. */
export const KEPT_HOURS = 24;
/** Tries after which an export counts as failed. */
const TRIES = 3;

export interface ExportWorkerDeps {
  database: Database;
  records: OpenRecords;
  /** The file store's area `export`. */
  files: FileStore;
  log: Logger;
  /** Seconds between two looks for jobs. */
  pollSeconds?: number;
}

/** Starts making what is asked for (NOTIFY `bulk-export`), and what was left undone. */
export async function startExports({
  database,
  records,
  files,
  log,
  pollSeconds = 1,
}: ExportWorkerDeps): Promise<{ close(): Promise<void> }> {
  const tables = database.kysely.withTables<ExportTables>();
  const making = openMaking({ database, context: records.context, files, log });
  // An export of millions takes hours; a node that dies loses the job after the heartbeat of its queue.
  const jobs = await openJobs<{ id: string }>({
    ...{ database, log, queue: 'bulk-export' },
    retry: { expireInSeconds: 6 * 3600, retryLimit: 0 },
  });
  const tries = new Map<string, number>();
  const lookAround = async () => {
    const waiting = await tables.selectFrom('bulk_exports').select('id').where('state', '=', 'waiting').execute();
    for (const { id } of waiting) await jobs.wake(id, { id }, new Date());
    await making.forget(new Date(records.context.now().getTime() - KEPT_HOURS * 3_600_000));
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.warn({ problem: (error as Error).message }, 'bulk exports could not be looked at'));
  await jobs.work({ pollingIntervalSeconds: pollSeconds, batchSize: 1 }, async ({ id }) => {
    try {
      await making.make(id);
      tries.delete(id);
    } catch (error) {
      const failed = (tries.get(id) ?? 0) + 1;
      tries.set(id, failed);
      if (failed < TRIES) return jobs.wake(id, { id }, new Date(Date.now() + 10_000 * failed));
      const problem = (error as Error).name;
      await tables
        .updateTable('bulk_exports')
        .set({ state: 'failed', problem, ended_at: records.context.now() })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .execute();
    }
  });
  const look = () => void logged(lookAround());
  const unlisten = await database.listen(EXPORT_CHANNEL, look, look);
  const timer = setInterval(look, 60_000);
  timer.unref();
  await logged(lookAround());
  return {
    async close() {
      clearInterval(timer);
      await unlisten();
      await jobs.close();
    },
  };
}
