// Gathers samples of many messages into batches for the store, one write at a time, and says for each message when the store has it.
import type { Logger } from 'pino';
import type { SamplePoint, SampleStore } from '../store/index.ts';

/** The samples of one message. */
export interface WriteItem {
  points: SamplePoint[];
  /** The store has all of them. */
  stored(): void;
  /** The store can never take them (not: it is away). */
  rejected(error: Error): void;
}

export interface BatchWriterOptions {
  store: Pick<SampleStore, 'write'>;
  log: Logger;
  /** Largest batch, in samples. Default 5,000: InfluxDB takes no more per second from larger ones. */
  batchSamples?: number;
  /**
   * How long a first sample waits for company after a batch that had some, ms. Default 20. After a batch of a single message it does not
   * wait: that sender may be one that sends its next message only after the acknowledgement of the last.
   */
  gatherMilliseconds?: number;
  /** From so many waiting samples on `full` holds, until half of it is written. Default 100,000, about 50 MB. */
  waitingLimit?: number;
  /** First and longest pause before a store that is away is tried again, ms. Default 100 and 5,000. */
  retryMilliseconds?: readonly [number, number];
  /** Called with the items of each batch, before their own `stored`. */
  onStored?(items: WriteItem[]): void;
  /** There is room again after `full`. */
  onRoom?(): void;
}

export class BatchWriter {
  readonly #options: Required<Omit<BatchWriterOptions, 'onStored' | 'onRoom'>> & BatchWriterOptions;
  #queue: WriteItem[] = [];
  #waiting = 0;
  /** Messages of the last batch. */
  #lastBatch = 0;
  #full = false;
  #away = false;
  #writing = false;
  #timer: NodeJS.Timeout | undefined;
  #closing: AbortController = new AbortController();
  #idle: (() => void)[] = [];
  #written = 0;
  #failures = 0;

  constructor(options: BatchWriterOptions) {
    this.#options = { batchSamples: 5000, gatherMilliseconds: 20, waitingLimit: 100_000, retryMilliseconds: [100, 5000], ...options };
  }

  /** Samples taken and not yet stored. */
  get waiting(): number {
    return this.#waiting;
  }
  /** Whether senders should be held back. */
  get full(): boolean {
    return this.#full;
  }
  stats() {
    return { written: this.#written, waiting: this.#waiting, failures: this.#failures, storeAway: this.#away };
  }

  add(item: WriteItem): void {
    this.#queue.push(item);
    this.#waiting += item.points.length;
    if (this.#waiting >= this.#options.waitingLimit) this.#full = true;
    if (this.#writing) return;
    if (this.#waiting >= this.#options.batchSamples) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#lastBatch > 1 ? this.#options.gatherMilliseconds : 1);
  }

  /** Writes what waits, at most for `milliseconds`; what is then not stored stays unacknowledged and its sender sends it again. */
  async close(milliseconds: number): Promise<void> {
    const late = setTimeout(() => this.#closing.abort(), milliseconds);
    const ended = new Promise<void>(resolve => this.#closing.signal.addEventListener('abort', () => resolve(), { once: true }));
    if (this.#queue.length && !this.#writing) this.#start();
    // A write that hangs must not keep the role from ending.
    if (this.#writing) await Promise.race([ended, new Promise<void>(resolve => this.#idle.push(resolve))]);
    clearTimeout(late);
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #start() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = true;
    void this.#run().finally(() => {
      this.#writing = false;
      for (const done of this.#idle.splice(0)) done();
    });
  }

  async #run() {
    while (this.#queue.length && !this.#closing.signal.aborted) {
      let samples = 0;
      let count = 0;
      while (count < this.#queue.length && samples < this.#options.batchSamples) samples += this.#queue[count++]!.points.length;
      this.#lastBatch = count;
      await this.#write(this.#queue.splice(0, count));
    }
  }

  async #write(items: WriteItem[]): Promise<void> {
    const points = items.flatMap(item => item.points);
    let [pause, longest] = this.#options.retryMilliseconds;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#options.store.write(points);
      } catch (error) {
        if (isRejection(error)) return this.#divide(items, error);
        this.#failures++;
        if (!this.#away)
          this.#options.log.warn(
            { err: error, waiting: this.#waiting },
            'the sample store is away; nothing is acknowledged until it is back',
          );
        this.#away = true;
        await pauseFor(pause, this.#closing.signal);
        pause = Math.min(pause * 2, longest);
        continue;
      }
      // Ended while the store was writing: the sender was not answered and sends it again.
      if (this.#closing.signal.aborted) return;
      if (this.#away) this.#options.log.info({ waiting: this.#waiting }, 'the sample store is back');
      this.#away = false;
      this.#written += points.length;
      this.#told(() => this.#options.onStored?.(items));
      for (const item of items) this.#told(() => item.stored());
      return this.#leave(points.length);
    }
  }

  /** One message that the store cannot take must not hold up the others of its batch. */
  async #divide(items: WriteItem[], error: Error): Promise<void> {
    const [first] = items;
    if (items.length === 1 && first) {
      this.#told(() => first.rejected(error));
      return this.#leave(first.points.length);
    }
    const middle = items.length >> 1;
    await this.#write(items.slice(0, middle));
    await this.#write(items.slice(middle));
  }

  /** What those who are told do wrong must not end the writing for all. */
  #told(tell: () => void) {
    try {
      tell();
    } catch (error) {
      this.#options.log.error({ err: error }, 'samples are in the store, and somebody could not be told so');
    }
  }

  #leave(samples: number) {
    this.#waiting -= samples;
    if (!this.#full || this.#waiting > this.#options.waitingLimit / 2) return;
    this.#full = false;
    this.#options.onRoom?.();
  }
}

/** InfluxDB answers 400 to points that it can never take and 413 to a batch that is too large; all else may pass. */
function isRejection(error: unknown): error is Error {
  const status = (error as { res?: { statusCode?: unknown } } | null)?.res?.statusCode;
  return error instanceof Error && (status === 400 || status === 413);
}

const pauseFor = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>(resolve => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
