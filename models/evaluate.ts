// What the model is worth on residents of a facility it has never seen; every figure that the card shows.
import type { AlertLevels } from './alert-rule.ts';
import { WATCHED_PROFILES } from './channels.ts';
import { type Dataset, rowsOf, timelineOf } from './dataset.ts';
import { FEATURES } from './features.ts';
import { column, type Fitted, levelFor, probabilitiesOf, scoreTimeline } from './fit.ts';
import { auprc, auroc, bootstrapByResident, brier, type CalibrationBin, calibrationBins } from './metrics.ts';

export interface AlertFigures {
  /** False alerts per resident-week: what was allowed (null for the shipped level) and what came. */
  allowed: number | null;
  came: number;
  act: number;
  sensitivity: number;
  caught: number;
  episodes: number;
  /** Share of alerts that an episode followed. */
  precision: number;
  leadMinutes: { median: number; quartiles: [number, number] } | null;
}

export interface HorizonFigures {
  horizonMinutes: number;
  windows: number;
  prevalence: number;
  auroc: number;
  aurocInterval: [number, number];
  auprc: number;
  auprcInterval: [number, number];
  /** Mean over residents with episodes of the AUROC among their own windows: telling when, not who. */
  aurocWithinPerson: number;
  /** A model that knows the hour of the day and nothing else. */
  hourOnly: { auroc: number; auprc: number };
  brier: number;
  /** Brier score of always saying the prevalence. */
  brierOfPrevalence: number;
  calibration: CalibrationBin[];
  alerts: AlertFigures[];
  withoutDevice: { profile: string; auroc: number; auprc: number }[];
}

export interface Evaluation {
  residents: number;
  residentWeeks: number;
  episodes: number;
  /** Share of the minutes that had enough data for a prediction. */
  predictedShare: number;
  horizons: HorizonFigures[];
  shipped: AlertFigures;
}

/** Evaluates on all residents of `test`, whose windows come each minute, as live; ranking takes one each five minutes. `hourRate` is the share of positives by hour of the day and horizon in training data. */
export function evaluate(
  test: Dataset,
  fitted: Fitted,
  horizons: readonly number[],
  alertHorizon: number,
  hourRate: number[][],
): Evaluation {
  const everyone = new Set(test.residents.keys());
  const rows = rowsOf(test, everyone);
  const whole = timelineOf(test, everyone);
  const outputs = horizons.length;
  const { probabilities } = probabilitiesOf(test, rows, fitted);
  const timeline = probabilitiesOf(test, whole, fitted);
  const residents = Array.from(rows, row => test.resident[row]!);
  const labels = rows.reduce(
    (all, row, i) => {
      for (let o = 0; o < outputs; o++) all[i * outputs + o] = test.labels[row * outputs + o]!;
      return all;
    },
    new Uint8Array(rows.length * outputs),
  );

  const alertsAt = (o: number, horizon: number, levels: AlertLevels, allowed: number | null): AlertFigures => {
    const score = scoreTimeline(test, everyone, timeline, levels, o, outputs, horizon);
    const lead = score.leadMinutes.toSorted((a, b) => a - b);
    const at = (share: number) => lead[Math.min(lead.length - 1, Math.floor(share * lead.length))]!;
    return {
      allowed,
      came: score.falseAlerts / score.weeks,
      act: levels.act,
      sensitivity: score.caught / score.episodes,
      caught: score.caught,
      episodes: score.episodes,
      precision: score.alerts ? 1 - score.falseAlerts / score.alerts : Number.NaN,
      leadMinutes: lead.length ? { median: at(0.5), quartiles: [at(0.25), at(0.75)] } : null,
    };
  };

  const figures = horizons.map((horizon, o): HorizonFigures => {
    const p = column(probabilities, outputs, o);
    const y = column(labels, outputs, o);
    const prevalence = y.reduce((sum, label) => sum + label, 0) / y.length;
    const byHour = Float32Array.from(rows, row => hourRate[o]![hourOf(test.at[row]!)]!);
    return {
      horizonMinutes: horizon,
      windows: rows.length,
      prevalence,
      auroc: auroc(p, y),
      aurocInterval: bootstrapByResident(residents, draw => auroc(pick(p, draw), pick(y, draw))),
      auprc: auprc(p, y),
      auprcInterval: bootstrapByResident(residents, draw => auprc(pick(p, draw), pick(y, draw))),
      aurocWithinPerson: withinPerson(p, y, residents),
      hourOnly: { auroc: auroc(byHour, y), auprc: auprc(byHour, y) },
      brier: brier(p, y),
      brierOfPrevalence: prevalence * (1 - prevalence),
      calibration: calibrationBins(p, y),
      alerts: [0.25, 0.5, 1].map(allowed => {
        const levels = levelFor(allowed, one => scoreTimeline(test, everyone, timeline, one, o, outputs, horizon));
        return alertsAt(o, horizon, levels, allowed);
      }),
      withoutDevice: WATCHED_PROFILES.map(profile => {
        const blank = FEATURES.flatMap((feature, index) => (feature.needs.includes(profile) ? [index] : []));
        const without = column(probabilitiesOf(test, rows, fitted, blank).probabilities, outputs, o);
        return { profile, auroc: auroc(without, y), auprc: auprc(without, y) };
      }),
    };
  });
  const minutes = test.residents.reduce((sum, { from, to }) => sum + (to - from) / 60_000, 0);
  return {
    residents: test.residents.length,
    residentWeeks: minutes / (7 * 24 * 60),
    episodes: test.residents.reduce((sum, { episodes }) => sum + episodes.length, 0),
    predictedShare: Math.min(1, test.count / minutes),
    horizons: figures,
    shipped: alertsAt(horizons.indexOf(alertHorizon), alertHorizon, fitted.levels, null),
  };
}

/** Local hour, 0 … 23. */
const hourOf = (at: number) => Math.floor(at / 3_600_000 + 9) % 24;
const pick = (values: Float32Array, rows: Uint32Array) => Float32Array.from(rows, row => values[row]!);

/** Share of positives by local hour for each horizon, a little smoothed, from the rows given. */
export function hourRates(dataset: Dataset, rows: Uint32Array, outputs: number): number[][] {
  return Array.from({ length: outputs }, (_, o) => {
    const [found, seen] = [new Float64Array(24), new Float64Array(24)];
    for (const row of rows) {
      seen[hourOf(dataset.at[row]!)]!++;
      found[hourOf(dataset.at[row]!)]! += dataset.labels[row * outputs + o]!;
    }
    return Array.from(found, (count, hour) => (count + 1) / (seen[hour]! + 50));
  });
}

function withinPerson(p: Float32Array, y: Float32Array, residents: number[]): number {
  const rowsOfPerson = new Map<number, number[]>();
  residents.forEach((person, i) => {
    const own = rowsOfPerson.get(person);
    if (own) own.push(i);
    else rowsOfPerson.set(person, [i]);
  });
  const values: number[] = [];
  for (const own of rowsOfPerson.values()) {
    const rows = Uint32Array.from(own);
    const value = auroc(pick(p, rows), pick(y, rows));
    if (Number.isFinite(value)) values.push(value);
  }
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
