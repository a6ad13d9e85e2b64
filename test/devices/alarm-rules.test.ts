// Alarm rules: which readings call for help, and which do not.
import { describe, expect, test } from 'vitest';
import {
  type AlarmLimits,
  type AlarmState,
  checkReadings,
  judgeAlarms,
  loadProfiles,
  type Point,
  type Profile,
  type Reading,
} from '../../devices/index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const profiles = loadProfiles();

/** A device whose packs are judged one after the other. */
function watched(profileId: string, { limits, from }: { limits?: AlarmLimits; from?: AlarmState } = {}) {
  const { alarms } = profiles.get(profileId)!;
  let state: AlarmState = from ?? {};
  return {
    /** `[rule, change, value, seconds since NOW]` */
    judge(points: Point[], now = Math.max(...points.map(({ time }) => time)), own = limits) {
      const judged = judgeAlarms({ rules: alarms, limits: own, state, points, now });
      state = JSON.parse(JSON.stringify(judged.state));
      return judged.changes.map(({ rule, change, value, time }) => [rule, change, value, (time - NOW) / SECOND]);
    },
    get state() {
      return state;
    },
  };
}
const at = (seconds: number, values: Record<string, number>): Point => ({ time: NOW + seconds * SECOND, values });

describe('a call', () => {
  test('begins with the press and ends with the release, once each', () => {
    const button = watched('call-button');
    expect(button.judge([at(0, { pressed: 0 })])).toEqual([]);
    expect(button.judge([at(1, { pressed: 1 })])).toEqual([['call', 'began', 1, 1]]);
    expect(button.judge([at(2, { pressed: 1 })])).toEqual([]);
    expect(button.judge([at(3, { pressed: 0 })])).toEqual([['call', 'ended', 0, 3]]);
    expect(button.judge([at(4, { pressed: 1 })])).toEqual([['call', 'began', 1, 4]]);
  });

  test('the same pack again raises nothing, also after the state was kept and read back', () => {
    const button = watched('call-button');
    const press = [at(1, { pressed: 1 }), at(2, { pressed: 0 })];
    expect(button.judge(press)).toHaveLength(2);
    expect(button.judge(press)).toEqual([]);
    expect(watched('call-button', { from: button.state }).judge(press)).toEqual([]);
  });

  test('that comes late behind a newer reading is raised, and is over', () => {
    const button = watched('call-button');
    button.judge([at(60, { pressed: 0 })]);
    expect(button.judge([at(30, { pressed: 1 })], NOW + 61 * SECOND)).toEqual([
      ['call', 'began', 1, 30],
      ['call', 'ended', 0, 60],
    ]);
    expect(button.judge([at(30, { pressed: 1 })], NOW + 62 * SECOND)).toEqual([]);
  });

  test('of a while ago is still raised after a lost connection; one of yesterday is history', () => {
    expect(watched('call-button').judge([at(0, { pressed: 1 })], NOW + 9 * MINUTE)).toHaveLength(1);
    expect(watched('fall').judge([at(0, { fallen: 1 })], NOW + 9 * MINUTE)).toHaveLength(1);
    expect(watched('call-button').judge([at(0, { pressed: 1 })], NOW + 24 * 60 * MINUTE)).toEqual([]);
  });

  test('of a clock that is ahead does not hide the calls that follow when it is set right', () => {
    const button = watched('call-button');
    expect(button.judge([at(540, { pressed: 1 })], NOW)).toEqual([['call', 'began', 1, 0]]);
    button.judge([at(5, { pressed: 0 })]);
    expect(button.judge([at(9, { pressed: 1 })])).toEqual([['call', 'began', 1, 9]]);
  });
});

describe('a vital sign', () => {
  test('out of its limit begins an alarm, and ends it only when it is well inside', () => {
    const spo2 = watched('spo2');
    expect(spo2.judge([at(0, { spo2: 89 })])).toEqual([['spo2-low', 'began', 89, 0]]);
    expect(spo2.judge([at(10, { spo2: 90 })])).toEqual([]);
    expect(spo2.judge([at(20, { spo2: 91 })])).toEqual([]);
    expect(spo2.judge([at(30, { spo2: 89 })])).toEqual([]);
    expect(spo2.judge([at(40, { spo2: 92 })])).toEqual([['spo2-low', 'ended', 92, 40]]);
  });

  test('on the limit raises nothing', () => {
    expect(watched('spo2').judge([at(0, { spo2: 90, pulse_rate: 130 }), at(1, { pulse_rate: 41 })])).toEqual([]);
  });

  test('that must hold for a while does not alarm at a single reading, nor at ones with good ones between', () => {
    const bed = watched('bed');
    const beats = (...rates: number[]) => rates.map((heart_rate, index) => at(index * 30, { heart_rate }));
    expect(bed.judge(beats(140, 140, 140, 80, 140, 140, 140))).toEqual([]);
    expect(watched('bed').judge(beats(140, 141, 142, 143))).toEqual([['heart-high', 'began', 143, 90]]);
  });

  test('with a long gap between its readings begins to count anew', () => {
    const bed = watched('bed');
    bed.judge([at(0, { heart_rate: 140 }), at(30, { heart_rate: 140 }), at(60, { heart_rate: 140 })]);
    expect(bed.judge([at(3600, { heart_rate: 140 })])).toEqual([]);
  });

  test('that is older than two minutes, replayed or stuck, raises nothing', () => {
    const bed = watched('bed');
    const old = [0, 30, 60, 90].map(second => at(second, { heart_rate: 150 }));
    expect(bed.judge(old, NOW + 300 * SECOND)).toEqual([]);
    const stuck = watched('bed');
    for (let count = 0; count < 10; count++) expect(stuck.judge([at(0, { heart_rate: 150 })], NOW + count * SECOND)).toEqual([]);
  });

  test('is judged by the resident’s own limits; a rule that is off raises nothing and ends what it had begun', () => {
    const limits = { 'spo2-low': { below: 85 } };
    expect(watched('spo2', { limits }).judge([at(0, { spo2: 86 })])).toEqual([]);
    expect(watched('spo2', { limits }).judge([at(0, { spo2: 84 })])).toHaveLength(1);
    const spo2 = watched('spo2');
    spo2.judge([at(0, { spo2: 84 })]);
    const off = { 'spo2-low': { off: true } };
    expect(spo2.judge([at(5, { spo2: 84 })], NOW + 5 * SECOND, off)).toEqual([['spo2-low', 'ended', 0, 5]]);
    expect(spo2.judge([at(6, { spo2: 84 })], NOW + 6 * SECOND, off)).toEqual([]);
  });

  test('several rules of one device are judged side by side', () => {
    expect(
      watched('spo2')
        .judge([at(0, { spo2: 80, pulse_rate: 140 })])
        .map(([rule]) => rule),
    ).toEqual(['spo2-low', 'pulse-high']);
  });
});

test('a rule is in the unit people read: the profile’s factor is applied before it', () => {
  const pressure = structuredClone(profiles.get('blood-pressure')) as Profile;
  const alarms = [{ id: 'high', quantity: 'systolic', kind: 'vital' as const, text: { ja: '高い', en: 'high' }, above: 180 }];
  const judge = (hectopascal: number) => {
    const readings: Reading[] = [{ name: 'systolic', unit: 'hPa', value: hectopascal, time: NOW }];
    const { points } = checkReadings(pressure, { readings }, { receivedAt: NOW });
    return judgeAlarms({ rules: alarms, state: {}, points, now: NOW }).changes.map(({ value }) => Math.round(value));
  };
  expect(judge(190)).toEqual([]);
  expect(judge(250)).toEqual([188]);
});

test('call button, fall detector, oximeter, bed and wrist come with rules in both languages', () => {
  for (const [id, kinds] of Object.entries({ 'call-button': 'call', fall: 'fall', spo2: 'vital', bed: 'vital', wrist: 'vital' })) {
    const { alarms } = profiles.get(id)!;
    expect(new Set(alarms.map(({ kind }) => kind)), id).toEqual(new Set([kinds]));
    for (const { text } of alarms) expect([text.ja, text.en].every(words => words.length > 5)).toBe(true);
  }
});
