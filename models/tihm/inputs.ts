// What the home model sees of one home at one hour: only what was known by then. Every input belongs to a group that can be left out.
import { CHANNELS, type Channel, DAY_HOURS, HOUR_MS } from './homes.ts';
import { BASELINE_DAYS, CLOCKS, deviation, type HomeView, SPAN } from './view.ts';

export type InputGroup = 'span' | 'activity' | 'baseline' | 'night' | 'physiology' | 'time' | 'history';

export interface Input {
  name: string;
  group: InputGroup;
}

const WINDOWS = [3, 6, 12, 24] as const;
const MAIN: Channel[] = CHANNELS.filter(channel => channel !== 'kettle');
const FEW: Channel[] = ['events', 'transitions', 'hallwayVisits', 'hallway', 'quickMoves'];
const channelsOf = (hours: number) => (hours === 6 || hours === 24 ? MAIN : FEW);
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
/** Half-lives, days, of the share of stamps that were labelled. */
const HALF_LIVES = [4, 10, 21];
/** Before there are labels of a home: about the share of stamps with one, counted as so many stamps. */
const PRIOR = 0.02;
const PRIOR_STAMPS = 2;
const NIGHT = { from: 22, hours: 8 };

const names: Input[] = [];
const input = (group: InputGroup, ...all: string[]) => names.push(...all.map(name => ({ name, group })));
for (const clock of CLOCKS) input('span', `transitionsSpan${clock}`);
input('span', 'transitionsSpan', 'transitionsSpanUnusual', 'quickSpan', 'hallwaySpan');
for (const hours of WINDOWS) input('activity', ...channelsOf(hours).map(channel => `${channel}${hours}h`));
for (const clock of CLOCKS) input('activity', `transitions6hAt${clock}`);
input('activity', 'rooms6h', 'rooms24h', 'activeHours24h', 'coverage');
for (const hours of WINDOWS) input('baseline', `events${hours}hUnusual`, `transitions${hours}hUnusual`);
input('baseline', 'week', 'weekAgainstMonth', 'daysKnown');
input('night', 'night', 'nightTransitions', 'nightBathroom', 'nightAwakeHours', 'nightUnusual', 'afterFirstQuiet');
for (const type of PHYSIOLOGY) input('physiology', `${type}Unusual`, `${type}HoursSince`);
input('time', 'at08', 'at12', 'at18', 'weekend');
for (const days of PAST_DAYS) input('history', `agitation${days}d`);
for (const days of HALF_LIVES) input('history', `agitationRate${days}d`);
input('history', 'agitationRateSameStamp', 'agitationShare', 'agitationSameStamp', 'agitationSince', 'otherLabels7d', 'otherLabels28d');

export const INPUTS: readonly Input[] = names;

/** What is asked: about the stamp at `slot` (ms; clock 8, 12 or 18), knowing what happened before `hour` (index on the grid). */
export interface Question {
  hour: number;
  slotHour: number;
  slot: number;
}

/** All inputs in the order of INPUTS, NaN for unknown. */
export function inputsAt(view: HomeView, question: Question): Float32Array {
  const { hour, slotHour, slot } = question;
  const out: number[] = [...spanInputs(view, question)];
  for (const hours of WINDOWS) for (const channel of channelsOf(hours)) out.push(view.logCount(channel, hour - hours, hour));
  const six = view.logCount('transitions', hour - 6, hour);
  for (const clock of CLOCKS) out.push(clock === slotHour ? six : Number.NaN);
  const dayKnown = view.known(hour - DAY_HOURS, hour);
  out.push(
    view.known(hour - 6, hour) ? entropy(view, hour - 6, hour) : Number.NaN,
    dayKnown ? entropy(view, hour - DAY_HOURS, hour) : Number.NaN,
    dayKnown ? view.activeHours(hour) : Number.NaN,
    view.coverage(hour),
  );
  for (const hours of WINDOWS) out.push(view.unusual('events', hour - hours, hour), view.unusual('transitions', hour - hours, hour));
  const [week, month] = [daily(view, hour, 7), daily(view, hour, BASELINE_DAYS)];
  out.push(week, week - month, Math.log1p(view.daysKnown(hour)));
  out.push(...nightInputs(view, hour), ...physiologyInputs(view, hour));
  out.push(slotHour === 8 ? 1 : 0, slotHour === 12 ? 1 : 0, slotHour === 18 ? 1 : 0, [0, 6].includes(new Date(slot).getUTCDay()) ? 1 : 0);
  out.push(...historyInputs(view, hour, slotHour));
  return Float32Array.from(out);
}

/** What happened since the stamp's span began, as far as it is known, and how unusual that is here. */
function spanInputs(view: HomeView, { hour, slotHour, slot }: Question): number[] {
  const midnight = (slot - view.homes.start) / HOUR_MS - slotHour;
  const [from, to] = [midnight + SPAN[slotHour]![0], Math.min(hour, midnight + SPAN[slotHour]![1])];
  const known = from >= view.firstHour;
  const count = (channel: Channel) => (known ? view.logCount(channel, from, to) : Number.NaN);
  const now = count('transitions');
  return [
    ...CLOCKS.map(clock => (clock === slotHour ? now : Number.NaN)),
    now,
    Number.isNaN(now) ? Number.NaN : deviation(now, view.past('transitions', from, to)),
    count('quickMoves'),
    count('hallwayVisits'),
  ];
}

function entropy(view: HomeView, from: number, to: number): number {
  const rooms = (['bathroom', 'bedroom', 'kitchen', 'lounge', 'hallway'] as const).map(room => view.sum(room, from, to));
  const all = rooms.reduce((sum, count) => sum + count, 0);
  return all ? rooms.reduce((sum, count) => (count ? sum - (count / all) * Math.log(count / all) : sum), 0) : 0;
}

/** Log of events on a mean day that was not silent. */
function daily(view: HomeView, hour: number, days: number): number {
  let [sum, count] = [0, 0];
  for (let d = 0; d < days; d++) {
    const to = hour - d * DAY_HOURS;
    if (to <= view.firstHour || to - DAY_HOURS < 0) break;
    const events = view.sum('events', to - DAY_HOURS, to);
    if (!events) continue;
    sum += events;
    count++;
  }
  return count ? Math.log1p(sum / count) : Number.NaN;
}

/** The newest night (22 to 06) that has ended, or its part so far. */
function nightInputs(view: HomeView, hour: number): number[] {
  const clock = hour % DAY_HOURS;
  const from = hour - ((clock - NIGHT.from + DAY_HOURS) % DAY_HOURS || DAY_HOURS);
  const to = Math.min(hour, from + NIGHT.hours);
  if (from < 0 || !view.known(from, to)) return new Array<number>(6).fill(Number.NaN);
  let [awake, quiet, after] = [0, false, 0];
  for (let h = from; h < to; h++) {
    const events = view.home.counts.events[h]!;
    if (events > 2) awake++;
    // Wake after sleep onset: what happens after the first hour that was quiet.
    if (events <= 2) quiet = true;
    else if (quiet) after += events;
  }
  return [
    Math.log1p(view.sum('events', from, to)),
    Math.log1p(view.sum('transitions', from, to)),
    Math.log1p(view.sum('bathroom', from, to)),
    awake,
    view.unusual('events', from, to),
    Math.log1p(after),
  ];
}

function physiologyInputs(view: HomeView, hour: number): number[] {
  const now = view.homes.start + hour * HOUR_MS;
  return PHYSIOLOGY.flatMap(type => {
    const past = view.home.measurements.filter(one => one.type === type && one.at < now);
    const last = past.at(-1);
    if (!last) return [Number.NaN, Number.NaN];
    const since = (now - last.at) / HOUR_MS;
    const before = past.slice(-31, -1).map(({ value }) => value);
    return [since > 48 ? Number.NaN : deviation(last.value, before, 0.02 * Math.abs(last.value)), Math.log1p(since)];
  });
}

/** Labels that were given before: how many lately, and the share of stamps that had one, newer ones counting more (log). */
function historyInputs(view: HomeView, hour: number, slotHour: number): number[] {
  const now = view.homes.start + hour * HOUR_MS;
  const dayMs = DAY_HOURS * HOUR_MS;
  const past = view.home.labels.filter(({ type, at }) => type === 'Agitation' && at < now).map(({ at }) => at);
  const within = (days: number) => past.filter(at => at >= now - days * dayMs).length;
  const days = Math.max(1, view.daysKnown(hour));
  const rate = (halfLife: number, weight: (at: number) => number, stampsPerDay: number) => {
    const found = past.reduce((sum, at) => sum + weight(at) * 0.5 ** ((now - at) / dayMs / halfLife), 0);
    let stamps = 0;
    for (let day = 0; day < Math.floor(days); day++) stamps += 0.5 ** (day / halfLife);
    return Math.log((found + PRIOR_STAMPS * PRIOR) / (stamps * stampsPerDay + PRIOR_STAMPS));
  };
  const same = (at: number) => (Math.floor((at % dayMs) / HOUR_MS) === slotHour ? 1 : 0.4);
  const others = view.home.labels.filter(({ type, at }) => OTHER_LABELS.includes(type) && at < now);
  const last = past.at(-1);
  return [
    ...PAST_DAYS.map(count => Math.log1p(within(count))),
    ...HALF_LIVES.map(halfLife => rate(halfLife, () => 1, 3)),
    rate(21, same, 1 + 0.4 * 2),
    Math.log(past.length / days + 0.01),
    Math.log1p(past.filter(at => same(at) === 1).length),
    Math.log1p(last === undefined ? 60 : (now - last) / dayMs),
    Math.log1p(others.filter(({ at }) => at >= now - 7 * dayMs).length),
    Math.log1p(others.filter(({ at }) => at >= now - 28 * dayMs).length),
  ];
}
