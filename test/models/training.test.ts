// Training: learns a rise of the heart rate before an episode from a tiny stream, the same each time, and measures rightly.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decide, levelsAround, REFRACTORY, scoreAlerts } from '../../models/alert-rule.ts';
import { chooseBackend } from '../../models/backend.ts';
import { fitPlatt, sigmoid } from '../../models/calibration.ts';
import { type Dataset, DatasetBuilder, rowsOf } from '../../models/dataset.ts';
import { readModel, saveModel } from '../../models/files.ts';
import { type Fitted, fitModel, probabilitiesOf } from '../../models/fit.ts';
import { auprc, auroc } from '../../models/metrics.ts';
import { seeded } from '../../models/random.ts';
import { takeLine } from '../../models/stream.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

const HORIZONS = [30, 60];
beforeAll(() => chooseBackend());

/** Eight residents of ten hours, each with an episode before which the heart rate rises for 40 minutes. */
function tinyDataset(): Dataset {
  const builder = new DatasetBuilder(5);
  for (let person = 0; person < 8; person++) {
    const onset = START + (5 + person * 0.4) * HOUR;
    const end = onset + 20 * MINUTE;
    const heart = (time: number) => (time > onset - 40 * MINUTE && time < end ? 18 : 0);
    const lines = quiet({ hours: 10, seed: person + 1, heart }).map(({ profile, time, values }) =>
      JSON.stringify({ r: `r${person}`, p: profile, t: time, v: values }),
    );
    const at = lines.findIndex(line => JSON.parse(line).t >= onset);
    lines.splice(at, 0, JSON.stringify({ r: `r${person}`, label: 'episode', onset, end, prodrome: 40 * MINUTE, intensity: 1 }));
    for (const line of lines) takeLine(builder, 'f', line);
  }
  return builder.build(HORIZONS);
}
const dataset = tinyDataset();
const train = () =>
  fitModel(dataset, new Set([0, 1, 2, 3, 4, 5]), new Set([6, 7]), {
    horizons: HORIZONS,
    alertHorizon: 60,
    seed: 3,
    epochs: 6,
    batch: 64,
    falseAlertsPerWeek: 0.5,
  });

describe('windows of a stream', () => {
  test('are positive in the horizon before the onset, and left out during the episode and the hour after', () => {
    const onset = START + 5 * HOUR;
    const own = Array.from({ length: dataset.count }, (_, row) => row).filter(row => dataset.resident[row] === 0);
    const positives = own.filter(row => dataset.labels[row * 2] === 1).map(row => dataset.at[row]!);
    expect(Math.min(...positives)).toBe(onset - 30 * MINUTE);
    expect(Math.max(...positives)).toBe(onset - 5 * MINUTE);
    const counted = new Set(Array.from(rowsOf(dataset, new Set([0])), row => dataset.at[row]!));
    expect(counted.has(onset)).toBe(false);
    expect(counted.has(onset + 75 * MINUTE)).toBe(false);
    expect(counted.has(onset + 80 * MINUTE)).toBe(true);
  });

  test('end where the future is not known any more', () => {
    expect(Math.max(...dataset.at)).toBeLessThanOrEqual(START + 10 * HOUR - 60 * MINUTE);
  });
});

describe('fitting', () => {
  let fitted: Fitted;
  beforeAll(() => {
    fitted = train();
  });

  test('lowers the loss and finds what is there to find', () => {
    for (const { losses } of fitted.tried) expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
    expect(Math.max(...fitted.tried.map(one => one.auprc))).toBeGreaterThan(0.6);
  });

  test('gives the same model for the same seed', () => {
    const again = train();
    expect(again.platt).toEqual(fitted.platt);
    expect(again.tried).toEqual(fitted.tried);
    const rows = rowsOf(dataset, new Set([7]));
    expect(probabilitiesOf(dataset, rows, again).probabilities).toEqual(probabilitiesOf(dataset, rows, fitted).probabilities);
  });

  describe('on disk', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'model-'));
    afterAll(() => rmSync(folder, { recursive: true }));

    test('a model read again predicts as it did', async () => {
      const file = {
        name: 'tiny',
        version: '1',
        horizons: HORIZONS,
        alertHorizon: 60,
        scaling: fitted.scaling,
        platt: fitted.platt,
        levels: fitted.levels,
        trainedOn: { ja: '試験', en: 'test' },
        reference: { rows: [], probabilities: [] },
      };
      await saveModel(folder, file, fitted.network);
      const { model, network } = await readModel(folder);
      expect(model).toEqual(file);
      const rows = rowsOf(dataset, new Set([6]));
      const { scaling, platt } = model;
      expect(probabilitiesOf(dataset, rows, { network, scaling, platt })).toEqual(probabilitiesOf(dataset, rows, fitted));
    });

    test('a folder without a model says how to make one', async () => {
      await expect(readModel(path.join(folder, 'nothing'))).rejects.toThrow('npm run train -- nothing');
    });
  });
});

describe('measures', () => {
  test('AUROC and average precision of a known ranking', () => {
    expect(auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBeCloseTo(0.75);
    expect(auroc([1, 1, 1, 1], [0, 1, 0, 1])).toBeCloseTo(0.5);
    expect(auprc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBeCloseTo(0.8333, 3);
  });

  test('calibration brings overconfident logits back to what happens', () => {
    const random = seeded(5);
    const truth = Array.from({ length: 4000 }, () => (random() - 0.5) * 6);
    const labels = truth.map(logit => (random() < sigmoid(logit - 2) ? 1 : 0));
    const { slope, offset } = fitPlatt(
      truth.map(logit => logit * 3),
      labels,
    );
    expect(slope).toBeCloseTo(1 / 3, 1);
    expect(offset).toBeCloseTo(-2, 0);
  });
});

describe('the alert rule', () => {
  const levels = levelsAround(0.4);
  const risk = (minutes: number, probability: number) => ({ at: minutes * MINUTE, probability });

  test('raises once while the risk stays high, and again only after it fell and some time passed', () => {
    const high = Array.from({ length: 90 }, (_, minute) => risk(minute, 0.6));
    expect(scoreAlerts(high, [], levels, 60).alerts).toBe(1);
    const dip = [...high, risk(91, 0.05), risk(92, 0.6)];
    expect(scoreAlerts(dip, [], levels, 60).alerts).toBe(1);
    expect(scoreAlerts([...dip, risk(REFRACTORY / MINUTE + 1, 0.6)], [], levels, 60).alerts).toBe(2);
  });

  test('a wobble around the act level is one alert', () => {
    const wobble = Array.from({ length: 300 }, (_, minute) => risk(minute, minute % 2 ? 0.41 : 0.39));
    expect(scoreAlerts(wobble, [], levels, 60).alerts).toBe(1);
  });

  test('nothing is raised while a person has not closed the last one', () => {
    expect(decide({ raisedAt: 0, fallen: true, unresolved: true }, levels, 0.9, 5 * HOUR)).toBe('none');
    expect(decide({ raisedAt: 0, fallen: true }, levels, 0.9, 5 * HOUR)).toBe('raise');
  });

  test('an alert within the horizon before an onset is true, with its lead time', () => {
    const episode = { onset: 100 * MINUTE, end: 120 * MINUTE };
    expect(scoreAlerts([risk(60, 0.6)], [episode], levels, 60)).toMatchObject({ caught: 1, falseAlerts: 0, leadMinutes: [40] });
    expect(scoreAlerts([risk(30, 0.6)], [episode], levels, 60)).toMatchObject({ caught: 0, falseAlerts: 1 });
    expect(scoreAlerts([risk(110, 0.6)], [episode], levels, 60)).toMatchObject({ alerts: 0, caught: 0, falseAlerts: 0 });
  });
});
