// Raises alerts from predictions: one for each coming episode, by the rule of `models/alert-rule.ts`.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { decide } from '../../models/alert-rule.ts';
import type { Database } from '../store/index.ts';
import { levelsByBudget } from './budget.ts';
import { changing } from './changing.ts';
import type { AlertRaiser, PredictionView } from './contract.ts';
import { type AlertRow, lastAlerts } from './store.ts';

/** An alert that nobody closed says nothing about tonight: it is closed as unknown, and a new rise is heard again. */
const UNANSWERED = 12 * 3_600_000;
const UNANSWERED_WORDS =
  '12時間のうちに記録がなかったため、自動で閉じました。 (Closed by the hub: no outcome was recorded within 12 hours.)';

export function alertRaiser({ database, log, now }: { database: Database; log: Logger; now: () => number }): AlertRaiser {
  return {
    async consider(cycle, levels) {
      const at = new Date(now());
      await closeUnanswered(database, at);
      const certain = cycle.filter(one => one.prediction.probability !== null);
      if (!certain.length) return [];
      const last = await lastAlerts(
        database.kysely,
        certain.map(one => one.patient),
      );
      const decided = certain.map(one => {
        const row = last.get(one.patient);
        const known = row && { raisedAt: row.raised_at.getTime(), fallen: row.fell_at !== null, unresolved: row.state !== 'resolved' };
        return { ...one, row, what: decide(known, levels, one.prediction.probability!, at.getTime()) };
      });
      const fallen = decided.flatMap(one => (one.what === 'fallen' ? [one.row!.id] : []));
      const rising = decided.filter(one => one.what === 'raise');
      if (!fallen.length && !rising.length) return [];
      const raised: string[] = [];
      await changing(database, at, async connection => {
        const changed: AlertRow[] = [];
        if (fallen.length) {
          const { rows } = await sql<AlertRow>`
            update alerts set fell_at = ${at} where id = any(${fallen}::uuid[]) and fell_at is null returning *`.execute(connection);
          changed.push(...rows);
        }
        for (const { patient, facility, prediction } of rising) {
          const { rows } = await sql<AlertRow>`
            insert into alerts (patient, facility, raised_at, prediction, state)
            values (${patient}, ${facility}, ${at}, ${JSON.stringify(prediction)}::jsonb, 'open')
            on conflict do nothing returning *`.execute(connection);
          changed.push(...rows);
          raised.push(...rows.map(row => row.id));
        }
        return changed;
      });
      for (const alert of raised) log.info({ alert }, 'alert raised');
      return raised;
    },
    levelsFor: (model, facilities) => levelsByBudget(database.kysely, model, facilities),
    async withoutAssessment() {
      const since = new Date(now() - 24 * 3_600_000);
      const { rows } = await sql<{ id: string; patient: string; prediction: PredictionView }>`
        select id, patient, prediction from alerts where kind = 'bpsd' and assessment is null and raised_at > ${since} order by raised_at limit 100`.execute(
        database.kysely,
      );
      return rows;
    },
    async assessed(alert, assessment) {
      await sql`update alerts set assessment = ${assessment} where id = ${alert}::uuid`.execute(database.kysely);
    },
  };
}

async function closeUnanswered(database: Database, at: Date) {
  const before = new Date(at.getTime() - UNANSWERED);
  await changing(database, at, async connection => {
    const { rows } = await sql<AlertRow>`
      update alerts set state = 'resolved', outcome = 'unknown', comment = ${UNANSWERED_WORDS}, resolved_at = ${at}
      where state <> 'resolved' and kind <> 'uncovered' and raised_at < ${before} returning *`.execute(connection);
    return rows;
  });
}
