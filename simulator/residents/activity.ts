// What the resident does: asleep, awake in bed, up in the room, out, on the toilet; and which doors that moves.
import type { Now } from './happenings.ts';
import type { Person } from './person.ts';
import type { Random } from './random.ts';
import { dayNumber, HOUR, MINUTE, SECOND, TICK } from './time.ts';

export type Activity = 'asleep' | 'in-bed' | 'room' | 'out' | 'toilet';

/** A contact that opened, closed or was touched; `time` in ms. */
export interface Change {
  contact: 'door' | 'toilet' | 'corridor';
  on: boolean;
  time: number;
}

/** Meals in the dining room: hour and minutes. */
const MEALS = [
  [7.5, 40],
  [12, 45],
  [18, 40],
] as const;

export class Behaviour {
  readonly #person: Person;
  readonly #random: Random;
  readonly #pending: Change[] = [];
  activity: Activity = 'asleep';
  /** Minutes awake or up in the running night. */
  awakeMinutes = 0;
  /** Hours awake in the last night beyond this person's usual. */
  poorNight = 0;
  #until = 0;
  #lastToilet = 0;
  #doorShuts = 0;
  #day = Number.NaN;
  #bedTime = 0;
  #wakeTime = 0;
  #wasNight = false;

  constructor(person: Person, random: Random) {
    this.#person = person;
    this.#random = random;
  }

  get inBed() {
    return this.activity === 'asleep' || this.activity === 'in-bed';
  }
  get inRoom() {
    return this.activity !== 'out';
  }

  isNight(hour: number) {
    return hour >= this.#bedTime || hour < this.#wakeTime;
  }

  /** One tick. `level` is the agitation. Returns the changes of contacts within the tick, in order of time. */
  step(time: number, hour: number, level: number, now: Now): Change[] {
    const random = this.#random;
    if (dayNumber(time) !== this.#day) this.#newDay(time);
    const night = this.isNight(hour);
    if (night && !this.inBedAsleep) this.awakeMinutes += TICK / MINUTE;
    if (this.#wasNight && !night) {
      this.poorNight = (this.awakeMinutes - 50) / 60;
      this.awakeMinutes = 0;
    }
    this.#wasNight = night;

    this.#stirred(time, night, level, now);
    if (time >= this.#until) this.#next(time, hour, night, now);
    const { signs, wanders } = this.#person;
    const openings =
      (wanders * (night ? 0.3 : 1) * (this.inBedAsleep ? 0 : 1) * TICK) / HOUR + 0.16 * level * signs.door * (this.inBed ? 0.25 : 1);
    if (this.activity !== 'out' && random.chance(openings)) {
      this.#openDoor(time, random.range(5, 40) * SECOND);
      if (random.chance(0.5)) this.#corridor(time);
    }
    if (now.carer) this.#openDoor(time, random.range(8, night ? 35 : 120) * SECOND);
    if (now.visitor && random.chance(0.01)) this.#openDoor(time, random.range(5, 30) * SECOND);

    this.#pending.sort((a, b) => a.time - b.time);
    const cut = this.#pending.findIndex(change => change.time >= time + TICK);
    return this.#pending.splice(0, cut < 0 ? this.#pending.length : cut);
  }

  get inBedAsleep() {
    return this.activity === 'asleep';
  }

  #newDay(time: number) {
    const first = Number.isNaN(this.#day);
    this.#day = dayNumber(time);
    this.#wakeTime = this.#person.wakes + this.#random.normal(0, 0.35);
    this.#bedTime = Math.min(23.5, this.#person.goesToBed + this.#random.normal(0, 0.35));
    if (first) {
      this.#lastToilet = time - this.#random.range(20, 120) * MINUTE;
      this.#until = time + this.#random.range(1, 30) * MINUTE;
    }
  }

  /** What breaks off the present activity before its time. */
  #stirred(time: number, night: boolean, level: number, now: Now) {
    const random = this.#random;
    const { signs } = this.#person;
    const loud = now.neighbour ? 0.01 : 0;
    if (this.activity === 'asleep' && random.chance(0.16 * level * signs.bed + loud))
      this.#enter('in-bed', time, random.range(2, 8) * MINUTE);
    else if (this.activity === 'in-bed' && random.chance(0.11 * level * signs.bed))
      this.#enter('room', time, random.exponential(4) * MINUTE + MINUTE);
    else if (this.activity === 'room' && random.chance(0.07 * level * signs.door)) {
      if (random.chance(night ? 0.35 : 0.6)) this.#enter('out', time, random.exponential(3) * MINUTE + MINUTE);
      else if (random.chance(0.5)) this.#enter('in-bed', time, random.exponential(3) * MINUTE + MINUTE);
    } else if (this.activity === 'out' && !now.exercise && random.chance(0.09 * level * signs.door))
      this.#enter('room', time, random.exponential(3) * MINUTE + MINUTE);
    if (now.exercise && this.activity !== 'out') this.#enter('out', time, 10 * MINUTE);
    else if (now.visitor && this.activity !== 'room' && !night && random.chance(0.2)) this.#enter('room', time, 15 * MINUTE);
  }

  #next(time: number, hour: number, night: boolean, now: Now) {
    const random = this.#random;
    const person = this.#person;
    const gap = (night ? person.toiletByNight : person.toiletByDay) / (night ? now.toiletNeed : 1);
    const need = (time - this.#lastToilet) / (gap * MINUTE);
    if (this.activity !== 'asleep' && this.activity !== 'toilet' && random.chance(Math.min(0.9, 0.5 * need ** 2))) {
      this.#lastToilet = time;
      this.#enter('toilet', time, random.range(2.5, 8) * MINUTE);
      return;
    }
    if (night) this.#nextByNight(time, need);
    else this.#nextByDay(time, hour, now);
  }

  #nextByNight(time: number, need: number) {
    const random = this.#random;
    const person = this.#person;
    if (this.activity === 'asleep') {
      this.#enter('in-bed', time, random.exponential(person.awakeBout) * MINUTE + MINUTE);
    } else if (this.activity === 'in-bed') {
      if (random.chance(need > 1 ? 0.3 : 0.04)) this.#enter('room', time, random.range(1, 7) * MINUTE);
      else this.#enter('asleep', time, random.exponential(person.sleepBout) * MINUTE + 5 * MINUTE);
    } else this.#enter('in-bed', time, random.range(3, 14) * MINUTE);
  }

  #nextByDay(time: number, hour: number, now: Now) {
    const random = this.#random;
    const person = this.#person;
    for (const [at, minutes] of MEALS) {
      if (hour >= at - 0.1 && hour < at + minutes / 90 && now.fever < 0.5 && random.chance(0.92)) {
        this.#enter('out', time, (at + minutes / 60 - hour) * HOUR + random.range(0, 8) * MINUTE);
        return;
      }
    }
    const toNextMeal = Math.min(...MEALS.map(([at]) => (at - hour > 0.2 ? (at - hour) * HOUR : Number.POSITIVE_INFINITY)));
    const nap = now.fever > 0.3 ? 0.6 : hour > 12.7 && hour < 15.5 ? person.naps * 0.6 : 0.06;
    const choice = random.uniform();
    if (choice < nap) {
      const asleep = this.activity === 'in-bed' && random.chance(0.7);
      this.#enter(asleep ? 'asleep' : 'in-bed', time, Math.min(toNextMeal, (asleep ? random.range(20, 70) : random.range(5, 25)) * MINUTE));
    } else if (choice < nap + (1 - nap) * person.sociable) this.#enter('out', time, Math.min(toNextMeal, random.range(15, 75) * MINUTE));
    else this.#enter('room', time, Math.min(toNextMeal, random.range(15, 60) * MINUTE));
  }

  #enter(activity: Activity, time: number, duration: number) {
    const before = this.activity;
    this.#until = time + Math.max(TICK, duration);
    if (before === activity) return;
    this.activity = activity;
    if (before === 'toilet') this.#pending.push({ contact: 'toilet', on: false, time: time + this.#random.range(0, 8) * SECOND });
    if (activity === 'toilet') this.#pending.push({ contact: 'toilet', on: true, time: time + this.#random.range(9, 28) * SECOND });
    if (before === 'out' || activity === 'out') {
      this.#openDoor(time, this.#random.range(4, 25) * SECOND);
      this.#corridor(time);
    }
  }

  #openDoor(time: number, duration: number) {
    const opens = time + this.#random.range(0, 15) * SECOND;
    if (opens < this.#doorShuts) return;
    this.#doorShuts = opens + duration;
    this.#pending.push({ contact: 'door', on: true, time: opens }, { contact: 'door', on: false, time: this.#doorShuts });
  }

  #corridor(time: number) {
    const from = time + this.#random.range(2, 20) * SECOND;
    this.#pending.push(
      { contact: 'corridor', on: true, time: from },
      { contact: 'corridor', on: false, time: from + this.#random.range(8, 60) * SECOND },
    );
  }
}
