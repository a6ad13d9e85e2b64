// The shipped model: the same numbers on every backend, reasons that follow from what is unusual, a card that says what it is.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { featuresAt, loadModel, ResidentWindow, WATCHED_PROFILES } from '../../models/index.ts';
import { HOUR, MINUTE, quiet, START } from './resident.ts';

const directory = path.resolve(import.meta.dirname, '../../models/facility');
const model = await loadModel(directory);

test('gives the probabilities that were stored when it was made', () => {
  expect(model.backend).toBe('wasm');
  const { rows } = model.reference;
  expect(rows.length).toBeGreaterThan(4);
  model.predict(rows).forEach((probabilities, row) => {
    probabilities.forEach((probability, horizon) => {
      expect(probability).toBeCloseTo(model.reference.probabilities[row]![horizon]!, 4);
    });
  });
});

test('native TensorFlow, where it can be loaded, gives the same', async context => {
  const native = await loadModel(directory, 'native');
  if (native.backend !== 'native') return context.skip('the native library of tfjs-node is not installed');
  const { rows } = model.reference;
  native.predict(rows).forEach((probabilities, row) => {
    expect(probabilities[0]).toBeCloseTo(model.reference.probabilities[row]![0]!, 4);
  });
});

describe('risk of a resident', () => {
  const at = START + 25 * HOUR;
  const vectorOf = (agitation: (time: number) => number) => {
    const window = new ResidentWindow();
    for (const sample of quiet({ hours: 25, agitation })) window.add(sample);
    return featuresAt(window, at);
  };
  const calm = vectorOf(() => 0);
  const tense = vectorOf(time => Math.max(0, 1 - (at - time) / (30 * MINUTE)));

  test('is low when all is as usual, and an alert when agitation rises in all signs, with reasons that are higher than usual', () => {
    const [quietly, rising] = model.explain([calm, tense]);
    const last = model.horizons.indexOf(model.alertHorizon);
    expect(quietly!.probabilities[last]).toBeLessThan(model.levels.watch);
    expect(rising!.probabilities[last]).toBeGreaterThan(model.levels.act);
    expect(rising!.reasons).toHaveLength(3);
    for (const { text, weight } of rising!.reasons) {
      expect(weight).toBeGreaterThan(0);
      expect(text.ja).toMatch(/[ぁ-ん]/);
    }
  });

  test('does not depend on who else is asked for in the same run', () => {
    const [alone] = model.explain([tense]);
    const together = model.explain([calm, tense, calm]);
    expect(together[1]!.probabilities[0]).toBeCloseTo(alone!.probabilities[0]!, 6);
  });
});

describe('its card', () => {
  const card = JSON.parse(readFileSync(path.join(directory, 'card.json'), 'utf8'));
  test('names data, split, figures on unseen facilities, limits and that it is no medical device, in both languages', () => {
    expect(card).toMatchObject({ name: model.name, version: model.version, levels: model.levels });
    expect(card.data.en).toContain('simulated residents');
    expect(card.data.ja).toContain('シミュレーションの入居者');
    expect(card.command).toMatch(/^npm run train -- facility /);
    expect(card.statement).toEqual({
      ja: expect.stringContaining('医療機器としての審査は受けていません'),
      en: expect.stringContaining('no medical-device review'),
    });
    const text = readFileSync(path.join(directory, 'card.md'), 'utf8');
    for (const sentence of Object.values(card.statement)) expect(text).toContain(sentence);
  });
  test('has every network that was tried and the one that is shipped, and per horizon ranking, calibration and what each missing device costs', () => {
    expect(card.tried.map(({ kind }: { kind: string }) => kind)).toEqual(['logistic', 'perceptron', 'tcn']);
    expect(card.tried.map(({ kind }: { kind: string }) => kind)).toContain(card.chosen);
    for (const horizon of card.evaluation.horizons) {
      expect(horizon.auprc).toBeGreaterThan(horizon.prevalence);
      expect(horizon.auprcInterval[0]).toBeGreaterThan(horizon.prevalence);
      expect(horizon.calibrationLine.slope).toBeGreaterThan(0.7);
      expect(horizon.alerts).toHaveLength(3);
      expect(horizon.withoutDevice.map(({ profile }: { profile: string }) => profile)).toEqual(WATCHED_PROFILES);
    }
    expect(card.missing.map(({ without }: { without: string | null }) => without)).toEqual([null, ...WATCHED_PROFILES]);
    expect(card.adaptation.difference.sensitivityAtEqual).toHaveLength(2);
    expect(card.evaluation.subgroups.length).toBeGreaterThan(4);
  });
});
