// Sessions that outlive their connections cost a bounded amount of memory, whatever their clients do.
import { expect, test } from 'vitest';
import { KeptSessions } from '../../hub/ingest/sessions.ts';

const DAY = 86_400_000;

test('a session whose client stays away ends after a day, one that is connected does not', () => {
  let now = 0;
  const kept = new KeptSessions(() => now);
  const [away, there] = [{}, {}];
  kept.resume(away, 'a', 'login-a');
  kept.subscribed(away, 'x', 1);
  kept.resume(there, 'b', 'login-b');
  kept.subscribed(there, 'y', 0);
  kept.ended(away);
  now = DAY - 1;
  expect(kept.resume({}, 'a', 'login-a')).toEqual([{ topic: 'x', qos: 1 }]);
  const again = {};
  kept.resume(again, 'a', 'login-a');
  kept.ended(again);
  now += DAY;
  expect(kept.resume({}, 'a', 'login-a')).toEqual([]);
  expect(kept.resume({}, 'b', 'login-b')).toEqual([{ topic: 'y', qos: 0 }]);
});

test('a login has four sessions at most, all have 20,000, a session 64 filters; those used longest ago go', () => {
  const kept = new KeptSessions(() => 0);
  const client = {};
  kept.resume(client, 'first', 'one');
  for (let index = 0; index < 100; index++) kept.subscribed(client, `filter-${index}`, 1);
  expect(kept.of('first')).toHaveLength(64);
  for (let index = 0; index < 3; index++) kept.resume({}, `more-${index}`, 'one');
  expect(kept.of('first')).toHaveLength(64);
  kept.resume({}, 'fifth', 'one');
  expect(kept.of('first')).toEqual([]);
  expect(kept.size).toBe(4);
  for (let index = 0; index < 500; index++) kept.resume({}, `of-another-${index}`, 'another');
  expect(kept.size).toBe(8);
});
