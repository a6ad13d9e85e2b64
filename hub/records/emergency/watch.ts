// Sees to emergency access by the clock: tells patients and administrators, takes the journal over, raises the alarm for a late review.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { service } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import { EMERGENCY_CHANNEL, REVIEW_HOURS } from './grants.ts';
import type { Journal } from './journal.ts';

export interface Told {
  account: string;
  email: string;
  language: 'ja' | 'en';
}

export interface WatchDeps {
  records: OpenRecords;
  journal: Journal;
  /** Who is told: the administrators, and the patient (id) if there is an account. */
  administrators: () => Promise<Told[]>;
  patient: (id: string) => Promise<Told[]>;
  /** Sends a notice without personal data that names a page; missing: nobody is told by mail. `id` is the notice's own. */
  mail?: (to: Told, page: string, id: string) => Promise<void>;
  log: Logger;
  everyMs?: number;
}

export interface EmergencyWatch {
  /** Does what is due. */
  look(): Promise<void>;
  close(): Promise<void>;
}

const EVERY_MS = 30_000;

export function watchEmergencies({ records, journal, administrators, patient, mail, log, everyMs = EVERY_MS }: WatchDeps): EmergencyWatch {
  const { connection, now } = records.context;

  const send = async (people: Told[], page: string, id: string) => {
    for (const person of people) {
      await mail?.(person, page, id).catch(error => log.warn({ problem: (error as Error).message }, 'a notice could not be mailed'));
    }
  };

  /** A row that is taken by an update is told of once, whichever process looks first. */
  async function tell() {
    const { rows } = await sql<{ id: string; patient: string }>`
      update emergency_grants set told_at = ${now()} where told_at is null returning id, patient`.execute(connection);
    for (const grant of rows) {
      log.warn({ grant: grant.id }, 'a record was opened in an emergency');
      await send(await administrators(), '/emergency/reviews', `emergency-${grant.id}`);
      await send(await patient(grant.patient), '/sharing', `emergency-${grant.id}`);
    }
  }

  async function alarm() {
    const before = new Date(now().getTime() - REVIEW_HOURS * 3_600_000);
    const { rows } = await sql<{ id: string; patient: string }>`
      update emergency_grants set alarmed_at = ${now()} where alarmed_at is null and reviewed_at is null and since <= ${before}
      returning id, patient`.execute(connection);
    for (const grant of rows) {
      log.error({ grant: grant.id }, `an emergency access was not reviewed within ${REVIEW_HOURS} hours`);
      const what = { ja: '緊急閲覧が72時間以内に確認されていません', en: 'an emergency access was not reviewed within 72 hours' };
      await records.audit({ actor: service('setup'), action: 'execute', what, patient: grant.patient, allowed: true });
      await send(await administrators(), '/emergency/reviews', `late-${grant.id}`);
    }
    if (rows.length) await sql`select pg_notify(${EMERGENCY_CHANNEL}, '{}')`.execute(connection);
  }

  async function look() {
    const results = await Promise.allSettled([journal.replay(), tell(), alarm()]);
    for (const result of results)
      if (result.status === 'rejected') log.warn({ problem: (result.reason as Error).message }, 'emergency access could not be seen to');
  }

  let last: Promise<void> = Promise.resolve();
  const inTurn = () => {
    last = last.then(look);
    return last;
  };
  const timer = setInterval(() => void inTurn(), everyMs);
  timer.unref();
  return {
    look: inTurn,
    async close() {
      clearInterval(timer);
      await last;
    },
  };
}
