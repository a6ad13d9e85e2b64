// What is usual for one person, from the means of five minutes of the last day: robust against single bad hours.
import { HOUR, MINUTE, nightFactor } from './channels.ts';

/** ms */
export const BLOCK = 5 * MINUTE;
/** Baselines leave out the last hour: what is happening now must not become what is usual. */
export const RECENT = HOUR;
const DAY = 24 * HOUR;
/** Blocks of own past after which a person's own spread counts as much as the typical one. */
const TRUST = 12;
const FEWEST = 3;
/** Hours of past below which no rate is known. */
const FEWEST_HOURS = 3;

/** A person's own usual value in this part of the day (night or day), and its spread; robust against single bad hours. */
export interface Baseline {
  center: number;
  /** In the channel's unit; never below a quarter of the typical width, wide while little is known. */
  scale: number;
}

/** The blocks `[first, end)` that a baseline as of `at` may use; `night` is the part of the day it is for. */
export interface Past {
  first: number;
  end: number;
  night: boolean;
}

/** @param oldest Time of the person's first sample. */
export const pastOf = (at: number, oldest: number): Past => ({
  first: Math.max(Math.floor((at - DAY) / BLOCK), Math.floor(oldest / BLOCK)),
  end: Math.floor((at - RECENT) / BLOCK),
  night: isNight(at),
});

const isNight = (time: number) => nightFactor(time) >= 0.5;

/**
 * The baseline from the means of the past, of this part of the day where there are enough of them; null when little is known.
 * @param width Typical spread within a person.
 */
export function baselineOf({ first, end, night }: Past, meanOf: (block: number) => number, width: number): Baseline | null {
  let same: number[] = [];
  const all: number[] = [];
  for (let block = first; block < end; block++) {
    const mean = meanOf(block);
    if (Number.isNaN(mean)) continue;
    all.push(mean);
    if (isNight(block * BLOCK) === night) same.push(mean);
  }
  if (same.length < TRUST) same = all;
  if (same.length < FEWEST) return null;
  const center = median(same);
  const spread = 1.4826 * median(same.map(value => Math.abs(value - center)));
  const n = same.length;
  const scale = Math.max(width / 4, Math.sqrt((n * spread ** 2 + TRUST * width ** 2) / (n + TRUST)));
  return { center, scale };
}

/** Usual number per hour of what happens now and then, in this part of the day; NaN with less than three hours of past. */
export function usualRate({ first, end, night }: Past, countOf: (block: number) => number): number {
  const same = { hours: 0, count: 0 };
  const all = { hours: 0, count: 0 };
  for (let block = first; block < end; block++) {
    const count = countOf(block);
    for (const part of isNight(block * BLOCK) === night ? [same, all] : [all]) {
      part.hours += BLOCK / HOUR;
      part.count += count;
    }
  }
  if (all.hours < FEWEST_HOURS) return Number.NaN;
  const used = same.hours < 1 ? all : same;
  return used.count / used.hours;
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
