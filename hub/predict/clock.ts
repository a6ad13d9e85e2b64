// Runs work at a steady pace: never two at once, and without the drift of a timer that waits for the work.

export interface Pace {
  stop(): Promise<void>;
}

/**
 * Calls `work` at once and then each `seconds` on a fixed grid from the start; what a slow run has missed is left out. A run that fails is
 * told to `failed` and the next comes as if nothing had happened.
 */
export function everySeconds(seconds: number, work: () => Promise<void>, failed: (error: Error) => void): Pace {
  const period = seconds * 1000;
  // Monotonic: a clock that is set must neither hold the cycle back nor hurry it.
  const begun = performance.now();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let wake: (() => void) | undefined;
  const run = async () => {
    while (!stopped) {
      await work().catch(failed);
      const elapsed = performance.now() - begun;
      const next = (Math.floor(elapsed / period) + 1) * period;
      await new Promise<void>(resolve => {
        wake = resolve;
        timer = setTimeout(resolve, next - elapsed);
        if (stopped) resolve();
      });
    }
  };
  const ended = run();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      wake?.();
      await ended;
    },
  };
}
