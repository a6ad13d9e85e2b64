// The pace of cycles: on a fixed grid, never two at once, whatever a cycle takes.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { everySeconds } from '../../hub/predict/clock.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

const wait = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

test('keeps its grid though each run takes a while, and leaves out what a slow run has missed', async () => {
  const begun = performance.now();
  const at: number[] = [];
  const lengths = [300, 900, 100, 2500, 100];
  const pace = everySeconds(
    1,
    async () => {
      at.push(performance.now() - begun);
      await wait(lengths[at.length - 1] ?? 10);
    },
    () => undefined,
  );
  await vi.advanceTimersByTimeAsync(7500);
  expect(at.map(Math.round)).toEqual([0, 1000, 2000, 3000, 6000, 7000]);
  await pace.stop();
});

test('a failing run is told and does not end the pace', async () => {
  const failures: string[] = [];
  let runs = 0;
  const pace = everySeconds(
    1,
    async () => {
      runs++;
      throw new Error(`run ${runs}`);
    },
    error => failures.push(error.message),
  );
  await vi.advanceTimersByTimeAsync(2100);
  expect(failures).toEqual(['run 1', 'run 2', 'run 3']);
  await pace.stop();
  await vi.advanceTimersByTimeAsync(5000);
  expect(runs).toBe(3);
});
