// Training windows from a stream of samples and episodes: the same windows as live, each with what happened after it.
import type { Episode } from './alert-rule.ts';
import { HOUR, MINUTE, type Sample } from './channels.ts';
import { enough, FEATURES, featuresAt } from './features.ts';
import { SEQUENCE, STEPS, sequenceAt } from './sequence.ts';
import { ResidentWindow } from './window.ts';

export const DAY_MS = 24 * HOUR;

/** Windows of many residents; row `i` of all arrays is one window. */
export interface Dataset {
  /** Raw, `[count, FEATURES.length]`, NaN for unknown. */
  features: Float32Array;
  /** The hour before each window for the TCN, `[count, STEPS × SEQUENCE.length]`; empty unless it was asked for. */
  sequences: Float16Array;
  /** 1 where an episode begins within each horizon: `[count, horizons.length]`. */
  labels: Uint8Array;
  /** Resident's index in `residents`. */
  resident: Int32Array;
  at: Float64Array;
  /** 0 for windows inside an episode or within an hour after it: kept for the alert rule's time line, not for training or ranking. */
  counts: Uint8Array;
  count: number;
  residents: { name: string; episodes: Episode[]; from: number; to: number }[];
}

interface Collected {
  name: string;
  window: ResidentWindow;
  /** ms */
  every: number;
  next: number;
  first: number;
  last: number;
  rows: Float32Array[];
  sequences: Float16Array[];
  times: number[];
  episodes: Episode[];
}

/** Takes a stream in any order of residents; samples of one resident may come late, as they do live. */
export class DatasetBuilder {
  readonly #everyMinutes: (resident: string) => number;
  readonly #withSequences: boolean;
  readonly #residents = new Map<string, Collected>();

  /** One window each `everyMinutes`, which may differ by resident. */
  constructor(everyMinutes: number | ((resident: string) => number), { sequences = false } = {}) {
    this.#everyMinutes = typeof everyMinutes === 'number' ? () => everyMinutes : everyMinutes;
    this.#withSequences = sequences;
  }

  sample(resident: string, sample: Sample): void {
    const own = this.#of(resident);
    if (!own.first) {
      own.first = sample.time;
      own.next = Math.ceil((sample.time + 30 * MINUTE) / own.every) * own.every;
    }
    // A reading belongs to the minute it was taken in: by half a minute after, all of a minute's have come.
    while (sample.time >= own.next + MINUTE / 2) {
      const vector = featuresAt(own.window, own.next);
      if (enough(vector)) {
        own.rows.push(vector.values);
        if (this.#withSequences) own.sequences.push(Float16Array.from(sequenceAt(own.window, vector.at)));
        own.times.push(own.next);
      }
      own.next += own.every;
    }
    own.window.add(sample);
    own.last = Math.max(own.last, sample.time);
  }

  episode(resident: string, episode: Episode): void {
    this.#of(resident).episodes.push(episode);
  }

  #of(name: string): Collected {
    let own = this.#residents.get(name);
    if (!own) {
      const every = this.#everyMinutes(name) * MINUTE;
      own = { name, window: new ResidentWindow(), every, next: 0, first: 0, last: 0, rows: [], sequences: [], times: [], episodes: [] };
      this.#residents.set(name, own);
    }
    return own;
  }

  /** @param horizons Minutes ahead. Windows whose future is not in the stream are left out. */
  build(horizons: readonly number[]): Dataset {
    const width = FEATURES.length;
    const people = [...this.#residents.values()].filter(own => own.rows.length);
    const farthest = Math.max(...horizons) * MINUTE;
    const kept = people.map(own => own.times.flatMap((at, index) => (at + farthest <= own.last ? [index] : [])));
    const count = kept.reduce((sum, rows) => sum + rows.length, 0);
    const dataset: Dataset = {
      features: new Float32Array(count * width),
      sequences: new Float16Array(this.#withSequences ? count * STEPS * SEQUENCE.length : 0),
      labels: new Uint8Array(count * horizons.length),
      resident: new Int32Array(count),
      at: new Float64Array(count),
      counts: new Uint8Array(count),
      count,
      residents: people.map(({ name, episodes, first, last }) => ({ name, episodes, from: first, to: last })),
    };
    let row = 0;
    people.forEach((own, person) => {
      for (const index of kept[person]!) {
        const at = own.times[index]!;
        dataset.features.set(own.rows[index]!, row * width);
        if (this.#withSequences) dataset.sequences.set(own.sequences[index]!, row * STEPS * SEQUENCE.length);
        dataset.resident[row] = person;
        dataset.at[row] = at;
        dataset.counts[row] = own.episodes.some(episode => at >= episode.onset && at < episode.end + HOUR) ? 0 : 1;
        horizons.forEach((horizon, h) => {
          const soon = own.episodes.some(episode => episode.onset > at && episode.onset <= at + horizon * MINUTE);
          dataset.labels[row * horizons.length + h] = soon ? 1 : 0;
        });
        row++;
      }
    });
    return dataset;
  }
}

/** Every row of the chosen residents: the time line that the alert rule runs over. */
export function timelineOf(dataset: Dataset, residents: ReadonlySet<number>): Uint32Array {
  return Uint32Array.from({ length: dataset.count }, (_, row) => row).filter(row => residents.has(dataset.resident[row]!));
}

/** Rows of the chosen residents that count for training and ranking, one each `everyMinutes` (5 of the hour, 10 …). */
export function rowsOf(dataset: Dataset, residents: ReadonlySet<number>, everyMinutes = 5): Uint32Array {
  return timelineOf(dataset, residents).filter(row => dataset.counts[row] === 1 && dataset.at[row]! % (everyMinutes * MINUTE) === 0);
}
