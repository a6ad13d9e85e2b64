// What predictions for homes are worth (DOMAIN figures): ranking, sensitivity at a budget of false alerts, calibration, intervals by home.
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

/** Bins of a tenth, or finer where nearly all probabilities lie. */
export function calibrationOf({ scores, labels }: Scores): { brier: number; brierOfPrevalence: number; bins: CalibrationBin[] } {
  const prevalence = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  return {
    brier: brier(scores, labels),
    brierOfPrevalence: prevalence * (1 - prevalence),
    bins: calibrationBins(scores, labels, 10),
  };
}
