// The jobs of the patient's own record: imports and downloads, one after another for each, begun again after a crash.
import type { Logger } from 'pino';
import type { OpenRecords } from '../records/index.ts';
import { type Database, type FileStore, openJobs } from '../store/index.ts';
import { openMaking } from './download/make.ts';
import { PHR_CHANNEL } from './imports.ts';
import type { PhrTables } from './tables.ts';
import { openTaking } from './take.ts';

export interface WorkerDeps {
  database: Database;
  records: OpenRecords;
  files: FileStore;
  log: Logger;
  /** Seconds between two looks for jobs. */
  pollSeconds?: number;
}

/** Starts working on what patients ask for (NOTIFY `phr`), and on what was left undone. */
export async function startPhr({ database, records, files, log, pollSeconds = 1 }: WorkerDeps): Promise<{ close(): Promise<void> }> {
  const tables = database.kysely.withTables<PhrTables>();
  const jobs = await openJobs<{ kind: 'import' | 'download'; id: string }>({
    ...{ database, log, queue: 'phr' },
    // An export of ten years takes hours; a node that dies loses the job after the heartbeat of its queue.
    retry: { expireInSeconds: 6 * 3600, retryLimit: 5, retryDelay: 10, retryBackoff: true },
  });
  const taking = openTaking({ database, records, files });
  const making = openMaking({ database, records, files });
  const wakeAll = async () => {
    const imports = await tables
      .selectFrom('phr_imports')
      .select('id')
      .where('state', 'in', ['checking', 'taking', 'stopping', 'undoing'])
      .execute();
    for (const { id } of imports) await jobs.wake(`import ${id}`, { kind: 'import', id }, new Date());
    const downloads = await tables.selectFrom('phr_downloads').select('id').where('state', '=', 'making').execute();
    for (const { id } of downloads) await jobs.wake(`download ${id}`, { kind: 'download', id }, new Date());
    await making.forgetOld();
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.warn({ problem: (error as Error).message }, 'imports could not be looked at'));
  await jobs.work({ pollingIntervalSeconds: pollSeconds, batchSize: 2 }, async ({ kind, id }) => {
    const begun = performance.now();
    if (kind === 'import') await taking.work(id);
    else await making.work(id);
    log.info({ kind, ms: Math.round(performance.now() - begun) }, 'a job of the patient’s own record is done');
  });
  const unlisten = await database.listen(
    PHR_CHANNEL,
    () => void logged(wakeAll()),
    () => void logged(wakeAll()),
  );
  const timer = setInterval(() => void logged(wakeAll()), 60_000);
  timer.unref();
  await logged(wakeAll());
  return {
    async close() {
      clearInterval(timer);
      await unlisten();
      await jobs.close();
    },
  };
}
