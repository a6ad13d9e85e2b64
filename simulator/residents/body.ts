// Heart, breath, skin and movement of the resident, as bed and wrist sensors read them.
import type { Activity } from './activity.ts';
import type { Building } from './building.ts';
import type { Now } from './happenings.ts';
import type { Person } from './person.ts';
import type { Random } from './random.ts';

/** Beats a minute above sleep, per activity. */
const EFFORT: Record<Activity, number> = { asleep: -3, 'in-bed': 1, room: 6, out: 10, toilet: 9 };
/** Share of 30 s spans with walking, and steps in such a span. */
const WALKING: Record<Activity, [number, number, number]> = {
  asleep: [0, 0, 0],
  'in-bed': [0, 0, 0],
  room: [0.08, 2, 12],
  out: [0.14, 5, 35],
  toilet: [0.25, 3, 10],
};

export class Body {
  readonly #person: Person;
  readonly #random: Random;
  readonly #building: Building;
  #heart: number;
  #wander = 0;
  #hrvWander = 0;
  #skin: number;
  #dayOffset = 0;
  /** Steps since the wrist sensor last sent. */
  steps = 0;

  constructor(person: Person, building: Building, random: Random) {
    this.#person = person;
    this.#building = building;
    this.#random = random;
    this.#heart = person.restingHeartRate;
    this.#skin = person.skinTemperature;
  }

  /** A new day has its own form. */
  newDay() {
    this.#dayOffset = this.#random.normal(0, 2);
  }

  step(hour: number, activity: Activity, level: number, now: Now): void {
    const random = this.#random;
    const { signs, restingHeartRate, walks, skinTemperature } = this.#person;
    const rhythm = 2.5 * Math.cos((2 * Math.PI * (hour - 16)) / 24);
    this.#wander = 0.93 * this.#wander + random.normal(0, 0.85);
    this.#hrvWander = 0.93 * this.#hrvWander + random.normal(0, 0.07);
    const [share, fewest, most] = WALKING[activity];
    const pacing = activity === 'room' || activity === 'out' ? 0.6 * level * signs.movement : 0;
    let walking = 0;
    if (now.exercise && activity === 'out') walking = random.range(15, 45);
    else if (random.chance(Math.min(0.9, share * walks * 2 + pacing))) walking = random.range(fewest, most);
    this.steps += Math.round(walking);
    const target =
      restingHeartRate +
      this.#dayOffset +
      rhythm +
      EFFORT[activity] +
      0.35 * walking +
      19 * level * signs.heart +
      13 * now.fever +
      (now.exercise && activity === 'out' ? 10 : 0) +
      (now.visitor && activity === 'room' ? 3 : 0);
    this.#heart += (target - this.#heart) * 0.22;
    const skinTarget =
      skinTemperature +
      1.3 * now.fever -
      0.5 * level +
      (activity === 'asleep' ? 0.6 : 0) -
      0.25 * Math.cos((2 * Math.PI * (hour - 16)) / 24);
    this.#skin += (skinTarget - this.#skin) * 0.03;
  }

  /** Heart rate as the body has it, bpm; sensors add their own noise. */
  get heartRate() {
    return this.#heart + this.#wander;
  }

  bed(activity: Activity, level: number, now: Now): { heart_rate: number; respiration_rate: number; movement: number } {
    const random = this.#random;
    const { signs, restless, restingRespiration } = this.#person;
    const asleep = activity === 'asleep';
    let movement = Math.abs(random.normal(0, asleep ? 0.012 : 0.05)) + (asleep ? 0.01 : 0.05);
    if (random.chance((asleep ? 0.035 : 0.16) * restless + 0.25 * level * signs.movement)) movement += random.range(0.08, 0.5);
    movement += (0.16 * level * signs.movement + 0.06 * now.fever) * random.range(0.4, 1.4);
    return {
      heart_rate: this.heartRate + random.normal(0, 1.1),
      respiration_rate:
        restingRespiration +
        (asleep ? -1 : 0.8) +
        0.05 * (this.#wander + this.#dayOffset) +
        4 * level * signs.respiration +
        3 * now.fever +
        random.normal(0, 0.8),
      movement: Math.min(1, Math.max(0, movement * this.#building.sensors.movement)),
    };
  }

  /** Reads and resets the steps. */
  wrist(activity: Activity, level: number, now: Now): { pulse_rate: number; hrv_rmssd: number; skin_temperature: number; steps: number } {
    const random = this.#random;
    const { signs, restingHrv } = this.#person;
    const asleep = activity === 'asleep' ? 0.15 : activity === 'in-bed' ? 0 : -0.2;
    const burden = 0.85 * level * signs.hrv + 0.25 * now.fever + Math.min(0.5, this.steps / 120);
    const steps = Math.min(400, this.steps);
    this.steps = 0;
    return {
      pulse_rate: this.heartRate + random.normal(0, 1.6),
      hrv_rmssd: restingHrv * Math.exp(asleep - burden + this.#hrvWander + random.normal(0, 0.13)) * this.#building.sensors.hrv,
      skin_temperature: this.#skin + random.normal(0, 0.07),
      steps,
    };
  }
}
