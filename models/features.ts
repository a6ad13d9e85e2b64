// The numbers a model sees: named, with units, from one resident's window at one minute, by what was known then and nothing later.
import { type BaselineChannel, CHANNELS, HOUR, localHour, MINUTE, nightFactor, WATCHED_PROFILES, type WatchedProfile } from './channels.ts';
import type { ResidentWindow } from './window.ts';
import type { ReasonGroup } from './words.ts';

export interface Feature {
  name: string;
  unit: string;
  /** What a caregiver would call it; null for time and coverage, which explain nothing to them. */
  group: ReasonGroup | null;
  /** Profiles without which it is unknown. */
  needs: readonly WatchedProfile[];
  /** The value as of `at` (a full minute); NaN when unknown. */
  value(window: ResidentWindow, at: number): number;
  /** What it would be if all were as usual for this person; NaN when unknown. */
  usual(window: ResidentWindow, at: number): number;
}

const clip = (value: number, low: number, high: number) => (Number.isNaN(value) ? value : Math.min(high, Math.max(low, value)));
const none = () => 0;
const unknown = () => Number.NaN;

/** Mean over the last minutes, in the channel's unit. */
function level(channel: BaselineChannel, group: ReasonGroup, minutes: number): Feature {
  const { profile, unit } = CHANNELS[channel];
  return {
    name: `${channel}_${minutes}`,
    unit,
    group,
    needs: [profile],
    value: (window, at) => window.channelMean(channel, at - minutes * MINUTE, at),
    usual: (window, at) => window.usual(channel, at),
  };
}

/** Mean over the last minutes against the person's own baseline, in spreads. */
function deviation(channel: BaselineChannel, group: ReasonGroup, minutes: number): Feature {
  return {
    name: `${channel}_deviation_${minutes}`,
    unit: 'σ',
    group,
    needs: [CHANNELS[channel].profile],
    value: (window, at) => clip(window.deviation(channel, at - minutes * MINUTE, at, at), -8, 8),
    usual: none,
  };
}

/** Mean of the last 10 minutes less that of the 50 before, in the person's spreads: a change that is under way. */
function rise(channel: BaselineChannel, group: ReasonGroup): Feature {
  return {
    name: `${channel}_rise`,
    unit: 'σ',
    group,
    needs: [CHANNELS[channel].profile],
    value: (window, at) =>
      clip(window.deviation(channel, at - 10 * MINUTE, at, at) - window.deviation(channel, at - HOUR, at - 10 * MINUTE, at), -8, 8),
    usual: none,
  };
}

/** Share of the last minutes in which the channel lay so much above the person's usual. */
function above(channel: BaselineChannel, group: ReasonGroup, by: number, minutes: number): Feature {
  return {
    name: `${channel}_above_${minutes}`,
    unit: '/',
    group,
    needs: [CHANNELS[channel].profile],
    value: (window, at) => window.shareAbove(channel, window.usual(channel, at) + by, at - minutes * MINUTE, at),
    usual: none,
  };
}

type Event = 'exits' | 'door' | 'toilet';
const EVENT_PROFILE = { exits: 'bed', door: 'door', toilet: 'toilet' } as const;
const counted = (window: ResidentWindow, event: Event, from: number, to: number) =>
  window.coverage(EVENT_PROFILE[event], from, to) < 0.2
    ? Number.NaN
    : event === 'exits'
      ? window.bedExits(from, to)
      : window.rises(event, from, to).length;

function count(event: Event, name: string, group: ReasonGroup, minutes: number): Feature {
  return {
    name: `${name}_${minutes}`,
    unit: '/',
    group,
    needs: [EVENT_PROFILE[event]],
    value: (window, at) => Math.min(20, counted(window, event, at - minutes * MINUTE, at)),
    usual: (window, at) => (window.usualPerHour(event, at) * minutes) / 60,
  };
}

/** Count of the last hour less the usual of an hour in this part of the day. */
function more(event: Event, name: string, group: ReasonGroup): Feature {
  return {
    name: `${name}_more`,
    unit: '/h',
    group,
    needs: [EVENT_PROFILE[event]],
    value: (window, at) => clip(counted(window, event, at - HOUR, at) - window.usualPerHour(event, at), -10, 15),
    usual: none,
  };
}

function coverage(profile: WatchedProfile): Feature {
  return {
    name: `coverage_${profile}`,
    unit: '/',
    group: null,
    needs: [],
    value: (window, at) => window.coverage(profile, at - HOUR, at),
    usual: unknown,
  };
}

function clock(name: string, value: (at: number) => number): Feature {
  return { name, unit: '/', group: null, needs: [], value: (_window, at) => value(at), usual: unknown };
}

/** Where the resident is explains the other signs and is no reason by itself. */
function inBed(minutes: number): Feature {
  return {
    name: `in_bed_${minutes}`,
    unit: '/',
    group: null,
    needs: ['bed'],
    value: (window, at) => window.mean('bed', 'in_bed', at - minutes * MINUTE, at),
    usual: unknown,
  };
}

const comfort = (celsius: number) => Math.max(0, 22 - celsius, celsius - 24);

/** All features in the order of the vector. A change here needs a newly trained model: the model keeps the names it was trained with. */
export const FEATURES: readonly Feature[] = [
  level('heart_rate', 'heart', 10),
  deviation('heart_rate', 'heart', 5),
  deviation('heart_rate', 'heart', 10),
  deviation('heart_rate', 'heart', 60),
  rise('heart_rate', 'heart'),
  deviation('pulse_rate', 'heart', 5),
  deviation('pulse_rate', 'heart', 10),
  deviation('pulse_rate', 'heart', 30),
  deviation('pulse_rate', 'heart', 60),
  rise('pulse_rate', 'heart'),
  deviation('pulse_moving', 'heart', 10),
  level('hrv_rmssd', 'variability', 60),
  deviation('hrv_rmssd', 'variability', 5),
  deviation('hrv_rmssd', 'variability', 10),
  deviation('hrv_rmssd', 'variability', 30),
  deviation('hrv_rmssd', 'variability', 60),
  rise('hrv_rmssd', 'variability'),
  deviation('hrv_moving', 'variability', 10),
  deviation('respiration_rate', 'respiration', 5),
  deviation('respiration_rate', 'respiration', 10),
  deviation('respiration_rate', 'respiration', 60),
  rise('respiration_rate', 'respiration'),
  deviation('skin_temperature', 'skin', 10),
  deviation('skin_temperature', 'skin', 60),
  rise('skin_temperature', 'skin'),
  level('movement', 'movement', 10),
  deviation('movement', 'movement', 5),
  deviation('movement', 'movement', 10),
  deviation('movement', 'movement', 60),
  rise('movement', 'movement'),
  {
    name: 'movement_night',
    unit: 'σ',
    group: 'movement',
    needs: ['bed'],
    value: (window, at) => nightFactor(at) * clip(window.deviation('movement', at - HOUR, at, at), -8, 8),
    usual: none,
  },
  inBed(10),
  inBed(60),
  count('exits', 'bed_exits', 'exits', 30),
  count('exits', 'bed_exits', 'exits', 60),
  count('exits', 'bed_exits', 'exits', 180),
  more('exits', 'bed_exits', 'exits'),
  {
    name: 'out_of_bed_night_60',
    unit: 'min',
    group: 'awake',
    needs: ['bed'],
    value: (window, at) => nightFactor(at) * 60 * (1 - window.mean('bed', 'in_bed', at - HOUR, at)),
    usual: none,
  },
  count('door', 'door_openings', 'door', 10),
  count('door', 'door_openings', 'door', 30),
  count('door', 'door_openings', 'door', 60),
  more('door', 'door_openings', 'door'),
  count('toilet', 'toilet_visits', 'toilet', 60),
  count('toilet', 'toilet_visits', 'toilet', 180),
  more('toilet', 'toilet_visits', 'toilet'),
  deviation('steps', 'steps', 5),
  deviation('steps', 'steps', 10),
  deviation('steps', 'steps', 60),
  above('steps', 'steps', 5, 10),
  above('steps', 'steps', 5, 30),
  {
    name: 'steps_night_60',
    unit: '/min',
    group: 'steps',
    needs: ['wrist'],
    value: (window, at) => nightFactor(at) * Math.min(60, window.mean('wrist', 'steps', at - HOUR, at)),
    usual: none,
  },
  level('sound_level', 'sound', 10),
  deviation('sound_level', 'sound', 5),
  deviation('sound_level', 'sound', 10),
  deviation('sound_level', 'sound', 60),
  rise('sound_level', 'sound'),
  above('sound_level', 'sound', 8, 10),
  above('sound_level', 'sound', 8, 30),
  deviation('illuminance', 'light', 10),
  deviation('illuminance', 'light', 30),
  {
    name: 'light_night_30',
    unit: 'log lx',
    group: 'light',
    needs: ['room'],
    value: (window, at) => nightFactor(at) * window.channelMean('illuminance', at - 30 * MINUTE, at),
    usual: none,
  },
  {
    name: 'temperature_away_30',
    unit: 'Cel',
    group: 'temperature',
    needs: ['room'],
    value: (window, at) => clip(comfort(window.mean('room', 'temperature', at - 30 * MINUTE, at)), 0, 12),
    usual: none,
  },
  deviation('temperature', 'temperature', 60),
  level('co2', 'air', 30),
  deviation('co2', 'air', 30),
  clock('night', nightFactor),
  clock('hour_sin', at => Math.sin((localHour(at) / 12) * Math.PI)),
  clock('hour_cos', at => Math.cos((localHour(at) / 12) * Math.PI)),
  ...WATCHED_PROFILES.map(coverage),
  { name: 'history', unit: '/', group: null, needs: [], value: (window, at) => window.history(at) / 24, usual: unknown },
];

export const FEATURE_NAMES: readonly string[] = FEATURES.map(feature => feature.name);
const INDEX = new Map(FEATURE_NAMES.map((name, index) => [name, index]));
/** Index of a feature in the vector. @throws Error for a name that no feature has. */
export function featureIndex(name: string): number {
  const index = INDEX.get(name);
  if (index === undefined) throw new Error(`There is no feature ${name}`);
  return index;
}

/** What a model is given for one resident and minute. */
export interface FeatureVector {
  /** End of the window, ms; a full minute. Nothing at or after it was used. */
  at: number;
  /** `[FEATURES.length]`, NaN where unknown. */
  values: Float32Array;
  /** Same shape: the values if all were as usual for this person, NaN where unknown. */
  usual: Float32Array;
  /** Share of expected samples of the last half hour, weighted by profile, 0 … 1. */
  coverage: number;
  covered: Record<WatchedProfile, number>;
}

/** Span that decides whether there is enough to predict from, ms. */
export const COVERAGE_SPAN = 30 * MINUTE;
const FEWEST_COVERAGE = 0.5;

/** Whether there is enough to predict from: half of what is expected, and half of the bed's or the wrist's. */
export const enough = ({ coverage, covered }: Pick<FeatureVector, 'coverage' | 'covered'>): boolean =>
  coverage >= FEWEST_COVERAGE && Math.max(covered.bed, covered.wrist) >= FEWEST_COVERAGE;

/** The vector of a resident as of `time`, taken at the last full minute, so that it does not depend on a minute's later samples. */
export function featuresAt(window: ResidentWindow, time: number): FeatureVector {
  const at = Math.floor(time / MINUTE) * MINUTE;
  const values = new Float32Array(FEATURES.length);
  const usual = new Float32Array(FEATURES.length);
  const stuck = new Set((['bed', 'wrist', 'room'] as const).filter(profile => window.stuck(profile, at)));
  FEATURES.forEach((feature, index) => {
    const away = stuck.size > 0 && feature.needs.some(profile => stuck.has(profile as 'bed'));
    values[index] = away ? Number.NaN : feature.value(window, at);
    usual[index] = away || feature.group === null ? Number.NaN : feature.usual(window, at);
  });
  const covered = Object.fromEntries(
    WATCHED_PROFILES.map(profile => [profile, window.coverage(profile, at - COVERAGE_SPAN, at)]),
  ) as Record<WatchedProfile, number>;
  return { at, values, usual, coverage: window.overall(at - COVERAGE_SPAN, at), covered };
}
