// What is known about one resident over the last day, and questions about any span of it. The same for training and live.
import {
  type BaselineChannel,
  CHANNELS,
  COVERAGE_WEIGHT,
  HOUR,
  MINUTE,
  nightFactor,
  type RegularProfile,
  type Sample,
  type SlotReader,
  WATCHED,
  WATCHED_PROFILES,
  type WatchedProfile,
} from './channels.ts';
import { Slots, StateLog } from './timeline.ts';

const BLOCK = 5 * MINUTE;
const BLOCKS = 26 * 12;
/** Baselines are computed anew each half hour: what is usual does not change by the minute. */
const STEP = 30 * MINUTE;
/** Baselines leave out the last hour: what is happening now must not become what is usual. */
const RECENT = HOUR;
const DAY = 24 * HOUR;
/** Blocks of own past after which a person's own spread counts as much as the typical one. */
const TRUST = 12;
const FEWEST = 3;

type Regular = 'bed' | 'wrist' | 'room';

/** A person's own usual value in this part of the day (night or day), and its spread; robust against single bad hours. */
export interface Baseline {
  center: number;
  /** In the channel's unit; never below a quarter of the typical width, wide while little is known. */
  scale: number;
  /** Blocks of five minutes it rests on. */
  blocks: number;
}

/** Keeps a resident's samples of the last day in bounded memory (about 180 kB) and answers for any minute of it. */
export class ResidentWindow {
  readonly #slots: Record<Regular, Slots> = {
    bed: new Slots(WATCHED.bed),
    wrist: new Slots(WATCHED.wrist),
    room: new Slots(WATCHED.room),
  };
  readonly #logs = { door: new StateLog(), toilet: new StateLog() };
  readonly #blockOf = new Map<BaselineChannel | 'exits', { block: Int32Array; mean: Float32Array }>();
  readonly #baselines = new Map<BaselineChannel, Baseline | null>();
  readonly #rates = new Map<'exits' | 'door' | 'toilet', number>();
  #baselinesAt = -1;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = 0;

  /** Takes a sample, late or twice as it may be. Samples of profiles that say nothing about a resident are passed over. */
  add(sample: Sample): void {
    const { profile, time } = sample;
    if (profile === 'door' || profile === 'toilet') {
      const state = sample.values[WATCHED[profile].quantities[0]];
      if (state === undefined || !this.#logs[profile].put(time, state)) return;
    } else if (profile === 'bed' || profile === 'wrist' || profile === 'room') {
      if (!this.#slots[profile].put(time, sample.values)) return;
      this.#forget(profile, time);
    } else return;
    if (time < this.#baselinesAt - RECENT) {
      this.#baselines.clear();
      this.#rates.clear();
    }
    if (time < this.#oldest) this.#oldest = time;
    if (time > this.#newest) this.#newest = time;
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
    const { sum, count, expected } = this.#overChannel(channel, from, to, (total, value) => total + value);
    return count >= Math.max(1, expected / 5) ? sum / count : Number.NaN;
  }

  /** Share of a channel's values in `[from, to)` that lie above a level; NaN when there are none. */
  shareAbove(channel: BaselineChannel, level: number, from: number, to: number): number {
    const { sum, count } = this.#overChannel(channel, from, to, (total, value) => total + (value > level ? 1 : 0));
    return count && !Number.isNaN(level) ? sum / count : Number.NaN;
  }

  #overChannel(channel: BaselineChannel, from: number, to: number, fold: (total: number, value: number) => number) {
    const definition: { profile: Regular; read?: (value: SlotReader, slot: number) => number } = CHANNELS[channel];
    const slots = this.#slots[definition.profile];
    const q = slots.quantities.indexOf(channel);
    const [first, end] = [Math.ceil(from / slots.slotMs), Math.floor(to / slots.slotMs)];
    let sum = 0;
    let count = 0;
    for (let slot = first; slot < end; slot++) {
      const value = definition.read ? definition.read(slots.reader, slot) : slots.value(slot, q);
      if (Number.isNaN(value)) continue;
      sum = fold(sum, value);
      count++;
    }
    return { sum, count, expected: end - first };
  }

  /** Times the resident left the bed in `[from, to)`: in bed, then not, with no gap of more than five minutes between. */
  bedExits(from: number, to: number): number {
    const slots = this.#slots.bed;
    const q = slots.quantities.indexOf('in_bed');
    let exits = 0;
    let before = Number.NaN;
    let age = 0;
    const first = Math.ceil(from / slots.slotMs);
    for (let slot = first - 10; slot < Math.floor(to / slots.slotMs); slot++) {
      const value = slots.value(slot, q);
      if (Number.isNaN(value)) {
        if (++age > 10) before = Number.NaN;
        continue;
      }
      age = 0;
      if (slot >= first && before > 0.5 && value <= 0.5) exits++;
      before = value;
    }
    return exits;
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
    let known = this.#baselines.get(channel);
    if (known === undefined) {
      known = this.#computeBaseline(channel, asOf);
      this.#baselines.set(channel, known);
    }
    return known;
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
    let known = this.#rates.get(what);
    if (known === undefined) {
      known = this.#computeRate(what, asOf);
      this.#rates.set(what, known);
    }
    return known;
  }

  /** The time, at or before `at`, as of which the own past is looked at. */
  #moveTo(at: number): number {
    const asOf = Math.floor(at / STEP) * STEP;
    if (asOf !== this.#baselinesAt) {
      this.#baselines.clear();
      this.#rates.clear();
      this.#baselinesAt = asOf;
    }
    return asOf;
  }

  #computeRate(what: 'exits' | 'door' | 'toilet', at: number): number {
    const [from, to] = [Math.floor((at - DAY) / BLOCK), Math.floor((at - RECENT) / BLOCK)];
    const first = Math.max(from, Math.ceil(this.#oldest / BLOCK));
    const night = nightFactor(at) >= 0.5;
    const hours = { same: 0, all: 0 };
    for (let block = first; block < to; block++) {
      hours.all += BLOCK / HOUR;
      if (nightFactor(block * BLOCK) >= 0.5 === night) hours.same += BLOCK / HOUR;
    }
    if (hours.all < 3) return Number.NaN;
    const useAll = hours.same < 1;
    let count = 0;
    if (what === 'exits') {
      for (let block = first; block < to; block++)
        if (useAll || nightFactor(block * BLOCK) >= 0.5 === night) count += this.#block('exits', block);
    } else {
      for (const time of this.rises(what, first * BLOCK, to * BLOCK)) if (useAll || nightFactor(time) >= 0.5 === night) count++;
    }
    return count / (useAll ? hours.all : hours.same);
  }

  #computeBaseline(channel: BaselineChannel, at: number): Baseline | null {
    const [from, to] = [Math.floor((at - DAY) / BLOCK), Math.floor((at - RECENT) / BLOCK)];
    const night = nightFactor(at) >= 0.5;
    let same: number[] = [];
    const all: number[] = [];
    for (let block = Math.max(from, Math.floor(this.#oldest / BLOCK)); block < to; block++) {
      const mean = this.#block(channel, block);
      if (Number.isNaN(mean)) continue;
      all.push(mean);
      if (nightFactor(block * BLOCK) >= 0.5 === night) same.push(mean);
    }
    if (same.length < TRUST) same = all;
    if (same.length < FEWEST) return null;
    const center = median(same);
    const spread = 1.4826 * median(same.map(value => Math.abs(value - center)));
    const { width } = CHANNELS[channel];
    const n = same.length;
    const scale = Math.max(width / 4, Math.sqrt((n * spread ** 2 + TRUST * width ** 2) / (n + TRUST)));
    return { center, scale, blocks: n };
  }

  /** Mean (or count of bed exits) of a block of five minutes, kept until a sample of that time comes. */
  #block(channel: BaselineChannel | 'exits', block: number): number {
    let kept = this.#blockOf.get(channel);
    if (!kept) {
      kept = { block: new Int32Array(BLOCKS).fill(-1), mean: new Float32Array(BLOCKS) };
      this.#blockOf.set(channel, kept);
    }
    const place = block % BLOCKS;
    if (kept.block[place] !== block) {
      kept.block[place] = block;
      const [from, to] = [block * BLOCK, (block + 1) * BLOCK];
      kept.mean[place] = channel === 'exits' ? this.bedExits(from, to) : this.channelMean(channel, from, to);
    }
    return kept.mean[place]!;
  }

  /** A sample changed a block: what was computed of it, and of the next (an exit looks back five minutes), is void. */
  #forget(profile: Regular, time: number) {
    const block = Math.floor(time / BLOCK);
    for (const [channel, kept] of this.#blockOf) {
      if (channel === 'exits' ? profile !== 'bed' : CHANNELS[channel].profile !== profile) continue;
      for (const one of [block, block + 1]) if (kept.block[one % BLOCKS] === one) kept.block[one % BLOCKS] = -1;
    }
  }
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
