// What predictions for homes are worth (DOMAIN figures): ranking, sensitivity at a budget of false alerts, calibration, intervals by home.
import { fitPlatt } from '../calibration.ts';
import { auprc, auroc, bootstrapByResident, brier, type CalibrationBin, calibrationBins } from '../metrics.ts';
import { SLOT_HOURS } from './slots.ts';

export const BUDGETS = [0.25, 0.5, 1] as const;
const STAMPS_PER_WEEK = SLOT_HOURS.length * 7;

export interface Scores {
  scores: Float32Array;
  labels: Uint8Array;
  home: Int32Array;
}

export interface Measured {
  auroc: number;
  auprc: number;
  /** Mean over homes with labels of the AUROC within the home: telling when, not who. */
  within: number;
  /** At 0.25, 0.5 and 1 false alerts per resident-week. */
  sensitivity: number[];
}

/** Share of labelled stamps above the level that gives so many false alerts per resident-week (21 stamps); ties are not split. */
export function sensitivityAt({ scores, labels }: Pick<Scores, 'scores' | 'labels'>, perWeek: number): number {
  const allowed = (perWeek * scores.length) / STAMPS_PER_WEEK;
  const order = Uint32Array.from(scores, (_, index) => index).sort((a, b) => scores[b]! - scores[a]!);
  const total = labels.reduce((sum, label) => sum + label, 0);
  let [caught, wrong] = [0, 0];
  for (let i = 0; i < order.length; ) {
    let [j, more, less] = [i, 0, 0];
    for (; j < order.length && scores[order[j]!] === scores[order[i]!]; j++) labels[order[j]!] ? more++ : less++;
    if (wrong + less > allowed) break;
    caught += more;
    wrong += less;
    i = j;
  }
  return total ? caught / total : Number.NaN;
}

/** Expected of alerts at random, as many false ones. */
export const chanceSensitivity = (labels: Uint8Array, perWeek: number) =>
  (perWeek * labels.length) / STAMPS_PER_WEEK / (labels.length - labels.reduce((sum, label) => sum + label, 0));

export function measure({ scores, labels, home }: Scores): Measured {
  const byHome = new Map<number, number[]>();
  home.forEach((id, index) => {
    const own = byHome.get(id);
    if (own) own.push(index);
    else byHome.set(id, [index]);
  });
  const within: number[] = [];
  for (const rows of byHome.values()) {
    const value = auroc(
      rows.map(row => scores[row]!),
      rows.map(row => labels[row]!),
    );
    if (Number.isFinite(value)) within.push(value);
  }
  return {
    auroc: auroc(scores, labels),
    auprc: auprc(scores, labels),
    within: within.length ? within.reduce((sum, value) => sum + value, 0) / within.length : Number.NaN,
    sensitivity: BUDGETS.map(budget => sensitivityAt({ scores, labels }, budget)),
  };
}

export interface Intervals {
  auroc: [number, number];
  auprc: [number, number];
  sensitivityHalf: [number, number];
}

const statistics = {
  auroc: (one: Scores) => auroc(one.scores, one.labels),
  auprc: (one: Scores) => auprc(one.scores, one.labels),
  sensitivityHalf: (one: Scores) => sensitivityAt(one, 0.5),
};

/** 95 %, homes drawn with replacement. With `against`, of the difference to it. */
export function intervals(all: Scores, against?: Scores, draws = 400): Intervals {
  const drawn = (from: Scores, rows: Uint32Array): Scores => ({
    scores: Float32Array.from(rows, row => from.scores[row]!),
    labels: Uint8Array.from(rows, row => from.labels[row]!),
    home: Int32Array.from(rows, row => from.home[row]!),
  });
  const of = (name: keyof typeof statistics) =>
    bootstrapByResident(all.home, rows => statistics[name](drawn(all, rows)) - (against ? statistics[name](drawn(against, rows)) : 0), {
      draws,
      seed: 7,
    });
  return { auroc: of('auroc'), auprc: of('auprc'), sensitivityHalf: of('sensitivityHalf') };
}

export interface Calibration {
  brier: number;
  brierOfPrevalence: number;
  /** Of a logistic regression of what happened on the logit of what was said: 1 and 0 are perfect; a slope below 1 is too sure. */
  slope: number;
  intercept: number;
  bins: CalibrationBin[];
}

/** Of probabilities that were given; abstained rows have to be left out. */
export function calibrationOf({ scores, labels }: Pick<Scores, 'scores' | 'labels'>): Calibration {
  const prevalence = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  const logits = Float64Array.from(scores, p => Math.log(Math.max(p, 1e-6) / Math.max(1 - p, 1e-6)));
  const { slope, offset } = fitPlatt(logits, labels);
  return {
    brier: brier(scores, labels),
    brierOfPrevalence: prevalence * (1 - prevalence),
    slope,
    intercept: offset,
    bins: calibrationBins(scores, labels, 10),
  };
}

/** Mean and standard deviation of each figure over several runs; the deviation is 0 for one. */
export function meanAndSpread(all: readonly Measured[]): { mean: Measured; sd: Measured } {
  const over = (of: (one: Measured) => number, what: 'mean' | 'sd') => {
    const values = all.map(of);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    if (what === 'mean') return mean;
    return values.length > 1 ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)) : 0;
  };
  const each = (what: 'mean' | 'sd'): Measured => ({
    auroc: over(one => one.auroc, what),
    auprc: over(one => one.auprc, what),
    within: over(one => one.within, what),
    sensitivity: BUDGETS.map((_, index) => over(one => one.sensitivity[index]!, what)),
  });
  return { mean: each('mean'), sd: each('sd') };
}
