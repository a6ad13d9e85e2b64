// The escalation's only clock: one wake-up job per alert in pg-boss, due when its escalation or a page is due. The truth is in the tables.
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Database, openJobs } from '../store/index.ts';
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
  const jobs = await openJobs<{ alert: string }>({
    ...{ database, log, queue: QUEUE },
    retry: { expireInSeconds: 120, retryLimit: 50, retryDelay: 2 },
  });

  const wake = (alert: string, at: number) => jobs.wake(alert, { alert }, new Date(at));
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

  await jobs.work({ batchSize: AT_ONCE, pollingIntervalSeconds: 1 }, async ({ alert }) => {
    const next = await attend(deps, alert);
    if (next !== null) await wake(alert, next);
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
      await jobs.close();
    },
  };
}
