// What comes in while something is being written is written together next: under load one transaction, one sync of the disk for many.

/** How many of these are under way at once, and the most one of them takes. */
const AT_ONCE = 2;
const MOST = 50;

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Makes of `work`, which does many in one go and gives a result for each, a function that does one. Alone it waits for nothing. When the
 * many fail together, each is tried by itself, so that no one's fault is another's.
 */
export function gathered<T, R>(work: (items: T[]) => Promise<R[]>): (item: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let running = 0;

  async function settle(part: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await work(part.map(({ item }) => item));
      for (const [index, { resolve }] of part.entries()) resolve(results[index]!);
    } catch (error) {
      if (part.length === 1) part[0]!.reject(error);
      else for (const one of part) await settle([one]);
    }
  }

  async function run() {
    running++;
    while (waiting.length) await settle(waiting.splice(0, MOST));
    running--;
  }

  return item =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (running < AT_ONCE) void run();
    });
}
