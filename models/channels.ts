// What the models read from each device profile: quantities, their grid in time, and how a stuck sensor shows.

/** One row of a device's readings; `values` in the profile's units, booleans 0 or 1. `time` is the sample's own, in ms since 1970 UTC. */
export interface Sample {
  profile: string;
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

/** Channels that a person has a baseline for. `width`: typical spread within a person, used while little of the own past is known. */
export const BASELINE_CHANNELS = {
  heart_rate: { profile: 'bed', width: 8 },
  respiration_rate: { profile: 'bed', width: 2.5 },
  movement: { profile: 'bed', width: 0.15 },
  pulse_rate: { profile: 'wrist', width: 10 },
  hrv_rmssd: { profile: 'wrist', width: 10 },
  skin_temperature: { profile: 'wrist', width: 0.6 },
  steps: { profile: 'wrist', width: 8 },
  temperature: { profile: 'room', width: 1 },
  illuminance: { profile: 'room', width: 0.6 },
  sound_level: { profile: 'room', width: 6 },
  co2: { profile: 'room', width: 150 },
} as const;
export type BaselineChannel = keyof typeof BASELINE_CHANNELS;

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
