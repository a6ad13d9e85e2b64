// A calibration keeps the order, stays near the shipped model while little is known, and finds what is wrong when much is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { figuresOf, fitRecalibration, ratioWithInterval, recalibrated, stabilityIndex } from '../../hub/learning/recalibrate.ts';
import { labelled } from '../../hub/learning/windows.ts';
import { HOUR, MINUTE } from '../../models/channels.ts';
import { seeded } from '../../models/random.ts';

/** Windows whose true probability is `truth` of what the model says. */
function world(count: number, truth: (p: number) => number, seed = 1) {
  const random = seeded(seed);
  const probabilities = Array.from({ length: count }, () => random() ** 3 * 0.6);
  return { probabilities, labels: probabilities.map(p => (random() < truth(p) ? 1 : 0)) };
}

test('a model that promises three times what comes is brought down, and means what it says on later windows', () => {
  const before = world(20_000, p => p / 3);
  const later = world(10_000, p => p / 3, 2);
  const calibration = fitRecalibration(before.probabilities, before.labels);
  const own = figuresOf(
    later.probabilities.map(p => recalibrated(calibration, p)),
    later.labels,
  );
  const shipped = figuresOf(later.probabilities, later.labels);
  expect(own.observed / own.expected).toBeGreaterThan(0.85);
  expect(own.observed / own.expected).toBeLessThan(1.15);
  expect(shipped.observed / shipped.expected).toBeLessThan(0.4);
  expect(own.logLoss).toBeLessThan(shipped.logLoss);
});

test('a model that is right stays as it is, and so does one of which nobody knows anything', () => {
  const right = world(20_000, p => p);
  const { slope, offset } = fitRecalibration(right.probabilities, right.labels);
  expect(slope).toBeCloseTo(1, 0);
  expect(Math.abs(offset)).toBeLessThan(0.2);
  expect(fitRecalibration([], [])).toEqual({ slope: 1, offset: 0 });
  const few = world(30, p => p / 3);
  expect(fitRecalibration(few.probabilities, few.labels).slope).toBeGreaterThan(0.8);
});

test('whatever was learnt, a higher risk stays a higher risk', () => {
  const window = fc.record({ p: fc.double({ min: 0, max: 1, noNaN: true }), label: fc.constantFrom(0, 1) });
  fc.assert(
    fc.property(
      fc.array(window, { maxLength: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (past, a, b) => {
        const calibration = fitRecalibration(
          past.map(({ p }) => p),
          past.map(({ label }) => label),
        );
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map(p => recalibrated(calibration, p));
        expect(low!).toBeLessThanOrEqual(high!);
        expect(high!).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('a changed distribution shows in the index, an unchanged one does not', () => {
  const [a, b] = [world(2000, p => p).probabilities, world(2000, p => p, 9).probabilities];
  expect(stabilityIndex(a, b)).toBeLessThan(0.05);
  expect(
    stabilityIndex(
      a,
      b.map(p => Math.min(1, p + 0.2)),
    ),
  ).toBeGreaterThan(0.5);
  expect(stabilityIndex(a, [0.1])).toBeNaN();
});

test('observed against expected comes with an interval that few counts make wide', () => {
  expect(ratioWithInterval(0, 0)).toBeNull();
  const few = ratioWithInterval(2, 4)!;
  const many = ratioWithInterval(200, 400)!;
  expect(few.low).toBeLessThan(0.2);
  expect(few.high).toBeGreaterThan(1);
  expect(many.high).toBeLessThan(0.6);
});

test('only windows that somebody can label are learnt from', () => {
  const start = Date.parse('2026-03-01T00:00:00Z');
  const at = (minutes: number, patient = 'a') => ({ patient, at: start + minutes * MINUTE, base: 0.2, shown: 0.2 });
  const grid = Array.from({ length: 36 }, (_, i) => at(i * 10));
  const onset = start + 3 * HOUR;
  const found = labelled([...grid, at(0, 'b')], [{ patient: 'a', raisedAt: onset - 20 * MINUTE, outcome: 'episode', onset }], [], 60);
  expect(found.filter(one => one.label).map(one => (one.at - start) / MINUTE)).toEqual([120, 130, 140, 150, 160, 170]);
  expect(found.some(one => one.patient === 'a' && one.at >= onset && one.at < onset + HOUR)).toBe(false);
  // Prevented, unknown or still open: what would have come is not known.
  for (const outcome of ['prevented', 'unknown', null] as const) {
    const unclear = labelled(grid, [{ patient: 'a', raisedAt: onset, outcome, onset: null }], [], 60);
    expect(unclear.some(one => one.at > onset - HOUR && one.at < onset + HOUR)).toBe(false);
    expect(unclear.every(one => one.label === 0)).toBe(true);
  }
  expect(labelled(grid, [{ patient: 'a', raisedAt: onset, outcome: 'false', onset: null }], [], 60)).toHaveLength(grid.length);
  expect(labelled(grid, [], [{ patient: 'a', onset }], 60).filter(one => one.label)).toHaveLength(6);
});
