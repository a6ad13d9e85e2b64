// Simulated residents: the same seed is the same person, nights are quiet, and agitation announces itself, but not always.
import { describe, expect, test } from 'vitest';
import { checkReadings, loadProfiles, type Reading } from '../../devices/index.ts';
import { exportChunks } from '../../simulator/export.ts';
import { DAY, drawBuilding, HOUR, hourOfDay, MINUTE, Random, ResidentSimulation, type Tick } from '../../simulator/residents/index.ts';

const START = Date.parse('2025-10-01T00:00:00+09:00');
const building = drawBuilding('test');
function live(
  seed: number,
  days: number,
  options: { spontaneous?: boolean; onset?: number; prodrome?: number; intensity?: number } = {},
): Tick[] {
  const { onset, prodrome = 40 * MINUTE, intensity = 1 } = options;
  const forced = onset === undefined ? [] : [{ onset, end: onset + 20 * MINUTE, prodrome, intensity }];
  const resident = new ResidentSimulation({ seed, building, start: START, spontaneous: options.spontaneous ?? false, forced });
  const ticks: Tick[] = [];
  while (resident.time < START + days * DAY) ticks.push(resident.tick());
  return ticks;
}
const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
/** All values of a quantity in a span of time. */
const values = (ticks: Tick[], profile: string, quantity: string, from: number, to: number) =>
  ticks
    .filter(({ time }) => time >= from && time < to)
    .flatMap(({ samples }) => samples.filter(sample => sample.profile === profile).flatMap(sample => sample.values[quantity] ?? []));

describe('by seed', () => {
  test('the same seed gives the same samples, another seed other ones', () => {
    const text = (seed: string) => [...exportChunks({ residents: 2, days: 0.5, seed, facilitySeed: 'f', start: START })].join('');
    expect(text('a')).toBe(text('a'));
    expect(text('a')).not.toBe(text('b'));
  });

  test('the numbers are spread evenly and normally', () => {
    const random = new Random('spread');
    const uniform = Array.from({ length: 20_000 }, () => random.uniform());
    expect(mean(uniform)).toBeCloseTo(0.5, 1);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    const normal = Array.from({ length: 20_000 }, () => random.normal(10, 2));
    expect(mean(normal)).toBeCloseTo(10, 1);
    expect(Math.sqrt(mean(normal.map(value => (value - 10) ** 2)))).toBeCloseTo(2, 1);
  });
});

describe('a day', () => {
  const ticks = [1, 2, 3, 4].map(seed => live(seed, 3));

  test('residents are in bed and still by night, up and about by day', () => {
    for (const person of ticks) {
      const at = (from: number, to: number, profile: string, quantity: string) =>
        mean([0, 1, 2].flatMap(day => values(person, profile, quantity, START + day * DAY + from * HOUR, START + day * DAY + to * HOUR)));
      expect(at(0, 5, 'bed', 'in_bed')).toBeGreaterThan(0.7);
      expect(at(9, 18, 'bed', 'in_bed')).toBeLessThan(0.5);
      expect(at(0, 5, 'wrist', 'steps')).toBeLessThan(at(9, 18, 'wrist', 'steps') / 3);
      expect(at(0, 5, 'wrist', 'pulse_rate')).toBeLessThan(at(9, 18, 'wrist', 'pulse_rate'));
      expect(at(0, 5, 'wrist', 'hrv_rmssd')).toBeGreaterThan(at(9, 18, 'wrist', 'hrv_rmssd'));
    }
  });

  test('the night is broken by awakenings, the toilet is visited, meals are out of the room', () => {
    const all = ticks.flat();
    expect(all.some(({ time, activity }) => hourOfDay(time) < 5 && activity === 'in-bed')).toBe(true);
    expect(all.some(({ time, activity }) => hourOfDay(time) < 5 && activity === 'toilet')).toBe(true);
    const lunch = all.filter(({ time }) => hourOfDay(time) > 12.25 && hourOfDay(time) < 12.6);
    expect(lunch.filter(({ activity }) => activity === 'out').length / lunch.length).toBeGreaterThan(0.6);
  });

  test('devices speak at their profile’s intervals, within its bounds, in order of time', () => {
    const profiles = loadProfiles();
    for (const person of ticks) {
      const samples = person.flatMap(tick => tick.samples);
      expect(samples.every(({ time }, index) => index === 0 || time >= samples[index - 1]!.time)).toBe(true);
      // What a resident wears and what is in the room; the hallway's sensor and what carers measure by hand are not simulated here.
      for (const profile of ['bed', 'wrist', 'room', 'door', 'toilet'].map(id => profiles.get(id)!)) {
        const own = samples.filter(sample => sample.profile === profile.id);
        const expected = (3 * DAY) / (profile.intervalSeconds * 1000);
        expect(own.length).toBeGreaterThan(expected * 0.85);
        if (!profile.event) expect(own.length).toBeLessThanOrEqual(expected);
        const readings = own.flatMap(({ time, values }) =>
          Object.entries(values).map(([name, value]): Reading => {
            const quantity = profile.quantities.find(quantity => quantity.name === name)!;
            return { name, unit: quantity.senmlUnit, value: quantity.kind === 'boolean' ? value === 1 : value, time };
          }),
        );
        expect(checkReadings(profile, { device: 'd', sequence: null, readings }, { receivedAt: START + 3 * DAY }).refusals).toEqual([]);
      }
    }
  });

  test('a door that opens is shut again, and no contact says the same twice at a change', () => {
    for (const person of ticks) {
      const door = person.flatMap(tick => tick.samples.filter(({ profile }) => profile === 'door'));
      const open = door.filter(({ values }) => values.open === 1).length;
      expect(open).toBeGreaterThan(10);
      expect(door.at(-1)?.values.open).toBe(0);
    }
  });
});

describe('agitation', () => {
  const ONSET = START + DAY + 17 * HOUR;
  const seeds = Array.from({ length: 24 }, (_, index) => index + 100);

  test('shows in the half hour before a strong episode: pulse up, variability down, against the same person without one', () => {
    const differences = seeds.map(seed => {
      const [with_, without] = [live(seed, 2, { onset: ONSET, intensity: 1.1 }), live(seed, 2)];
      const change = (profile: string, quantity: string) =>
        mean(values(with_, profile, quantity, ONSET - 20 * MINUTE, ONSET)) -
        mean(values(without, profile, quantity, ONSET - 20 * MINUTE, ONSET));
      return { pulse: change('wrist', 'pulse_rate'), hrv: change('wrist', 'hrv_rmssd') };
    });
    const known = differences.filter(({ pulse }) => !Number.isNaN(pulse));
    expect(known.length).toBeGreaterThan(15);
    expect(mean(known.map(({ pulse }) => pulse))).toBeGreaterThan(4);
    expect(mean(known.map(({ hrv }) => hrv))).toBeLessThan(-4);
  });

  test('by night it brings people out of bed and opens doors before the onset', () => {
    const onset = START + DAY + 2.5 * HOUR;
    const count = (ticks: Tick[]) =>
      ticks.filter(({ time, activity }) => time >= onset - 30 * MINUTE && time < onset && activity !== 'asleep').length;
    const awake = seeds.map(seed => count(live(seed, 1.2, { onset, intensity: 1.1 })) - count(live(seed, 1.2)));
    expect(mean(awake)).toBeGreaterThan(10);
  });

  test('is not there long before the prodrome', () => {
    const [with_, without] = [live(7, 2, { onset: ONSET }), live(7, 2)];
    const earlier = (ticks: Tick[]) => ticks.filter(({ time }) => time < ONSET - 40 * MINUTE).map(({ samples }) => samples);
    expect(earlier(with_)).toEqual(earlier(without));
  });

  test('the ordered episode comes when it was ordered, and is labelled so', () => {
    const ticks = live(3, 2, { onset: ONSET });
    const begins = ticks.filter(tick => tick.begins);
    expect(begins.map(tick => tick.begins?.onset)).toEqual([ONSET]);
    expect(ticks.find(tick => tick.rises)?.time).toBe(ONSET - 40 * MINUTE);
  });

  test('episodes come by themselves at different strengths, and upsets pass without one', () => {
    const ticks = seeds.flatMap(seed => live(seed, 7, { spontaneous: true }));
    const episodes = ticks.flatMap(({ begins }) => begins ?? []);
    const days = seeds.length * 7;
    expect(episodes.length / days).toBeGreaterThan(0.15);
    expect(episodes.length / days).toBeLessThan(0.9);
    expect(episodes.some(({ intensity }) => intensity < 0.26)).toBe(true);
    expect(episodes.some(({ intensity }) => intensity > 0.9)).toBe(true);
    for (const { prodrome } of episodes) {
      expect(prodrome).toBeGreaterThanOrEqual(5 * MINUTE);
      expect(prodrome).toBeLessThanOrEqual(60 * MINUTE);
    }
    const agitated = ticks.filter(({ agitation }) => agitation > 0.3).length;
    const labelled = episodes.reduce((sum, { onset, end, prodrome }) => sum + (end - onset + prodrome) / 30_000, 0);
    expect(agitated).toBeLessThan(labelled * 1.5);
  });
});

describe('the export', () => {
  test('is one header a resident, samples in order of time, and a label at each onset', () => {
    const lines = [...exportChunks({ residents: 3, days: 2, seed: 'x', facilitySeed: 'f', start: START })]
      .join('')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(line => 'resident' in line).map(line => line.resident)).toEqual(['r001', 'r002', 'r003']);
    let [resident, last] = ['', 0];
    for (const line of lines) {
      if (typeof line.resident === 'string') [resident, last] = [line.resident, 0];
      else {
        expect(line.r).toBe(resident);
        const time = Number(line.t ?? line.onset);
        // A label stands within the tick of its onset.
        expect(time).toBeGreaterThanOrEqual(last - 30_000);
        last = Math.max(last, time);
      }
    }
  });

  test('is quick enough to train from: more than 60 resident-days a minute', () => {
    const began = performance.now();
    let length = 0;
    for (const chunk of exportChunks({ residents: 5, days: 2, seed: 'q', facilitySeed: 'f', start: START })) length += chunk.length;
    expect(length).toBeGreaterThan(1_000_000);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
