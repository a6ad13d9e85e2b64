// What a look through a file finds: how many of each kind, which types are unknown, what is refused and where, from when to when.
import type { Found, Refusal } from './reading.ts';

/** Refusals that are told one by one; the rest is counted. */
export const TOLD = 100;
/** Kinds and types that are counted by name. */
const NAMED = 500;

/** What a look through a file finds. */
export class Counts {
  total = 0;
  known = 0;
  #refused = 0;
  readonly #kinds = new Map<string, number>();
  readonly #unknown = new Map<string, number>();
  readonly #refusals: Refusal[] = [];
  #from: number | null = null;
  #to: number | null = null;

  add(found: Found) {
    if ('reading' in found) {
      this.total++;
      count(this.#kinds, found.reading.kind);
      const { effectiveDateTime, effectivePeriod } = found.reading.resource as {
        effectiveDateTime?: string;
        effectivePeriod?: { start?: string };
      };
      const at = Date.parse(effectiveDateTime ?? effectivePeriod?.start ?? '');
      if (!Number.isNaN(at)) {
        this.#from = Math.min(this.#from ?? at, at);
        this.#to = Math.max(this.#to ?? at, at);
      }
    } else if ('unknown' in found) count(this.#unknown, found.unknown.slice(0, 100));
    else {
      this.#refused++;
      if (this.#refusals.length < TOLD)
        this.#refusals.push({ place: found.refusal.place.slice(0, 200), reason: found.refusal.reason.slice(0, 300) });
    }
  }

  columns() {
    const moment = (at: number | null) => (at === null ? null : new Date(at));
    return {
      kinds: JSON.stringify(Object.fromEntries(this.#kinds)),
      unknown: JSON.stringify(Object.fromEntries(this.#unknown)),
      refusals: JSON.stringify(this.#refusals),
      refused: this.#refused,
      known: this.known,
      since: moment(this.#from),
      until: moment(this.#to),
    };
  }
}

function count(counts: Map<string, number>, name: string) {
  if (counts.has(name) || counts.size < NAMED) counts.set(name, (counts.get(name) ?? 0) + 1);
}
