// What residents measure now and then and call for: plausible over weeks, the same by seed, and without a trace in the other devices.
import { describe, expect, test } from 'vitest';
import { checkReadings, loadProfiles, type Reading } from '../../devices/index.ts';
import { DAY, drawBuilding, hourOfDay, MEASURED, MINUTE, ResidentSimulation, TICK, type Tick } from '../../simulator/residents/index.ts';
import { Measured } from '../../simulator/residents/measured.ts';

const START = Date.parse('2025-10-01T00:00:00+09:00');
const building = drawBuilding('test');
const MMHG = 0.750062;

function live(seed: number, days: number, measured: readonly (typeof MEASURED)[number][] = MEASURED, spontaneous = true): Tick[] {
  const resident = new ResidentSimulation({ seed, building, start: START, spontaneous, measured });
  const ticks: Tick[] = [];
  while (resident.time < START + days * DAY) ticks.push(resident.tick());
  return ticks;
}
const samplesOf = (ticks: Tick[], profile: string) => ticks.flatMap(({ samples }) => samples.filter(sample => sample.profile === profile));
const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
/** Rising edges of an alarm. */
const begins = (ticks: Tick[], profile: string, quantity: string) => {
  const own = samplesOf(ticks, profile);
  return own.filter(({ values }, index) => values[quantity] === 1 && own[index - 1]?.values[quantity] !== 1);
};

const people = Array.from({ length: 10 }, (_, seed) => live(seed, 10));

test('the other devices read exactly the same, with and without them', () => {
  const others = (ticks: Tick[]) =>
    ticks.map(({ samples, corridor }) => [corridor, samples.filter(({ profile }) => !(MEASURED as readonly string[]).includes(profile))]);
  expect(others(live(5, 3))).toEqual(others(live(5, 3, [])));
});

test('each reads the same whether the others are there or not, and another seed reads otherwise', () => {
  for (const profile of MEASURED) expect(samplesOf(live(3, 2, [profile]), profile), profile).toEqual(samplesOf(live(3, 2), profile));
  expect(samplesOf(live(3, 2), 'spo2')).not.toEqual(samplesOf(live(4, 2), 'spo2'));
});

test('everything keeps to the profiles', () => {
  const profiles = loadProfiles();
  for (const ticks of people)
    for (const profile of MEASURED.map(id => profiles.get(id)!)) {
      const readings = samplesOf(ticks, profile.id).flatMap(({ time, values }) =>
        Object.entries(values).map(([name, value]): Reading => {
          const quantity = profile.quantities.find(quantity => quantity.name === name)!;
          return { name, unit: quantity.senmlUnit, value: quantity.kind === 'boolean' ? value === 1 : value, time };
        }),
      );
      expect(readings.length, profile.id).toBeGreaterThan(2);
      const pack = { device: 'd', sequence: null, clock: null, clockCorrection: null, readings };
      expect(checkReadings(profile, pack, { receivedAt: START + 10 * DAY }).refusals).toEqual([]);
    }
});

describe('plausible', () => {
  test('blood pressure: taken twice a day, higher after waking than in the evening, its lower value well below', () => {
    const of = (from: number, to: number, ticks: Tick[]) =>
      samplesOf(ticks, 'blood-pressure')
        .filter(({ time }) => hourOfDay(time) >= from && hourOfDay(time) < to)
        .map(({ values }) => values.systolic! * MMHG);
    const rises = people.map(ticks => mean(of(6, 10, ticks)) - mean(of(15, 20, ticks)));
    expect(mean(rises)).toBeGreaterThan(4);
    expect(mean(people.flatMap(ticks => of(0, 24, ticks)))).toBeCloseTo(135, -1.5);
    for (const { values } of people.flatMap(ticks => samplesOf(ticks, 'blood-pressure')))
      expect(values.systolic! - values.diastolic!).toBeGreaterThan(15 / MMHG);
  });

  test('oxygen: read through the night and three times a day, with dips asleep in some people', () => {
    const night = people.map(ticks =>
      samplesOf(ticks, 'spo2')
        .filter(({ time }) => hourOfDay(time) < 5)
        .map(({ values }) => values.spo2!),
    );
    const day = people.map(ticks =>
      samplesOf(ticks, 'spo2')
        .filter(({ time }) => hourOfDay(time) > 7 && hourOfDay(time) < 19)
        .map(({ values }) => values.spo2!),
    );
    for (const [index, values] of night.entries()) expect(mean(values)).toBeLessThan(mean(day[index]!));
    expect(mean(day.flat())).toBeGreaterThan(94);
    expect(night.some(values => Math.min(...values) <= 89)).toBe(true);
    expect(night.some(values => Math.min(...values) >= 91)).toBe(true);
  });

  test('weight drifts by little, temperature swings within the day, fever is rare and seen', () => {
    for (const ticks of people) {
      const weights = samplesOf(ticks, 'scale').map(({ values }) => values.body_weight!);
      expect(Math.max(...weights) - Math.min(...weights)).toBeLessThan(3.5);
    }
    const temperatures = Array.from({ length: 12 }, (_, seed) => live(seed + 40, 12, ['thermometer'])).flatMap(ticks =>
      samplesOf(ticks, 'thermometer').map(({ values }) => values.body_temperature!),
    );
    const feverish = temperatures.filter(value => value >= 37.5).length / temperatures.length;
    expect(feverish).toBeGreaterThan(0.001);
    expect(feverish).toBeLessThan(0.08);
    expect(mean(temperatures)).toBeCloseTo(36.5, 0);
  });

  test('the call button: some calls a day, each answered within minutes, its state repeated every ten', () => {
    const calls = people.map(ticks => begins(ticks, 'call-button', 'pressed').length / 10);
    expect(mean(calls)).toBeGreaterThan(0.7);
    expect(mean(calls)).toBeLessThan(8);
    for (const ticks of people) {
      const own = samplesOf(ticks, 'call-button');
      expect(own.length).toBeGreaterThanOrEqual(10 * 144);
      for (const [index, { values, time }] of own.entries()) {
        if (values.pressed !== 1) continue;
        const end = own.slice(index).find(sample => sample.values.pressed === 0);
        if (end) expect(end.time - time).toBeLessThan(8 * MINUTE);
      }
    }
  });

  test('falls: some a resident and year, most by night or in agitation, and help is called', () => {
    const [people, days] = [40, 20];
    const now = { visitor: false, exercise: false, toiletNeed: 1, fever: 0, neighbour: false, carer: false };
    const falls: { upset: boolean; called: boolean }[] = [];
    for (let seed = 0; seed < people; seed++) {
      const measured = new Measured(`fall-${seed}`, ['fall', 'call-button'], START);
      const alarms: { time: number; upset: boolean; values: Record<string, number> }[] = [];
      let fell = false;
      for (let time = START; time < START + days * DAY; time += TICK) {
        // In bed from nine to half past six, up once for the toilet; restless for half an hour before supper.
        const hour = hourOfDay(time);
        const night = hour >= 21 || hour < 6.5;
        const activity = !night ? (hour % 2 < 1 ? 'room' : 'out') : hour >= 2 && hour < 2.2 ? 'toilet' : 'asleep';
        const level = hour >= 17 && hour < 17.5 ? 0.8 : 0;
        for (const { profile, time: at, values } of measured.step(time, { activity, level, now, heartRate: 70, night })) {
          if (profile === 'fall' && values.fallen === 1 && !fell) alarms.push({ time: at, upset: night || level > 0, values });
          if (profile === 'fall') fell = values.fallen === 1;
          else if (values.pressed === 1) alarms.push({ time: at, upset: false, values });
        }
      }
      for (const { time, upset } of alarms.filter(({ values }) => values.fallen === 1))
        falls.push({ upset, called: alarms.some(alarm => alarm.values.pressed === 1 && Math.abs(alarm.time - time) < 8 * MINUTE) });
    }
    const yearly = falls.length / ((people * days) / 365);
    expect(yearly).toBeGreaterThan(0.4);
    expect(yearly).toBeLessThan(8);
    expect(falls.filter(({ upset }) => upset).length / falls.length).toBeGreaterThanOrEqual(0.5);
    expect(falls.every(({ called }) => called)).toBe(true);
  });
});
