// The two ways to ask what the home model is worth: people it never saw, and the weeks of the paper.
import { DAY_HOURS, HOUR_MS, type Homes } from './homes.ts';
import { INPUTS } from './inputs.ts';
import { applyLead, homeFolds, learn } from './learn.ts';
import type { Knows } from './sets.ts';
import type { Slots } from './slots.ts';

export const FOLDS = 10;

export interface OutOfFold {
  /** For every row of `slots`; NaN where the model abstains. */
  probabilities: Float32Array;
  chosen: string[];
}

/** Rows with data in the day before: what is trained on. */
export const watchedRows = (slots: Slots): number[] =>
  Array.from({ length: slots.count }, (_, row) => row).filter(row => slots.coverage[row]! > 0);

/** Every stamp since the home's first event, silent days too: what is measured on, the same for every lead. */
export const begunRows = (slots: Slots): number[] =>
  Array.from({ length: slots.count }, (_, row) => row).filter(row => slots.begun[row] === 1);

/** Each home is predicted by a model that was chosen, scaled, calibrated and fitted on other homes. */
export function personWise(slots: Slots, knows: Knows, seed: number, progress?: (fold: number) => void): OutOfFold {
  const probabilities = new Float32Array(slots.count).fill(Number.NaN);
  const watched = watchedRows(slots);
  const chosen: string[] = [];
  const folds = homeFolds([...slots.homes.keys()], Math.min(FOLDS, slots.homes.length), seed);
  folds.forEach((fold, index) => {
    const out = new Set(fold);
    const model = learn(
      slots,
      watched.filter(row => !out.has(slots.home[row]!)),
      { knows, seed },
    );
    chosen.push(model.chosen);
    const rows = Array.from({ length: slots.count }, (_, row) => row).filter(row => out.has(slots.home[row]!));
    applyLead(model, slots, rows).forEach((probability, i) => {
      probabilities[rows[i]!] = probability;
    });
    progress?.(index + 1);
  });
  return { probabilities, chosen };
}

/** The events of the last six hours: a score that needs no training; NaN where nothing is known. */
export function eventCount(slots: Slots): Float32Array {
  const column = INPUTS.findIndex(({ name }) => name === 'events6h');
  return Float32Array.from({ length: slots.count }, (_, row) => {
    const value = slots.inputs[row * INPUTS.length + column]!;
    return value;
  });
}

export interface PaperWeek {
  /** Last day of training, ISO. */
  until: string;
  days: number;
  labelled: number;
  sensitivity: number;
  specificity: number;
}

const WEEKS = 5;

/**
 * As the paper's own code splits: the last day with a label ends the last of five test weeks; each week is tested by what was learned from all days
 * before it. A day is recognised when any of its stamps is above the level; the level is the one best on homes left out in training.
 */
export function paperProtocol(homes: Homes, slots: Slots, knows: Knows, seed: number): PaperWeek[] {
  const watched = watchedRows(slots);
  const dayOf = (at: number) => Math.floor((at - homes.start) / (DAY_HOURS * HOUR_MS));
  const labelled = homes.homes.flatMap(home => home.labels.filter(({ type }) => type === 'Agitation').map(({ at }) => dayOf(at)));
  let end = Math.max(...labelled);
  const weeks: PaperWeek[] = [];
  for (let week = 0; week < WEEKS; week++, end -= 7) {
    const split = end - 7;
    const training = watched.filter(row => dayOf(slots.at[row]!) <= split);
    const testing = watched.filter(row => dayOf(slots.at[row]!) > split && dayOf(slots.at[row]!) <= end);
    const model = learn(slots, training, { knows, seed });
    const level = bestLevel(days(slots, model.outOfHome.rows, model.outOfHome.probabilities, dayOf));
    const tested = days(slots, testing, applyLead(model, slots, testing), dayOf);
    const positives = tested.filter(({ label }) => label);
    const negatives = tested.filter(({ label }) => !label);
    weeks.push({
      until: new Date(homes.start + split * DAY_HOURS * HOUR_MS).toISOString().slice(0, 10),
      days: tested.length,
      labelled: positives.length,
      sensitivity: positives.filter(({ score }) => score >= level).length / positives.length,
      specificity: negatives.filter(({ score }) => score < level).length / negatives.length,
    });
  }
  return weeks;
}

interface Day {
  score: number;
  label: boolean;
}

function days(slots: Slots, rows: readonly number[], probabilities: Float32Array, dayOf: (at: number) => number): Day[] {
  const found = new Map<string, Day>();
  rows.forEach((row, i) => {
    const key = `${slots.home[row]} ${dayOf(slots.at[row]!)}`;
    const day = found.get(key) ?? { score: 0, label: false };
    found.set(key, { score: Math.max(day.score, probabilities[i]!), label: day.label || slots.labels[row] === 1 });
  });
  return [...found.values()];
}

/** Where sensitivity and specificity together are greatest. */
function bestLevel(all: Day[]): number {
  const ordered = all.toSorted((a, b) => b.score - a.score);
  const positives = all.filter(({ label }) => label).length;
  let [caught, wrong, best, level] = [0, 0, Number.NEGATIVE_INFINITY, 1];
  for (const { score, label } of ordered) {
    if (label) caught++;
    else wrong++;
    const youden = caught / positives - wrong / (all.length - positives);
    if (youden > best) [best, level] = [youden, score];
  }
  return level;
}
