// Predictions in PostgreSQL: one insert for a cycle, the newest of each resident, the course of one.
import { sql } from 'kysely';
import type { PredictionView, Reason, RiskState } from '../alerts/contract.ts';
import type { Text } from '../http/problem.ts';
import type { Database } from '../store/index.ts';

/** What a cycle found for one resident. Times in ms since 1970. */
export interface NewPrediction {
  patient: string;
  facility: string;
  /** End of the window. */
  at: number;
  madeAt: number;
  /** After that it says nothing about now. */
  standsUntil: number;
  horizonMinutes: number;
  /** null when abstained. */
  probability: number | null;
  /** The shipped model's own, before a facility's calibration; the same when missing. */
  baseProbability?: number | null;
  /** By minutes ahead. */
  probabilities: Record<string, number>;
  coverage: number;
  reasons: Reason[];
  abstained: Text | null;
  level: Level;
  levelSince: number;
  /** Added to the log odds to fit the person; null where nothing was. */
  personal?: number | null;
  model: { name: string; version: string };
}
/** Without `act`: whether an alert is open is for hub/alerts to say. */
export type Level = Exclude<RiskState, 'act'>;

/** The newest prediction of a resident. */
export interface LatestPrediction {
  patient: string;
  view: PredictionView;
  level: Level;
  levelSince: Date;
  madeAt: Date;
  standsUntil: Date;
}

interface Row {
  id: string;
  patient: string;
  at: Date;
  made_at: Date;
  stands_until: Date;
  horizon_minutes: number;
  probability: number | null;
  coverage: number;
  reasons: Reason[];
  abstained: Text | null;
  level: Level;
  level_since: Date;
  personal: number | null;
  model_name: string;
  model_version: string;
}

const viewOf = (row: Row): PredictionView => ({
  id: String(row.id),
  at: row.at.toISOString(),
  horizonMinutes: row.horizon_minutes,
  probability: row.probability,
  coverage: row.coverage,
  reasons: row.reasons,
  abstained: row.abstained,
  personal: row.personal,
  model: { name: row.model_name, version: row.model_version },
});

/** Stores a cycle in one insert. Returns the views, in the order given. */
export async function storePredictions(database: Database, cycle: NewPrediction[]): Promise<PredictionView[]> {
  if (!cycle.length) return [];
  const records = cycle.map((one, place) => ({
    place,
    patient: one.patient,
    facility: one.facility,
    at: new Date(one.at),
    made_at: new Date(one.madeAt),
    stands_until: new Date(one.standsUntil),
    horizon_minutes: one.horizonMinutes,
    probability: one.probability,
    base_probability: one.baseProbability ?? one.probability,
    probabilities: one.probabilities,
    coverage: one.coverage,
    reasons: one.reasons,
    abstained: one.abstained,
    level: one.level,
    level_since: new Date(one.levelSince),
    personal: one.personal ?? null,
    model_name: one.model.name,
    model_version: one.model.version,
  }));
  const { rows } = await sql<Row>`
    insert into predictions (patient, facility, at, made_at, stands_until, horizon_minutes, probability, base_probability, probabilities, coverage, reasons,
      abstained, level, level_since, personal, model_name, model_version)
    select patient, facility, at, made_at, stands_until, horizon_minutes, probability, base_probability, probabilities, coverage, reasons,
      nullif(abstained, 'null'::jsonb), level, level_since, personal, model_name, model_version
    from jsonb_to_recordset(${JSON.stringify(records)}::jsonb) as r(place int, patient text, facility text, at timestamptz,
      made_at timestamptz, stands_until timestamptz, horizon_minutes int, probability double precision,
      base_probability double precision, probabilities jsonb,
      coverage double precision, reasons jsonb, abstained jsonb, level text, level_since timestamptz, personal double precision,
      model_name text, model_version text)
    order by place
    returning *`.execute(database.kysely);
  const byPatient = new Map(rows.map(row => [row.patient, viewOf(row)]));
  return cycle.map(one => byPatient.get(one.patient)!);
}

/** The newest prediction of each of the patients that has one. */
export async function latestPredictions(database: Database, patients: string[]): Promise<Map<string, LatestPrediction>> {
  if (!patients.length) return new Map();
  const { rows } = await sql<Row>`
    select p.* from unnest(${patients}::text[]) as wanted(patient)
    cross join lateral (select * from predictions where patient = wanted.patient order by made_at desc, id desc limit 1) p`.execute(
    database.kysely,
  );
  return new Map(
    rows.map(row => [
      row.patient,
      {
        patient: row.patient,
        view: viewOf(row),
        level: row.level,
        levelSince: row.level_since,
        madeAt: row.made_at,
        standsUntil: row.stands_until,
      },
    ]),
  );
}

/**
 * A patient's predictions in a span, in order of time; `from` inclusive, `to` exclusive (Date, ISO text or ms since 1970).
 * The caller has passed `records.require(…, 'risk', 'read', …)`.
 */
export async function predictionsOf(
  database: Database,
  patient: string,
  from: Date | string | number,
  to: Date | string | number,
): Promise<PredictionView[]> {
  const { rows } = await sql<Row>`
    select * from predictions where patient = ${patient} and made_at >= ${new Date(from)} and made_at < ${new Date(to)}
    order by made_at limit 20000`.execute(database.kysely);
  return rows.map(viewOf);
}

/**
 * A facility's predictions of a span (ms since 1970), the first of each `everyMinutes` of each resident, without those that were abstained:
 * for learning, which needs no more. In order of resident and time.
 */
export async function predictionsForLearning(
  database: Database,
  facility: string,
  span: { from: number; to: number },
  everyMinutes: number,
): Promise<{ patient: string; at: number; base: number; shown: number }[]> {
  const { rows } = await sql<{ patient: string; at: Date; base: number; shown: number }>`
    select distinct on (patient, part) patient, at, base, shown from (
      select patient, at, base_probability as base, probability as shown, floor(extract(epoch from at) / ${everyMinutes * 60}::int) as part
      from predictions where facility = ${facility} and made_at >= ${new Date(span.from)} and made_at < ${new Date(span.to)}
        and base_probability is not null) p
    order by patient, part, at`.execute(database.kysely);
  return rows.map(({ patient, at, base, shown }) => ({ patient, at: at.getTime(), base, shown }));
}

/**
 * The shipped model's highest probability of each span (ms since 1970, `to` exclusive), in the order given; null where none was made. For
 * learning what a person's alerts said.
 */
export async function highestBetween(
  database: Database,
  spans: readonly { patient: string; from: number; to: number }[],
): Promise<(number | null)[]> {
  if (!spans.length) return [];
  const asked = spans.map(({ patient, from, to }, place) => ({ place, patient, from: new Date(from), to: new Date(to) }));
  const { rows } = await sql<{ highest: number | null }>`
    select (select max(base_probability) from predictions p where p.patient = r.patient and p.made_at >= r."from" and p.made_at < r."to") as highest
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as r(place int, patient text, "from" timestamptz, "to" timestamptz)
    order by r.place`.execute(database.kysely);
  return rows.map(({ highest }) => highest);
}

/** Says which model predicts from now on. */
export async function announceModel(
  database: Database,
  model: { name: string; version: string; trainedOn: Text; alertHorizon: number },
  at: Date,
): Promise<void> {
  await sql`
    insert into prediction_models (name, version, trained_on, alert_horizon, started)
    values (${model.name}, ${model.version}, ${JSON.stringify(model.trainedOn)}::jsonb, ${model.alertHorizon}, ${at})
    on conflict (name, version) do update
      set trained_on = excluded.trained_on, alert_horizon = excluded.alert_horizon, started = excluded.started`.execute(database.kysely);
}

export interface CurrentModel {
  name: string;
  version: string;
  trainedOn: Text;
  /** Minutes ahead that alerts are about. */
  alertHorizon: number;
}

/** The model that predicts now; null before the first start. */
export async function currentModel(database: Database): Promise<CurrentModel | null> {
  const { rows } = await sql<{ name: string; version: string; trained_on: Text; alert_horizon: number }>`
    select name, version, trained_on, alert_horizon from prediction_models order by started desc limit 1`.execute(database.kysely);
  const [row] = rows;
  return row ? { name: row.name, version: row.version, trainedOn: row.trained_on, alertHorizon: row.alert_horizon } : null;
}

/** Deletes predictions made before `before`, a portion at a time. Returns how many. */
export async function forgetPredictions(database: Database, before: Date): Promise<number> {
  let deleted = 0;
  await sql`delete from prediction_hours where hour < ${before}`.execute(database.kysely);
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from predictions where id in (select id from predictions where made_at < ${before} limit 5000)`.execute(database.kysely);
    deleted += Number(numAffectedRows ?? 0);
    if (Number(numAffectedRows ?? 0) < 5000) return deleted;
  }
}
