// What the home model sees of one home at one hour: only what was known by then. Every input belongs to a group that can be left out.
import { CHANNELS, type Channel, DAY_HOURS, HOUR_MS, type Home, type Homes } from './homes.ts';

export type InputGroup = 'span' | 'spanPast' | 'activity' | 'baseline' | 'night' | 'physiology' | 'time' | 'history';

export interface Input {
  name: string;
  group: InputGroup;
}

const WINDOWS = [3, 6, 12, 24];
const MAIN: Channel[] = CHANNELS.filter(channel => channel !== 'kettle');
const FEW: Channel[] = ['events', 'transitions', 'hallwayVisits', 'hallway', 'quickMoves'];
const PHYSIOLOGY = [
  'Body Temperature',
  'Skin Temperature',
  'Heart rate',
  'Systolic blood pressure',
  'Diastolic blood pressure',
  'Body weight',
  'Total body water',
];
const OTHER_LABELS = ['Blood pressure', 'Pulse', 'Body water', 'Body Temperature', 'Weight'];
const PAST_DAYS = [1, 3, 7, 14, 28];
/** Days of the own past that a deviation compares with, and fewest of them. */
const BASELINE_DAYS = 28;
const FEWEST_DAYS = 3;
const NIGHT = { from: 22, hours: 8 };

/**
 * What a stamp looks back on begins at this clock hour (19 is of the evening before): the labels of TIHM follow the night, the morning and the
 * afternoon of 18, 06 and 12 UTC, and the homes keep British Summer Time.
 */
const SPAN_FROM: Record<number, number> = { 8: -5, 12: 7, 18: 13 };
const SPANNED: Channel[] = ['transitions', 'quickMoves', 'hallwayVisits', 'events'];
const CLOCKS = [8, 12, 18];
/** Before there are labels of a home: about the share of stamps with one. */
const PRIOR = 0.02;

const names: Input[] = [];
const input = (group: InputGroup, ...all: string[]) => names.push(...all.map(name => ({ name, group })));
for (const clock of CLOCKS) input('span', ...SPANNED.map(channel => `${channel}Span${clock}`));
input('span', 'transitionsSpan', 'transitionsSpanUnusual', 'transitionsSpanRank');
for (const clock of CLOCKS) input('spanPast', `transitionsSpan${clock}Week`);
input('spanPast', 'spanYesterday', 'span3d', 'span7d', 'span28d', 'spanMost7d', 'hallwaySpan7d', 'quickSpan7d');
for (const hours of WINDOWS) input('activity', ...(hours === 6 || hours === 24 ? MAIN : FEW).map(channel => `${channel}${hours}h`));
input('activity', 'busiestHour6h', 'rooms6h', 'perEvent6h', 'activeHours24h', 'coverage');
for (const hours of WINDOWS) input('baseline', ...(hours === 6 || hours === 24 ? MAIN : FEW).map(channel => `${channel}${hours}hUnusual`));
input('baseline', 'events6hRank', 'transitions6hRank', 'week', 'weekAgainstMonth', 'daysKnown', 'month');
input(
  'night',
  'night',
  'nightTransitions',
  'nightBathroom',
  'nightAwakeHours',
  'nightUnusual',
  'nightTransitionsUnusual',
  'afterFirstQuiet',
);
for (const type of PHYSIOLOGY) input('physiology', `${type}Unusual`, `${type}HoursSince`);
input('time', 'at08', 'at12', 'at18', 'weekend');
for (const days of PAST_DAYS) input('history', `agitation${days}d`);
input(
  'history',
  'agitationShare',
  'agitationSince',
  'agitationSameSlot',
  'agitationSlotShare',
  'otherLabels7d',
  'otherLabels28d',
  'agitationWhenLikeNow',
  'agitationDecayed',
);

export const INPUTS: readonly Input[] = names;

/** Columns of the groups given. */
export const columnsOf = (groups: readonly InputGroup[]): number[] =>
  INPUTS.flatMap((one, index) => (groups.includes(one.group) ? [index] : []));

/** One home with its running sums, so that any window costs two look-ups. */
export class HomeView {
  readonly home: Home;
  readonly #homes: Homes;
  readonly #sums: Record<Channel, Float64Array>;
  readonly #activeSum: Float64Array;
  readonly #outageSum: Float64Array;
  readonly #firstHour: number;
  readonly #agitation: number[];

  constructor(homes: Homes, home: Home) {
    this.home = home;
    this.#homes = homes;
    this.#sums = Object.fromEntries(CHANNELS.map(channel => [channel, running(home.counts[channel])])) as Record<Channel, Float64Array>;
    this.#activeSum = running(home.counts.events.map(count => (count ? 1 : 0)));
    this.#outageSum = running(homes.outage);
    const first = home.counts.events.findIndex(count => count > 0);
    this.#firstHour = first < 0 ? Number.POSITIVE_INFINITY : first;
    this.#agitation = home.labels.filter(({ type }) => type === 'Agitation').map(({ at }) => at);
  }

  #sum(channel: Channel, from: number, to: number): number {
    const sums = this.#sums[channel];
    return sums[Math.max(0, to)]! - sums[Math.max(0, from)]!;
  }

  /** A window that was more than half outage, or in a day without any event of this home, says nothing. */
  #known(from: number, to: number): boolean {
    if (from < 0 || this.#outageSum[to]! - this.#outageSum[from]! > (to - from) / 2) return false;
    return this.#sum('events', to - DAY_HOURS, to) > 0;
  }

  /** Share of the last day's hours that had any event, against what is usual here (at most 1); 0 for a silent home. */
  coverage(hour: number): number {
    const day = this.#activeSum[hour]! - this.#activeSum[Math.max(0, hour - DAY_HOURS)]!;
    const usual: number[] = [];
    for (let d = 1; d <= 14; d++) {
      const to = hour - d * DAY_HOURS;
      if (to - DAY_HOURS < 0) break;
      const active = this.#activeSum[to]! - this.#activeSum[to - DAY_HOURS]!;
      if (active) usual.push(active);
    }
    usual.sort((a, b) => a - b);
    return Math.min(1, day / Math.max(8, usual[usual.length >> 1] ?? 12));
  }

  /** Days since the home's first event. */
  #daysKnown = (hour: number) => (hour > this.#firstHour ? (hour - this.#firstHour) / DAY_HOURS : 0);

  /**
   * All inputs, NaN for unknown, from what happened before `hour` (index on the grid). `slotHour` is the clock of the stamp that is
   * asked about (8, 12, 18), `slot` its ms.
   */
  at(hour: number, slotHour: number, slot: number): Float32Array {
    const out: number[] = this.#span(hour, slotHour, slot);
    for (const hours of WINDOWS) {
      const known = this.#known(hour - hours, hour);
      for (const channel of hours === 6 || hours === 24 ? MAIN : FEW)
        out.push(known ? Math.log1p(this.#sum(channel, hour - hours, hour)) : Number.NaN);
    }
    const six = this.#known(hour - 6, hour);
    let busiest = 0;
    for (let h = hour - 6; h < hour; h++) busiest = Math.max(busiest, this.home.counts.events[h] ?? 0);
    out.push(
      six ? Math.log1p(busiest) : Number.NaN,
      six ? this.#entropy(hour - 6, hour) : Number.NaN,
      six ? this.#sum('transitions', hour - 6, hour) / (this.#sum('events', hour - 6, hour) + 5) : Number.NaN,
      this.#known(hour - DAY_HOURS, hour) ? this.#activeSum[hour]! - this.#activeSum[Math.max(0, hour - DAY_HOURS)]! : Number.NaN,
      this.coverage(hour),
    );
    for (const hours of WINDOWS)
      for (const channel of hours === 6 || hours === 24 ? MAIN : FEW) out.push(this.#unusual(channel, hour - hours, hour));
    out.push(this.#rank('events', hour - 6, hour), this.#rank('transitions', hour - 6, hour));
    const week = this.#daily(hour, 7);
    const month = this.#daily(hour, 28);
    out.push(week, week - month, Math.log1p(this.#daysKnown(hour)), month);
    out.push(...this.#night(hour), ...this.#physiology(hour));
    out.push(slotHour === 8 ? 1 : 0, slotHour === 12 ? 1 : 0, slotHour === 18 ? 1 : 0, [0, 6].includes(new Date(slot).getUTCDay()) ? 1 : 0);
    out.push(...this.#history(hour, slotHour), ...this.#likeNow(hour, slotHour, slot));
    return Float32Array.from(out);
  }

  /** First and last hour that the stamp at `slotIndex` looks back on; `lead` hours are still to come. */
  #bounds(slotIndex: number, slotHour: number, lead: number): [number, number] {
    const from = slotIndex - slotHour + SPAN_FROM[slotHour]!;
    return [from, Math.max(from, slotIndex - lead)];
  }

  #spanCount(channel: Channel, slotIndex: number, slotHour: number, lead: number): number {
    const [from, to] = this.#bounds(slotIndex, slotHour, lead);
    return from < to && this.#known(from, to) ? Math.log1p(this.#sum(channel, from, to)) : Number.NaN;
  }

  /** What happened since the stamp's span began, and what whole spans of this clock were like on days before. */
  #span(hour: number, slotHour: number, slot: number): number[] {
    const slotIndex = (slot - this.#homes.start) / HOUR_MS;
    const lead = slotIndex - hour;
    const out: number[] = [];
    for (const clock of CLOCKS)
      for (const channel of SPANNED) out.push(clock === slotHour ? this.#spanCount(channel, slotIndex, slotHour, lead) : Number.NaN);
    const now = this.#spanCount('transitions', slotIndex, slotHour, lead);
    const same: number[] = [];
    for (let d = 1; d <= BASELINE_DAYS; d++) {
      const before = slotIndex - d * DAY_HOURS;
      if (before - slotHour + SPAN_FROM[slotHour]! < this.#firstHour || before > hour) continue;
      const value = this.#spanCount('transitions', before, slotHour, lead);
      if (!Number.isNaN(value)) same.push(value);
    }
    out.push(now, Number.isNaN(now) ? Number.NaN : deviation(now, same), rank(now, same));
    const past = (channel: Channel) =>
      Array.from({ length: BASELINE_DAYS }, (_, d) => {
        const before = slotIndex - (d + 1) * DAY_HOURS;
        const [from, to] = this.#bounds(before, slotHour, 0);
        return to <= hour && from >= this.#firstHour ? this.#spanCount(channel, before, slotHour, 0) : Number.NaN;
      });
    const spans = past('transitions');
    const week = mean(spans.slice(0, 7));
    for (const clock of CLOCKS) out.push(clock === slotHour ? week : Number.NaN);
    const known = spans.slice(0, 7).filter(value => !Number.isNaN(value));
    out.push(spans[0]!, mean(spans.slice(0, 3)), week, mean(spans), known.length ? Math.max(...known) : Number.NaN);
    out.push(mean(past('hallwayVisits').slice(0, 7)), mean(past('quickMoves').slice(0, 7)));
    return out;
  }

  /** Share of labels among the home's own past stamps whose span was as busy as this one (log odds), and of all, newer ones counting more. */
  #likeNow(hour: number, slotHour: number, slot: number): number[] {
    const slotIndex = (slot - this.#homes.start) / HOUR_MS;
    const lead = slotIndex - hour;
    const now = this.#spanCount('transitions', slotIndex, slotHour, lead);
    let [likeLabelled, like, labelled, all] = [0, 0, 0, 0];
    for (let d = 0; d <= 60; d++)
      for (const clock of CLOCKS) {
        const before = slotIndex - slotHour - d * DAY_HOURS + clock;
        if (before >= hour || before < this.#firstHour) continue;
        const at = this.#homes.start + before * HOUR_MS;
        const label = this.#agitation.some(one => one >= at && one < at + HOUR_MS) ? 1 : 0;
        const weight = 0.5 ** ((hour - before) / DAY_HOURS / 21) * (clock === slotHour ? 1 : 0.5);
        labelled += weight * label;
        all += weight;
        if (clock !== slotHour || Number.isNaN(now)) continue;
        const value = this.#spanCount('transitions', before, clock, lead);
        if (Number.isNaN(value)) continue;
        const kernel = weight * Math.exp(-0.5 * ((value - now) / 0.35) ** 2);
        likeLabelled += kernel * label;
        like += kernel;
      }
    return [Math.log((likeLabelled + 2 * PRIOR) / (like + 2)), Math.log((labelled + 2 * PRIOR) / (all + 2))];
  }

  #entropy(from: number, to: number): number {
    const rooms = (['bathroom', 'bedroom', 'kitchen', 'lounge', 'hallway'] as const).map(room => this.#sum(room, from, to));
    const all = rooms.reduce((sum, count) => sum + count, 0);
    return all ? rooms.reduce((sum, count) => (count ? sum - (count / all) * Math.log(count / all) : sum), 0) : 0;
  }

  /** The same clock window of days before, log counts. */
  #past(channel: Channel, from: number, to: number): number[] {
    const values: number[] = [];
    for (let d = 1; d <= BASELINE_DAYS; d++) {
      const shift = d * DAY_HOURS;
      if (from - shift < 0) break;
      if (from - shift >= this.#firstHour && this.#known(from - shift, to - shift))
        values.push(Math.log1p(this.#sum(channel, from - shift, to - shift)));
    }
    return values;
  }

  #unusual(channel: Channel, from: number, to: number): number {
    if (!this.#known(from, to)) return Number.NaN;
    return deviation(Math.log1p(this.#sum(channel, from, to)), this.#past(channel, from, to));
  }

  #rank(channel: Channel, from: number, to: number): number {
    return this.#known(from, to) ? rank(Math.log1p(this.#sum(channel, from, to)), this.#past(channel, from, to)) : Number.NaN;
  }

  /** Log of events on a mean day that was not silent. */
  #daily(hour: number, days: number): number {
    let [sum, count] = [0, 0];
    for (let d = 0; d < days; d++) {
      const to = hour - d * DAY_HOURS;
      if (to <= this.#firstHour || to - DAY_HOURS < 0) break;
      const events = this.#sum('events', to - DAY_HOURS, to);
      if (!events) continue;
      sum += events;
      count++;
    }
    return count ? Math.log1p(sum / count) : Number.NaN;
  }

  /** The newest night (22 to 06) that has ended, or its part so far. */
  #night(hour: number): number[] {
    const clock = hour % DAY_HOURS;
    const from = hour - ((clock - NIGHT.from + DAY_HOURS) % DAY_HOURS || DAY_HOURS);
    const to = Math.min(hour, from + NIGHT.hours);
    if (from < 0 || !this.#known(from, to)) return new Array(7).fill(Number.NaN);
    let [awake, quiet, after] = [0, false, 0];
    for (let h = from; h < to; h++) {
      const events = this.home.counts.events[h]!;
      if (events > 2) awake++;
      // Wake after sleep onset: what happens after the first hour that was quiet.
      if (events <= 2) quiet = true;
      else if (quiet) after += events;
    }
    return [
      Math.log1p(this.#sum('events', from, to)),
      Math.log1p(this.#sum('transitions', from, to)),
      Math.log1p(this.#sum('bathroom', from, to)),
      awake,
      this.#unusual('events', from, to),
      this.#unusual('transitions', from, to),
      Math.log1p(after),
    ];
  }

  #physiology(hour: number): number[] {
    const now = this.#homes.start + hour * HOUR_MS;
    return PHYSIOLOGY.flatMap(type => {
      const past = this.home.measurements.filter(one => one.type === type && one.at < now);
      const last = past.at(-1);
      if (!last) return [Number.NaN, Number.NaN];
      const since = (now - last.at) / HOUR_MS;
      const before = past.slice(-31, -1).map(({ value }) => value);
      const spread = 0.02 * Math.abs(last.value);
      return [since > 48 ? Number.NaN : deviation(last.value, before, spread), Math.log1p(since)];
    });
  }

  #history(hour: number, slotHour: number): number[] {
    const now = this.#homes.start + hour * HOUR_MS;
    const past = this.#agitation.filter(at => at < now);
    const within = (days: number) => past.filter(at => at >= now - days * DAY_HOURS * HOUR_MS).length;
    const days = Math.max(1, this.#daysKnown(hour));
    const last = past.at(-1);
    const same = past.filter(at => Math.floor((at % (DAY_HOURS * HOUR_MS)) / HOUR_MS) === slotHour);
    const others = this.home.labels.filter(({ type, at }) => OTHER_LABELS.includes(type) && at < now);
    return [
      ...PAST_DAYS.map(count => Math.log1p(within(count))),
      Math.log((past.length + 0.3) / (days + 10)),
      last === undefined ? Math.log(100) : Math.log1p((now - last) / (DAY_HOURS * HOUR_MS)),
      Math.log1p(same.filter(at => at >= now - 14 * DAY_HOURS * HOUR_MS).length),
      Math.log((same.length + 0.1) / (days + 10)),
      Math.log1p(others.filter(({ at }) => at >= now - 7 * DAY_HOURS * HOUR_MS).length),
      Math.log1p(others.filter(({ at }) => at >= now - 28 * DAY_HOURS * HOUR_MS).length),
    ];
  }
}

/** How many own spreads a value is from the own past; NaN without enough past. `least` is the smallest spread that counts. */
function deviation(value: number, past: number[], least = 0.25): number {
  if (past.length < FEWEST_DAYS) return Number.NaN;
  const mean = past.reduce((sum, one) => sum + one, 0) / past.length;
  const variance = past.reduce((sum, one) => sum + (one - mean) ** 2, 0) / past.length;
  return (value - mean) / (Math.sqrt(variance) + least);
}

/** Share of the own past that was less. */
function rank(now: number, past: number[]): number {
  if (past.length < FEWEST_DAYS || Number.isNaN(now)) return Number.NaN;
  return past.reduce((sum, value) => sum + (value < now ? 1 : value === now ? 0.5 : 0), 0) / past.length;
}

/** Of what is known. */
function mean(values: number[]): number {
  const known = values.filter(value => !Number.isNaN(value));
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : Number.NaN;
}

/** `sums[i]` is the sum of everything before index i. */
function running(values: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!;
  return sums;
}
