// Jobs in PostgreSQL (pg-boss): one queue, with at most one waiting job for each key. What is to be done stands in an area's own tables; a
// job only wakes the area up.
import type { SendOptions, WorkOptions } from 'pg-boss';
import type { Logger } from 'pino';
import type { Database } from './postgres.ts';

export interface JobQueue<Data extends object> {
  /** Wakes up for `key` at `at`. A job that waits already is moved, not doubled. */
  wake(key: string, data: Data, at: Date): Promise<void>;
  /** Does jobs from now on. One that throws comes again as `retry` says. */
  work(options: WorkOptions, each: (data: Data) => Promise<void>): Promise<void>;
  /** Makes a job by itself, by a cron expression in Asia/Tokyo. */
  schedule(cron: string): Promise<void>;
  close(): Promise<void>;
}

export interface JobQueueOptions {
  database: Database;
  log: Logger;
  /** Name of the queue. */
  queue: string;
  /** When a job counts as lost, and how often it comes again. */
  retry?: Pick<SendOptions, 'expireInSeconds' | 'retryLimit' | 'retryDelay' | 'retryBackoff' | 'retryDelayMax'>;
  /** Whether this queue has jobs by the clock. */
  scheduled?: boolean;
}

/** Opens the queue, making it when it is not there. Several processes may: each job is done by one of them. */
export async function openJobs<Data extends object>({
  database,
  log,
  queue,
  retry,
  scheduled = false,
}: JobQueueOptions): Promise<JobQueue<Data>> {
  // Loaded here: most processes that open the stores need no job queue.
  const { PgBoss } = await import('pg-boss');
  const boss = new PgBoss({
    connectionString: database.url,
    schema: 'pgboss',
    max: 2,
    schedule: scheduled,
    application_name: `hub-${queue}`,
  });
  boss.on('error', error => log.warn({ queue, problem: error.message }, 'the job queue has trouble'));
  await boss.start();
  // `short`: one job waits for a key at a time, while another may be at work on it.
  if (!(await boss.getQueue(queue))) await boss.createQueue(queue, { policy: 'short' });
  return {
    async wake(key, data, startAfter) {
      const moved = await boss.update(queue, data, { singletonKey: key, startAfter, match: 'all' });
      if (moved.updated > 0) return;
      await boss.send(queue, data, { singletonKey: key, startAfter, ...retry });
    },
    async work(options, each) {
      await boss.work<Data>(queue, options, async jobs => {
        await Promise.all(jobs.map(job => each(job.data)));
      });
    },
    async schedule(cron) {
      await boss.schedule(queue, cron, {}, { tz: 'Asia/Tokyo' });
    },
    close: () => boss.stop({ graceful: true, timeout: 5000 }),
  };
}
