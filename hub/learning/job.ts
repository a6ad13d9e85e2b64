// The weekly review as a job of pg-boss: Monday at three in the morning, each facility that has predictions.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { type Database, openJobs } from '../store/index.ts';
import { reviewFacility } from './review.ts';

const QUEUE = 'review-models';
const WEEKLY = '0 3 * * 1';
const DAY = 86_400_000;

export interface LearningJobDeps {
  database: Database;
  /** The shipped model. */
  model: { version: string; alertHorizon: number };
  log: Logger;
  now?: () => number;
}

/** Starts the job. Several processes may: pg-boss runs it once. A facility that fails does not hold the others back. */
export async function startReviews({ database, model, log, now = Date.now }: LearningJobDeps): Promise<{ close(): Promise<void> }> {
  const jobs = await openJobs<object>({ database, log, queue: QUEUE, scheduled: true });
  await jobs.schedule(WEEKLY);
  await jobs.work({ pollingIntervalSeconds: 60 }, () => reviewAll({ database, model, log, now }));
  return { close: jobs.close };
}

/** Reviews each facility with predictions of the last week. */
export async function reviewAll({ database, model, log, now = Date.now }: LearningJobDeps): Promise<void> {
  const { rows } = await sql<{ facility: string }>`
    select distinct facility from predictions where made_at > ${new Date(now() - 7 * DAY)}`.execute(database.kysely);
  for (const { facility } of rows) {
    try {
      const { conclusion } = await reviewFacility({
        database,
        facility,
        base: model.version,
        horizonMinutes: model.alertHorizon,
        now: now(),
      });
      log.info({ facility, conclusion: conclusion.en }, 'predictions reviewed');
    } catch (error) {
      log.error({ facility, problem: (error as Error).message }, 'predictions could not be reviewed');
    }
  }
}
