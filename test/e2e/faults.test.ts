// One kill of each part that an acknowledged sample passes through, under load, in a short time. `npm run bench faults` does it for minutes.
import { expect, test } from 'vitest';
import { runFaults } from '../bench/faults/run.ts';

test('after a kill of the ingest role, of influxd, of the gateway and of its line every acknowledged sample is stored exactly once', async () => {
  const said: string[] = [];
  const options = { seconds: 14, seed: 3, devices: 5, pace: 10, pause: [2, 3] as const };
  const result = await runFaults({ ...options, say: text => said.push(text) });
  const none = { lost: 0, doubled: 0, altered: 0, unanswered: 0 };
  expect(result, said.join('\n')).toMatchObject({ direct: none, edge: none, strange: 0 });
  expect(
    Object.values(result.kills).every(count => count > 0),
    JSON.stringify(result.kills),
  ).toBe(true);
  for (const { acknowledged } of [result.direct, result.edge]) expect(acknowledged).toBeGreaterThan(5 * 10 * 14);
  expect(result.stored).toBe(result.direct.acknowledged + result.edge.acknowledged);
}, 120_000);
