// Profiles, topics and the check of readings: what a device maker relies on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  checkReadings,
  deviceTopic,
  gatewayAlarmTopic,
  gatewayDevicesTopic,
  gatewayTopic,
  isLoincCode,
  loadProfiles,
  type Profile,
  parseTopic,
  parseUsername,
  type Reading,
  SECONDARY_UNITS,
  SENML_UNITS,
  storedTopic,
} from '../../devices/index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

describe('profiles', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'profiles-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const bed = () => structuredClone(loadProfiles().get('bed')!);

  test('those that come with the hub load, each quantity with both languages and a code', () => {
    const profiles = loadProfiles();
    expect([...profiles.keys()].sort()).toEqual(
      [
        'appliance',
        'bed',
        'blood-pressure',
        'body-composition',
        'call-button',
        'door',
        'fall',
        'presence',
        'room',
        'scale',
        'skin-thermometer',
        'spo2',
        'thermometer',
        'toilet',
        'wrist',
      ].sort(),
    );
    for (const profile of profiles.values())
      for (const quantity of profile.quantities) {
        expect(quantity.label.ja).not.toBe('');
        expect(quantity.label.en).not.toBe('');
        expect(['http://loinc.org', 'urn:remote-care-hub:quantity']).toContain(quantity.code.system);
        if (quantity.code.system === 'http://loinc.org') expect(isLoincCode(quantity.code.code), quantity.code.code).toBe(true);
        expect(SENML_UNITS.has(quantity.senmlUnit) || SECONDARY_UNITS.has(quantity.senmlUnit), quantity.senmlUnit).toBe(true);
      }
  });

  test('one quantity has one code and one unit, whichever device measures it', () => {
    const seen = new Map<string, string>();
    for (const profile of loadProfiles().values())
      for (const { name, code, senmlUnit, ucum } of profile.quantities) {
        const meaning = JSON.stringify([code.system, code.code, senmlUnit, ucum]);
        expect(seen.get(name) ?? meaning, `${profile.id} ${name}`).toBe(meaning);
        seen.set(name, meaning);
      }
  });

  test('devices used now and then are known as such; a button and a fall detector must be heard of', () => {
    const occasional = [...loadProfiles().values()].filter(profile => profile.occasional).map(profile => profile.id);
    expect(occasional.sort()).toEqual([
      ...['appliance', 'blood-pressure', 'body-composition', 'scale'],
      ...['skin-thermometer', 'spo2', 'thermometer'],
    ]);
  });

  test('a LOINC code with a wrong check digit and a unit outside the registry are refused, with the place', () => {
    const wrong = bed() as { quantities: { code: { code: string }; senmlUnit: string }[] };
    wrong.quantities[0]!.code.code = '8867-5';
    wrong.quantities[1]!.senmlUnit = 'breaths';
    writeFileSync(path.join(folder, 'bed.json'), JSON.stringify(wrong));
    expect(() => loadProfiles(folder)).toThrow(/quantities\.0\.code: .*check digit[\s\S]*quantities\.1\.senmlUnit: .*SenML unit/);
  });

  test('a maker adds a profile by adding a file', () => {
    writeFileSync(path.join(folder, 'mat.json'), JSON.stringify({ ...bed(), id: 'mat' }));
    expect(loadProfiles(folder).get('mat')?.quantities).toHaveLength(4);
  });

  test('a wrong profile is refused at load, with the file and the place', () => {
    const wrong = bed() as { quantities: { minimum: number; kind: string }[] };
    wrong.quantities[0]!.kind = 'text';
    writeFileSync(path.join(folder, 'bed.json'), JSON.stringify(wrong));
    expect(() => loadProfiles(folder)).toThrow(/bed\.json[\s\S]*quantities\.0\.kind/);
  });

  test.each<[string, object, string]>([
    ['of a quantity it does not have', { quantity: 'glucose', above: 1 }, 'no quantity'],
    ['with two limits', { below: 40, above: 130 }, 'exactly one'],
    ['with no limit', {}, 'exactly one'],
    ['that takes a number for a boolean', { quantity: 'in_bed', above: 0 }, 'equals'],
    ['that takes a boolean for a number', { equals: true }, 'equals'],
  ])('a profile with an alarm %s is refused', (_what, change, words) => {
    const rule = { id: 'x', quantity: 'heart_rate', kind: 'vital', text: { ja: '速い', en: 'fast' }, ...change };
    writeFileSync(path.join(folder, 'bed.json'), JSON.stringify({ ...bed(), alarms: [rule] }));
    expect(() => loadProfiles(folder)).toThrow(words);
  });

  test.each(['seq', 'clock', 'clock_correction'])('no quantity is named %s: that says something of the pack', name => {
    const wrong = structuredClone(bed()) as { quantities: { name: string }[]; alarms: unknown[] };
    wrong.quantities[0]!.name = name;
    wrong.alarms = [];
    writeFileSync(path.join(folder, 'bed.json'), JSON.stringify(wrong));
    expect(() => loadProfiles(folder)).toThrow('say something of the pack');
  });

  test('a file named unlike its profile is refused', () => {
    writeFileSync(path.join(folder, 'other.json'), JSON.stringify(bed()));
    expect(() => loadProfiles(folder)).toThrow('bed.json');
  });
});

describe('topics', () => {
  test('what is made is read back', () => {
    expect(parseTopic(deviceTopic('f1', 'bed-1', 'cbor'))).toEqual({ kind: 'device', facility: 'f1', device: 'bed-1', channel: 'cbor' });
    expect(parseTopic(gatewayDevicesTopic('f1'))).toEqual({ kind: 'gateway-devices', facility: 'f1' });
    expect(parseTopic(gatewayTopic('f1', 'csr'))).toEqual({ kind: 'gateway', facility: 'f1', channel: 'csr' });
    expect(parseTopic(gatewayAlarmTopic('f1', 'a-1'))).toEqual({ kind: 'gateway-alarm', facility: 'f1', alarm: 'a-1' });
    expect(parseTopic(storedTopic('f1', 'Patient/a.b'))).toEqual({
      kind: 'stored',
      facility: 'f1',
      subjectType: 'Patient',
      subject: 'a.b',
    });
  });

  test.each([
    'care/1/f1/bed-1',
    'care/1/f1/bed-1/xml',
    'care/2/f1/bed-1/json',
    'care/1//bed-1/json',
    'care/1/f1/bed 1/json',
    'care/1/f1/bed-1/json/x',
    'care/1/f1/+/json',
    'care/1/f1/gateway/json',
    'care/1/f1/gateway/alarms',
    'care/1/f1/bed-1/alarms/a-1',
    'care/1/f1/gateway/alarms/+',
    'hub/1/stored/f1/Practitioner/x',
    'hub/1/bench/f1',
    'x',
    '',
  ])('"%s" is outside the grammar', topic => expect(parseTopic(topic)).toBeNull());

  test('an id that would change the topic is not put into one', () => {
    expect(() => deviceTopic('f1', 'bed/1', 'json')).toThrow('bed/1');
    expect(() => deviceTopic('f1', 'gateway', 'json')).toThrow('gateway');
  });

  test('usernames say who signs in', () => {
    expect(parseUsername('f1/bed-1')).toEqual({ kind: 'device', facility: 'f1', device: 'bed-1' });
    expect(parseUsername('gateway/f1')).toEqual({ kind: 'gateway', facility: 'f1' });
    expect(parseUsername('hub')).toEqual({ kind: 'hub' });
    for (const wrong of ['', 'f1', 'f1/gateway', 'f1/bed/1', '+/bed', 'gateway/']) expect(parseUsername(wrong)).toBeNull();
  });
});

describe('checking readings', () => {
  const profiles = loadProfiles();
  const check = (profile: string, readings: Reading[]) =>
    checkReadings(profiles.get(profile) as Profile, { readings }, { receivedAt: NOW });
  const heart = (change: Partial<Reading>): Reading => ({ name: 'heart_rate', unit: 'beat/min', value: 60, time: NOW, ...change });

  test('readings of one time become one point, booleans 0 or 1, points in order of time', () => {
    const { points, refusals } = check('bed', [
      heart({ time: NOW }),
      heart({ time: NOW - 30_000, value: 58 }),
      { name: 'in_bed', unit: '', value: true, time: NOW },
    ]);
    expect(points).toEqual([
      { time: NOW - 30_000, values: { heart_rate: 58 } },
      { time: NOW, values: { heart_rate: 60, in_bed: 1 } },
    ]);
    expect(refusals).toEqual([]);
  });

  test.each<[string, Reading, string]>([
    ['a wrong unit', heart({ unit: 'Hz' }), 'unit-wrong'],
    ['no unit', heart({ unit: '' }), 'unit-wrong'],
    ['a quantity the profile does not have', heart({ name: 'glucose' }), 'quantity-unknown'],
    ['a name of the language itself', heart({ name: 'constructor' }), 'quantity-unknown'],
    ['a value that cannot be', heart({ value: 300 }), 'out-of-range'],
    ['a boolean for a number', heart({ value: true }), 'out-of-range'],
    ['a number for a boolean', heart({ name: 'in_bed', unit: '', value: 2 }), 'out-of-range'],
    ['a time too far ahead', heart({ time: NOW + 11 * 60_000 }), 'time-implausible'],
    ['a time too long ago', heart({ time: NOW - 91 * 86_400_000 }), 'time-implausible'],
  ])('%s is refused alone; the good readings of the pack are kept', (_what, wrong, reason) => {
    const { points, refusals } = check('bed', [{ name: 'movement', unit: '/', value: 0.5, time: NOW }, wrong]);
    expect(points).toEqual([{ time: NOW, values: { movement: 0.5 } }]);
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatchObject({ reason, quantity: wrong.name });
    expect(refusals[0]?.text.ja).toContain(wrong.name);
  });

  test('blood pressure travels in hPa, a SenML unit, and is stored in mmHg', () => {
    const { points, refusals } = check('blood-pressure', [
      { name: 'systolic', unit: 'hPa', value: 159.987, time: NOW },
      { name: 'diastolic', unit: 'hPa', value: 106.658, time: NOW },
    ]);
    expect(refusals).toEqual([]);
    expect(points[0]?.values.systolic).toBeCloseTo(120, 2);
    expect(points[0]?.values.diastolic).toBeCloseTo(80, 2);
    expect(check('blood-pressure', [{ name: 'systolic', unit: 'mmHg', value: 120, time: NOW }]).refusals[0]?.reason).toBe('unit-wrong');
  });

  test('a count is a whole number', () => {
    const steps = (value: number) => check('wrist', [{ name: 'steps', unit: 'count', value, time: NOW }]).refusals;
    expect(steps(12)).toEqual([]);
    expect(steps(1.5)).toHaveLength(1);
  });
});
