// What a person's own past outcomes say about a model's probabilities for this person: one offset of the logit, drawn to 0 while little is known.
import { sigmoid } from './calibration.ts';

/** A prediction whose outcome is known. Several of one episode count once: give one for each alert or each stretch without one. */
export interface PastOutcome {
  /** ms since 1970 of the moment when the outcome became known: nothing after `now` counts. */
  at: number;
  /** What the model had said, 0 … 1. */
  probability: number;
  happened: boolean;
}

/** Add to the logit of the probability; 0 leaves it as it is. */
export interface Adaptation {
  offset: number;
  /** Outcomes that it rests on, newer ones counting more. */
  weight: number;
}

export const UNADAPTED: Adaptation = { offset: 0, weight: 0 };

const DAY = 86_400_000;
/** People change: an outcome counts half after so many days. */
const HALF_LIFE_DAYS = 30;
/** As if so many episodes had been expected and had come: what shrinks a short past. */
const PRIOR_EPISODES = 1;
/** Farthest that a person is moved: a factor of about 4.5 in odds. */
const FARTHEST = 1.5;
const EDGE = 1e-6;

/**
 * Episodes that came against episodes that were expected, as log odds with shrinkage. Causal: outcomes known after `now` do not count.
 * The same idea as the home model's `givenToExpected`, for live use with a caregiver's outcomes.
 */
export function adaptationOf(past: Iterable<PastOutcome>, now: number): Adaptation {
  let [came, expected, weight] = [0, 0, 0];
  for (const { at, probability, happened } of past) {
    if (at > now || !Number.isFinite(probability)) continue;
    const share = 0.5 ** ((now - at) / DAY / HALF_LIFE_DAYS);
    weight += share;
    expected += share * Math.min(1, Math.max(0, probability));
    if (happened) came += share;
  }
  const offset = Math.log((came + PRIOR_EPISODES) / (expected + PRIOR_EPISODES));
  return { offset: Math.max(-FARTHEST, Math.min(FARTHEST, offset)), weight };
}

/** Of the episodes that a person was warned of, this share at least must still be warned of when the person is predicted lower. */
export const KEPT_RECALL = 0.8;

/**
 * Draws a lowering back until KEPT_RECALL of the person's own warned episodes stay warned of: fewer false alerts are never bought with
 * more missed episodes than that. `peaks` is, for each of them, the highest probability before its onset; `act` the level of alerts.
 */
export function keepingRecall(adaptation: Adaptation, peaks: readonly number[], act: number): Adaptation {
  if (adaptation.offset >= 0 || !peaks.length) return adaptation;
  // An episode stays warned of while its peak, moved by the offset, reaches the level.
  const lowest = peaks.map(peak => logit(act) - logit(peak)).sort((a, b) => a - b);
  const least = Math.min(0, lowest[Math.ceil(KEPT_RECALL * lowest.length) - 1]!);
  return { ...adaptation, offset: Math.max(adaptation.offset, least) };
}

const logit = (probability: number) => {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, probability));
  return Math.log(inside / (1 - inside));
};

/** The probability for this person. Keeps the order of a person's probabilities; NaN stays NaN. */
export function adapted({ offset }: Adaptation, probability: number): number {
  if (offset === 0 || Number.isNaN(probability)) return probability;
  return sigmoid(logit(probability) + offset);
}
