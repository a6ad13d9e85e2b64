// A day of one device's readings in bounded memory; the order of arrival does not matter.
import { HOUR, type RegularProfile } from './channels.ts';

/** How far back readings are kept: the day that baselines look at, and room for a vector of a moment ago. */
const KEPT = 26 * HOUR;

/**
 * Readings on a fixed grid. A slot keeps the latest value of each quantity that falls into it, so a reading twice, late or
 * out of order leaves the same slots. Memory: about 6 bytes per quantity and slot.
 */
export class Slots {
  readonly slotMs: number;
  readonly quantities: readonly string[];
  readonly #capacity: number;
  readonly #slot: Int32Array;
  readonly #offset: Uint16Array;
  readonly #values: Float32Array;

  constructor(profile: Pick<RegularProfile, 'seconds' | 'quantities'>) {
    this.slotMs = profile.seconds * 1000;
    this.quantities = profile.quantities;
    this.#capacity = Math.ceil(KEPT / this.slotMs);
    this.#slot = new Int32Array(this.#capacity).fill(-1);
    this.#offset = new Uint16Array(this.#capacity * this.quantities.length);
    this.#values = new Float32Array(this.#capacity * this.quantities.length).fill(Number.NaN);
  }

  /** @returns false when the reading is older than what is kept. */
  put(time: number, values: Readonly<Record<string, number>>): boolean {
    const slot = Math.floor(time / this.slotMs);
    const place = slot % this.#capacity;
    const n = this.quantities.length;
    if (this.#slot[place]! > slot) return false;
    if (this.#slot[place]! < slot) {
      this.#slot[place] = slot;
      this.#values.fill(Number.NaN, place * n, (place + 1) * n);
    }
    const offset = time - slot * this.slotMs;
    for (let q = 0; q < n; q++) {
      const value = values[this.quantities[q]!];
      if (value === undefined || !Number.isFinite(value)) continue;
      const at = place * n + q;
      if (!Number.isNaN(this.#values[at]!) && this.#offset[at]! > offset) continue;
      this.#values[at] = value;
      this.#offset[at] = offset;
    }
    return true;
  }

  /** Whether anything was reported in the slot. */
  has(slot: number): boolean {
    return this.#slot[slot % this.#capacity] === slot;
  }

  /** `value` as a function of its own. */
  readonly reader = (slot: number, quantity: number): number => this.value(slot, quantity);

  /** Value of a quantity (by its index) in a slot; NaN when there is none. */
  value(slot: number, quantity: number): number {
    const place = slot % this.#capacity;
    return this.#slot[place] === slot ? this.#values[place * this.quantities.length + quantity]! : Number.NaN;
  }
}

const MOST_CHANGES = 4000;

/** Changes and reports of a two-valued state (a door, a toilet), in order of their own time. */
export class StateLog {
  readonly #times: number[] = [];
  readonly #states: number[] = [];

  put(time: number, state: number): boolean {
    const newest = this.#times.at(-1) ?? 0;
    if (time < newest - KEPT) return false;
    let at = this.#times.length;
    while (at > 0 && this.#times[at - 1]! > time) at--;
    if (at > 0 && this.#times[at - 1] === time) {
      this.#states[at - 1] = state;
      return true;
    }
    this.#times.splice(at, 0, time);
    this.#states.splice(at, 0, state);
    let drop = Math.max(0, this.#times.length - MOST_CHANGES);
    while (this.#times[drop]! < this.#times.at(-1)! - KEPT) drop++;
    // In portions, for the list is moved each time.
    if (drop > 200 || this.#times.length > MOST_CHANGES) {
      this.#times.splice(0, drop);
      this.#states.splice(0, drop);
    }
    return true;
  }

  /** Index of the first entry at or after `time`. */
  #from(time: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Times of changes from 0 to 1 in `[from, to)`. The first report ever is no change. */
  rises(from: number, to: number): number[] {
    const found: number[] = [];
    for (let i = Math.max(1, this.#from(from)); i < this.#times.length && this.#times[i]! < to; i++)
      if (this.#states[i]! > 0.5 && this.#states[i - 1]! <= 0.5) found.push(this.#times[i]!);
    return found;
  }

  /** Share of the periods of `every` ms in `[from, to)` with at least one report. */
  reported(from: number, to: number, every: number): number {
    const periods = Math.max(1, Math.round((to - from) / every));
    const seen = new Set<number>();
    for (let i = this.#from(from); i < this.#times.length && this.#times[i]! < to; i++)
      seen.add(Math.floor((this.#times[i]! - from) / every));
    return Math.min(1, seen.size / periods);
  }

  /** Oldest time kept, or undefined. */
  get oldest(): number | undefined {
    return this.#times[0];
  }
}
