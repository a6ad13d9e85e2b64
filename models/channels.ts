// What the models read from each device profile: quantities, their grid in time, and how a stuck sensor shows.

/** One row of a device's readings; `values` in the profile's units, booleans 0 or 1. `time` is the sample's own, in ms since 1970 UTC. */
export interface Sample {
  profile: string;
  /** Which device it is from; without it, all samples of a profile are taken for one device's. */
  device?: string;
  time: number;
  values: Readonly<Record<string, number>>;
}

/** A profile that reports at a fixed interval. */
export interface RegularProfile {
  kind: 'regular';
  /** Interval of the profile, also the grid that its samples are kept on. */
  seconds: number;
  quantities: readonly string[];
  /** So many samples in a row with these quantities exactly equal are a stuck sensor, not a calm person. */
  stuck: { quantities: readonly string[]; samples: number };
}

/** A profile that reports a change of state, and its state every `seconds`. */
export interface StateProfile {
  kind: 'state';
  seconds: number;
  quantities: readonly [string];
}

/** The profiles that say something about one resident. */
export const WATCHED = {
  bed: {
    kind: 'regular',
    seconds: 30,
    quantities: ['heart_rate', 'respiration_rate', 'movement', 'in_bed'],
    stuck: { quantities: ['heart_rate', 'respiration_rate', 'movement'], samples: 20 },
  },
  wrist: {
    kind: 'regular',
    seconds: 60,
    quantities: ['pulse_rate', 'hrv_rmssd', 'skin_temperature', 'steps'],
    stuck: { quantities: ['pulse_rate', 'hrv_rmssd', 'skin_temperature'], samples: 15 },
  },
  room: {
    kind: 'regular',
    seconds: 60,
    quantities: ['temperature', 'illuminance', 'sound_level', 'co2'],
    stuck: { quantities: ['temperature', 'sound_level', 'co2'], samples: 30 },
  },
  door: { kind: 'state', seconds: 600, quantities: ['open'] },
  toilet: { kind: 'state', seconds: 600, quantities: ['occupied'] },
} as const satisfies Record<string, RegularProfile | StateProfile>;

export type WatchedProfile = keyof typeof WATCHED;
export const WATCHED_PROFILES = Object.keys(WATCHED) as WatchedProfile[];

/** Share of each profile in a resident's coverage: what is on the body counts most. Sums to 1. */
export const COVERAGE_WEIGHT: Record<WatchedProfile, number> = { bed: 0.4, wrist: 0.25, room: 0.2, door: 0.1, toilet: 0.05 };

/** Steps in a minute from which on heart and its variability tell of walking, not of how a person is. */
const WALKING = 8;

/** Reads a quantity (by its index in the profile) at a slot; NaN when there is none. */
export type SlotReader = (slot: number, quantity: number) => number;

interface Channel {
  profile: 'bed' | 'wrist' | 'room';
  /** Typical spread within a person, used while little of the own past is known. */
  width: number;
  unit: string;
  /** The channel's value at a slot; NaN where it says nothing. Without it, the quantity of the channel's name as it is. */
  read?: (value: SlotReader, slot: number) => number;
}

const at = (profile: keyof typeof WATCHED, quantity: string) => (WATCHED[profile].quantities as readonly string[]).indexOf(quantity);
const [MOVEMENT, IN_BED] = [at('bed', 'movement'), at('bed', 'in_bed')];
const [PULSE, HRV, STEPS] = [at('wrist', 'pulse_rate'), at('wrist', 'hrv_rmssd'), at('wrist', 'steps')];
const LIGHT = at('room', 'illuminance');
const still = (value: SlotReader, slot: number) => !(value(slot, STEPS) > WALKING) && !(value(slot - 1, STEPS) > WALKING);

/** What a person has a baseline of. Light, and variability of the heart, are taken in logarithms: they change in ratios. */
export const CHANNELS = {
  heart_rate: { profile: 'bed', width: 8, unit: 'bpm' },
  respiration_rate: { profile: 'bed', width: 2.5, unit: '1/min' },
  /** An empty bed lies still: only what it says of someone in it. */
  movement: {
    profile: 'bed',
    width: 0.15,
    unit: '/',
    read: (value, slot) => (value(slot, IN_BED) > 0.5 ? value(slot, MOVEMENT) : Number.NaN),
  },
  /** At rest: walking raises it too. */
  pulse_rate: { profile: 'wrist', width: 8, unit: 'bpm', read: (value, slot) => (still(value, slot) ? value(slot, PULSE) : Number.NaN) },
  hrv_rmssd: {
    profile: 'wrist',
    width: 0.3,
    unit: 'log ms',
    read: (value, slot) => (still(value, slot) ? Math.log(Math.max(1, value(slot, HRV))) : Number.NaN),
  },
  /** Walking or not: who paces has no minute at rest. */
  pulse_moving: { profile: 'wrist', width: 10, unit: 'bpm', read: (value, slot) => value(slot, PULSE) },
  hrv_moving: { profile: 'wrist', width: 0.35, unit: 'log ms', read: (value, slot) => Math.log(Math.max(1, value(slot, HRV))) },
  skin_temperature: { profile: 'wrist', width: 0.6, unit: 'Cel' },
  steps: { profile: 'wrist', width: 8, unit: '/min' },
  temperature: { profile: 'room', width: 1, unit: 'Cel' },
  illuminance: { profile: 'room', width: 0.6, unit: 'log lx', read: (value, slot) => Math.log10(Math.max(0, value(slot, LIGHT)) + 1) },
  sound_level: { profile: 'room', width: 6, unit: 'dB' },
  co2: { profile: 'room', width: 150, unit: 'ppm' },
} as const satisfies Record<string, Channel>;
export type BaselineChannel = keyof typeof CHANNELS;

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Facilities are in Japan: local time is UTC+9 all year. Hour of the local day, 0 … 24. */
export const localHour = (time: number) => ((time / HOUR + 9) % 24) as number;

/** 1 from 21:00 to 06:00 local time, 0 from 07:00 to 20:00, a ramp of one hour between. */
export function nightFactor(time: number): number {
  const hour = localHour(time);
  if (hour >= 21 || hour < 6) return 1;
  if (hour >= 20) return hour - 20;
  if (hour < 7) return 7 - hour;
  return 0;
}
