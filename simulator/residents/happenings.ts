// What looks like agitation and is not: visitors, exercise, a night of toilet visits, a fever, a loud neighbour, carers looking in.
import type { Building } from './building.ts';
import type { Random } from './random.ts';
import { DAY, dayNumber, HOUR, MINUTE } from './time.ts';

interface Span {
  from: number;
  to: number;
}
const within = (span: Span | null, time: number) => span !== null && time >= span.from && time < span.to;

export interface Now {
  visitor: boolean;
  exercise: boolean;
  /** Factor on the need for the toilet. */
  toiletNeed: number;
  /** 0 … 1 */
  fever: number;
  neighbour: boolean;
  /** A carer opens the door in this tick. */
  carer: boolean;
}

/** Draws each day's happenings when the day begins in Japan. */
export class Happenings {
  readonly #random: Random;
  readonly #building: Building;
  #day = Number.NaN;
  #visitor: Span | null = null;
  #exercise: Span | null = null;
  #neighbour: Span | null = null;
  #fever: Span | null = null;
  #toiletNight = false;
  #carers: number[] = [];

  constructor(random: Random, building: Building) {
    this.#random = random;
    this.#building = building;
  }

  at(time: number, tick: number): Now {
    const day = dayNumber(time);
    if (day !== this.#day) this.#draw(day);
    const carer = this.#carers.length > 0 && this.#carers[0]! < time + tick;
    while (this.#carers.length && this.#carers[0]! < time + tick) this.#carers.shift();
    return {
      visitor: within(this.#visitor, time),
      exercise: within(this.#exercise, time),
      toiletNeed: this.#toiletNight ? 2.5 : 1,
      fever: within(this.#fever, time) ? this.#feverLevel(time) : 0,
      neighbour: within(this.#neighbour, time),
      carer,
    };
  }

  #feverLevel(time: number) {
    const { from, to } = this.#fever!;
    return Math.min(1, (time - from) / (3 * HOUR), (to - time) / (6 * HOUR));
  }

  #draw(day: number) {
    const random = this.#random;
    const first = Number.isNaN(this.#day);
    this.#day = day;
    const midnight = day * DAY - 9 * HOUR;
    const span = (probability: number, fromHour: number, toHour: number, shortest: number, longest: number): Span | null => {
      if (!random.chance(probability)) return null;
      const from = midnight + random.range(fromHour, toHour) * HOUR;
      return { from, to: from + random.range(shortest, longest) * MINUTE };
    };
    this.#visitor = span(0.3, 10, 18, 20, 75);
    this.#exercise = span(0.35, 9.5, 16, 15, 40);
    this.#neighbour = span(0.12, 0, 23, 10, 45);
    this.#toiletNight = random.chance(0.12);
    if (!this.#fever || this.#fever.to < midnight) this.#fever = !first && random.chance(0.015) ? span(1, 6, 20, 24 * 60, 60 * 60) : null;
    const hours = [...this.#building.rounds, random.range(8.5, 11), random.range(14, 17), random.range(19, 20.5)];
    this.#carers = hours.map(hour => midnight + (hour + random.range(0, 0.4)) * HOUR).sort((a, b) => a - b);
  }
}
