// `npm run evaluate -- adaptation`: what fitting the facility model to single residents is worth, on simulated residents over some weeks.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Adaptation, adaptationOf, adapted, keepingRecall, type PastOutcome, UNADAPTED } from './adaptation.ts';
import { type AlertLevels, decide, type Episode, type LastAlert, levelsAround, type Prediction } from './alert-rule.ts';
import { readCardFile, writeCardFile } from './card.ts';
import type { AdaptationFigures } from './card-parts.ts';
import { HOUR, MINUTE } from './channels.ts';
import { type Dataset, DatasetBuilder, timelineOf } from './dataset.ts';
import { FEATURES } from './features.ts';
import { loadModel, type RiskModel } from './index.ts';
import { bootstrapByResident } from './metrics.ts';
import { simulate } from './stream.ts';

export const ADAPTATION_HELP = `npm run evaluate -- adaptation [options]

Simulates residents of facilities that the facility model never saw for some weeks, and counts their alerts twice: as everybody, and with the
value that each week's outcomes give for each person (as a manager would adopt it).

  --residents N   in two facilities (default 24)
  --days D        days of each (default 28)
  --seed S        seed of people and facilities (default person)
  --model FOLDER  (default models/facility)
  --json FILE     the figures as JSON
  --card          puts the figures on the model's card
`;

const WEEK = 7 * 24 * HOUR;

interface Counted {
  caught: number;
  falseAlerts: number;
}

/**
 * One resident's alerts over weeks. With `fitting`, each week begins with the value that the outcomes known by then give: an alert's is known
 * a horizon after it, a missed episode's at its onset.
 */
export function replay(
  predictions: readonly Prediction[],
  episodes: readonly Episode[],
  levels: AlertLevels,
  horizon: number,
  fitting: boolean,
): Counted & { offsets: number[] } {
  const known: (PastOutcome & { peak: number })[] = [];
  const caught = new Set<Episode>();
  const offsets: number[] = [];
  let adaptation: Adaptation = UNADAPTED;
  let review = (predictions[0]?.at ?? 0) + WEEK;
  let [falseAlerts, missedUntil] = [0, 0];
  let last: LastAlert | undefined;
  const highest = (from: number, to: number) =>
    predictions.reduce((most, { at, probability }) => (at >= from && at < to ? Math.max(most, probability) : most), 0);
  for (const { at, probability } of predictions) {
    if (fitting && at >= review) {
      for (const episode of episodes.filter(({ onset }) => onset >= missedUntil && onset < at))
        if (!caught.has(episode)) {
          const most = highest(episode.onset - horizon, episode.onset);
          known.push({ at: episode.onset, probability: most, happened: true, peak: most });
        }
      missedUntil = at;
      review += WEEK;
      const past = known.filter(one => one.at <= at);
      const peaks = past.filter(({ happened, peak }) => happened && peak >= levels.act).map(({ peak }) => peak);
      adaptation = keepingRecall(adaptationOf(past, at), peaks, levels.act);
      offsets.push(adaptation.offset);
    }
    const what = decide(last, levels, adapted(adaptation, probability), at);
    if (what === 'fallen') last!.fallen = true;
    if (what !== 'raise') continue;
    last = { raisedAt: at, fallen: false };
    // During an episode the alert tells what everyone sees.
    if (episodes.some(episode => at >= episode.onset && at < episode.end + HOUR)) continue;
    const ahead = episodes.find(episode => episode.onset >= at && episode.onset <= at + horizon);
    if (ahead) caught.add(ahead);
    else falseAlerts++;
    known.push({ at: at + horizon, probability, happened: ahead !== undefined, peak: highest(at, ahead?.onset ?? at + horizon) });
  }
  return { caught: caught.size, falseAlerts, offsets };
}

/** Figures over all residents of a dataset whose windows come each minute. */
export function measureAdaptation(model: RiskModel, dataset: Dataset, days: number): AdaptationFigures {
  const width = FEATURES.length;
  const output = model.horizons.indexOf(model.alertHorizon);
  const horizon = model.alertHorizon * MINUTE;
  const own = dataset.residents.map(({ episodes, from, to }, person) => {
    const rows = timelineOf(dataset, new Set([person]));
    const found = model.predict(Array.from(rows, row => dataset.features.subarray(row * width, (row + 1) * width)));
    const predictions = Array.from(rows, (row, i): Prediction => ({ at: dataset.at[row]!, probability: found[i]![output]! }));
    const seen = episodes.filter(({ onset }) => onset >= (predictions[0]?.at ?? Number.POSITIVE_INFINITY));
    return { predictions, episodes: seen, weeks: (to - from) / WEEK };
  });
  const run = (levels: AlertLevels, fitting: boolean) =>
    own.map(({ predictions, episodes }) => replay(predictions, episodes, levels, horizon, fitting));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const weeks = sum(own.map(one => one.weeks));
  const total = (counted: readonly Counted[]) => ({
    caught: sum(counted.map(({ caught }) => caught)),
    falsePerWeek: sum(counted.map(({ falseAlerts }) => falseAlerts)) / weeks,
  });
  const [plain, fitted] = [run(model.levels, false), run(model.levels, true)];
  const goal = total(fitted).falsePerWeek;
  let equal = { act: model.levels.act, counted: plain, ...total(plain) };
  for (let act = 0.96; act >= 0.1; act -= 0.02) {
    const counted = run(levelsAround(act), false);
    const one = { act: Number(act.toFixed(2)), counted, ...total(counted) };
    if (Math.abs(one.falsePerWeek - goal) < Math.abs(equal.falsePerWeek - goal)) equal = one;
  }
  const drawn = (of: (rows: Uint32Array) => number) => bootstrapByResident([...own.keys()], of, { draws: 1000 });
  const over = (rows: Uint32Array, of: (person: number) => number) => rows.reduce((all, person) => all + of(person), 0);
  const count = (of: (a: Counted, b: Counted) => boolean) => own.filter((_, person) => of(plain[person]!, fitted[person]!)).length;
  return {
    residents: own.length,
    days,
    weeks,
    episodes: sum(own.map(({ episodes }) => episodes.length)),
    plain: total(plain),
    fitted: total(fitted),
    equal: { act: equal.act, caught: equal.caught, falsePerWeek: equal.falsePerWeek },
    difference: {
      sensitivity: drawn(
        rows =>
          over(rows, person => fitted[person]!.caught - plain[person]!.caught) /
          Math.max(
            1,
            over(rows, person => own[person]!.episodes.length),
          ),
      ),
      sensitivityAtEqual: drawn(
        rows =>
          over(rows, person => fitted[person]!.caught - equal.counted[person]!.caught) /
          Math.max(
            1,
            over(rows, person => own[person]!.episodes.length),
          ),
      ),
      falsePerWeek: drawn(
        rows => over(rows, person => fitted[person]!.falseAlerts - plain[person]!.falseAlerts) / over(rows, person => own[person]!.weeks),
      ),
    },
    people: {
      fewerFalse: count((a, b) => b.falseAlerts < a.falseAlerts),
      moreFalse: count((a, b) => b.falseAlerts > a.falseAlerts),
      fewerCaught: count((a, b) => b.caught < a.caught),
      moreCaught: count((a, b) => b.caught > a.caught),
    },
  };
}

/** @param args What follows `adaptation`. @throws Error for the person at the terminal. */
export async function reportAdaptation(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      residents: { type: 'string', default: '24' },
      days: { type: 'string', default: '28' },
      seed: { type: 'string', default: 'person' },
      model: { type: 'string', default: path.resolve(import.meta.dirname, 'facility') },
      json: { type: 'string' },
      card: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(ADAPTATION_HELP);
    return;
  }
  const [residents, days] = [Number(values.residents), Number(values.days)];
  if (!Number.isInteger(residents) || residents < 2) throw new Error(`--residents takes a whole number from 2, not ${values.residents}.`);
  if (!(days >= 8)) throw new Error(`--days takes a number from 8, not ${values.days}: the first week is as everybody.`);
  const model = await loadModel(values.model);
  const builder = new DatasetBuilder(1);
  let done = 0;
  for (const [index, start] of ['2025-11-03', '2026-06-15'].entries())
    await simulate(
      builder,
      {
        residents: Math.floor((residents + index) / 2),
        days,
        seed: `${values.seed}-${index}`,
        facilitySeed: `unseen-${values.seed}-${index}`,
        start: `${start}T00:00:00+09:00`,
      },
      () => process.stderr.write(`resident ${++done} of ${residents}\n`),
    );
  const figures = measureAdaptation(model, builder.build(model.horizons), days);
  process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(figures, null, 1)}\n`);
  if (values.card) writeCardFile(values.model, { ...readCardFile(values.model), adaptation: figures });
}
