// Which devices count as silent: those whose samples should be coming, not those that are used now and then.
import { expect, test } from 'vitest';
import { loadProfiles } from '../../devices/index.ts';
import { coverageOf, stateOf } from '../../hub/ingest/coverage.ts';
import type { RegisteredDevice } from '../../hub/ingest/registry.ts';

const NOW = Date.parse('2026-01-08T00:00:00Z');
const DAY = 86_400_000;
const profiles = loadProfiles();

const device = (profile: string, lastSample: number | null): RegisteredDevice => ({
  facility: 'f1',
  device: `${profile}-1`,
  profile,
  created: new Date(NOW - 30 * DAY),
  revoked: null,
  subject: 'Patient/p1',
  assignedFrom: new Date(NOW - 30 * DAY),
  lastSample: lastSample === null ? null : new Date(lastSample),
  deliveringSince: lastSample === null ? null : new Date(lastSample),
  accepted: 0,
  refused: 0,
  credential: 'secret',
  certificateEnds: null,
  renewAsked: false,
  formerUntil: null,
});
const resident = { patient: 'p1', name: '田中 ハナ', birthDate: null, room: null, floor: null, facility: 'f1' };

test('a thermometer that lay in a drawer for a week is not silent; a call button that is not heard of is', () => {
  expect(stateOf(device('thermometer', NOW - 7 * DAY), profiles, NOW)).toBe('online');
  expect(stateOf(device('thermometer', null), profiles, NOW)).toBe('never');
  expect(stateOf(device('call-button', NOW - DAY), profiles, NOW)).toBe('silent');
  expect(stateOf(device('fall', NOW - 1_300_000), profiles, NOW)).toBe('late');
});

test('a resident’s silent devices are those whose samples are missed', () => {
  const devices = [
    device('bed', NOW - 20_000),
    device('blood-pressure', NOW - 9 * DAY),
    device('scale', null),
    device('spo2', null),
    device('call-button', null),
  ];
  const [view] = coverageOf([resident], devices, profiles, NOW);
  expect(view).toMatchObject({ devices: 5, silent: 1, notCoveredSince: null });
});
