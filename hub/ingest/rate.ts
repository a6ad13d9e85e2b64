// How many messages a second a login may send in the long run. Who sends more is read more slowly: TCP holds it back, nothing is dropped.

/** Messages a second; Infinity for no limit. */
export interface Rates {
  device: number;
  gateway: number;
}
/** A sensor sends a message in 30 to 600 s; after a day without network at 30 s it has 2,880 to send. A gateway sends for all of its house. */
export const DEFAULT_RATES: Rates = { device: 200, gateway: 5000 };

/** So many seconds' worth may come at once. */
const BURST_SECONDS = 10;

/** A token bucket that may be overdrawn by what one reading of the socket held. Times in ms of one clock. */
export class Allowance {
  readonly perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#at = now;
  }

  /** A message came. */
  spend(): void {
    this.#tokens--;
  }
  /** ms until the next may be read; 0 for now. */
  wait(now: number): number {
    if (this.perSecond === Number.POSITIVE_INFINITY) return 0;
    this.#refill(now);
    return this.#tokens > 0 ? 0 : Math.ceil(((1 - this.#tokens) / this.perSecond) * 1000);
  }
  /** As good as a new one. */
  isFull(now: number): boolean {
    this.#refill(now);
    return this.#tokens >= this.perSecond * BURST_SECONDS;
  }
  #refill(now: number) {
    this.#tokens = Math.min(this.perSecond * BURST_SECONDS, this.#tokens + ((now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
  }
}

/** Allowances by username, over all connections of a login and beyond them, so that connecting anew gives nothing. */
export class Allowances {
  readonly #rates: Rates;
  readonly #byName = new Map<string, Allowance>();
  #sweepAt = 1000;

  constructor(rates: Rates) {
    this.#rates = rates;
  }

  of(kind: keyof Rates, username: string, now: number): Allowance {
    let allowance = this.#byName.get(username);
    if (!allowance) {
      if (this.#byName.size >= this.#sweepAt) this.#sweep(now);
      allowance = new Allowance(this.#rates[kind], now);
      this.#byName.set(username, allowance);
    }
    return allowance;
  }

  /** Forgets those that are full: those who come back get a full one anyway. */
  #sweep(now: number) {
    for (const [name, allowance] of this.#byName) if (allowance.isFull(now)) this.#byName.delete(name);
    this.#sweepAt = Math.max(1000, this.#byName.size * 2);
  }
}
