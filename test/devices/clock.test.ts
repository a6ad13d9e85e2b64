// A device's clock, judged from when its packs arrive: delays are not taken for a wrong clock, and a wrong clock is found.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ClockState,
  clockObservation,
  isDrifting,
  loadProfiles,
  NO_CLOCK,
  nextCorrection,
  observeClock,
  type Pack,
} from '../../devices/index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const profiles = loadProfiles();

/** A device that sends every `every` ms with its clock off by `off(n)`, over a way that takes `delay(n)`. */
function run({
  packs,
  every = 30_000,
  behind,
  delay = () => 40,
  exact = true,
  from = NO_CLOCK,
  start = 0,
}: {
  packs: number;
  every?: number;
  behind: (n: number) => number;
  delay?: (n: number) => number;
  exact?: boolean;
  from?: ClockState;
  start?: number;
}) {
  let state = from;
  let applied = 0;
  const corrections: number[] = [];
  for (let n = 0; n < packs; n++) {
    const arrivedAt = NOW + (start + n) * every + delay(n);
    state = observeClock(state, { arrivedAt, offset: behind(n) + delay(n), exact });
    applied = nextCorrection(state.offset, applied);
    corrections.push(applied);
  }
  return { state, corrections };
}

test('a clock that is right is not corrected, however late its packs come', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 5, max: 60_000 }), { minLength: 5, maxLength: 40 }), delays => {
      const late = delays.map((delay, index) => (index % 3 === 0 ? 50 : delay));
      const { corrections } = run({ packs: late.length, behind: () => 0, delay: n => late[n]! });
      expect(new Set(corrections)).toEqual(new Set([0]));
    }),
  );
});

test('a clock ahead is corrected from its first pack, one behind as soon as two packs agree', () => {
  expect(run({ packs: 1, behind: () => -60_000 }).corrections).toEqual([-59_960]);
  expect(run({ packs: 3, behind: () => 60_000 }).corrections).toEqual([0, 60_040, 60_040]);
});

test('the correction is steady under jitter', () => {
  const delays = [40, 900, 300, 4000, 60, 2500, 700, 1800, 45, 3000, 250, 1200];
  const { corrections } = run({ packs: 200, behind: () => 10_000, delay: n => delays[n % delays.length]! });
  const settled = corrections.slice(6);
  expect(new Set(settled).size).toBe(1);
  expect(settled[0]).toBeGreaterThanOrEqual(10_000);
  expect(settled[0]).toBeLessThan(11_000);
});

test('a clock that runs slow is followed in steps of more than a second', () => {
  const perPack = 15;
  const { corrections } = run({ packs: 1000, behind: n => n * perPack });
  const steps = [...new Set(corrections)];
  expect(corrections.at(-1)).toBeGreaterThan(1000 * perPack - 2000);
  for (const [index, step] of steps.entries()) if (index) expect(step - steps[index - 1]!).toBeGreaterThan(1000);
});

test.each([
  ['ahead by a minute', -60_000],
  ['behind by a minute', 60_000],
  ['behind by four seconds', 4000],
])('a clock %s that is set right is followed within a few packs', (_what, wrong) => {
  const { corrections } = run({ packs: 40, behind: n => (n < 20 ? wrong : 0) });
  expect(Math.abs(corrections[19]! - wrong)).toBeLessThan(1000);
  expect(corrections.slice(24)).toEqual(Array(16).fill(0));
});

test('a clock that goes wrong is followed within a few packs', () => {
  const { corrections } = run({ packs: 40, behind: n => (n < 20 ? 0 : 3_600_000) });
  expect(corrections[19]).toBe(0);
  expect(corrections[24]).toBeGreaterThan(3_599_000);
});

test('a backlog that comes in a burst is no clock', () => {
  let state: ClockState = run({ packs: 10, behind: () => 0 }).state;
  const back = NOW + 7_200_000;
  for (let n = 0; n < 200; n++) {
    const stamped = NOW + 300_000 + n * 30_000;
    state = observeClock(state, { arrivedAt: back + n * 10, offset: back + n * 10 - stamped, exact: n % 2 === 0 });
    expect(nextCorrection(state.offset, 0)).toBe(0);
  }
});

test('a stuck time is no clock', () => {
  let state: ClockState = NO_CLOCK;
  for (let n = 0; n < 50; n++) state = observeClock(state, { arrivedAt: NOW + n * 30_000, offset: n * 30_000 + 20, exact: false });
  expect(nextCorrection(state.offset, 0)).toBe(0);
});

describe('without the record clock', () => {
  const pack = (age: number, given: Partial<Pack> = {}): Pack => ({
    device: 'd',
    sequence: null,
    clock: null,
    clockCorrection: null,
    readings: [
      { name: 'x', unit: '', value: 1, time: NOW - age - 30_000 },
      { name: 'x', unit: '', value: 1, time: NOW - age },
    ],
    ...given,
  });
  const see = (profile: string, given: Pack, relative: number[] = []) =>
    clockObservation(given, { arrivedAt: NOW, relative: new Set(relative), profile: profiles.get(profile) });

  test('the newest sample stands for the clock, and lateness that the profile explains is none', () => {
    expect(see('bed', pack(20_000))?.offset).toBe(0);
    expect(see('bed', pack(90_000))?.offset).toBe(90_000);
    expect(see('call-button', pack(20_000))?.offset).toBe(20_000);
    expect(see('blood-pressure', pack(86_400_000))?.offset).toBe(0);
    expect(see('blood-pressure', pack(-60_000))?.offset).toBe(-60_000);
  });

  test('the device’s own clock goes before its samples', () => {
    expect(see('bed', pack(90_000, { clock: NOW - 500 }))).toEqual({ arrivedAt: NOW, offset: 500, exact: true });
  });

  test('times that count from the receipt, and times that a gateway has moved, say nothing', () => {
    expect(see('bed', pack(0), [0, 1])).toBeNull();
    expect(see('bed', pack(0, { clockCorrection: 5000 }))).toBeNull();
  });

  test('one wrong sample ahead does not move the others', () => {
    const { state } = run({ packs: 10, behind: () => 0, exact: false });
    const odd = observeClock(state, { arrivedAt: NOW + 400_000, offset: -540_000, exact: false });
    expect(nextCorrection(odd.offset, 0)).toBe(0);
  });

  test('a button that is slow by five minutes is found by its repetitions', () => {
    const { corrections } = run({ packs: 4, every: 600_000, behind: () => 300_000, exact: false });
    expect(corrections.at(-1)).toBeGreaterThan(299_000);
  });
});

test('more than two seconds is drifting', () => {
  expect([null, 0, 2000, -2000, 2001, -2001].map(isDrifting)).toEqual([false, false, false, false, true, true]);
});
