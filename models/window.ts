// What is known about one resident over the last day, and questions about any span of it. The same for training and live.

import { type Baseline, BLOCK, baselineOf, pastOf, RECENT, usualRate } from './baselines.ts';
import {
  type BaselineChannel,
  CHANNELS,
  COVERAGE_WEIGHT,
  HOUR,
  MINUTE,
  type RegularProfile,
  type Sample,
  WATCHED,
  WATCHED_PROFILES,
  type WatchedProfile,
} from './channels.ts';
import { exitsOf, meanOf, overChannel, slotsIn } from './spans.ts';
import { Ring, Slots, StateLog, slotsFor } from './timeline.ts';

/** Blocks of the day that baselines look at, and of the half hour until they are computed anew. */
const BLOCKS = 24 * 12 + 7;
/** Single readings are kept so long: three hours that features look back, and ten minutes for what came late. */
const FINE = 3 * HOUR + 12 * MINUTE;
/** Room for one part of a backlog: readings that are older come in the order of their time, and need no more. */
const BACKLOG = 20 * MINUTE;
/** Baselines are computed anew each half hour: what is usual does not change by the minute. */
const STEP = 30 * MINUTE;

type Regular = 'bed' | 'wrist' | 'room';

/** What is kept of each block of five minutes, by profile: the mean of each channel, and the count of bed exits. */
const BLOCK_COLUMNS: Record<Regular, readonly ('exits' | BaselineChannel)[]> = {
  bed: [...channelsOf('bed'), 'exits'],
  wrist: channelsOf('wrist'),
  room: channelsOf('room'),
};

const ALL_CHANNELS = Object.keys(CHANNELS) as BaselineChannel[];
const EXITS = BLOCK_COLUMNS.bed.indexOf('exits');
const SLOTS = (['bed', 'wrist', 'room'] as const).reduce((sum, profile) => sum + slotsFor(WATCHED[profile], FINE), 0);
const VALUES = (Object.keys(BLOCK_COLUMNS) as Regular[]).reduce(
  (sum, profile) => sum + slotsFor(WATCHED[profile], FINE) * WATCHED[profile].quantities.length + BLOCKS * BLOCK_COLUMNS[profile].length,
  0,
);

/**
 * Keeps what a resident's samples say in bounded memory (some 20 kB): each reading of the last three hours, and of the last day the mean of
 * each five minutes, which is what baselines are made of. Answers for any minute of the last ten.
 */
export class ResidentWindow {
  readonly #slots: Record<Regular, Slots>;
  readonly #blocks: Record<Regular, Ring>;
  readonly #logs = { door: new StateLog(FINE), toilet: new StateLog(FINE) };
  readonly #devices: Partial<Record<WatchedProfile, string>> = {};
  /** Readings older than FINE, while a backlog is coming in. */
  #backlog: Partial<Record<Regular, Slots>> | undefined;
  /** Center and spread of each channel; a spread of NaN is not computed yet, of 0 is not to be known. */
  readonly #baselines = new Float32Array(ALL_CHANNELS.length * 2).fill(Number.NaN);
  #rates: Partial<Record<'exits' | 'door' | 'toilet', number>> | undefined;
  #baselinesAt = -1;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = 0;

  constructor() {
    const values = new Float16Array(VALUES).fill(Number.NaN);
    const offsets = new Uint8Array(SLOTS);
    let first = 0;
    let firstOffset = 0;
    const ring = (capacity: number, width: number) => {
      const made = new Ring(capacity, width, values, first);
      first += capacity * width;
      return made;
    };
    const slots = (profile: Regular) => {
      const capacity = slotsFor(WATCHED[profile], FINE);
      const made = new Slots(WATCHED[profile], ring(capacity, WATCHED[profile].quantities.length), offsets, firstOffset);
      firstOffset += capacity;
      return made;
    };
    const blocks = (profile: Regular) => ring(BLOCKS, BLOCK_COLUMNS[profile].length);
    this.#slots = { bed: slots('bed'), wrist: slots('wrist'), room: slots('room') };
    this.#blocks = { bed: blocks('bed'), wrist: blocks('wrist'), room: blocks('room') };
  }

  /**
   * Takes a sample, late or twice as it may be. Samples of profiles that say nothing about a resident are passed over. A device that takes
   * another's place begins anew: it may measure otherwise, or have watched somebody else, and is not compared with the former one.
   */
  add(sample: Sample): void {
    const { profile, time } = sample;
    if (!isWatched(profile) || !this.#ofDevice(profile, sample)) return;
    if (profile === 'door' || profile === 'toilet') {
      const state = sample.values[WATCHED[profile].quantities[0]];
      if (state === undefined || !this.#logs[profile].put(time, state)) return;
    } else if (!this.#take(profile, sample)) return;
    if (time < this.#baselinesAt - RECENT) this.#forgetBaselines();
    if (time < this.#oldest) this.#oldest = time;
    if (time > this.#newest) this.#newest = time;
  }

  /** Whether the sample is of the device that watches now. */
  #ofDevice(profile: WatchedProfile, { device, time }: Sample): boolean {
    const known = this.#devices[profile];
    if (device === undefined || device === known) return true;
    if (known !== undefined) {
      const part = profile === 'door' || profile === 'toilet' ? this.#logs[profile] : this.#slots[profile];
      if (time < part.newest) return false;
      part.clear();
      if (profile !== 'door' && profile !== 'toilet') this.#blocks[profile].clear();
      this.#forgetBaselines();
    }
    this.#devices[profile] = device;
    return true;
  }

  #forgetBaselines() {
    this.#baselines.fill(Number.NaN);
    this.#rates = undefined;
  }

  /** Time of the newest sample, ms; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** Hours of past before `at` that baselines may use, 0 … 24. */
  history(at: number): number {
    return Number.isFinite(this.#oldest) ? Math.max(0, Math.min(24, (at - this.#oldest) / HOUR)) : 0;
  }

  /** Mean of a quantity over `[from, to)`; NaN with less than a fifth of the expected samples. */
  mean(profile: Regular, quantity: string, from: number, to: number): number {
    const slots = this.#slots[profile];
    const q = slots.quantities.indexOf(quantity);
    let sum = 0;
    let count = 0;
    const [first, end] = [Math.ceil(from / slots.slotMs), Math.floor(to / slots.slotMs)];
    for (let slot = first; slot < end; slot++) {
      const value = slots.value(slot, q);
      if (!Number.isNaN(value)) {
        sum += value;
        count++;
      }
    }
    return count >= Math.max(1, (end - first) / 5) ? sum / count : Number.NaN;
  }

  /** Mean of a channel over `[from, to)`, in its own unit; NaN with less than a fifth of the expected values. */
  channelMean(channel: BaselineChannel, from: number, to: number): number {
    return meanOf(this.#slots[CHANNELS[channel].profile], channel, from, to);
  }

  /** Share of a channel's values in `[from, to)` that lie above a level; NaN when there are none. */
  shareAbove(channel: BaselineChannel, level: number, from: number, to: number): number {
    const { sum, count } = overChannel(this.#slots[CHANNELS[channel].profile], channel, from, to, value => (value > level ? 1 : 0));
    return count && !Number.isNaN(level) ? sum / count : Number.NaN;
  }

  /** Times the resident left the bed in `[from, to)`: in bed, then not, with no gap of more than five minutes between. */
  bedExits(from: number, to: number): number {
    return exitsOf(this.#slots.bed, from, to);
  }

  /** Times the state began (door opened, toilet entered) in `[from, to)`, in ms. */
  rises(profile: 'door' | 'toilet', from: number, to: number): number[] {
    return this.#logs[profile].rises(from, to);
  }

  /** Share of expected samples of a profile in `[from, to)`, 0 … 1; a stuck sensor's samples do not count. */
  coverage(profile: WatchedProfile, from: number, to: number): number {
    if (profile === 'door' || profile === 'toilet') return this.#logs[profile].reported(from, to, WATCHED[profile].seconds * 1000);
    const slots = this.#slots[profile];
    const [first, end] = [Math.ceil(from / slots.slotMs), Math.floor(to / slots.slotMs)];
    if (this.stuck(profile, to)) return 0;
    let there = 0;
    for (let slot = first; slot < end; slot++) if (slots.has(slot)) there++;
    return end > first ? there / (end - first) : 0;
  }

  /** Coverage of the resident: each profile by its weight. */
  overall(from: number, to: number): number {
    let sum = 0;
    for (const profile of WATCHED_PROFILES) sum += COVERAGE_WEIGHT[profile] * this.coverage(profile, from, to);
    return Math.min(1, sum);
  }

  /** Whether a sensor repeats itself exactly at `to`. An empty bed repeats itself rightly: it has no heart rate. */
  stuck(profile: Regular, to: number): boolean {
    const slots = this.#slots[profile];
    const rule: RegularProfile['stuck'] = WATCHED[profile].stuck;
    const quantities = rule.quantities.map(name => slots.quantities.indexOf(name));
    const last: number[] = [];
    let run = 0;
    const end = Math.floor(to / slots.slotMs);
    for (let slot = end - 1; slot >= end - rule.samples * 2; slot--) {
      if (!slots.has(slot)) continue;
      for (let i = 0; i < quantities.length; i++) {
        const value = slots.value(slot, quantities[i]!);
        if (i === 0 && Number.isNaN(value)) return false;
        if (run && !Object.is(last[i], value)) return false;
        last[i] = value;
      }
      if (++run >= rule.samples) return true;
    }
    return false;
  }

  /** The person's own baseline of a channel as of `at`, from the day before it without its last hour; null when nothing is known. */
  baseline(channel: BaselineChannel, at: number): Baseline | null {
    const asOf = this.#moveTo(at);
    const place = ALL_CHANNELS.indexOf(channel) * 2;
    if (Number.isNaN(this.#baselines[place + 1]!)) {
      const computed = this.#computeBaseline(channel, asOf);
      this.#baselines[place] = computed?.center ?? 0;
      this.#baselines[place + 1] = computed?.scale ?? 0;
    }
    const scale = this.#baselines[place + 1]!;
    return scale > 0 ? { center: this.#baselines[place]!, scale } : null;
  }

  /** How far the channel's mean over `[from, to)` is from the person's own baseline as of `at`, in spreads; NaN when either is unknown. */
  deviation(channel: BaselineChannel, from: number, to: number, at: number): number {
    const base = this.baseline(channel, at);
    return base ? (this.channelMean(channel, from, to) - base.center) / base.scale : Number.NaN;
  }

  /** Own usual value in the channel's unit; NaN when unknown. */
  usual(channel: BaselineChannel, at: number): number {
    return this.baseline(channel, at)?.center ?? Number.NaN;
  }

  /** Usual number per hour of what happens now and then, in this part of the day; NaN with less than three hours of past. */
  usualPerHour(what: 'exits' | 'door' | 'toilet', at: number): number {
    const asOf = this.#moveTo(at);
    this.#rates ??= {};
    this.#rates[what] ??= this.#computeRate(what, asOf);
    return this.#rates[what];
  }

  /** The time, at or before `at`, as of which the own past is looked at. */
  #moveTo(at: number): number {
    const asOf = Math.floor(at / STEP) * STEP;
    if (asOf !== this.#baselinesAt) {
      this.#forgetBaselines();
      this.#baselinesAt = asOf;
    }
    return asOf;
  }

  #computeRate(what: 'exits' | 'door' | 'toilet', at: number): number {
    const past = pastOf(at, this.#oldest);
    if (what === 'exits') return usualRate(past, block => this.#block('bed', 'exits', block) || 0);
    const risen = new Map<number, number>();
    for (const time of this.rises(what, past.first * BLOCK, past.end * BLOCK)) {
      const block = Math.floor(time / BLOCK);
      risen.set(block, (risen.get(block) ?? 0) + 1);
    }
    return usualRate(past, block => risen.get(block) ?? 0);
  }

  #computeBaseline(channel: BaselineChannel, at: number): Baseline | null {
    const { profile, width } = CHANNELS[channel];
    return baselineOf(pastOf(at, this.#oldest), block => this.#block(profile, channel, block), width);
  }

  /** Mean (or count of bed exits) of a block of five minutes; NaN when too little is known of it. */
  #block(profile: Regular, channel: BaselineChannel | 'exits', block: number): number {
    return this.#blocks[profile].get(block, BLOCK_COLUMNS[profile].indexOf(channel));
  }

  /** Puts a reading where it belongs and brings its block up to date. @returns false when it is older than a day. */
  #take(profile: Regular, { time, values }: Sample): boolean {
    const slots = this.#slots[profile];
    if (time >= slots.newest - FINE + 2 * BLOCK) {
      slots.put(time, values);
      return this.#settle(profile, slots, time);
    }
    let backlog = this.#backlog?.[profile];
    if (!backlog || time < backlog.newest - BACKLOG / 2) {
      const width = WATCHED[profile].quantities.length;
      backlog = new Slots(WATCHED[profile], new Ring(slotsFor(WATCHED[profile], BACKLOG), width));
      this.#backlog = { ...this.#backlog, [profile]: backlog };
    }
    backlog.put(time, values);
    const [from, to] = blockAround(time);
    // A few readings of a block that is known already would make it worse; all of them come to the same again.
    const known = !Number.isNaN(this.#blocks[profile].get(from / BLOCK, 0));
    if (known && slotsIn(backlog, from, to) < BLOCK / backlog.slotMs / 2) return true;
    return this.#settle(profile, backlog, time);
  }

  /** Computes a reading's block from its slots. */
  #settle(profile: Regular, slots: Slots, time: number): boolean {
    const blocks = this.#blocks[profile];
    const [from, to] = blockAround(time);
    const block = from / BLOCK;
    if (!blocks.reach(block)) return false;
    BLOCK_COLUMNS[profile].forEach((column, index) => {
      blocks.put(block, index, column === 'exits' ? exitsOf(slots, from, to) : meanOf(slots, column, from, to));
    });
    // An exit looks back into the block before: one that came late may show in the next.
    if (profile === 'bed' && slots.newest >= to) blocks.put(block + 1, EXITS, exitsOf(slots, to, to + BLOCK));
    return true;
  }

  /** Drops what only a backlog needed: called now and then. */
  rest(): void {
    this.#backlog = undefined;
  }
}

const isWatched = (profile: string): profile is WatchedProfile => Object.hasOwn(WATCHED, profile);

const blockAround = (time: number): [number, number] => {
  const from = Math.floor(time / BLOCK) * BLOCK;
  return [from, from + BLOCK];
};

function channelsOf(profile: Regular): BaselineChannel[] {
  return (Object.keys(CHANNELS) as BaselineChannel[]).filter(channel => CHANNELS[channel].profile === profile);
}
