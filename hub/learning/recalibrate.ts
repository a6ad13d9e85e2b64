// Probabilities that mean what they say where they are used: slope and offset of the logit, drawn towards "leave it as it is" by a prior.
import { sigmoid } from '../../models/calibration.ts';
import { type CalibrationBin, calibrationBins } from '../../models/metrics.ts';
import type { CalibrationFigures } from './contract.ts';

/** Shown probability = sigmoid(slope · logit(shipped probability) + offset). */
export interface Recalibration {
  slope: number;
  offset: number;
}
export const AS_SHIPPED: Recalibration = { slope: 1, offset: 0 };

/** Spread of what is believed of slope and offset before any outcome is known. */
const PRIOR = { slope: 0.3, offset: 1 };
/** Neighbouring windows of a person tell nearly the same: each counts as so much of an independent one. */
const INDEPENDENT = 1 / 6;
const EDGE = 1e-4;

/** Log odds; held off 0 and 1, where they have no end. */
export const logit = (probability: number) => {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, probability));
  return Math.log(inside / (1 - inside));
};

/** The probability that the hub shows for a shipped model's probability. Keeps the order of probabilities. */
export const recalibrated = ({ slope, offset }: Recalibration, probability: number): number =>
  slope === 1 && offset === 0 ? probability : sigmoid(slope * logit(probability) + offset);

/**
 * Fits slope and offset by Newton's method on the log loss with a normal prior around 1 and 0 (Platt 1999 with shrinkage).
 * With few outcomes the result stays near the shipped model. The slope is never below a tenth: order must be kept.
 */
export function fitRecalibration(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Recalibration {
  let { slope, offset } = AS_SHIPPED;
  for (let step = 0; step < 50; step++) {
    let ga = (slope - 1) / PRIOR.slope ** 2;
    let gb = offset / PRIOR.offset ** 2;
    let haa = 1 / PRIOR.slope ** 2;
    let hbb = 1 / PRIOR.offset ** 2;
    let hab = 0;
    for (let i = 0; i < probabilities.length; i++) {
      const x = logit(probabilities[i]!);
      const p = sigmoid(slope * x + offset);
      const error = (p - labels[i]!) * INDEPENDENT;
      const weight = p * (1 - p) * INDEPENDENT;
      ga += error * x;
      gb += error;
      haa += weight * x * x;
      hab += weight * x;
      hbb += weight;
    }
    const determinant = haa * hbb - hab * hab;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    // The problem is convex; a bounded step keeps the first ones from overshooting.
    slope = Math.max(0.1, slope - Math.max(-1, Math.min(1, da)));
    offset -= Math.max(-2, Math.min(2, db));
    if (Math.abs(da) + Math.abs(db) < 1e-9) break;
  }
  return { slope: rounded(slope), offset: rounded(offset) };
}
const rounded = (value: number) => Number(value.toFixed(4));

/** @param labels 1 where an episode began within the horizon, else 0 */
export function figuresOf(probabilities: number[], labels: number[]): CalibrationFigures {
  let [brier, logLoss, observed, expected] = [0, 0, 0, 0];
  for (let i = 0; i < probabilities.length; i++) {
    const p = Math.min(1 - EDGE, Math.max(EDGE, probabilities[i]!));
    brier += (probabilities[i]! - labels[i]!) ** 2;
    logLoss -= labels[i] ? Math.log(p) : Math.log(1 - p);
    observed += labels[i]!;
    expected += probabilities[i]!;
  }
  const bins: CalibrationBin[] = calibrationBins(probabilities, labels);
  return { brier: brier / probabilities.length, logLoss: logLoss / probabilities.length, observed, expected, bins };
}

/** Population stability index of two samples of probabilities over ten bins of the first; NaN when one is small. */
export function stabilityIndex(before: number[], now: number[]): number {
  if (before.length < 200 || now.length < 100) return Number.NaN;
  const sorted = [...before].sort((a, b) => a - b);
  const edges = Array.from({ length: 9 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / 10)]!);
  const shares = (values: number[]) => {
    const counts = new Array<number>(10).fill(0);
    for (const value of values) counts[edges.findIndex(edge => value < edge) === -1 ? 9 : edges.findIndex(edge => value < edge)]!++;
    // Half a count in each bin, so that an empty one does not make the index endless.
    return counts.map(count => (count + 0.5) / (values.length + 5));
  };
  const [a, b] = [shares(before), shares(now)];
  return a.reduce((sum, share, i) => sum + (b[i]! - share) * Math.log(b[i]! / share), 0);
}

/** Observed against expected, with the 95 % interval of a Poisson count (Byar's approximation). null without anything expected. */
export function ratioWithInterval(observed: number, expected: number): { ratio: number; low: number; high: number } | null {
  if (!(expected > 0)) return null;
  const z = 1.96;
  const low = observed ? observed * (1 - 1 / (9 * observed) - z / (3 * Math.sqrt(observed))) ** 3 : 0;
  const up = observed + 1;
  const high = up * (1 - 1 / (9 * up) + z / (3 * Math.sqrt(up))) ** 3;
  return { ratio: observed / expected, low: low / expected, high: high / expected };
}
