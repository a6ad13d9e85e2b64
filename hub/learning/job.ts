// The weekly review as a job of pg-boss: Monday at three in the morning, each facility that has predictions.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from '../store/index.ts';
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
  const { PgBoss } = await import('pg-boss');
  const boss = new PgBoss({ connectionString: database.url, schema: 'pgboss', max: 2, application_name: 'hub-learning' });
  boss.on('error', error => log.warn({ problem: error.message }, 'the job queue has trouble'));
  await boss.start();
  if (!(await boss.getQueue(QUEUE))) await boss.createQueue(QUEUE, { policy: 'short' });
  await boss.schedule(QUEUE, WEEKLY, {}, { tz: 'Asia/Tokyo' });
  await boss.work(QUEUE, { pollingIntervalSeconds: 60 }, async () => {
    await reviewAll({ database, model, log, now });
  });
  return { close: () => boss.stop({ graceful: true, timeout: 5000 }) };
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
