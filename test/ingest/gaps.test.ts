// What is missing from a device: by its running number, and by time. A backlog closes a gap; a restart is none.
import { expect, test } from 'vitest';
import { addSeen, follow, missingPacks, OUT_OF_ORDER, RANGES_KEPT, type SeenRun, type SequenceState } from '../../hub/ingest/sequence.ts';
import { addTimes, gapsOf, joinSpans, SPANS_FOR, SPANS_KEPT, type Span } from '../../hub/ingest/spans.ts';

const NOW = Date.parse('2026-01-08T00:00:00Z');
const MINUTE = 60_000;
/** Packs come every 30 s of sample time: number n has its sample at n half minutes. */
const timeOf = (number: number) => NOW + number * 30_000;

function followed(state: SequenceState | null, packs: (number | [number: number, time: number])[], at: number) {
  const seen: SeenRun[] = [];
  for (const pack of packs) {
    const [number, time] = typeof pack === 'number' ? [pack, timeOf(pack)] : pack;
    addSeen(seen, number, time, 256);
  }
  return follow(state, seen, at)!;
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const counts = (state: SequenceState) => ({ missing: missingPacks(state), gaps: state.gaps, late: state.late, resets: state.resets });

test('packs one after the other miss nothing, and the same pack again changes nothing', () => {
  let state = followed(null, range(1, 50), NOW);
  state = followed(state, [48, 49, 50, 51], NOW);
  expect(counts(state)).toEqual({ missing: 0, gaps: 0, late: 0, resets: 0 });
});

test('a gap is counted with its packs, and a backlog that comes by turns with live packs closes it', () => {
  let state = followed(null, range(1, 10), NOW);
  state = followed(state, range(21, 25), NOW + MINUTE);
  expect(counts(state)).toEqual({ missing: 10, gaps: 1, late: 0, resets: 0 });
  state = followed(state, [26, 11, 27, 12, 28, 13, 14], NOW + 2 * MINUTE);
  expect(counts(state)).toEqual({ missing: 6, gaps: 1, late: 4, resets: 0 });
  state = followed(state, range(15, 20), NOW + 3 * MINUTE);
  expect(counts(state)).toEqual({ missing: 0, gaps: 1, late: 10, resets: 0 });
});

test('packs that overtake each other by a moment are no gap and not late', () => {
  let state = followed(null, [1, 2, 5], NOW);
  state = followed(state, [3, 4], NOW + OUT_OF_ORDER - 1);
  expect(counts(state)).toEqual({ missing: 0, gaps: 0, late: 0, resets: 0 });
});

test('a device that was restarted begins its numbers again: no gap; the backlog from before the restart still counts for the run before', () => {
  let state = followed(null, range(1, 100), NOW);
  // Off the network up to number 120, then restarted: new numbers with newer samples come first.
  const restarted = timeOf(130);
  state = followed(
    state,
    [0, 1, 2].map(number => [number, restarted + number * 1000]),
    NOW + MINUTE,
  );
  expect(counts(state)).toEqual({ missing: 0, gaps: 0, late: 0, resets: 1 });
  state = followed(state, range(105, 120), NOW + 2 * MINUTE);
  expect(counts(state)).toMatchObject({ missing: 4, resets: 1 });
  state = followed(state, [...range(101, 104), [3, restarted + 3000]], NOW + 3 * MINUTE);
  expect(counts(state)).toMatchObject({ missing: 0, late: 4, resets: 1 });
});

test('a restart with a number in the middle, newer than all before, is a restart too', () => {
  const state = followed(followed(null, range(500, 1000), NOW), [[3, timeOf(1001)]], NOW);
  expect(counts(state)).toMatchObject({ missing: 0, resets: 1 });
});

test('what is kept stays bounded: a device that loses every second pack for hours', () => {
  let state = followed(null, [0], NOW);
  for (let number = 2; number < 2000; number += 2) state = followed(state, [number], NOW + number * MINUTE);
  expect(state.run.missing.length).toBe(RANGES_KEPT);
  expect(missingPacks(state)).toBe(999);
});

test('two nodes that each saw half of the packs come to the whole', () => {
  let state = followed(null, [0], NOW);
  state = followed(state, [1, 3, 5, 7], NOW + 1000);
  state = followed(state, [2, 4, 6], NOW + 1500);
  expect(counts(state)).toEqual({ missing: 0, gaps: 0, late: 0, resets: 0 });
});

const ALLOWED = 5 * MINUTE;
const gaps = (spans: Span[]) => gapsOf(spans, { allowed: ALLOWED, since: NOW - 3 * SPANS_FOR, now: NOW });

test('a pause that the profile allows is no gap; a longer one is, until its samples come', () => {
  const spans: Span[] = [];
  for (let time = NOW - SPANS_FOR; time <= NOW; time += MINUTE) {
    const [hour, rest] = [NOW - 2 * 60 * MINUTE, 30 * MINUTE];
    if (time > hour && time < hour + rest) continue;
    addTimes(spans, [time, time + 500], ALLOWED);
  }
  let known = joinSpans([], spans, ALLOWED, NOW);
  const gap: Span = [NOW - 120 * MINUTE + 500, NOW - 90 * MINUTE];
  expect(gaps(known)).toEqual([gap]);
  const backlog: Span[] = [];
  addTimes(
    backlog,
    Array.from({ length: 30 }, (_, index) => gap[0] + index * MINUTE),
    ALLOWED,
  );
  known = joinSpans(known, backlog, ALLOWED, NOW);
  expect(gaps(known)).toEqual([]);
});

test('a device that is silent now has a gap until now, and nothing is missed from before it was there', () => {
  expect(gapsOf([[NOW - 60 * MINUTE, NOW - 20 * MINUTE]], { allowed: ALLOWED, since: NOW - 60 * MINUTE, now: NOW })).toEqual([
    [NOW - 20 * MINUTE, NOW],
  ]);
});

test('spans stay bounded', () => {
  const many = Array.from({ length: 5000 }, (_, index): Span => [NOW - SPANS_FOR + index * 17_000, NOW - SPANS_FOR + index * 17_000]);
  expect(joinSpans([], many, 1000, NOW)).toHaveLength(SPANS_KEPT);
});
