// Hours of one device's readings in little, bounded memory; a reading late or twice leaves the same as in order and once.
import { HOUR, type RegularProfile } from './channels.ts';

/** A day that baselines look at, and room for a vector of a moment ago. */
const KEPT = 26 * HOUR;
/** The largest number of a Float16. */
const LARGEST = 65_504;

/** Rows of an endless numbered grid, of which the newest `capacity` are kept. Values are Float16: three digits, and no sensor here is more exact. */
export class Ring {
  readonly capacity: number;
  readonly width: number;
  readonly #values: Float16Array;
  readonly #first: number;
  #newest = -1;

  /** @param values Where the rows are kept from index `first` on; filled with NaN. Several rings share one array, for an array of its own costs 300 bytes. */
  constructor(capacity: number, width: number, values = new Float16Array(capacity * width).fill(Number.NaN), first = 0) {
    this.capacity = capacity;
    this.width = width;
    this.#values = values;
    this.#first = first;
  }

  /** The newest row that was reached; -1 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** Moves on to `row`, emptying what lies between. @returns false when the row is older than what is kept. */
  reach(row: number): boolean {
    if (row > this.#newest) {
      for (let next = Math.max(this.#newest + 1, row - this.capacity + 1); next <= row; next++) {
        const place = this.#place(next);
        this.#values.fill(Number.NaN, place, place + this.width);
      }
      this.#newest = row;
    }
    return row > this.#newest - this.capacity;
  }

  /** Empties all rows. */
  clear(): void {
    this.#values.fill(Number.NaN, this.#first, this.#first + this.capacity * this.width);
    this.#newest = -1;
  }

  #place(row: number): number {
    return this.#first + (row % this.capacity) * this.width;
  }

  /** NaN where nothing was put, and outside of what is kept. */
  get(row: number, column: number): number {
    return row > this.#newest || row <= this.#newest - this.capacity ? Number.NaN : this.#values[this.#place(row) + column]!;
  }

  put(row: number, column: number, value: number): void {
    this.#values[this.#place(row) + column] = Math.max(-LARGEST, Math.min(LARGEST, value));
  }
}

/** Slots that readings of the last `kept` ms need. */
export const slotsFor = ({ seconds }: Pick<RegularProfile, 'seconds'>, kept: number) => Math.ceil(kept / (seconds * 1000));

/** Readings on a fixed grid: a slot keeps the latest value of each quantity that falls into it. Two bytes a value and one a slot. */
export class Slots {
  readonly slotMs: number;
  readonly quantities: readonly string[];
  readonly #ring: Ring;
  /** When in its slot the latest reading was taken, in 256ths of the slot. */
  readonly #offset: Uint8Array;
  readonly #firstOffset: number;

  /** @param ring As wide as the profile has quantities. @param offsets One byte a slot from `firstOffset` on. */
  constructor(
    profile: Pick<RegularProfile, 'seconds' | 'quantities'>,
    ring: Ring,
    offsets = new Uint8Array(ring.capacity),
    firstOffset = 0,
  ) {
    this.slotMs = profile.seconds * 1000;
    this.quantities = profile.quantities;
    this.#ring = ring;
    this.#offset = offsets;
    this.#firstOffset = firstOffset;
  }

  /** Time of the newest slot, ms; negative before the first reading. */
  get newest(): number {
    return this.#ring.newest * this.slotMs;
  }

  clear(): void {
    this.#ring.clear();
  }

  /** @returns false when the reading is older than what is kept. */
  put(time: number, values: Readonly<Record<string, number>>): boolean {
    const slot = Math.floor(time / this.slotMs);
    const fresh = slot > this.#ring.newest;
    if (!this.#ring.reach(slot)) return false;
    const place = this.#firstOffset + (slot % this.#ring.capacity);
    const offset = Math.floor(((time - slot * this.slotMs) * 256) / this.slotMs);
    const latest = fresh || offset >= this.#offset[place]! || !this.has(slot);
    for (let q = 0; q < this.quantities.length; q++) {
      const value = values[this.quantities[q]!];
      if (value === undefined || !Number.isFinite(value)) continue;
      if (latest || Number.isNaN(this.#ring.get(slot, q))) this.#ring.put(slot, q, value);
    }
    if (latest) this.#offset[place] = offset;
    return true;
  }

  /** Whether anything was reported in the slot. */
  has(slot: number): boolean {
    for (let q = 0; q < this.quantities.length; q++) if (!Number.isNaN(this.#ring.get(slot, q))) return true;
    return false;
  }

  /** Value of a quantity (by its index) in a slot; NaN when there is none. */
  value(slot: number, quantity: number): number {
    return this.#ring.get(slot, quantity);
  }
}

const MOST_CHANGES = 4000;
const FIRST_CAPACITY = 64;

/**
 * Changes and reports of a two-valued state (a door, a toilet), in order of their own time. Reports that only repeat the state are kept for
 * `fine` ms, changes for a day. Four bytes an entry.
 */
export class StateLog {
  readonly #fine: number;
  #base = 0;
  /** Twice the ms since `base`, which four bytes hold for weeks, and the state in the lowest bit. */
  #entries = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  constructor(fine: number) {
    this.#fine = fine;
  }

  #time(index: number): number {
    return this.#base + Math.floor(this.#entries[index]! / 2);
  }

  #state(index: number): number {
    return this.#entries[index]! & 1;
  }

  /** Time of the newest report, ms; 0 before the first. */
  get newest(): number {
    return this.#length ? this.#time(this.#length - 1) : 0;
  }

  clear(): void {
    this.#length = 0;
  }

  /** @returns false when the report is older than what is kept. */
  put(time: number, state: number): boolean {
    if (time < this.newest - KEPT) return false;
    if (!this.#length || time - this.#base > 7 * KEPT) this.#rebase(time - KEPT);
    const moment = Math.floor(time);
    const entry = (moment - this.#base) * 2 + (state > 0.5 ? 1 : 0);
    let at = this.#length;
    while (at > 0 && this.#time(at - 1) > moment) at--;
    if (at > 0 && this.#time(at - 1) === moment) {
      this.#entries[at - 1] = entry;
      return true;
    }
    if (this.#length === this.#entries.length) {
      this.#makeRoom();
      return this.put(time, state);
    }
    this.#entries.copyWithin(at + 1, at, this.#length);
    this.#entries[at] = entry;
    this.#length++;
    return true;
  }

  #rebase(base: number) {
    this.#keep(time => time >= base, base);
  }

  /** Leaves out what is too old, and old reports that say nothing new; if that is not enough, takes more room, up to MOST_CHANGES. */
  #makeRoom() {
    const newest = this.newest;
    this.#keep((time, repeats) => time >= newest - KEPT && !(repeats && time < newest - this.#fine), this.#base);
    if (this.#length < (this.#entries.length * 3) / 4) return;
    if (this.#length >= MOST_CHANGES) {
      this.#entries.copyWithin(0, this.#length / 4, this.#length);
      this.#length -= this.#length / 4;
      return;
    }
    const entries = this.#entries;
    this.#entries = new Uint32Array(entries.length * 2);
    this.#entries.set(entries);
  }

  #keep(wanted: (time: number, repeats: boolean) => boolean, base: number) {
    let kept = 0;
    for (let i = 0; i < this.#length; i++) {
      const [time, state] = [this.#time(i), this.#state(i)];
      const repeats = kept > 0 && (this.#entries[kept - 1]! & 1) === state;
      if (wanted(time, repeats)) this.#entries[kept++] = (time - base) * 2 + state;
    }
    this.#length = kept;
    this.#base = base;
  }

  /** Index of the first entry at or after `time`. */
  #from(time: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#time(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Times of changes from 0 to 1 in `[from, to)`. The first report ever is no change. */
  rises(from: number, to: number): number[] {
    const found: number[] = [];
    for (let i = Math.max(1, this.#from(from)); i < this.#length && this.#time(i) < to; i++)
      if (this.#state(i) === 1 && this.#state(i - 1) === 0) found.push(this.#time(i));
    return found;
  }

  /** Share of the periods of `every` ms in `[from, to)` with at least one report. */
  reported(from: number, to: number, every: number): number {
    const periods = Math.max(1, Math.round((to - from) / every));
    const seen = new Set<number>();
    for (let i = this.#from(from); i < this.#length && this.#time(i) < to; i++) seen.add(Math.floor((this.#time(i) - from) / every));
    return Math.min(1, seen.size / periods);
  }
}
