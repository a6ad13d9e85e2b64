// One resident in story time: every tick of 30 s the day goes on, and the devices of the room yield what they read.
import { type Activity, Behaviour, type Change } from './activity.ts';
import { Agitation, type Episode } from './agitation.ts';
import { Body } from './body.ts';
import type { Building } from './building.ts';
import { Happenings } from './happenings.ts';
import { MEASURED, Measured, type MeasuredProfile } from './measured.ts';
import { drawPerson, type Person } from './person.ts';
import { Random } from './random.ts';
import { Room } from './room.ts';
import { dayNumber, hourOfDay, MINUTE, TICK } from './time.ts';

type WatchingProfile = 'bed' | 'wrist' | 'room' | 'door' | 'toilet';
export type ResidentProfile = WatchingProfile | MeasuredProfile;
/** Devices that a resident may have. The first five always read; the others where `ResidentOptions.measured` names them. */
export const RESIDENT_PROFILES: readonly ResidentProfile[] = ['bed', 'wrist', 'room', 'door', 'toilet', ...MEASURED];

/** What one device read at one time; quantities and units of `devices/profiles`, booleans as 0 or 1. */
export interface Sample {
  profile: ResidentProfile;
  /** Milliseconds since 1970, story time. */
  time: number;
  values: Record<string, number>;
}

export interface Tick {
  /** Start of the tick, a multiple of 30 s. */
  time: number;
  /** In order of time, all within the tick. */
  samples: Sample[];
  /** The resident is seen in the corridor, or no longer. */
  corridor: { on: boolean; time: number }[];
  /** An episode's prodrome begins in this tick; upsets that subside are none. */
  rises: Episode | null;
  /** An episode's onset lies in this tick. */
  begins: Episode | null;
  /** 0 calm … about 1.2; what no sensor sees. For tests and for the facility's progress lines. */
  agitation: number;
  activity: Activity;
}

export interface ResidentOptions {
  seed: string | number;
  building: Building;
  /** Milliseconds since 1970; rounded down to a tick. */
  start: number;
  /** Episodes that come for certain. */
  forced?: Episode[];
  /** Whether others come by themselves. Default true. */
  spontaneous?: boolean;
  /** What is measured now and then and what calls for help. Default: none. The other devices read the same in any case. */
  measured?: Iterable<MeasuredProfile>;
}

const round = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

export class ResidentSimulation {
  readonly person: Person;
  readonly #behaviour: Behaviour;
  readonly #agitation: Agitation;
  readonly #happenings: Happenings;
  readonly #room: Room;
  readonly #body: Body;
  readonly #sensors: Random;
  readonly #measured: Measured | null;
  readonly #phase: Record<WatchingProfile, number>;
  #time: number;
  #day = Number.NaN;
  #open = false;
  #occupied = false;
  /** While the wrist sensor is being charged, ms. */
  #charge = { from: 0, to: 0 };
  /** Until when a device is silent, ms. */
  #silent: Record<'bed' | 'wrist' | 'room', number> = { bed: 0, wrist: 0, room: 0 };

  constructor({ seed, building, start, forced = [], spontaneous = true, measured = [] }: ResidentOptions) {
    const stream = (name: string) => new Random(`${name} ${seed}`);
    this.person = drawPerson(stream('person'));
    this.#behaviour = new Behaviour(this.person, stream('behaviour'));
    this.#agitation = new Agitation(this.person, stream('agitation'), forced, spontaneous);
    this.#happenings = new Happenings(stream('happenings'), building);
    this.#room = new Room(this.person, building, stream('room'));
    this.#body = new Body(this.person, building, stream('body'));
    this.#sensors = stream('sensors');
    this.#time = Math.floor(start / TICK) * TICK;
    const devices = [...measured];
    this.#measured = devices.length ? new Measured(seed, devices, this.#time) : null;
    const phase = () => Math.floor(this.#sensors.range(0, TICK - 1));
    this.#phase = { bed: phase(), wrist: phase(), room: phase(), door: phase(), toilet: phase() };
  }

  /** Start of the next tick, ms. */
  get time() {
    return this.#time;
  }

  /** Adds an episode that comes for certain; its prodrome should lie ahead. */
  force(episode: Episode): void {
    this.#agitation.force(episode);
  }

  /** Lets 30 seconds of the story pass. */
  tick(): Tick {
    const time = this.#time;
    this.#time += TICK;
    const hour = hourOfDay(time);
    if (dayNumber(time) !== this.#day) this.#newDay(time);
    const now = this.#happenings.at(time, TICK);
    const behaviour = this.#behaviour;
    const { level, rises, begins } = this.#agitation.step(time, hour, {
      roomTemperature: this.#room.temperature,
      poorNight: behaviour.poorNight,
    });
    const changes = behaviour.step(time, hour, level, now);
    const samples: Sample[] = [];
    for (const change of changes) this.#contact(change, samples);
    this.#room.step(time, behaviour, level, now, behaviour.isNight(hour), this.#open);
    this.#body.step(hour, behaviour.activity, level, now);
    this.#read(time, level, now, samples);
    if (this.#measured) {
      const { activity } = behaviour;
      const night = behaviour.isNight(hour);
      samples.push(...this.#measured.step(time, { activity, level, now, heartRate: this.#body.heartRate, night }));
    }
    samples.sort((a, b) => a.time - b.time);
    const corridor = changes.filter(change => change.contact === 'corridor').map(({ on, time }) => ({ on, time: Math.round(time) }));
    return { time, samples, corridor, rises, begins, agitation: level, activity: behaviour.activity };
  }

  #newDay(time: number) {
    this.#day = dayNumber(time);
    this.#body.newDay();
    // The wrist sensor is taken off to charge; now and then a device is silent for a while.
    const sensors = this.#sensors;
    const hours = this.person.charges + sensors.normal(0, 0.7) - hourOfDay(time);
    if (hours > 0) this.#charge = { from: time + hours * 60 * MINUTE, to: time + (hours * 60 + sensors.range(30, 80)) * MINUTE };
  }

  #contact({ contact, on, time }: Change, samples: Sample[]) {
    if (contact === 'door') {
      this.#open = on;
      samples.push({ profile: 'door', time: Math.round(time), values: { open: Number(on) } });
    } else if (contact === 'toilet') {
      this.#occupied = on;
      samples.push({ profile: 'toilet', time: Math.round(time), values: { occupied: Number(on) } });
    }
  }

  #read(time: number, level: number, now: ReturnType<Happenings['at']>, samples: Sample[]) {
    const { activity, inBed } = this.#behaviour;
    const push = (profile: WatchingProfile, values: Record<string, number>) =>
      samples.push({ profile, time: time + this.#phase[profile], values });
    if (this.#speaks('bed', time)) {
      const reading = this.#body.bed(activity, level, now);
      push(
        'bed',
        inBed
          ? {
              heart_rate: round(reading.heart_rate, 1),
              respiration_rate: round(Math.max(5, reading.respiration_rate), 1),
              movement: round(reading.movement, 3),
              in_bed: 1,
            }
          : { movement: 0, in_bed: 0 },
      );
    }
    if ((time / TICK) % 2 === 0) {
      const charging = time >= this.#charge.from && time < this.#charge.to;
      if (charging) this.#body.steps = 0;
      else if (this.#speaks('wrist', time)) {
        const reading = this.#body.wrist(activity, level, now);
        push('wrist', {
          pulse_rate: round(reading.pulse_rate, 1),
          hrv_rmssd: round(Math.max(3, reading.hrv_rmssd), 1),
          skin_temperature: round(reading.skin_temperature, 2),
          steps: reading.steps,
        });
      }
      if (this.#speaks('room', time)) {
        const reading = this.#room.read(time, this.#behaviour, level, now, this.#open);
        push('room', {
          temperature: round(reading.temperature, 2),
          humidity: round(reading.humidity, 1),
          illuminance: round(reading.illuminance, 1),
          sound_level: round(reading.sound_level, 1),
          co2: Math.round(reading.co2),
          pressure: round(reading.pressure, 1),
        });
      }
    }
    // Contacts repeat their state every 10 minutes, unless they have just changed.
    if ((time / TICK) % 20 === 0) {
      if (!samples.some(({ profile }) => profile === 'door')) push('door', { open: Number(this.#open) });
      if (!samples.some(({ profile }) => profile === 'toilet')) push('toilet', { occupied: Number(this.#occupied) });
    }
  }

  #speaks(device: 'bed' | 'wrist' | 'room', time: number): boolean {
    if (time < this.#silent[device]) return false;
    if (this.#sensors.chance(0.00008)) this.#silent[device] = time + this.#sensors.exponential(12) * MINUTE;
    return true;
  }
}
