// The room's air, light and sound, from the building, the resident and what happens.
import type { Behaviour } from './activity.ts';
import type { Building } from './building.ts';
import type { Now } from './happenings.ts';
import type { Person } from './person.ts';
import type { Random } from './random.ts';
import { HOUR, TICK } from './time.ts';

/** Degrees Celsius, %RH, lux, dB, ppm, hPa. */
export interface RoomReadings {
  temperature: number;
  humidity: number;
  illuminance: number;
  sound_level: number;
  co2: number;
  pressure: number;
}

export class Room {
  readonly #person: Person;
  readonly #building: Building;
  readonly #random: Random;
  readonly #wanted: number;
  readonly #window: number;
  readonly #moisture: number;
  temperature: number;
  #heating = 0;
  #co2 = 650;
  #lamp = false;
  #television = false;

  constructor(person: Person, building: Building, random: Random) {
    this.#person = person;
    this.#building = building;
    this.#random = random;
    this.#wanted = random.normal(23.2, 0.9);
    this.#window = random.range(0.4, 1.6);
    this.#moisture = random.normal(48, 5);
    this.temperature = this.#wanted;
  }

  /** One tick of the air and of the lamp. */
  step(time: number, behaviour: Behaviour, level: number, now: Now, night: boolean, doorOpen: boolean): void {
    const random = this.#random;
    const people = (behaviour.inRoom ? 1 : 0) + (now.visitor ? 1.5 : 0);
    const effort = behaviour.inBed ? 0.75 : 1 + 0.4 * level;
    const exchange = (this.#building.ventilation + (doorOpen ? 3 : 0)) * (TICK / HOUR);
    this.#co2 += people * effort * 3.4 - exchange * (this.#co2 - 440);

    // The heating wanders about its set point over hours: some evenings the room is too warm or too cold.
    this.#heating += -this.#heating * 0.002 + random.normal(0, 0.06);
    const outdoors = this.#building.outdoors(time);
    const target = this.#wanted + 0.8 * this.#heating + this.#building.leak * (outdoors - this.#wanted) + 0.25 * people;
    this.temperature += (target - this.temperature) * 0.012;

    const awake = behaviour.activity !== 'asleep';
    if (!behaviour.inRoom) this.#lamp = this.#lamp && !random.chance(0.2);
    else if (night) {
      const up = behaviour.activity === 'room' || behaviour.activity === 'toilet';
      if (this.#lamp) this.#lamp = !random.chance(awake ? 0.03 + 0.15 * Number(!up) : 0.3);
      else this.#lamp = awake && random.chance((up ? 0.25 : 0.004) + 0.08 * level * this.#person.signs.light);
    } else if (awake) {
      const dark = this.#building.daylight(time) < 0.25;
      this.#lamp = this.#lamp
        ? !random.chance(dark ? 0.005 : 0.1)
        : random.chance(dark ? 0.3 : 0.02 + 0.05 * level * this.#person.signs.light);
    }
    if (this.#television) this.#television = behaviour.inRoom && !night && !random.chance(0.012);
    else this.#television = behaviour.activity === 'room' && !night && random.chance(0.012 * this.#person.television);
  }

  read(time: number, behaviour: Behaviour, level: number, now: Now, doorOpen: boolean): RoomReadings {
    const random = this.#random;
    const { sensors, quiet, daylight, pressure } = this.#building;
    const outdoors = this.#building.outdoors(time);
    const day = daylight(time);
    const light =
      (1800 * day * day * this.#window * 0.35 + (this.#lamp ? 190 : 0) + 0.6) * Math.exp(random.normal(0, 0.12)) * sensors.light;
    let sound = quiet + 7 * Math.min(1, day * 3) + random.normal(0, 1.8);
    if (behaviour.inRoom) {
      if (behaviour.activity === 'room') sound += 4;
      if (behaviour.activity === 'toilet') sound += 7;
      if (behaviour.activity === 'asleep' && random.chance(0.15)) sound += random.range(2, 9);
      if (this.#television) sound += 11 + random.normal(0, 2);
      const speaks = Math.min(1, 0.5 * Number(level > 0.05) + 0.5 * level);
      if (random.chance(speaks)) sound += 14 * level * this.#person.signs.sound * random.range(0.5, 1.4);
    }
    if (now.visitor) sound += 9 + random.normal(0, 3);
    if (now.neighbour) sound += 8 + random.normal(0, 3);
    if (doorOpen) sound += 3;
    if (random.chance(0.02)) sound += random.range(5, 18);
    return {
      temperature: this.temperature + sensors.temperature + random.normal(0, 0.06),
      humidity: Math.min(95, Math.max(12, this.#moisture + 0.9 * (outdoors - 15) - 1.5 * (this.temperature - 23) + random.normal(0, 0.4))),
      illuminance: Math.max(0, light),
      sound_level: Math.max(22, sound + sensors.sound),
      co2: Math.max(380, this.#co2 + random.normal(0, 8)),
      pressure: pressure(time) + random.normal(0, 0.08),
    };
  }
}
