// `npm run evaluate -- facility`: the shipped facility model on simulated residents of facilities that it never saw, and with each device missing.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readCardFile, writeCardFile } from './card.ts';
import { type MissingDevice, missingTable } from './card-parts.ts';
import { WATCHED_PROFILES, type WatchedProfile } from './channels.ts';
import { type Dataset, DatasetBuilder, rowsOf, timelineOf } from './dataset.ts';
import { FEATURES } from './features.ts';
import { column, scoreTimeline, type Timeline } from './fit.ts';
import { loadModel, type RiskModel } from './index.ts';
import { auprc, auroc } from './metrics.ts';
import { simulate, type Taker } from './stream.ts';

export const FACILITY_HELP = `npm run evaluate -- facility [options]

Simulates residents of facilities that the facility model never saw and measures it as it is shipped, then once more without each device:
what is left of the ranking and of the alerts, and for how much of the time there is a prediction at all.

  --residents N   in two facilities (default 12)
  --days D        days of each (default 4)
  --seed S        seed of people and facilities (default report)
  --model FOLDER  (default models/facility)
  --json FILE     the figures as JSON
  --card          puts the figures on the model's card
`;

/** Everything, and everything less one device each: one stream feeds them all. */
export class WithoutEach implements Taker {
  readonly builders = new Map<WatchedProfile | null, DatasetBuilder>(
    [null, ...WATCHED_PROFILES].map(without => [without, new DatasetBuilder(1)]),
  );
  readonly #episodes = new Map<string, number>();
  readonly #times = new Map<string, { from: number; to: number }>();

  sample(...[resident, sample]: Parameters<DatasetBuilder['sample']>): void {
    const seen = this.#times.get(resident);
    this.#times.set(resident, { from: seen?.from ?? sample.time, to: Math.max(seen?.to ?? 0, sample.time) });
    for (const [without, builder] of this.builders) if (sample.profile !== without) builder.sample(resident, sample);
  }

  episode(...[resident, episode]: Parameters<DatasetBuilder['episode']>): void {
    this.#episodes.set(resident, (this.#episodes.get(resident) ?? 0) + 1);
    for (const builder of this.builders.values()) builder.episode(resident, episode);
  }

  get episodes(): number {
    return [...this.#episodes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Minutes that residents were watched. */
  get minutes(): number {
    return [...this.#times.values()].reduce((sum, { from, to }) => sum + (to - from) / 60_000, 0);
  }
}

/** Figures of one dataset. `episodes` and `minutes` are of the whole stream, so that who has no prediction counts too. */
export function measureWithout(
  model: RiskModel,
  dataset: Dataset,
  without: WatchedProfile | null,
  whole: { episodes: number; minutes: number },
): MissingDevice {
  const everyone = new Set(dataset.residents.keys());
  const outputs = model.horizons.length;
  const predict = (rows: Uint32Array): Timeline => {
    const width = FEATURES.length;
    const raw = Array.from(rows, row => dataset.features.subarray(row * width, (row + 1) * width));
    return { rows, probabilities: Float32Array.from(raw.length ? model.predict(raw).flat() : []) };
  };
  const ranked = predict(rowsOf(dataset, everyone));
  const timeline = predict(timelineOf(dataset, everyone));
  const primary = model.horizons.indexOf(model.alertHorizon);
  const score = scoreTimeline(dataset, everyone, timeline, model.levels, primary, outputs, model.alertHorizon);
  return {
    without,
    predictedShare: Math.min(1, dataset.count / whole.minutes),
    horizons: model.horizons.map((minutes, o) => {
      const p = column(ranked.probabilities, outputs, o);
      const y = Float32Array.from(ranked.rows, row => dataset.labels[row * outputs + o]!);
      const prevalence = y.length ? y.reduce((sum, label) => sum + label, 0) / y.length : Number.NaN;
      return { minutes, windows: y.length, prevalence, auroc: auroc(p, y), auprc: auprc(p, y) };
    }),
    alerts: {
      episodes: whole.episodes,
      caught: score.caught,
      falsePerWeek: score.falseAlerts / (whole.minutes / (7 * 24 * 60)),
      precision: score.alerts ? 1 - score.falseAlerts / score.alerts : Number.NaN,
    },
  };
}

/** @param args What follows `facility`. @throws Error for the person at the terminal. */
export async function reportFacility(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      residents: { type: 'string', default: '12' },
      days: { type: 'string', default: '4' },
      seed: { type: 'string', default: 'report' },
      model: { type: 'string', default: path.resolve(import.meta.dirname, 'facility') },
      json: { type: 'string' },
      card: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(FACILITY_HELP);
    return;
  }
  const [residents, days] = [Number(values.residents), Number(values.days)];
  if (!Number.isInteger(residents) || residents < 2) throw new Error(`--residents takes a whole number from 2, not ${values.residents}.`);
  if (!(days >= 1)) throw new Error(`--days takes a number from 1, not ${values.days}.`);
  const model = await loadModel(values.model);
  const taker = new WithoutEach();
  let done = 0;
  for (const [index, start] of ['2025-11-03', '2026-07-20'].entries())
    await simulate(
      taker,
      {
        residents: Math.floor((residents + index) / 2),
        days,
        seed: `${values.seed}-${index}`,
        facilitySeed: `unseen-${values.seed}-${index}`,
        start: `${start}T00:00:00+09:00`,
      },
      () =>
        process.stderr.write(
          `${process.stderr.isTTY ? '\r\x1b[K' : ''}resident ${++done} of ${residents}${process.stderr.isTTY ? '' : '\n'}`,
        ),
    );
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const all = [...taker.builders].map(([without, builder]) => measureWithout(model, builder.build(model.horizons), without, taker));
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ model: model.version, figures: all }, null, 1)}\n`);
  const [first] = all;
  const about = `${model.name} ${model.version} as shipped, on ${residents} simulated residents of facilities not seen in training, ${days} days each; prevalence ${first!.horizons.map(({ minutes, prevalence }) => `${prevalence.toFixed(4)} at ${minutes} minutes`).join(', ')}.`;
  const text = `${about}\n\n${missingTable(all)}`;
  process.stdout.write(text);
  if (values.card) writeCardFile(values.model, { ...readCardFile(values.model), missing: all });
}
