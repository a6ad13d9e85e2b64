// One tap from an alert to a consultation with the treating doctor (D to P with N): the alert's reasons go with it to the worklist.
import { sql } from 'kysely';
import { notAllowed, Problem } from '../http/problem.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import type { Alerts } from './alerts.ts';
import type { AlertKind, AlertView } from './contract.ts';

/** What the consultations offer: a consultation that a carer asks the treating doctors for. @returns the Encounter's id */
export type RequestConsultation = (actor: Person, asked: { patient: string; reason: string; alert: string }) => Promise<string>;

/** The consultation asked for from this alert; asked again, the same one. @throws Problem 403, 404, 409 (no doctor treats the resident) */
export type AskDoctor = (actor: Person, alert: string) => Promise<{ encounter: string }>;

const CAUSE: Record<AlertKind, string> = {
  call: '呼び出し',
  fall: '転倒かもしれない',
  vital: '体の値が範囲の外',
  bpsd: '落ち着かなくなりそう',
  uncovered: '見守れていない',
};

/** Why, in the words the carers saw: the cause and at most three reasons. At most 500 letters. */
export function reasonFor(view: AlertView): string {
  const words = view.prediction
    ? [...view.prediction.reasons]
        .filter(({ weight }) => weight > 0)
        .sort((a, b) => b.weight - a.weight)
        .slice(0, 3)
        .map(({ text }) => text.ja)
    : view.detail
      ? [view.detail.ja]
      : [];
  return `お知らせ: ${CAUSE[view.kind]}${words.length ? ` (${words.join('、')})` : ''}`.slice(0, 500);
}

export function askDoctor({ database, alerts, request }: { database: Database; alerts: Alerts; request: RequestConsultation }): AskDoctor {
  let last: Promise<unknown> = Promise.resolve();
  /**
   * One after the other: each holds a database connection while the record makes the consultation with another one. Many at once would hold
   * all there are, and wait for one more for ever.
   */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  /** The alert is held while the consultation is made: two presses make one, also in two processes. */
  const consult = (actor: Person, id: string, view: AlertView & { patient: string }) =>
    database.kysely.transaction().execute(async transaction => {
      const { rows } = await sql<{ consultation: string | null }>`
        select consultation from alerts where id = ${id}::uuid for no key update`.execute(transaction);
      const known = rows[0]?.consultation;
      if (known) return { encounter: known };
      const encounter = await request(actor, { patient: view.patient, reason: reasonFor(view), alert: id });
      await sql`update alerts set consultation = ${encounter} where id = ${id}::uuid`.execute(transaction);
      await sql`insert into alert_events (alert, at, what, by_name) values (${id}::uuid, now(), 'consulted', ${actor.name})`.execute(
        transaction,
      );
      await sql`select pg_notify('alerts', ${JSON.stringify({ alert: id, facility: view.facility })})`.execute(transaction);
      return { encounter };
    });

  return async (actor, id) => {
    const view = await alerts.read(actor, id);
    if (!hasRole(actor, ['caregiver', 'manager'], view.facility)) throw notAllowed();
    const { patient } = view;
    if (patient === null)
      throw new Problem(409, 'no-resident', {
        ja: 'このお知らせは、入居者のことではありません。入居者の画面から相談してください。',
        en: 'This alert concerns no resident. Ask from the resident’s page.',
      });
    return inTurn(() => consult(actor, id, { ...view, patient }));
  };
}
