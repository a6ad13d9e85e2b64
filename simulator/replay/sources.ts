// What a row of a recording means: which device would have sent it, and its values in that device's units. Tables for TIHM (Palermo et al. 2023,
// doi 10.1038/s41597-023-02519-y); another recording in the same columns needs only more lines here.
import { HPA_PER_MMHG, MINUTE, SECOND } from '../residents/index.ts';

/** A device of a home, by what it is: `kitchen`, `blood-pressure`. */
export interface SensorKind {
  sensor: string;
  profile: string;
}
/** A motion sensor, door or appliance says only that something began. `hold`: after so many ms without another row the device says that it is over. */
export interface Event extends SensorKind {
  quantity: string;
  hold: number;
}
/** One column or row of numbers: quantity of the profile, in its SenML unit. */
export interface Measure extends SensorKind {
  quantity: string;
  /** As the recording writes it; another unit is refused, never guessed. */
  unit: string;
  factor: number;
}

const presence = (sensor: string): Event => ({ sensor, profile: 'presence', quantity: 'present', hold: MINUTE });
const door = (sensor: string): Event => ({ sensor, profile: 'door', quantity: 'open', hold: 10 * SECOND });
const appliance = (sensor: string): Event => ({ sensor, profile: 'appliance', quantity: 'used', hold: 30 * SECOND });

/** `location_name` of Activity.csv, in lower case. */
export const PLACES: ReadonlyMap<string, Event> = new Map([
  ['hallway', presence('hallway')],
  ['bathroom', presence('bathroom')],
  ['bedroom', presence('bedroom')],
  ['kitchen', presence('kitchen')],
  ['lounge', presence('lounge')],
  ['dining room', presence('dining-room')],
  ['study', presence('study')],
  ['front door', door('front-door')],
  ['back door', door('back-door')],
  ['fridge door', appliance('fridge')],
  ['fridge', appliance('fridge')],
  ['kettle', appliance('kettle')],
  ['microwave', appliance('microwave')],
  ['oven', appliance('oven')],
]);

const measure = (profile: string, quantity: string, unit: string, factor = 1): Measure => ({
  sensor: profile,
  profile,
  quantity,
  unit,
  factor,
});

/** `device_type` of Physiology.csv, in lower case. */
export const MEASURES: ReadonlyMap<string, Measure> = new Map([
  ['systolic blood pressure', measure('blood-pressure', 'systolic', 'mm[hg]', HPA_PER_MMHG)],
  ['diastolic blood pressure', measure('blood-pressure', 'diastolic', 'mm[hg]', HPA_PER_MMHG)],
  // The cuff of the blood pressure meter counts the pulse: the rows come in threes.
  ['heart rate', measure('blood-pressure', 'pulse_rate', 'beats/min')],
  ['body temperature', measure('thermometer', 'body_temperature', 'cel')],
  ['skin temperature', measure('skin-thermometer', 'skin_temperature', 'cel')],
  ['body weight', measure('scale', 'body_weight', 'kg')],
  ['o/e - muscle mass', measure('body-composition', 'muscle_mass', 'kg')],
  ['total body water', measure('body-composition', 'body_water', '%')],
]);

export const SLEEP: SensorKind = { sensor: 'bed', profile: 'bed' };
/** States of Sleep.csv: a minute on the mat. */
export const SLEEP_STATES: ReadonlySet<string> = new Set(['awake', 'light', 'deep', 'rem']);

/** `2019-04-01 00:05:46` or with a T, as ms of a clock that is taken for UTC: the time of day is all that counts. NaN for what is no time. */
export function localTimeOf(text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d+)?$/.exec(text);
  if (!match) return Number.NaN;
  const time = Date.parse(`${match[1]}T${match[2]}Z`);
  // Date.parse takes 31 April for 1 May.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== match[1] ? Number.NaN : time;
}
