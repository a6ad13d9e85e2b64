// Who is no longer watched, by the times of samples alone: one alert a loss, one for a whole facility, none for a device that was never mounted.
import { expect, test } from 'vitest';
import { Cover, type CoverChange, MOUNTING } from '../../hub/alarms/cover.ts';
import type { WatchedDevice, WatchedFacility } from '../../hub/ingest/index.ts';

const NOW = Date.parse('2026-01-08T00:00:00Z');
const MINUTE = 60_000;

const device = (patient: string, name: string, lastSample: number | null = NOW): WatchedDevice => ({
  facility: 'f1',
  device: name,
  profile: 'bed',
  subject: `Patient/${patient}`,
  since: NOW - 60 * MINUTE,
  lastSample,
  lateAfter: 90_000,
  silentAfter: 5 * MINUTE,
  covers: true,
});
const facility = (devices: WatchedDevice[], connected: boolean | null = true): WatchedFacility[] => [
  { facility: 'f1', gateway: { connected, since: null }, devices },
];
const twelve = (lastSample = NOW) => Array.from({ length: 12 }, (_, index) => device(`p${index}`, `bed-${index}`, lastSample));
/** Tells all that is due, as the watch does. */
function told(cover: Cover, now: number): CoverChange[] {
  const changes = cover.changes(now);
  for (const change of changes) cover.told(change, now);
  return changes;
}

test('a resident with two devices is lost when both are silent, once, and back with the first sample', () => {
  const cover = new Cover([], 0);
  const others = [device('p2', 'bed-2', NOW + 60 * MINUTE)];
  cover.load(facility([device('p1', 'bed-1'), device('p1', 'wrist-1', NOW + MINUTE), ...others]));
  expect(told(cover, NOW + 6 * MINUTE)).toEqual([]);
  expect(told(cover, NOW + 6 * MINUTE + 1)).toMatchObject([
    { change: 'lost', loss: { resident: 'p1', since: NOW + MINUTE }, residents: 1 },
  ]);
  expect(told(cover, NOW + 10 * MINUTE)).toEqual([]);
  cover.heard('f1', 'wrist-1', NOW + 10 * MINUTE);
  expect(told(cover, NOW + 10 * MINUTE)).toMatchObject([{ change: 'back', loss: { resident: 'p1' } }]);
  expect(told(cover, NOW + 11 * MINUTE)).toEqual([]);
});

test('a backlog of old samples does not bring a resident back', () => {
  const cover = new Cover([], 0);
  cover.load(facility([device('p1', 'bed-1'), device('p2', 'bed-2', NOW + 60 * MINUTE)]));
  expect(told(cover, NOW + 30 * MINUTE)).toHaveLength(1);
  cover.heard('f1', 'bed-1', NOW + 20 * MINUTE);
  expect(told(cover, NOW + 30 * MINUTE)).toEqual([]);
});

test('a loss that was told before a restart is not told again, and still ends', () => {
  const loss = { facility: 'f1', resident: 'p1', key: 'k', since: NOW };
  const cover = new Cover([loss], NOW + 31 * MINUTE);
  cover.load(facility([device('p1', 'bed-1'), device('p2', 'bed-2', NOW + 30 * MINUTE)]));
  expect(told(cover, NOW + 30 * MINUTE)).toEqual([]);
  cover.heard('f1', 'bed-1', NOW + 30 * MINUTE);
  expect(told(cover, NOW + 30 * MINUTE)).toMatchObject([{ change: 'back', loss }]);
});

test('a facility whose gateway is away is told once, with how many residents, and after its return each device gets its time again', () => {
  const cover = new Cover([], 0);
  const beds = twelve().map((bed, index) => ({ ...bed, lastSample: NOW + index * 1000 }));
  cover.load(facility(beds, false));
  expect(told(cover, NOW + 5 * MINUTE + 1)).toMatchObject([{ change: 'lost', loss: { resident: '' }, residents: 12, gateway: true }]);
  expect(told(cover, NOW + 20 * MINUTE)).toEqual([]);
  cover.load(facility(beds, true));
  cover.heard('f1', 'bed-3', NOW + 20 * MINUTE);
  expect(told(cover, NOW + 20 * MINUTE)).toMatchObject([{ change: 'back', loss: { resident: '' } }]);
  cover.heard('f1', 'bed-3', NOW + 25 * MINUTE);
  expect(told(cover, NOW + 25 * MINUTE)).toEqual([]);
  for (const { device: name } of beds.slice(1)) cover.heard('f1', name, NOW + 25 * MINUTE);
  expect(told(cover, NOW + 25 * MINUTE + 1), 'one bed did not come back').toMatchObject([{ change: 'lost', loss: { resident: 'p0' } }]);
});

test('without word of a gateway, devices of several residents that all fell silent together are one loss', () => {
  const cover = new Cover([], 0);
  cover.load([{ facility: 'f1', gateway: null, devices: twelve() }]);
  expect(told(cover, NOW + 6 * MINUTE)).toMatchObject([{ loss: { resident: '' }, residents: 12, gateway: false }]);
});

test('one silent bed among others that deliver is one resident’s loss', () => {
  const cover = new Cover([], 0);
  cover.load(facility([device('p0', 'bed-0'), ...twelve(NOW + 6 * MINUTE).slice(1)]));
  expect(told(cover, NOW + 6 * MINUTE)).toMatchObject([{ loss: { resident: 'p0' }, residents: 1 }]);
});

test('a bed that was never heard of is missed only when it should long be mounted', () => {
  const cover = new Cover([], 0);
  cover.load(facility([{ ...device('p1', 'bed-1', null), since: NOW }, device('p2', 'bed-2', NOW + 60 * MINUTE)]));
  expect(told(cover, NOW + MOUNTING)).toEqual([]);
  expect(told(cover, NOW + MOUNTING + 1)).toHaveLength(1);
});

test('who moves out, or whose device is taken away, is missed no longer', () => {
  const cover = new Cover([], 0);
  cover.load(facility([device('p1', 'bed-1'), device('p2', 'bed-2', NOW + 60 * MINUTE)]));
  expect(told(cover, NOW + 6 * MINUTE)).toHaveLength(1);
  cover.load(facility([device('p2', 'bed-2', NOW + 60 * MINUTE)]), 'f1');
  expect(told(cover, NOW + 7 * MINUTE)).toMatchObject([{ change: 'back', loss: { resident: 'p1' } }]);
  cover.load([], 'f1');
  expect(told(cover, NOW + 8 * MINUTE)).toEqual([]);
});

test('a moment is given to everyone after a start', () => {
  const cover = new Cover([], NOW + 61 * MINUTE);
  cover.load(facility(twelve()));
  expect(told(cover, NOW + 60 * MINUTE)).toEqual([]);
  expect(told(cover, NOW + 61 * MINUTE)).toHaveLength(1);
});
