// What the model is worth on residents of a facility it has never seen; every figure that the card shows.
import { type AlertLevels, levelsAround } from './alert-rule.ts';
import { fitPlatt } from './calibration.ts';
import { localHour, nightFactor, WATCHED_PROFILES } from './channels.ts';
import { type Dataset, rowsOf, timelineOf } from './dataset.ts';
import { column, type Fitted, levelFor, probabilitiesOf, scoreTimeline, type Timeline } from './fit.ts';
import { auprc, auroc, bootstrapByResident, brier, type CalibrationBin, calibrationBins } from './metrics.ts';
import type { Text } from './words.ts';

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
  /** Of a logistic regression of what happened on the logit of what was said: 1 and 0 are perfect. */
  calibrationLine: { slope: number; intercept: number };
  /** What needs the device is unknown; `alerts` at the shipped levels, of the alert horizon alone. */
  withoutDevice: { profile: string; auroc: number; auprc: number; alerts: AlertFigures | null }[];
}

/** Figures of a part of the test residents, or of their windows by night and by day (`shipped` is null then). */
export interface Subgroup {
  name: Text;
  residents: number;
  windows: number;
  episodes: number;
  auroc: number;
  auprc: number;
  shipped: AlertFigures | null;
}

export interface Evaluation {
  residents: number;
  residentWeeks: number;
  episodes: number;
  /** Share of the minutes that had enough data for a prediction. */
  predictedShare: number;
  horizons: HorizonFigures[];
  shipped: AlertFigures;
  /** Of the alert horizon, fewest alerts first: what more alerts buy. Every level shows more episodes than the one before. */
  curve: AlertFigures[];
  /** Of the alert horizon. */
  subgroups: Subgroup[];
}

/** Levels that the curve is looked for at. */
const CURVE = { from: 0.98, to: 0.02, step: 0.005 };

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

  const primary = horizons.indexOf(alertHorizon);
  const alertsAt = (
    o: number,
    horizon: number,
    levels: AlertLevels,
    allowed: number | null,
    { who = everyone, line = timeline }: { who?: ReadonlySet<number>; line?: Timeline } = {},
  ): AlertFigures => {
    const score = scoreTimeline(test, who, line, levels, o, outputs, horizon);
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
      calibrationLine: calibrationLine(p, y),
      withoutDevice: WATCHED_PROFILES.map(profile => {
        const without = column(probabilitiesOf(test, rows, fitted, profile).probabilities, outputs, o);
        const line = o === primary ? probabilitiesOf(test, whole, fitted, profile) : null;
        const alerts = line && alertsAt(o, horizon, fitted.levels, null, { line });
        return { profile, auroc: auroc(without, y), auprc: auprc(without, y), alerts };
      }),
    };
  });
  const ranked = (kept: (row: number, person: number) => boolean) => {
    const chosen = Uint32Array.from(rows.keys()).filter(i => kept(rows[i]!, residents[i]!));
    const [p, y] = [pick(column(probabilities, outputs, primary), chosen), pick(column(labels, outputs, primary), chosen)];
    return { windows: chosen.length, auroc: auroc(p, y), auprc: auprc(p, y) };
  };
  const episodesOf = (person: number) => test.residents[person]!.episodes.length;
  const people = (name: Text, belongs: (person: number) => boolean): Subgroup => {
    const who = new Set([...everyone].filter(belongs));
    return {
      name,
      residents: who.size,
      episodes: [...who].reduce((sum, person) => sum + episodesOf(person), 0),
      ...ranked((_, person) => who.has(person)),
      shipped: alertsAt(primary, alertHorizon, fitted.levels, null, { who }),
    };
  };
  const hours = (name: Text, belongs: (at: number) => boolean): Subgroup => ({
    name,
    residents: everyone.size,
    episodes: test.residents.reduce((sum, { episodes }) => sum + episodes.filter(({ onset }) => belongs(onset)).length, 0),
    ...ranked(row => belongs(test.at[row]!)),
    shipped: null,
  });
  const facilityOf = (person: number) => test.residents[person]!.name.split('/')[0]!;
  const facilities = [...new Set([...everyone].map(facilityOf))];
  const isNight = (at: number) => nightFactor(at) >= 0.5;
  const minutes = test.residents.reduce((sum, { from, to }) => sum + (to - from) / 60_000, 0);
  const residentWeeks = minutes / (7 * 24 * 60);
  return {
    residents: test.residents.length,
    residentWeeks,
    episodes: test.residents.reduce((sum, { episodes }) => sum + episodes.length, 0),
    predictedShare: Math.min(1, test.count / minutes),
    horizons: figures,
    shipped: alertsAt(primary, alertHorizon, fitted.levels, null),
    curve: rising(
      Array.from({ length: Math.round((CURVE.from - CURVE.to) / CURVE.step) + 1 }, (_, i) =>
        alertsAt(primary, alertHorizon, levelsAround(Number((CURVE.from - i * CURVE.step).toFixed(4))), null),
      ),
      residentWeeks,
    ),
    subgroups: [
      ...facilities.map((facility, index) =>
        people(
          { ja: `学習に使っていない施設 ${index + 1}`, en: `facility ${index + 1}, not seen in training` },
          person => facilityOf(person) === facility,
        ),
      ),
      people({ ja: '症状が2回までの人', en: 'residents with at most two episodes' }, person => episodesOf(person) <= 2),
      people({ ja: '症状が3回からの人', en: 'residents with three episodes or more' }, person => episodesOf(person) > 2),
      hours({ ja: '夜 (20時半から6時半)', en: 'by night (20:30 to 6:30)' }, isNight),
      hours({ ja: '昼', en: 'by day' }, at => !isNight(at)),
    ],
  };
}

/** Points in order of their alerts a week, each with more episodes warned of than all before: what costs more and warns of no more is no choice. */
function rising(points: readonly AlertFigures[], weeks: number): AlertFigures[] {
  const alerts = ({ came, precision, caught }: AlertFigures) => (precision < 1 ? came / (1 - precision) : caught / weeks);
  let caught = 0;
  return points
    .filter(point => point.caught > 0 && Number.isFinite(point.precision))
    .toSorted((a, b) => alerts(a) - alerts(b) || b.caught - a.caught)
    .filter(point => {
      const more = point.caught > caught;
      if (more) caught = point.caught;
      return more;
    });
}

function calibrationLine(p: Float32Array, y: Float32Array): { slope: number; intercept: number } {
  const logits = Float64Array.from(p, one => Math.log(Math.max(one, 1e-6) / Math.max(1 - one, 1e-6)));
  const { slope, offset } = fitPlatt(logits, y);
  return { slope, intercept: offset };
}

/** Local hour, 0 … 23. */
const hourOf = (at: number) => Math.floor(localHour(at));
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
