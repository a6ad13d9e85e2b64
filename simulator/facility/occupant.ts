// One resident of the facility: turns what the story yields into samples of wall time, one per device and interval, however fast the story runs.
import { type ResidentProfile, type ResidentSimulation, type Sample, TICK, type Tick } from '../residents/index.ts';
import type { StoryClock } from './clock.ts';

export interface Span {
  /** Samples with wall times, in order. */
  samples: Sample[];
  /** Seen in the corridor, or no longer; wall times. */
  corridor: { on: boolean; time: number }[];
  /** Wall times. */
  prodrome: number | null;
  onset: number | null;
}

/** How often a device speaks, in ticks of wall time; 0: only when it is used. Contacts also speak when something changes. */
const EVERY: Record<ResidentProfile, number> = {
  ...{ bed: 1, wrist: 2, room: 2, door: 20, toilet: 20, 'call-button': 20, fall: 20 },
  ...{ 'blood-pressure': 0, thermometer: 0, spo2: 0, scale: 0 },
};
const CONTACTS: ReadonlySet<ResidentProfile> = new Set(['door', 'toilet', 'call-button', 'fall']);
const isContact = (profile: ResidentProfile) => CONTACTS.has(profile);

export class Occupant {
  readonly simulation: ResidentSimulation;
  readonly #clock: StoryClock;
  readonly #latest = new Map<ResidentProfile, Sample>();
  #steps = 0;

  constructor(simulation: ResidentSimulation, clock: StoryClock) {
    this.simulation = simulation;
    this.#clock = clock;
  }

  /** Everything within the 30 s of wall time from `wall` on (a multiple of 30 s). Spans are asked for one after the other. */
  span(wall: number): Span {
    const ticks: Tick[] = [];
    const until = this.#clock.story(wall + TICK);
    while (this.simulation.time + TICK <= until) ticks.push(this.simulation.tick());
    const toWall = (story: number) => Math.min(wall + TICK - 1, Math.max(wall, Math.round(this.#clock.wall(story))));
    const plain = this.#clock.speed === 1 || wall < this.#clock.origin;
    const samples = plain ? ticks.flatMap(tick => tick.samples) : this.#condensed(ticks, wall, toWall);
    if (plain) for (const sample of samples) this.#latest.set(sample.profile, sample);
    const rises = ticks.find(tick => tick.rises)?.rises;
    const begins = ticks.find(tick => tick.begins)?.begins;
    return {
      samples: samples.sort((a, b) => a.time - b.time),
      corridor: ticks.flatMap(tick => tick.corridor.map(({ on, time }) => ({ on, time: toWall(time) }))),
      prodrome: rises ? toWall(rises.onset - rises.prodrome) : null,
      onset: begins ? toWall(begins.onset) : null,
    };
  }

  /** Of many ticks of story: every change of a contact, and of each device what it read last, when its interval of wall time is over. */
  #condensed(ticks: Tick[], wall: number, toWall: (story: number) => number): Sample[] {
    const samples: Sample[] = [];
    for (const sample of ticks.flatMap(tick => tick.samples)) {
      const before = this.#latest.get(sample.profile);
      this.#latest.set(sample.profile, sample);
      this.#steps += sample.values.steps ?? 0;
      const changed = JSON.stringify(before?.values) !== JSON.stringify(sample.values);
      if (isContact(sample.profile) && changed) samples.push({ ...sample, time: toWall(sample.time) });
      // Used now and then: of several readings within one span, the last.
      if (EVERY[sample.profile] === 0) {
        const earlier = samples.findIndex(other => other.profile === sample.profile);
        if (earlier >= 0) samples.splice(earlier, 1);
        samples.push({ ...sample, time: toWall(sample.time) });
      }
    }
    const oldest = Math.min(this.#clock.story(wall - TICK), this.#clock.story(wall) - 3 * TICK);
    for (const [profile, sample] of this.#latest) {
      if (EVERY[profile] === 0 || (wall / TICK) % EVERY[profile] !== 0 || samples.some(other => other.profile === profile)) continue;
      // A sensor that has been silent in the story stays silent.
      if (!isContact(profile) && sample.time < oldest) continue;
      const values = { ...sample.values };
      if (profile === 'wrist') {
        values.steps = Math.min(400, Math.round(this.#steps / this.#clock.speed));
        this.#steps = 0;
      }
      samples.push({ profile, time: wall + (sample.time % TICK), values });
    }
    return samples;
  }
}
