// The compact memory of a resident's readings says the same as a list that forgets nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ResidentWindow } from '../../models/index.ts';
import { Ring, Slots, StateLog, slotsFor } from '../../models/timeline.ts';
import { HOUR, MINUTE, START } from './resident.ts';

test('openings of a door are those of a list that forgets nothing, whatever the order of arrival', () => {
  const report = fc.record({ minute: fc.integer({ min: 0, max: 23 * 60 }), open: fc.boolean() });
  fc.assert(
    fc.property(fc.uniqueArray(report, { selector: ({ minute }) => minute, maxLength: 400 }), reports => {
      // Kept whole for a day, so that only the memory's form is compared.
      const log = new StateLog(26 * HOUR);
      for (const { minute, open } of reports) log.put(START + minute * MINUTE, open ? 1 : 0);
      const sorted = [...reports].sort((a, b) => a.minute - b.minute);
      const opened = sorted.filter(({ open }, i) => open && i > 0 && !sorted[i - 1]!.open).map(({ minute }) => START + minute * MINUTE);
      expect(log.rises(0, START + 24 * HOUR)).toEqual(opened);
    }),
  );
});

test('a door that reports for weeks stays small and keeps the openings of the last day', () => {
  const log = new StateLog(3 * HOUR);
  for (let minute = 0; minute < 21 * 24 * 60; minute += 10) log.put(START + minute * MINUTE, minute % 120 === 0 ? 1 : 0);
  const end = START + 21 * 24 * HOUR;
  expect(log.rises(end - 24 * HOUR, end)).toHaveLength(12);
  expect(log.reported(end - HOUR, end, 10 * MINUTE)).toBe(1);
});

test('a clock that jumped ahead leaves no old readings behind, and none of the future', () => {
  const profile = { seconds: 60, quantities: ['co2'] };
  const slots = new Slots(profile, new Ring(slotsFor(profile, 3 * HOUR), 1));
  slots.put(START, { co2: 700 });
  slots.put(START + 30 * 24 * HOUR, { co2: 800 });
  const slot = START / MINUTE;
  expect(slots.value(slot, 0)).toBeNaN();
  expect(slots.value(slot + 30 * 24 * 60, 0)).toBe(800);
  expect(slots.put(START + MINUTE, { co2: 900 })).toBe(false);
});

test('a resident’s window needs less than 20 kB', () => {
  // Its arrays alone: engines count objects differently.
  const before = process.memoryUsage().arrayBuffers;
  const windows = Array.from({ length: 200 }, () => new ResidentWindow());
  expect((process.memoryUsage().arrayBuffers - before) / windows.length).toBeLessThan(20_000);
});
