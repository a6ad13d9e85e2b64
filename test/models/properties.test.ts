// Properties that hold for any stream: what comes later changes nothing before it, and more data never means less coverage.
import { expect, test } from 'vitest';
import { featuresAt, ResidentWindow, type Sample, WATCHED_PROFILES } from '../../models/index.ts';
import { permutation, seeded } from '../../models/random.ts';
import { DAY_HOURS, HOUR_MS, type Home, type Homes } from '../../models/tihm/homes.ts';
import { inputsAt } from '../../models/tihm/inputs.ts';
import { HomeView } from '../../models/tihm/view.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

const TRIALS = 12;
const windowOf = (samples: Iterable<Sample>) => {
  const window = new ResidentWindow();
  for (const sample of samples) window.add(sample);
  return window;
};

test('a vector of any minute stays as it was, whatever comes at or after it, in whatever order', () => {
  const random = seeded(11);
  const all = quiet({ hours: 5, seed: 4 });
  for (let trial = 0; trial < TRIALS; trial++) {
    const at = START + (3 + Math.floor(random() * 90) / 60) * HOUR;
    const past = all.filter(({ time }) => time < at);
    const future = quiet({ from: at, hours: 0.5, seed: trial, heart: () => 80 * random(), agitation: () => random() });
    const shuffled = Array.from(permutation(future.length, random), index => future[index]!);
    // Ten minutes: as long as a window answers for a moment that is gone.
    const soon = shuffled.filter(({ time }) => time < at + 9 * MINUTE);
    expect(featuresAt(windowOf([...past, ...soon]), at), `trial ${trial}`).toEqual(featuresAt(windowOf(past), at));
  }
});

test('with more of a device’s samples the coverage of no device and of no resident becomes less', () => {
  const random = seeded(12);
  const all = quiet({ hours: 2, seed: 5 });
  const at = START + 2 * HOUR;
  for (let trial = 0; trial < TRIALS; trial++) {
    const share = random();
    const few = all.filter(() => random() < share);
    const kept = new Set(few);
    const more = all.filter(sample => kept.has(sample) || random() < 0.5);
    const [less, greater] = [featuresAt(windowOf(few), at), featuresAt(windowOf(more), at)];
    for (const profile of WATCHED_PROFILES) expect(greater.covered[profile]).toBeGreaterThanOrEqual(less.covered[profile] - 1e-9);
    expect(greater.coverage).toBeGreaterThanOrEqual(less.coverage - 1e-9);
    expect(greater.coverage).toBeLessThanOrEqual(1 + 1e-9);
  }
});

/** One home with random counts; what is at or after `until` is as `later` says. */
function homeOf(seed: number, hours: number, until = hours, later = (count: number) => count): Homes {
  const random = seeded(seed);
  const channels = ['bathroom', 'bedroom', 'kitchen', 'lounge', 'hallway', 'fridge', 'doors', 'kettle'] as const;
  const others = ['events', 'transitions', 'hallwayVisits', 'quickMoves'] as const;
  const counts = Object.fromEntries(
    [...channels, ...others].map(channel => [
      channel,
      Float32Array.from({ length: hours }, (_, hour) => {
        const count = random() < 0.3 ? 0 : Math.floor(random() * 30);
        return hour < until ? count : later(count);
      }),
    ]),
  ) as Home['counts'];
  const labels = Array.from({ length: 20 }, () => Math.floor(random() * hours) * HOUR_MS + 61_000).sort((a, b) => a - b);
  const home: Home = {
    id: 'h',
    counts,
    measurements: [],
    labels: labels.filter(time => time < until * HOUR_MS || later(0) === 0).map(time => ({ at: time, type: 'Agitation' })),
    age: null,
    sex: null,
  };
  return { start: 0, hours, homes: [home], outage: new Uint8Array(hours) };
}

test('the inputs of a home at any hour and for any stamp after it do not know what comes later', () => {
  const random = seeded(13);
  const hours = 40 * DAY_HOURS;
  for (let trial = 0; trial < TRIALS * 3; trial++) {
    const hour = 24 + Math.floor(random() * (hours - 72));
    const slotHour = [8, 12, 18][Math.floor(random() * 3)]!;
    const day = Math.ceil((hour - slotHour) / DAY_HOURS);
    const question = { hour, slotHour, slot: (day * DAY_HOURS + slotHour) * HOUR_MS };
    const at = (homes: Homes) => Array.from(inputsAt(new HomeView(homes, homes.homes[0]!), question));
    const coverage = (homes: Homes) => new HomeView(homes, homes.homes[0]!).coverage(hour);
    const [plain, other] = [homeOf(trial, hours), homeOf(trial, hours, hour, count => count * 5 + 40)];
    expect(at(other), `hour ${hour}, stamp ${slotHour}`).toEqual(at(plain));
    expect(coverage(other)).toBe(coverage(plain));
  }
});
