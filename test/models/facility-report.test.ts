// What the facility model is worth with a device missing: less data, said as such, never a silent number.
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { missingTable } from '../../models/card-parts.ts';
import { measureWithout, WithoutEach } from '../../models/facility-report.ts';
import { FEATURES, loadModel, type RiskModel, WATCHED_PROFILES } from '../../models/index.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

let model: RiskModel;
const taker = new WithoutEach();

beforeAll(async () => {
  model = await loadModel(path.resolve(import.meta.dirname, '../../models/facility'));
  for (let person = 0; person < 2; person++) {
    const onset = START + (4 + person) * HOUR;
    const agitation = (time: number) =>
      time < onset ? Math.max(0, 1 - (onset - time) / (40 * MINUTE)) : time < onset + 20 * MINUTE ? 1 : 0;
    for (const sample of quiet({ hours: 8, seed: person + 1, agitation })) taker.sample(`r${person}`, sample);
    taker.episode(`r${person}`, { onset, end: onset + 20 * MINUTE });
  }
});

test('one stream makes a dataset with everything and one without each device', () => {
  expect([...taker.builders.keys()]).toEqual([null, ...WATCHED_PROFILES]);
  const dataset = taker.builders.get('room')!.build(model.horizons);
  const sound = FEATURES.findIndex(({ name }) => name === 'sound_level_10');
  expect(dataset.count).toBeGreaterThan(0);
  for (let row = 0; row < dataset.count; row += 37) expect(dataset.features[row * FEATURES.length + sound]).toBeNaN();
});

test('figures are per horizon and for the alerts as shipped, over all episodes, and the table says which device is missing', () => {
  const all = [...taker.builders].map(([without, builder]) => measureWithout(model, builder.build(model.horizons), without, taker));
  const [whole] = all;
  expect(whole!.horizons.map(({ minutes }) => minutes)).toEqual(model.horizons);
  expect(whole!.alerts.caught).toBeGreaterThan(0);
  expect(whole!.horizons[0]!.auroc).toBeGreaterThan(0.8);
  for (const one of all) {
    expect(one.alerts.episodes).toBe(2);
    expect(one.predictedShare).toBeLessThanOrEqual(whole!.predictedShare + 1e-9);
  }
  const table = missingTable(all);
  for (const profile of WATCHED_PROFILES) expect(table).toContain(`without ${profile}`);
});

test('with bed and wrist both away there is no prediction, and no episode counts as warned of', () => {
  const without = new WithoutEach();
  for (const sample of quiet({ hours: 3 })) if (sample.profile !== 'wrist') without.sample('r', sample);
  without.episode('r', { onset: START + 2 * HOUR, end: START + 2.2 * HOUR });
  const dataset = without.builders.get('bed')!.build(model.horizons);
  const figures = measureWithout(model, dataset, 'bed', without);
  expect(figures).toMatchObject({ predictedShare: 0, alerts: { episodes: 1, caught: 0 } });
  expect(missingTable([figures])).toContain('0.0 %');
});
