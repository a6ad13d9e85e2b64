// The small pure parts: when to try again, how good a line is, how much one connection may send, what an Encounter says.
import type { Encounter } from '@medplum/fhirtypes';
import { expect, test } from 'vitest';
import { patternOf, tokyoDay, withStatus } from '../../hub/consult/encounter-resource.ts';
import { TokenBucket } from '../../hub/consult/limits.ts';
import { gradeOf, QualityMeter } from '../../web/src/consult/quality.ts';
import { ICE_RESTART, ICE_RESTART_FAILED, JOIN_AGAIN } from '../../web/src/consult/reconnect-policy.ts';

test('joining is tried again for ever, ICE restarts only a few times', () => {
  expect(JOIN_AGAIN.delay(0)).toBeLessThan(1000);
  expect(JOIN_AGAIN.delay(1000)).toBe(8000);
  expect(ICE_RESTART.delay(0)).toBeGreaterThan(1000);
  expect(ICE_RESTART_FAILED.delay(0)).toBe(0);
  expect(ICE_RESTART.delay(3)).toBeUndefined();
});

test('a line is judged by its round trip and its loss, whichever is worse', () => {
  expect(gradeOf(null, null)).toBe('unknown');
  expect(gradeOf(40, 0)).toBe('good');
  expect(gradeOf(250, 0)).toBe('fair');
  expect(gradeOf(40, 0.05)).toBe('fair');
  expect(gradeOf(450, 0)).toBe('poor');
  expect(gradeOf(40, 0.2)).toBe('poor');
});

test('loss and bitrate are those since the last measurement, not since the beginning', () => {
  const meter = new QualityMeter();
  const report = (packetsLost: number, packetsReceived: number, bytesReceived: number) => [
    [
      { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.05, bytesReceived, bytesSent: 0 },
      { type: 'inbound-rtp', packetsLost, packetsReceived },
    ],
  ];
  meter.measure(report(500, 500, 0), 0);
  expect(meter.measure(report(500, 1500, 250_000), 2000)).toMatchObject({ rttMs: 50, loss: 0, receiveKbps: 1000, grade: 'good' });
  expect(meter.measure(report(700, 2300, 500_000), 4000)).toMatchObject({ loss: 0.2, grade: 'poor' });
});

test('a bucket gives what it holds and fills with time', () => {
  let now = 0;
  const bucket = new TokenBucket(10, 5, () => now);
  expect(bucket.take(10)).toBe(true);
  expect(bucket.take(1)).toBe(false);
  now = 1000;
  expect(bucket.take(5)).toBe(true);
  expect(bucket.take(1)).toBe(false);
  now = 1_000_000;
  expect(bucket.take(11)).toBe(false);
});

test('a Tokyo day begins at 15:00 UTC the day before', () => {
  expect(tokyoDay('2026-11-22')).toEqual({ from: '2026-11-21T15:00:00.000Z', to: '2026-11-22T15:00:00.000Z' });
});

test('an ended consultation that began before its planned time has a period that makes sense', () => {
  const planned: Encounter = {
    resourceType: 'Encounter',
    status: 'planned',
    class: { code: 'VR' },
    period: { start: '2026-11-22T05:00:00Z' },
  };
  const finished = withStatus(planned, 'finished', '2026-11-22T04:50:00Z');
  expect(finished.period).toEqual({ start: '2026-11-22T04:50:00Z', end: '2026-11-22T04:50:00Z' });
  expect(finished.statusHistory).toMatchObject([{ status: 'planned' }]);
  expect(patternOf(planned)).toBeUndefined();
});
