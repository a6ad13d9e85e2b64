// One home with its running sums: what happened in any window, what was usual there, and whether the window says anything at all.
import { CHANNELS, type Channel, DAY_HOURS, type Home, type Homes } from './homes.ts';

/** Days of the own past that a deviation compares with, and fewest of them. */
export const BASELINE_DAYS = 28;
const FEWEST_DAYS = 3;
/** Days of own past that count half: with few, a deviation is drawn to 0. */
const SHRINK_DAYS = 4;

/**
 * What a stamp looks back on, in clock hours of its day (−5 is 19:00 of the evening before). The labels of TIHM follow the night, the morning
 * and the afternoon by UTC (18–06, 06–12, 12–18), and the homes keep British Summer Time.
 */
export const SPAN: Readonly<Record<number, readonly [number, number]>> = { 8: [-5, 7], 12: [7, 13], 18: [13, 19] };
export const CLOCKS = [8, 12, 18] as const;

/** Hours are indices on the grid of `Homes`; a window is `[from, to)`. */
export class HomeView {
  readonly home: Home;
  readonly homes: Homes;
  readonly #sums: Record<Channel, Float64Array>;
  readonly #activeSum: Float64Array;
  readonly #outageSum: Float64Array;
  /** Hour of the first event; infinite for a home that never sent one. */
  readonly firstHour: number;

  constructor(homes: Homes, home: Home) {
    this.home = home;
    this.homes = homes;
    this.#sums = Object.fromEntries(CHANNELS.map(channel => [channel, running(home.counts[channel])])) as Record<Channel, Float64Array>;
    this.#activeSum = running(home.counts.events.map(count => (count ? 1 : 0)));
    this.#outageSum = running(homes.outage);
    const first = home.counts.events.findIndex(count => count > 0);
    this.firstHour = first < 0 ? Number.POSITIVE_INFINITY : first;
  }

  sum(channel: Channel, from: number, to: number): number {
    const sums = this.#sums[channel];
    return sums[Math.max(0, to)]! - sums[Math.max(0, from)]!;
  }

  /** A window that was more than half outage, or in a day without any event of this home, says nothing. */
  known(from: number, to: number): boolean {
    if (from < 0 || this.#outageSum[to]! - this.#outageSum[from]! > (to - from) / 2) return false;
    return this.sum('events', to - DAY_HOURS, to) > 0;
  }

  /** Log count; NaN where the window says nothing. */
  logCount(channel: Channel, from: number, to: number): number {
    return from < to && this.known(from, to) ? Math.log1p(this.sum(channel, from, to)) : Number.NaN;
  }

  /** Hours with any event in the day before. */
  activeHours(hour: number): number {
    return this.#activeSum[hour]! - this.#activeSum[Math.max(0, hour - DAY_HOURS)]!;
  }

  /** Share of the last day's hours that had any event, against what is usual here (at most 1); 0 for a silent home. */
  coverage(hour: number): number {
    const usual: number[] = [];
    for (let d = 1; d <= 14 && hour - (d + 1) * DAY_HOURS >= 0; d++) {
      const active = this.activeHours(hour - d * DAY_HOURS);
      if (active) usual.push(active);
    }
    usual.sort((a, b) => a - b);
    return Math.min(1, this.activeHours(hour) / Math.max(8, usual[usual.length >> 1] ?? 12));
  }

  /** Days since the home's first event, 0 before it. */
  daysKnown(hour: number): number {
    return hour > this.firstHour ? (hour - this.firstHour) / DAY_HOURS : 0;
  }

  /** The same clock window of days before, log counts of those that are known; newest first. */
  past(channel: Channel, from: number, to: number): number[] {
    const values: number[] = [];
    for (let d = 1; d <= BASELINE_DAYS; d++) {
      const shift = d * DAY_HOURS;
      if (from - shift < 0) break;
      if (from - shift < this.firstHour) continue;
      const value = this.logCount(channel, from - shift, to - shift);
      if (!Number.isNaN(value)) values.push(value);
    }
    return values;
  }

  /** Log count in own spreads from the own past at this clock; NaN without a window or enough past. */
  unusual(channel: Channel, from: number, to: number): number {
    return deviation(this.logCount(channel, from, to), this.past(channel, from, to));
  }
}

/** How many own spreads a value is from the own past, drawn to 0 while there is little of it. `least` is the smallest spread that counts. */
export function deviation(value: number, past: readonly number[], least = 0.25): number {
  if (past.length < FEWEST_DAYS || Number.isNaN(value)) return Number.NaN;
  const average = past.reduce((sum, one) => sum + one, 0) / past.length;
  const variance = past.reduce((sum, one) => sum + (one - average) ** 2, 0) / past.length;
  return ((value - average) / (Math.sqrt(variance) + least)) * (past.length / (past.length + SHRINK_DAYS));
}

/** `sums[i]` is the sum of everything before index i. */
function running(values: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!;
  return sums;
}
