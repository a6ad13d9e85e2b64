// How good predictions are: ranking, calibration, and intervals by resampling residents.
import { seeded } from './random.ts';

/** Area under the ROC curve; ties count half. NaN without both classes. */
export function auroc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = sortedByScore(scores);
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && scores[order[j]!] === scores[order[i]!]) j++;
    const rank = (i + j + 1) / 2;
    for (let k = i; k < j; k++)
      if (labels[order[k]!]) {
        positives++;
        rankSum += rank;
      }
    i = j;
  }
  const negatives = order.length - positives;
  return positives && negatives ? (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives) : Number.NaN;
}

/** Average precision (area under precision and recall, by steps). NaN without positives. */
export function auprc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = sortedByScore(scores).reverse();
  let total = 0;
  for (const index of order) total += labels[index] ? 1 : 0;
  if (!total) return Number.NaN;
  let found = 0;
  let area = 0;
  for (let i = 0; i < order.length; ) {
    let j = i;
    const before = found;
    while (j < order.length && scores[order[j]!] === scores[order[i]!]) found += labels[order[j++]!] ? 1 : 0;
    area += ((found - before) / total) * (found / j);
    i = j;
  }
  return area;
}

function sortedByScore(scores: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => scores[a]! - scores[b]!);
}

/** Mean squared distance of the probability from what happened. */
export function brier(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) sum += (probabilities[i]! - labels[i]!) ** 2;
  return sum / probabilities.length;
}

export interface CalibrationBin {
  predicted: number;
  happened: number;
  windows: number;
}

/** Mean prediction against share of events, in bins of equal probability width that hold anything. */
export function calibrationBins(probabilities: ArrayLike<number>, labels: ArrayLike<number>, bins = 10): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ predicted: 0, happened: 0, windows: 0 }));
  for (let i = 0; i < probabilities.length; i++) {
    const bin = sums[Math.min(bins - 1, Math.floor(probabilities[i]! * bins))]!;
    bin.predicted += probabilities[i]!;
    bin.happened += labels[i] ? 1 : 0;
    bin.windows++;
  }
  return sums
    .filter(bin => bin.windows)
    .map(bin => ({ predicted: bin.predicted / bin.windows, happened: bin.happened / bin.windows, windows: bin.windows }));
}

/** 95 % interval of a statistic by drawing whole residents with replacement; windows of one person are not independent. */
export function bootstrapByResident(
  residents: ArrayLike<number>,
  statistic: (windows: Uint32Array) => number,
  { draws = 100, seed = 1 } = {},
): [number, number] {
  const windowsOf = new Map<number, number[]>();
  for (let i = 0; i < residents.length; i++) {
    const own = windowsOf.get(residents[i]!);
    if (own) own.push(i);
    else windowsOf.set(residents[i]!, [i]);
  }
  const people = [...windowsOf.values()];
  const random = seeded(seed);
  const values: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const chosen = people.map(() => people[Math.floor(random() * people.length)]!);
    const value = statistic(Uint32Array.from(chosen.flat()));
    if (Number.isFinite(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
  return [at(0.025), at(0.975)];
}
