// The escalation's only clock: one wake-up job per alert in pg-boss, due when its escalation or a page is due. The truth is in the tables.
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Database } from '../store/index.ts';
import { attend, dueTimes } from './attend.ts';
import { ESCALATIONS_CHANNEL } from './follow.ts';
import type { MessengerDeps } from './messenger.ts';

const QUEUE = 'attend-alert';
/** Alerts attended to at once. */
const AT_ONCE = 10;
const Notice = z.object({ alert: z.uuid() });

export interface EscalationDeps extends Omit<MessengerDeps, 'now'> {
  database: Database;
  log: Logger;
  /** ms since 1970 */
  now?: () => number;
}

/**
 * Starts attending to alerts. Several processes may: each alert is locked while one is at it. After a restart everything that is due, also
 * what fell due meanwhile, is attended to at once.
 */
export async function startEscalation({ now = Date.now, ...given }: EscalationDeps): Promise<{ close(): Promise<void> }> {
  const deps: MessengerDeps = { ...given, now };
  const { database, log } = deps;
  const { PgBoss } = await import('pg-boss');
  const boss = new PgBoss({ connectionString: database.url, schema: 'pgboss', max: 2, schedule: false, application_name: 'hub-alerts' });
  boss.on('error', error => log.warn({ problem: error.message }, 'the job queue has trouble'));
  await boss.start();
  // `short`: one job waits for an alert at a time, while another may be at work on it.
  if (!(await boss.getQueue(QUEUE))) await boss.createQueue(QUEUE, { policy: 'short' });

  const wake = async (alert: string, at: number) => {
    const startAfter = new Date(at);
    // A job that waits already is moved, not doubled.
    const moved = await boss.update(QUEUE, { alert }, { singletonKey: alert, startAfter, match: 'all' });
    if (moved.updated > 0) return;
    await boss.send(QUEUE, { alert }, { singletonKey: alert, startAfter, expireInSeconds: 120, retryLimit: 50, retryDelay: 2 });
  };
  const wakeAll = async () => {
    for (const [alert, at] of await dueTimes(deps)) await wake(alert, at);
  };
  const wakeOne = async (payload: unknown) => {
    const notice = Notice.safeParse(payload);
    if (!notice.success) return;
    const at = (await dueTimes(deps, notice.data.alert)).get(notice.data.alert);
    if (at !== undefined) await wake(notice.data.alert, at);
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.error({ problem: (error as Error).message }, 'an escalation could not be set'));

  await boss.work<{ alert: string }>(QUEUE, { batchSize: AT_ONCE, pollingIntervalSeconds: 1 }, async jobs => {
    await Promise.all(
      jobs.map(async ({ data }) => {
        const next = await attend(deps, data.alert);
        if (next !== null) await wake(data.alert, next);
      }),
    );
  });
  const stop = await database.listen(
    ESCALATIONS_CHANNEL,
    payload => void logged(wakeOne(payload)),
    () => void logged(wakeAll()),
  );
  await wakeAll();
  return {
    async close() {
      await stop();
      await boss.stop({ graceful: true, timeout: 5000 });
    },
  };
}
