// What goes wrong with real devices, on demand: which fault, of which devices, from when and for how long. Pure; the fleet carries it out.
import { isId, type Quantity, type Reading } from '../../devices/index.ts';
import type { Random } from '../residents/index.ts';

/** Shares of packs with which every device goes wrong the whole time. */
export interface Faults {
  /** 0 … 1 */
  duplicates: number;
  lost: number;
  wrongUnit: number;
  outOfRange: number;
  /** Times an hour that each device loses its network, for 1 to 5 minutes. Its packs follow late. */
  dropOut: number;
}
export const NO_FAULTS: Faults = { duplicates: 0, lost: 0, wrongUnit: 0, outOfRange: 0, dropOut: 0 };

interface Kind {
  /** What it does, and what the amount is. */
  says: string;
  amount: { preset: number; low: number; high: number };
}
const share = (preset: number) => ({ preset, low: 0, high: 1 });

/** Every fault that can be ordered. */
export const FAULT_KINDS = {
  'drop-out': { says: 'the network is gone; packs are kept and follow late', amount: share(1) },
  duplicates: { says: 'share of packs sent twice, same number (1)', amount: share(1) },
  lose: { says: 'share of packs never sent: a gap in the numbers (1)', amount: share(1) },
  reorder: { says: 'so many packs change places (4)', amount: { preset: 4, low: 2, high: 100 } },
  'clock-drift': { says: 'the clock runs fast by so many ppm, slow below 0 (500)', amount: { preset: 500, low: -1e6, high: 1e6 } },
  'clock-step': { says: 'the clock is ahead by so many seconds, behind below 0 (60)', amount: { preset: 60, low: -1e8, high: 1e8 } },
  noise: { says: 'values vary by this share of themselves, contacts chatter; never outside the range (0.2)', amount: share(0.2) },
  stuck: { says: 'the values of the first pack again and again', amount: share(1) },
  'wrong-unit': { says: 'share of packs with one wrong unit (1)', amount: share(1) },
  'out-of-range': { says: 'share of packs with one impossible value (1)', amount: share(1) },
  flood: { says: 'so many more packs a second, of the last values (200)', amount: { preset: 200, low: 1, high: 20_000 } },
  'battery-empty': { says: 'the battery runs down within this share of the span, then silence (0.5)', amount: share(0.5) },
  'wan-cut': { says: 'the path through --relay is cut; device *', amount: share(1) },
} as const satisfies Record<string, Kind>;
export type FaultKind = keyof typeof FAULT_KINDS;

/** A fault that was ordered. Times in ms of the wall clock. */
export interface Fault {
  kind: FaultKind;
  /** A device's id, a profile's id (all devices of that kind), or `*`. */
  target: string;
  from: number;
  until: number;
  amount: number;
}
/** A fault as it is ordered: `from` counts from going live. Seconds. */
export interface OrderedFault {
  kind: FaultKind;
  target: string;
  fromSeconds: number;
  forSeconds: number;
  amount: number;
}

const UNITS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
const SPAN = /^(\d+(?:\.\d+)?)(|s|m|h|d)$/;

/** Reads `kind:device|profile|*:from:for[:amount]`. @throws Error with the right form. */
export function parseFault(text: string): OrderedFault {
  const wrong = (why: string) =>
    new Error(`--fault ${text}: ${why}. The form is kind:device|profile|*:from:for[:amount], e.g. stuck:bed:60:10m or lose:*:0:1h:0.1`);
  const [kind = '', target = '', from = '', span = '', given, ...more] = text.split(':');
  if (more.length) throw wrong('there are more than five parts');
  if (!Object.hasOwn(FAULT_KINDS, kind)) throw wrong(`"${kind}" is no fault; there are ${Object.keys(FAULT_KINDS).join(', ')}`);
  if (target !== '*' && !isId(target)) throw wrong(`"${target}" is no device, no profile and not *`);
  const seconds = (part: string, name: string) => {
    const match = SPAN.exec(part);
    if (!match) throw wrong(`${name} is a number of seconds, or like 90s, 10m, 2h, 1d, not "${part}"`);
    return Number(match[1]) * UNITS[match[2]!]!;
  };
  const { preset, low, high } = FAULT_KINDS[kind as FaultKind].amount;
  const amount = given === undefined ? preset : Number(given);
  if (given?.trim() === '' || !(amount >= low && amount <= high)) throw wrong(`the amount goes from ${low} to ${high}, not "${given}"`);
  if (kind === 'wan-cut' && target !== '*') throw wrong('the path is everybody’s, so the device is *');
  const forSeconds = seconds(span, '"for"');
  if (forSeconds <= 0) throw wrong('"for" is longer than 0');
  return { kind: kind as FaultKind, target, fromSeconds: seconds(from, '"from"'), forSeconds, amount };
}

/** With times of the wall clock. @param liveAt ms */
export const scheduled = ({ fromSeconds, forSeconds, ...fault }: OrderedFault, liveAt: number): Fault => ({
  ...fault,
  from: liveAt + fromSeconds * 1000,
  until: liveAt + (fromSeconds + forSeconds) * 1000,
});

/** The faults of one device, of one kind, that are on at `now` (ms). Their order is that of the command line. */
export function onAt(faults: readonly Fault[], kind: FaultKind, now: number): Fault | undefined {
  return faults.find(fault => fault.kind === kind && now >= fault.from && now < fault.until);
}

/** How far ahead the device's clock is, ms (behind: below 0). At the end of a drift the clock is set right again. */
export function clockError(faults: readonly Fault[], now: number): number {
  const step = onAt(faults, 'clock-step', now)?.amount ?? 0;
  const drift = onAt(faults, 'clock-drift', now);
  return step * 1000 + (drift ? Math.round(((now - drift.from) * drift.amount) / 1e6) : 0);
}

/** What a device's readings become at `now` (ms). `stuck` keeps what it shows in `frozen`, by quantity. */
export function distort(
  readings: Reading[],
  faults: readonly Fault[],
  now: number,
  { quantities, random, frozen }: { quantities: ReadonlyMap<string, Quantity>; random: Random; frozen: Map<string, Reading['value']> },
): Reading[] {
  let sent = readings;
  const noise = onAt(faults, 'noise', now);
  if (noise) sent = sent.map(reading => noisy(reading, quantities.get(reading.name), noise.amount, random));
  if (onAt(faults, 'stuck', now)) {
    for (const { name, value } of sent) if (!frozen.has(name)) frozen.set(name, value);
    sent = sent.map(reading => ({ ...reading, value: frozen.get(reading.name)! }));
  } else if (frozen.size) frozen.clear();
  const error = clockError(faults, now);
  return error ? sent.map(reading => ({ ...reading, time: reading.time + error })) : sent;
}

function noisy(reading: Reading, quantity: Quantity | undefined, amount: number, random: Random): Reading {
  const { value } = reading;
  if (typeof value === 'boolean') return random.chance(amount) ? { ...reading, value: !value } : reading;
  const moved = value + Math.max(Math.abs(value), 1) * amount * random.normal();
  const low = quantity?.minimum ?? Number.NEGATIVE_INFINITY;
  const within = Math.min(quantity?.maximum ?? Number.POSITIVE_INFINITY, Math.max(low, moved));
  return { ...reading, value: quantity?.kind === 'count' ? Math.round(within) : Number(within.toPrecision(6)) };
}

/** What is sent in place of one pack: nothing, it, it twice, or a wrong one. */
export function spoil(readings: Reading[], always: Faults, faults: readonly Fault[], now: number, random: Random): Reading[][] {
  const likely = (kind: FaultKind, share: number) => Math.max(share, onAt(faults, kind, now)?.amount ?? 0);
  if (random.chance(likely('lose', always.lost))) return [];
  let sent = readings;
  const change = (alter: (reading: Reading) => Reading) => {
    const at = Math.floor(random.uniform() * sent.length);
    sent = sent.map((reading, index) => (index === at ? alter(reading) : reading));
  };
  if (random.chance(likely('wrong-unit', always.wrongUnit)))
    change(reading => ({ ...reading, unit: reading.unit === 'K' ? 'Cel' : 'K', value: Number(reading.value) }));
  if (random.chance(likely('out-of-range', always.outOfRange))) change(reading => ({ ...reading, value: 999_999 }));
  return random.chance(likely('duplicates', always.duplicates)) ? [sent, sent] : [sent];
}
