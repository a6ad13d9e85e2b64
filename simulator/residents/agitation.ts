// When agitation comes: episodes with their prodrome, upsets that pass without one, and what makes them more likely. Yields one level.
import type { Person } from './person.ts';
import type { Random } from './random.ts';
import { HOUR, MINUTE, TICK } from './time.ts';

export interface Episode {
  /** Milliseconds since 1970. Between `onset − prodrome` and `onset` the signs rise; the episode lasts until `end`. */
  onset: number;
  end: number;
  /** Milliseconds. */
  prodrome: number;
  /** 0 … 1.2: how strongly it shows. */
  intensity: number;
}

/** What raises the likelihood now. */
export interface Surroundings {
  roomTemperature: number;
  /** Hours awake or up in the last night beyond the usual. */
  poorNight: number;
}

const REST = 4 * HOUR;
/** An upset that subsides: the same signs, no episode. */
const SUBSIDED_SHARE = 0.35;

export class Agitation {
  readonly #person: Person;
  readonly #random: Random;
  readonly #spontaneous: boolean;
  readonly #forced: Episode[];
  #current: (Episode & { subsides: boolean; shape: number }) | null = null;
  #flicker = 0;
  #restUntil = 0;

  constructor(person: Person, random: Random, forced: Episode[], spontaneous: boolean) {
    this.#person = person;
    this.#random = random;
    this.#spontaneous = spontaneous;
    this.#forced = forced.toSorted((a, b) => a.onset - b.onset);
  }

  /** Adds an episode that comes for certain. */
  force(episode: Episode): void {
    this.#forced.push(episode);
    this.#forced.sort((a, b) => a.onset - b.onset);
  }

  /** Moves to `time`. Returns the level (0 calm … about 1.2), and the episode whose prodrome or onset begins in this tick, if any. */
  step(time: number, hour: number, surroundings: Surroundings): { level: number; rises: Episode | null; begins: Episode | null } {
    const before = this.#current;
    this.#begin(time, hour, surroundings);
    const current = this.#current;
    if (!current) return { level: 0, rises: null, begins: null };
    const start = current.onset - current.prodrome;
    if (time >= current.end + 25 * MINUTE) {
      this.#current = null;
      this.#restUntil = time + REST;
      return { level: 0, rises: null, begins: null };
    }
    this.#flicker = 0.85 * this.#flicker + this.#random.normal(0, 0.1);
    let level = 0;
    if (time < current.onset) level = 0.8 * ((time - start) / current.prodrome) ** current.shape;
    else if (time < current.end) level = 1;
    else level = Math.exp(-(time - current.end) / (10 * MINUTE));
    const begins = !current.subsides && current.onset >= time && current.onset < time + TICK ? toEpisode(current) : null;
    const rises = current !== before && !current.subsides ? toEpisode(current) : null;
    return { level: Math.max(0, current.intensity * level * (1 + this.#flicker)), rises, begins };
  }

  #begin(time: number, hour: number, { roomTemperature, poorNight }: Surroundings) {
    const next = this.#forced[0];
    if (next && time >= next.onset - next.prodrome) {
      this.#forced.shift();
      this.#current = { ...next, subsides: false, shape: 0.4 };
      return;
    }
    if (this.#current || !this.#spontaneous || time < this.#restUntil || (next && time > next.onset - next.prodrome - REST)) return;
    const away = Math.min(Math.abs(hour - this.#person.worstHour), 24 - Math.abs(hour - this.#person.worstHour));
    const hourly = 0.35 + 2.2 * Math.exp(-((away / 2.2) ** 2));
    const uncomfortable = roomTemperature < 22 || roomTemperature > 24 ? 1.5 : 0.85;
    const tired = 1 + 0.5 * Math.min(2, Math.max(0, poorNight));
    const perTick = (this.#person.episodes * (1 + SUBSIDED_SHARE) * hourly * uncomfortable * tired * TICK) / (24 * HOUR);
    if (this.#random.chance(perTick)) this.#current = this.#draw(time);
  }

  #draw(start: number) {
    const random = this.#random;
    const subsides = random.chance(SUBSIDED_SHARE / (1 + SUBSIDED_SHARE));
    const prodrome = Math.round(random.range(5, 60) * MINUTE);
    const onset = start + prodrome;
    // One in eight comes nearly unannounced.
    const intensity = random.chance(0.12) ? random.range(0.1, 0.25) : 0.4 + 0.75 * random.uniform() ** 0.8;
    return {
      onset,
      end: subsides ? onset : onset + Math.round(random.range(12, 60) * MINUTE),
      prodrome,
      intensity: subsides ? 0.75 * intensity : intensity,
      subsides,
      shape: random.range(0.3, 1.2),
    };
  }
}

const toEpisode = ({ onset, end, prodrome, intensity }: Episode): Episode => ({ onset, end, prodrome, intensity });
