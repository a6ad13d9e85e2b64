// What one room and one person may take, and how long a lost place is kept.
import { type SignalName, SOURCES } from './contract.ts';

export interface Limits {
  /** People with a place in one room. */
  participants: number;
  /** Consumers of one person: everybody else's sources, twice for the moment of a change. */
  consumersPerPerson: number;
  /** How long media of a person whose connection is lost is kept, ms. */
  graceMs: number;
  /** How long a room without anybody keeps its router, ms. */
  emptyMs: number;
  /** Tokens of one socket's bucket, and how many come back per second. */
  burst: number;
  perSecond: number;
  chatHistory: number;
}

export const LIMITS: Limits = Object.freeze({
  participants: 10,
  consumersPerPerson: 2 * 9 * SOURCES.length,
  graceMs: 30_000,
  emptyMs: 60_000,
  burst: 240,
  perSecond: 40,
  chatHistory: 500,
});

/** Tokens a message takes; 1 unless named. What writes to the record costs more. */
export const COST: Partial<Record<SignalName, number>> = { join: 10, chat: 10, askStill: 10, admit: 5, end: 5, openTransport: 5 };

/** A token bucket: `take` is false when there are too few tokens, and then nothing is taken. */
export class TokenBucket {
  #tokens: number;
  #at: number;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;

  /** `now` in ms. */
  constructor(burst: number, perSecond: number, now: () => number = Date.now) {
    this.#burst = this.#tokens = burst;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#at = now();
  }

  take(cost: number): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}
