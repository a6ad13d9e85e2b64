// What is measured now and then, and what calls for help: blood pressure, temperature, oxygen, weight, call button, falls.
// It has random streams of its own and looks at the resident without changing anything: the other devices read the same with and without it.
import type { Activity } from './activity.ts';
import type { Now } from './happenings.ts';
import { Random } from './random.ts';
import { DAY, dayNumber, HOUR, hourOfDay, MINUTE, TICK } from './time.ts';

export const MEASURED = ['blood-pressure', 'thermometer', 'spo2', 'scale', 'call-button', 'fall'] as const;
export type MeasuredProfile = (typeof MEASURED)[number];

/** What the resident is like in this tick. */
export interface Moment {
  activity: Activity;
  /** Agitation, 0 … 1.2. */
  level: number;
  now: Now;
  /** bpm */
  heartRate: number;
  night: boolean;
}

/** Quantities and units of `devices/profiles`; booleans as 0 or 1. */
export interface Measurement {
  profile: MeasuredProfile;
  /** ms */
  time: number;
  values: Record<string, number>;
}

/** hPa in one mmHg: SenML has no mmHg. */
export const HPA_PER_MMHG = 1.33322;
const round = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;
const within = (low: number, value: number, high: number) => Math.min(high, Math.max(low, value));

/** One resident's own values. */
function drawFrame(random: Random) {
  return {
    /** mmHg in the afternoon at rest. */
    systolic: random.normal(131, 13),
    diastolic: random.normal(75, 7),
    /** mmHg more in the two hours after waking (the morning surge). */
    surge: random.range(4, 20),
    /** °C at 17 h, and half the swing of the day. */
    temperature: random.normal(36.45, 0.18),
    swing: random.range(0.15, 0.35),
    /** % awake; how deep and how often it dips asleep. */
    oxygen: within(92.5, random.normal(96.6, 1), 99),
    apnoea: random.chance(0.3) ? random.range(0.2, 0.6) : random.range(0.01, 0.1),
    /** kg, %; drift in kg a day. */
    weight: within(32, random.normal(53, 9), 95),
    fat: within(10, random.normal(27, 6), 45),
    drift: random.normal(-0.004, 0.012),
    /** Calls a day without a cause, and how likely a cause is one to call for, 0 … 1. */
    calls: random.exponential(1.2),
    asks: random.range(0.05, 0.8),
    /** Factor on the risk of falling. */
    unsteady: Math.exp(random.normal(0, 0.6)),
    /** Hours at which measurements are taken. */
    morning: random.range(6.8, 8.4),
    evening: random.range(16.2, 18.5),
    bathDay: Math.floor(random.range(0, 7)),
  };
}

/** Contacts that speak at a change and every 600 s. */
interface Alarm {
  on: boolean;
  /** ms until which it stays on. */
  until: number;
  /** %, at the first tick. */
  charge: number;
  phase: number;
}

export class Measured {
  readonly #profiles: ReadonlySet<MeasuredProfile>;
  readonly #frame: ReturnType<typeof drawFrame>;
  readonly #random: Record<MeasuredProfile, Random>;
  readonly #began: number;
  readonly #alarms: Record<'call-button' | 'fall', Alarm>;
  #day = Number.NaN;
  /** Times of the day's measurements, in order, and what they are. */
  #planned: { time: number; profile: MeasuredProfile }[] = [];
  #dip = 0;
  #before: Activity | null = null;
  /** ms of the next call that something has caused; Infinity: none. */
  #callAt = Number.POSITIVE_INFINITY;

  constructor(seed: string | number, profiles: Iterable<MeasuredProfile>, start: number) {
    this.#profiles = new Set(profiles);
    this.#frame = drawFrame(new Random(`frame ${seed}`));
    const stream = (profile: MeasuredProfile) => new Random(`${profile} ${seed}`);
    this.#random = {
      'blood-pressure': stream('blood-pressure'),
      thermometer: stream('thermometer'),
      spo2: stream('spo2'),
      scale: stream('scale'),
      'call-button': stream('call-button'),
      fall: stream('fall'),
    };
    this.#began = start;
    const alarm = (profile: 'call-button' | 'fall'): Alarm => {
      const random = this.#random[profile];
      return { on: false, until: 0, charge: random.range(35, 100), phase: Math.floor(random.range(0, TICK - 1)) };
    };
    this.#alarms = { 'call-button': alarm('call-button'), fall: alarm('fall') };
  }

  /** What is measured and sent in the tick from `time` on. A fall is noticed even where only the call button is there: people call then. */
  step(time: number, moment: Moment): Measurement[] {
    if (dayNumber(time) !== this.#day) this.#plan(time);
    const made: Measurement[] = [];
    while (this.#planned.length && this.#planned[0]!.time < time + TICK) {
      const { time: at, profile } = this.#planned.shift()!;
      if (at >= time) made.push({ profile, time: Math.round(at), values: this.#measure(profile, at, moment) });
    }
    this.#oxygenByNight(time, moment, made);
    const fell = this.#falls(time, moment);
    this.#calls(time, moment, fell);
    for (const profile of ['call-button', 'fall'] as const) this.#tell(profile, time, made);
    this.#before = moment.activity;
    return made.filter(({ profile }) => this.#profiles.has(profile));
  }

  #plan(time: number) {
    this.#day = dayNumber(time);
    const midnight = this.#day * DAY - 9 * HOUR;
    const { morning, evening, bathDay } = this.#frame;
    this.#planned = [];
    const plan = (profile: MeasuredProfile, hour: number, spread: number) =>
      this.#planned.push({ profile, time: midnight + hour * HOUR + this.#random[profile].range(-spread, spread) * MINUTE });
    plan('blood-pressure', morning, 20);
    plan('blood-pressure', evening, 25);
    plan('thermometer', morning, 20);
    plan('thermometer', evening, 25);
    for (const hour of [morning, 12.9, evening]) plan('spo2', hour, 20);
    // Weighed before the bath, twice a week.
    if (this.#day % 7 === bathDay || this.#day % 7 === (bathDay + 3) % 7) plan('scale', 10.2, 40);
    this.#planned.sort((a, b) => a.time - b.time);
  }

  #measure(profile: MeasuredProfile, time: number, moment: Moment): Record<string, number> {
    const random = this.#random[profile];
    const frame = this.#frame;
    const { now, level, heartRate } = moment;
    const hour = hourOfDay(time);
    const pulse = round(within(35, heartRate + random.normal(0, 2), 180), 0);
    if (profile === 'thermometer') {
      const rhythm = frame.swing * Math.cos((2 * Math.PI * (hour - 17)) / 24);
      return { body_temperature: round(within(34.5, frame.temperature + rhythm + 2.1 * now.fever + random.normal(0, 0.1), 41), 1) };
    }
    if (profile === 'spo2') return { spo2: this.#oxygen(random, moment, 0), pulse_rate: pulse };
    if (profile === 'scale') {
      const days = (time - this.#began) / DAY;
      return {
        body_weight: round(frame.weight + frame.drift * days + random.normal(0, 0.35), 1),
        body_fat: round(within(5, frame.fat + random.normal(0, 0.5), 55), 1),
      };
    }
    // Blood pressure is highest in the hours after waking and dips by night (the cuff is not used then).
    const surge = frame.surge * Math.exp(-(((hour - 7.5) / 2.2) ** 2));
    const upset = 16 * Math.min(1, level) - 6 * now.fever;
    const systolic = within(85, frame.systolic + surge + upset + random.normal(0, 6), 220);
    const diastolic = within(45, Math.min(systolic - 18, frame.diastolic + 0.5 * surge + 0.4 * upset + random.normal(0, 4)), 120);
    return {
      systolic: round(Math.round(systolic) * HPA_PER_MMHG, 3),
      diastolic: round(Math.round(diastolic) * HPA_PER_MMHG, 3),
      pulse_rate: pulse,
    };
  }

  /** %, a whole number as such devices show it. */
  #oxygen(random: Random, { now }: Moment, dip: number) {
    return Math.round(within(70, this.#frame.oxygen - 2.5 * now.fever - dip + random.normal(0, 0.6), 100));
  }

  /** The finger sensor stays on in bed by night and says every five minutes what it reads; asleep, oxygen dips for some minutes. */
  #oxygenByNight(time: number, moment: Moment, made: Measurement[]) {
    const random = this.#random.spo2;
    const starts = random.chance((this.#frame.apnoea * TICK) / (10 * MINUTE));
    const depth = random.range(2, 9);
    this.#dip = moment.activity === 'asleep' ? (starts ? Math.max(this.#dip, depth) : this.#dip * 0.93) : 0;
    const inBed = moment.activity === 'asleep' || moment.activity === 'in-bed';
    if (!moment.night || !inBed || (time / TICK) % 10 !== 0) return;
    const values = {
      spo2: this.#oxygen(random, moment, this.#dip + (moment.activity === 'asleep' ? 1 : 0)),
      pulse_rate: round(within(35, moment.heartRate + random.normal(0, 1.5), 180), 0),
    };
    made.push({ profile: 'spo2', time: time + 4000, values });
  }

  /** About two falls a resident and year (as care homes report), most of them on the way to the toilet by night or in agitation. */
  #falls(time: number, { activity, level, night, now }: Moment): boolean {
    const random = this.#random.fall;
    const up = activity !== 'asleep' && activity !== 'in-bed';
    const toNight = night && up ? 12 : 1;
    const hourly = up ? 0.00007 * this.#frame.unsteady * toNight * (1 + 25 * level) * (1 + now.fever) : 0;
    const fell = random.chance((hourly * TICK) / HOUR);
    const lies = random.range(2, 15) * MINUTE;
    const alarm = this.#alarms.fall;
    if (!fell || alarm.on) return false;
    this.#turn('fall', true, time + lies);
    return true;
  }

  /** Calls have a need: the toilet by night, unrest, fever, a fall; some come without one. */
  #calls(time: number, { activity, level, night, now }: Moment, fell: boolean) {
    const random = this.#random['call-button'];
    const { calls, asks } = this.#frame;
    const awake = activity !== 'asleep' && activity !== 'out';
    const hourly = awake ? calls / 14 + 0.5 * asks * level + 0.15 * asks * now.fever : 0;
    const own = random.chance((hourly * TICK) / HOUR);
    const helped = random.chance(asks * (night ? 0.5 : 0.12));
    const delay = random.range(0.2, 2) * MINUTE;
    const answered = random.range(1, 7) * MINUTE;
    const toToilet = activity === 'toilet' && this.#before !== 'toilet' && this.#before !== null;
    if (fell || own || (toToilet && helped)) this.#callAt = Math.min(this.#callAt, time + (own ? 0 : delay));
    if (time < this.#callAt) return;
    this.#callAt = Number.POSITIVE_INFINITY;
    if (!this.#alarms['call-button'].on) this.#turn('call-button', true, time + answered);
  }

  #turn(profile: 'call-button' | 'fall', on: boolean, until: number) {
    this.#alarms[profile].on = on;
    this.#alarms[profile].until = until;
    this.#changed.add(profile);
  }
  readonly #changed = new Set<'call-button' | 'fall'>();

  #tell(profile: 'call-button' | 'fall', time: number, made: Measurement[]) {
    const alarm = this.#alarms[profile];
    const quantity = profile === 'fall' ? 'fallen' : 'pressed';
    if (alarm.on && time >= alarm.until) this.#turn(profile, false, 0);
    const changed = this.#changed.delete(profile);
    if (!changed && (time / TICK) % 20 !== 0) return;
    // A button cell lasts some eight months, and is changed when nearly empty.
    const battery = 5 + ((((alarm.charge - 5 - (0.4 * (time - this.#began)) / DAY) % 95) + 95) % 95);
    made.push({ profile, time: time + alarm.phase, values: { [quantity]: Number(alarm.on), battery: Math.round(battery) } });
  }
}
