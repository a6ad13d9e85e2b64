// Features: only the past counts, the order of arrival does not, and what is missing is known to be missing.
import { describe, expect, test } from 'vitest';
import { loadProfiles } from '../../devices/index.ts';
import { enough, FEATURE_NAMES, FEATURES, featuresAt, ResidentWindow, type Sample, WATCHED } from '../../models/index.ts';
import { seeded } from '../../models/random.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

const windowOf = (samples: Sample[]) => {
  const window = new ResidentWindow();
  for (const sample of samples) window.add(sample);
  return window;
};
const feature = (window: ResidentWindow, at: number, name: string) => featuresAt(window, at).values[FEATURE_NAMES.indexOf(name)]!;

describe('a vector', () => {
  const day = quiet({ hours: 26 });
  const at = START + 25 * HOUR;

  test('does not change when later samples come', () => {
    const window = windowOf(day.filter(sample => sample.time < at));
    const before = featuresAt(window, at);
    const storm = quiet({ from: at, hours: 1, heart: () => 60 });
    for (const sample of [...storm, { profile: 'door', time: at + 1, values: { open: 1 } }]) window.add(sample);
    expect(featuresAt(window, at)).toEqual(before);
  });

  test('is the same when samples come up to two hours late, twice or in any order', () => {
    const samples = day.filter(sample => sample.time < at);
    const expected = featuresAt(windowOf(samples), at);
    const random = seeded(7);
    const arriving = samples.flatMap(sample => {
      const first = { sample, arrives: sample.time + random() * 2 * HOUR };
      return random() < 0.2 ? [first, { sample, arrives: sample.time + random() * 2 * HOUR }] : [first];
    });
    const heard = arriving.sort((a, b) => a.arrives - b.arrives).map(({ sample }) => sample);
    expect(featuresAt(windowOf(heard), at)).toEqual(expected);
  });

  test('is the same when a gateway brings half a day after what is live, each device in its order, and again', () => {
    const samples = day.filter(sample => sample.time < at);
    const late = samples.filter(sample => sample.time > at - 22 * HOUR && sample.time < at - 4 * HOUR);
    const window = windowOf(samples.filter(sample => !late.includes(sample)));
    const incomplete = featuresAt(window, at);
    for (const profile of Object.keys(WATCHED)) for (const sample of late) if (sample.profile === profile) window.add(sample);
    expect(featuresAt(window, at)).toEqual(featuresAt(windowOf(samples), at));
    expect(featuresAt(window, at)).not.toEqual(incomplete);
    for (const sample of late) window.add(sample);
    expect(featuresAt(window, at)).toEqual(featuresAt(windowOf(samples), at));
  });

  test('is the same when it was asked for while a sample was still missing', () => {
    const samples = day.filter(sample => sample.time < at);
    const late = samples.filter(sample => sample.time > at - 3 * HOUR && sample.time < at - 2 * HOUR);
    const window = windowOf(samples.filter(sample => !late.includes(sample)));
    const incomplete = featuresAt(window, at);
    for (const sample of late) window.add(sample);
    expect(featuresAt(window, at)).toEqual(featuresAt(windowOf(samples), at));
    expect(featuresAt(window, at)).not.toEqual(incomplete);
  });

  test('has one value and one unit for each name', () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURES.length);
    expect(FEATURES.every(({ unit }) => unit.length > 0)).toBe(true);
    expect(featuresAt(windowOf(day), at).values.length).toBe(FEATURES.length);
  });
});

describe('what a caregiver would notice', () => {
  test('a heart rate above this person’s own usual is a deviation, in spreads', () => {
    const at = START + 25 * HOUR;
    const usual = windowOf(quiet({ hours: 25 }));
    const raised = windowOf(quiet({ hours: 25, heart: time => (time >= at - 10 * MINUTE ? 15 : 0) }));
    expect(Math.abs(feature(usual, at, 'heart_rate_deviation_10'))).toBeLessThan(0.5);
    expect(feature(raised, at, 'heart_rate_deviation_10')).toBeGreaterThan(3);
    expect(feature(raised, at, 'heart_rate_rise')).toBeGreaterThan(3);
  });

  test('with little of the own past the same heart rate deviates less', () => {
    const raised = (hours: number) => {
      const at = START + hours * HOUR;
      return feature(windowOf(quiet({ hours, heart: time => (time >= at - 10 * MINUTE ? 15 : 0) })), at, 'heart_rate_deviation_10');
    };
    expect(raised(2)).toBeGreaterThan(0.5);
    expect(raised(2)).toBeLessThan(raised(25) * 0.75);
  });

  test('a door counts when it opens, not when it repeats that it is open', () => {
    const at = START + 2 * HOUR;
    const window = windowOf(quiet({ hours: 2 }));
    for (const [minutes, open] of [
      [-19, 1],
      [-18, 1],
      [-17, 0],
      [-9, 1],
      [-8, 0],
    ] as const)
      window.add({ profile: 'door', time: at + minutes * MINUTE, values: { open } });
    expect(feature(window, at, 'door_openings_30')).toBe(2);
  });

  test('leaving the bed counts once, and at night the time outside is known', () => {
    const at = START + 3 * HOUR;
    const window = windowOf(quiet({ hours: 3 }));
    for (let time = at - 20 * MINUTE; time < at - 5 * MINUTE; time += MINUTE / 2)
      window.add({ profile: 'bed', time: time + 200, values: { movement: 0, in_bed: 0 } });
    expect(feature(window, at, 'bed_exits_60')).toBe(1);
    expect(feature(window, at, 'out_of_bed_night_60')).toBeCloseTo(15, 0);
  });
});

describe('coverage', () => {
  const at = START + 3 * HOUR;

  test('is whole when all devices report, and says which do not', () => {
    const all = quiet({ hours: 3 });
    expect(featuresAt(windowOf(all), at).coverage).toBeCloseTo(1, 2);
    const { coverage, covered } = featuresAt(windowOf(all.filter(({ profile }) => profile !== 'bed')), at);
    expect(covered).toMatchObject({ bed: 0, wrist: 1, room: 1 });
    expect(coverage).toBeCloseTo(0.6, 2);
  });

  test('is too little without bed and wrist, or when both fell silent half an hour ago', () => {
    const all = quiet({ hours: 3 });
    expect(enough(featuresAt(windowOf(all), at))).toBe(true);
    expect(enough(featuresAt(windowOf(all.filter(({ profile }) => profile !== 'bed' && profile !== 'wrist')), at))).toBe(false);
    expect(enough(featuresAt(windowOf(all), at + 31 * MINUTE))).toBe(false);
    expect(enough(featuresAt(new ResidentWindow(), at))).toBe(false);
  });

  test('leaves out a sensor that repeats itself exactly', () => {
    const stuck = quiet({ hours: 3 }).map(sample =>
      sample.profile === 'bed' && sample.time > at - 40 * MINUTE
        ? { ...sample, values: { heart_rate: 61, respiration_rate: 14, movement: 0.1, in_bed: 1 } }
        : sample,
    );
    const vector = featuresAt(windowOf(stuck), at);
    expect(vector.covered.bed).toBe(0);
    expect(vector.values[FEATURE_NAMES.indexOf('heart_rate_10')]).toBeNaN();
  });
});

test('the models read quantities that the device profiles have, at the profiles’ intervals', () => {
  const profiles = loadProfiles();
  for (const [id, watched] of Object.entries(WATCHED)) {
    const profile = profiles.get(id);
    expect(profile?.intervalSeconds, id).toBe(watched.seconds);
    expect(profile!.quantities.map(({ name }) => name)).toEqual(expect.arrayContaining([...watched.quantities]));
  }
});
