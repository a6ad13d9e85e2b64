// The stores as the areas use them: samples overwrite by series and time, notifications reach listeners.
import { afterAll, expect, test } from 'vitest';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';

const database = await freshDatabase();
afterAll(() => database.close());

test('a sample written twice is there once', async () => {
  const samples = await sampleStore();
  const subject = `Patient/${unique('p')}`;
  const point = { profile: 'bed', facility: 'f', device: 'd', subject, time: 1_700_000_000_000, values: { heart_rate: 71 } };
  await samples.write([point]);
  await samples.write([point]);
  expect(await samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from: point.time, to: point.time + 1 })).toEqual([
    [point.time, 71],
  ]);
});

test('a notification reaches every listener of its channel and no other', async () => {
  const heard: unknown[] = [];
  const stop = await database.listen('here', payload => heard.push(payload));
  await database.listen('elsewhere', () => heard.push('wrong'));
  await database.notify('here', { id: 7 });
  await expect.poll(() => heard).toEqual([{ id: 7 }]);
  await stop();
});

test('a subject name cannot break out of a query', async () => {
  const samples = await sampleStore();
  const subject = `Patient/o'hara\\' or '1'='1`;
  expect(await samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from: 0, to: 1 })).toEqual([]);
});
