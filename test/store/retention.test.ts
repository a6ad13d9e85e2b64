// Raw samples for a time, ten-minute aggregates for years, in a real InfluxDB of its own (policies hold for a whole database).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadProfiles } from '../../devices/index.ts';
import { judgePack } from '../../hub/ingest/verdict.ts';
import { openSamples, SAMPLE_DATABASE, startEmbeddedInflux } from '../../hub/store/index.ts';
import { partsOf } from '../../hub/store/retention.ts';
import { unique } from '../harness/index.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEP = 600_000;
const folder = mkdtempSync(path.join(tmpdir(), 'hub-retention-'));
const influx = await startEmbeddedInflux(folder);
afterAll(async () => {
  await influx.stop();
  rmSync(folder, { recursive: true, force: true });
});

const profiles = [...loadProfiles().values()].map(({ id, quantities }) => ({ id, quantities: quantities.map(({ name }) => name) }));
const open = (rawDays: number, maintain = false) =>
  openSamples(influx.url, { rawDays, profiles, maintain, lateMilliseconds: 20, failed: error => console.error(error) });

async function ask(query: string): Promise<unknown[][]> {
  const answer = await fetch(`${influx.url}/query?db=${SAMPLE_DATABASE}&epoch=ms&q=${encodeURIComponent(query)}`);
  const { results } = (await answer.json()) as { results: { series?: { name: string; values: unknown[][] }[] }[] };
  return results[0]?.series?.flatMap(series => series.values.map(row => [...row])) ?? [];
}
const point = (subject: string, time: number, heartRate: number) => ({
  ...{ profile: 'bed', facility: 'f', device: 'd', subject, time },
  values: { heart_rate: heartRate, movement: 0.5 },
});
const tenMinutes = (time: number) => Math.floor(time / STEP) * STEP;

test('opening makes the policies and a continuous query per profile, as often as one likes, and follows a change', async () => {
  for (let times = 0; times < 2; times++) await open(90);
  const policies = await ask(`show retention policies on ${SAMPLE_DATABASE}`);
  expect(policies.map(([name, duration, , , isDefault]) => [name, duration, isDefault])).toEqual([
    ['autogen', `${91 * 24}h0m0s`, true],
    ['ten_minutes', '0s', false],
  ]);
  const queries = (await ask('show continuous queries')).filter(([name]) => String(name).startsWith('ten_minutes_'));
  expect(queries.map(([name]) => name).sort()).toEqual(profiles.map(({ id }) => `ten_minutes_${id}`).sort());
  for (const [, query] of queries) expect(query).toMatch(/RESAMPLE EVERY 10m FOR 6h .*GROUP BY time\(10m\), \*/);
  const fewer = [{ id: 'bed', quantities: ['heart_rate'] }];
  await openSamples(influx.url, { rawDays: 90, profiles: fewer, maintain: false });
  const changed = (await ask('show continuous queries')).find(([name]) => name === 'ten_minutes_bed');
  expect(changed?.[1]).not.toContain('movement');
  await open(90);
});

test('samples that come days late are aggregated too: mean, least, greatest and count, with their tags', async () => {
  const samples = await open(90, true);
  const subject = `Patient/${unique('late')}`;
  const time = tenMinutes(Date.now() - 5 * DAY);
  await samples.write([point(subject, time, 60), point(subject, time + 60_000, 90), point(subject, time + STEP, 70)]);
  const aggregates = () =>
    ask(
      `select heart_rate_mean, heart_rate_min, heart_rate_max, heart_rate_count, device, facility from ten_minutes.bed where subject = '${subject}'`,
    );
  await expect.poll(aggregates).toEqual([
    [time, 75, 60, 90, 2, 'd', 'f'],
    [time + STEP, 70, 70, 70, 1, 'd', 'f'],
  ]);
  // One more, later still, is counted in.
  await samples.write([point(subject, time + 120_000, 30)]);
  await expect.poll(async () => (await aggregates())[0]).toEqual([time, 60, 30, 90, 3, 'd', 'f']);
});

test('what is older than raw samples are kept is read from aggregates, the rest as it came', async () => {
  const subject = `Patient/${unique('old')}`;
  const old = tenMinutes(Date.now() - 200 * DAY);
  const recent = tenMinutes(Date.now() - DAY) + 1000;
  const before = await open(3000);
  await before.write([point(subject, old, 60), point(subject, old + 1000, 80), point(subject, recent, 65)]);
  await before.aggregate({ from: old, to: old + 1 });
  const samples = await open(90);
  const query = { subject, profile: 'bed', quantities: ['heart_rate', 'movement', 'in_bed'], from: old, to: Date.now() };
  expect(await samples.read(query)).toEqual([
    [old, 70, 0.5, null],
    [recent, 65, 0.5, null],
  ]);
});

test('a long span is read from aggregates, and its means are those of the samples themselves', async () => {
  const samples = await open(90);
  const subject = `Patient/${unique('long')}`;
  const from = Math.floor((Date.now() - 30 * DAY) / DAY) * DAY;
  // So many in one ten minutes and so few in another that a mean of means would be wrong.
  const values = [...Array.from({ length: 30 }, (_, index) => point(subject, from + index * 1000, 60)), point(subject, from + STEP, 100)];
  const today = Date.now() - 60_000;
  await samples.write([...values, point(subject, today, 80)]);
  await samples.aggregate({ from, to: from + HOUR });
  const query = { subject, profile: 'bed', quantities: ['heart_rate'], from, to: Date.now(), everySeconds: 3600 };
  const rows = await samples.read(query);
  expect(rows.map(([time]) => time)).toEqual([from, Math.floor(today / HOUR) * HOUR]);
  expect(rows[0]![1]).toBeCloseTo((30 * 60 + 100) / 31, 9);
  expect(rows[1]![1]).toBe(80);
});

test('a sample as old as may be accepted is taken by the store; one that it no longer keeps is refused by both', async () => {
  const rawDays = 90;
  const samples = await open(rawDays);
  const now = Date.now();
  const profile = loadProfiles().get('bed');
  const directory = {
    ...{ facility: 'f', credentials: new Map(), configs: new Map(), loadedAt: 0 },
    devices: new Map([
      ['d', { device: 'd', profile, profileId: 'bed', assignments: [{ subject: 'Patient/edge', from: 0, to: Number.POSITIVE_INFINITY }] }],
    ]),
  };
  const judged = (time: number) => {
    const payload = Buffer.from(JSON.stringify([{ bn: 'd:', bt: time / 1000, n: 'heart_rate', u: 'beat/min', v: 60 }]));
    return judgePack(directory, { device: 'd', format: 'json', payload }, now, rawDays * DAY);
  };
  const oldest = judged(now - rawDays * DAY);
  expect([oldest.points.length, oldest.refusals]).toEqual([1, []]);
  await samples.write(oldest.points);
  const older = now - (rawDays + 1) * DAY - 1000;
  expect(judged(older).refusals.map(({ reason }) => reason)).toEqual(['time-implausible']);
  await expect(samples.write([point('Patient/edge', older, 60)])).rejects.toThrow('retention policy');
  expect(judgePack(directory, { device: 'd', format: 'json', payload: Buffer.from('[]') }, now, DAY).points).toEqual([]);
});

test('the parts of a span meet without overlap', () => {
  const now = Date.UTC(2026, 10, 22, 12, 34, 56);
  const day = (days: number) => now - days * DAY;
  expect(partsOf({ from: day(7), to: now, everySeconds: 120 }, 90, now)).toMatchObject({ aggregate: null, raw: { from: day(7), to: now } });
  expect(partsOf({ from: day(30), to: now, everySeconds: 120 }, 90, now).aggregate).toBe(null);
  const long = partsOf({ from: day(30), to: now, everySeconds: 3600 }, 90, now);
  const noon = Date.UTC(2026, 10, 22, 11);
  expect([long.aggregate, long.raw]).toEqual([
    { from: day(30), to: noon },
    { from: noon, to: now },
  ]);
  const old = partsOf({ from: day(100), to: day(80) }, 90, now);
  expect(old.aggregate!.to).toBe(old.raw!.from);
  expect(old.aggregate!.to % STEP).toBe(0);
  expect(old.aggregate!.to).toBeGreaterThanOrEqual(day(90));
  expect(partsOf({ from: day(200), to: day(100) }, 90, now)).toMatchObject({ aggregate: { from: day(200), to: day(100) }, raw: null });
});
