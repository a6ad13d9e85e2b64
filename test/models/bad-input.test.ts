// What is wrong in a resident's samples ends in "unknown" or "not enough", never in a number that looks right.
import { describe, expect, test } from 'vitest';
import { enough, FEATURE_NAMES, FEATURES, featuresAt, ResidentWindow, type Sample } from '../../models/index.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

const at = START + 25 * HOUR;
const windowOf = (samples: readonly Sample[]) => {
  const window = new ResidentWindow();
  for (const sample of samples) window.add(sample);
  return window;
};
const featureOf = (window: ResidentWindow, name: string) => featuresAt(window, at).values[FEATURE_NAMES.indexOf(name)]!;
const body = ({ profile }: Sample) => profile === 'bed' || profile === 'wrist';
const day = quiet({ hours: 25 });

test('a resident with no data: nothing is known, nothing is covered, and it is not enough', () => {
  const vector = featuresAt(new ResidentWindow(), at);
  expect(enough(vector)).toBe(false);
  expect(vector.coverage).toBe(0);
  FEATURES.forEach(({ needs, group }, index) => {
    if (needs.length && group !== null) expect(vector.values[index], FEATURES[index]!.name).toBeNaN();
  });
});

test('values that are no numbers are no samples', () => {
  const wrong = day.map(sample =>
    body(sample) ? { ...sample, values: { heart_rate: Number.NaN, pulse_rate: Number.POSITIVE_INFINITY } } : sample,
  );
  const vector = featuresAt(windowOf(wrong), at);
  expect([vector.covered.bed, vector.covered.wrist, enough(vector)]).toEqual([0, 0, false]);
});

test('a stuck sensor on the body leaves what needs it unknown; with both stuck it is not enough', () => {
  const still = {
    bed: { heart_rate: 61, respiration_rate: 14, movement: 0.1, in_bed: 1 },
    wrist: { pulse_rate: 61, hrv_rmssd: 30, skin_temperature: 33, steps: 0 },
  };
  const stuck = (which: readonly string[]) =>
    day.map(sample =>
      which.includes(sample.profile) && sample.time > at - HOUR ? { ...sample, values: still[sample.profile as 'bed'] } : sample,
    );
  const one = featuresAt(windowOf(stuck(['bed'])), at);
  FEATURES.forEach(({ needs }, index) => {
    if (needs.includes('bed')) expect(one.values[index], FEATURES[index]!.name).toBeNaN();
  });
  expect(enough(one)).toBe(true);
  expect(enough(featuresAt(windowOf(stuck(['bed', 'wrist'])), at))).toBe(false);
});

describe('a clock that jumps', () => {
  test('ahead: what it says of later is not what is now, and now is not covered', () => {
    const ahead = day.map(sample => (body(sample) && sample.time > at - HOUR ? { ...sample, time: sample.time + 3 * HOUR } : sample));
    expect(enough(featuresAt(windowOf(ahead), at))).toBe(false);
    expect(featureOf(windowOf(ahead), 'heart_rate_10')).toBeNaN();
  });
  test('back: the same minutes twice are one set of readings, and the minutes after are missing', () => {
    const back = day.map(sample => (body(sample) && sample.time > at - HOUR ? { ...sample, time: sample.time - HOUR } : sample));
    const vector = featuresAt(windowOf(back), at);
    expect([vector.covered.bed, vector.covered.wrist, enough(vector)]).toEqual([0, 0, false]);
  });
});

describe('a device swapped in the middle', () => {
  const heart = (time: number) => (time >= at - 30 * MINUTE ? 15 : 0);
  const moved = quiet({ hours: 25, heart });
  const from = (device: string) => (sample: Sample) => ({ ...sample, device: `${device}-${sample.profile}` });
  const swapped = moved.map(sample => from(sample.profile === 'bed' && sample.time >= at - 30 * MINUTE ? 'new' : 'old')(sample));

  test('is not compared with what the former one measured, but what it measures counts', () => {
    const [kept, other] = [windowOf(moved.map(from('old'))), windowOf(swapped)];
    expect(featureOf(kept, 'heart_rate_deviation_10')).toBeGreaterThan(1);
    expect(Math.abs(featureOf(other, 'heart_rate_deviation_10')) > 1).toBe(false);
    expect(featureOf(other, 'heart_rate_10')).toBeCloseTo(77, 0);
    expect(enough(featuresAt(other, at))).toBe(true);
  });
  test('late readings of the former one do not come back', () => {
    const window = windowOf(swapped);
    const before = Array.from(featuresAt(window, at).values);
    for (const sample of moved.filter(({ profile, time }) => profile === 'bed' && time < at - 35 * MINUTE).slice(-60))
      window.add(from('old')(sample));
    expect(Array.from(featuresAt(window, at).values)).toEqual(before);
  });
});
