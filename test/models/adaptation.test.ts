// The adaptation to a person: moved by the own past alone, a little by little evidence, and never by what comes later.
import { describe, expect, test } from 'vitest';
import { adaptationOf, adapted, KEPT_RECALL, keepingRecall, type PastOutcome, UNADAPTED } from '../../models/index.ts';
import { seeded } from '../../models/random.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-22T00:00:00Z');
const outcomes = (count: number, probability: number, happened: (index: number) => boolean): PastOutcome[] =>
  Array.from({ length: count }, (_, index) => ({ at: NOW - (index + 1) * DAY, probability, happened: happened(index) }));

test('without outcomes nothing changes', () => {
  expect(adaptationOf([], NOW)).toEqual(UNADAPTED);
  expect(adapted(UNADAPTED, 0.3)).toBe(0.3);
});

test('a person whose warnings were mostly false is predicted lower, one who has more episodes than expected higher', () => {
  const falseAlarms = adaptationOf(
    outcomes(12, 0.6, () => false),
    NOW,
  );
  const more = adaptationOf(
    outcomes(12, 0.2, index => index % 2 === 0),
    NOW,
  );
  expect(adapted(falseAlarms, 0.6)).toBeLessThan(0.4);
  expect(adapted(more, 0.2)).toBeGreaterThan(0.3);
});

test('one outcome moves less than ten, and no number of them moves a person out of reach', () => {
  const offset = (count: number) =>
    adaptationOf(
      outcomes(count, 0.6, () => false),
      NOW,
    ).offset;
  expect(Math.abs(offset(1))).toBeLessThan(0.6);
  expect(Math.abs(offset(1))).toBeLessThan(Math.abs(offset(10)));
  expect(Math.abs(offset(500))).toBeLessThanOrEqual(1.5);
});

test('outcomes that became known later, and probabilities that are none, change nothing', () => {
  const past = outcomes(6, 0.5, index => index % 3 === 0);
  const later: PastOutcome[] = [
    { at: NOW + 1, probability: 0.9, happened: false },
    { at: NOW - DAY, probability: Number.NaN, happened: true },
  ];
  expect(adaptationOf([...past, ...later], NOW)).toEqual(adaptationOf(past, NOW));
});

test('the order of a person’s probabilities stays, and they stay probabilities', () => {
  const random = seeded(3);
  for (let trial = 0; trial < 200; trial++) {
    const past = outcomes(Math.floor(random() * 20), random(), () => random() < 0.5);
    const one = adaptationOf(past, NOW);
    const [low, high] = [random(), random()].sort((a, b) => a - b) as [number, number];
    expect(adapted(one, low)).toBeLessThanOrEqual(adapted(one, high));
    expect(adapted(one, high)).toBeLessThanOrEqual(1);
    expect(adapted(one, low)).toBeGreaterThanOrEqual(0);
  }
  expect(adapted({ offset: 1, weight: 1 }, Number.NaN)).toBeNaN();
});

describe('a lowering is bounded by what was warned of', () => {
  const act = 0.6;
  const lowered = adaptationOf(
    outcomes(30, 0.7, () => false),
    NOW,
  );

  test('four of five episodes that were warned of still are, however many alerts were false', () => {
    const random = seeded(11);
    for (let trial = 0; trial < 200; trial++) {
      const peaks = Array.from({ length: 1 + Math.floor(random() * 20) }, () => act + random() * (0.99 - act));
      const bounded = keepingRecall(lowered, peaks, act);
      const kept = peaks.filter(peak => adapted(bounded, peak) >= act - 1e-12).length;
      expect(kept).toBeGreaterThanOrEqual(Math.ceil(KEPT_RECALL * peaks.length));
      expect(bounded.offset).toBeGreaterThanOrEqual(lowered.offset);
      expect(bounded.offset).toBeLessThanOrEqual(0);
    }
  });

  test('with nothing to lose the outcomes decide, and a raising is never bounded', () => {
    expect(keepingRecall(lowered, [], act)).toEqual(lowered);
    expect(keepingRecall(lowered, [0.999], act).offset).toBe(lowered.offset);
    const raised = { offset: 0.8, weight: 5 };
    expect(keepingRecall(raised, [0.61], act)).toBe(raised);
  });
});
