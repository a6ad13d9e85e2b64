// From windows to a calibrated model: both kinds of network, the better one by validation, its probabilities and its alert level.
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type AlertLevels, type AlertScore, levelsAround, scoreAlerts } from './alert-rule.ts';
import { calibrated, fitPlatt, type Platt } from './calibration.ts';
import { WATCHED_PROFILES } from './channels.ts';
import { DAY_MS, type Dataset, rowsOf, timelineOf } from './dataset.ts';
import { FEATURE_NAMES, FEATURES } from './features.ts';
import { auprc } from './metrics.ts';
import { buildNetwork, fitNetwork, type Kind, type Rows, runNetwork } from './network.ts';
import { fitScaling, type Scaling, scaleRow } from './scaling.ts';

export interface Fitted {
  kind: Kind;
  network: LayersModel;
  scaling: Scaling;
  platt: Platt[];
  levels: AlertLevels;
  /** Of every kind tried: mean AUPRC over the horizons on validation residents. */
  tried: { kind: Kind; auprc: number; epoch: number; losses: number[] }[];
}

export interface FitChoice {
  horizons: readonly number[];
  alertHorizon: number;
  seed: number;
  epochs: number;
  batch?: number;
  learningRate?: number;
  /** False alerts per resident-week that the act level may cause on validation residents. */
  falseAlertsPerWeek: number;
  progress?(line: string): void;
}

const CANDIDATES = [
  { kind: 'logistic', hidden: [], l2: 1e-4 },
  { kind: 'perceptron', hidden: [32, 16], l2: 3e-4 },
] as const satisfies { kind: Kind; hidden: readonly number[]; l2: number }[];

const COLUMNS = FEATURES.map((_, index) => index);

/** Scaled rows with their labels. */
export function prepared(dataset: Dataset, rows: Uint32Array, scaling: Scaling): Rows {
  const width = FEATURES.length;
  const outputs = dataset.count ? dataset.labels.length / dataset.count : 0;
  const inputs = new Float32Array(rows.length * width);
  const labels = new Uint8Array(rows.length * outputs);
  rows.forEach((row, i) => {
    scaleRow(scaling, dataset.features, row * width, COLUMNS, inputs, i * width);
    for (let o = 0; o < outputs; o++) labels[i * outputs + o] = dataset.labels[row * outputs + o]!;
  });
  return { inputs, labels, count: rows.length };
}

/** Column `o` of `[count, outputs]`. */
export const column = <T extends Float32Array | Uint8Array>(matrix: T, outputs: number, o: number): Float32Array =>
  Float32Array.from({ length: matrix.length / outputs }, (_, i) => matrix[i * outputs + o]!);

/** Fits on the training residents, chooses and calibrates on the validation residents. @throws Error without an episode in either. */
export function fitModel(dataset: Dataset, training: ReadonlySet<number>, validation: ReadonlySet<number>, choice: FitChoice): Fitted {
  const outputs = choice.horizons.length;
  const trainingRows = rowsOf(dataset, training);
  const scaling = fitScaling(FEATURE_NAMES, dataset.features, trainingRows);
  const train = prepared(dataset, trainingRows, scaling);
  const check = prepared(dataset, rowsOf(dataset, validation), scaling);
  for (const [name, part] of [
    ['training', train],
    ['validation', check],
  ] as const)
    if (!part.labels.includes(1)) throw new Error(`No resident of the ${name} part has an episode; give more residents or days`);
  const score = (network: LayersModel) => {
    const logits = runNetwork(network, check.inputs, check.count);
    let sum = 0;
    for (let o = 0; o < outputs; o++) sum += auprc(column(logits, outputs, o), column(check.labels, outputs, o));
    return sum / outputs;
  };
  const dropGroups = WATCHED_PROFILES.map(profile =>
    FEATURES.flatMap((feature, index) => (feature.needs.includes(profile) ? [index] : [])),
  );
  const fitted = CANDIDATES.map(({ kind, hidden, l2 }) => {
    const network = buildNetwork({ kind, hidden, l2, inputs: FEATURES.length, outputs, seed: choice.seed });
    const result = fitNetwork(network, train, {
      epochs: choice.epochs,
      batch: choice.batch ?? 512,
      learningRate: choice.learningRate ?? 1e-3,
      seed: choice.seed,
      patience: 7,
      balance: 0.5,
      dropGroups,
      dropShare: 0.1,
      score,
      progress: (epoch, loss, value) =>
        choice.progress?.(`${kind}: epoch ${epoch}/${choice.epochs}, loss ${loss.toFixed(4)}, validation AUPRC ${value.toFixed(4)}`),
    });
    return { kind, network, auprc: result.best, epoch: result.epoch, losses: result.losses };
  });
  const chosen = fitted.reduce((a, b) => (b.auprc > a.auprc ? b : a));
  for (const other of fitted) if (other !== chosen) other.network.dispose();
  const logits = runNetwork(chosen.network, check.inputs, check.count);
  const platt = choice.horizons.map((_, o) => {
    const { slope, offset } = fitPlatt(column(logits, outputs, o), column(check.labels, outputs, o));
    return { slope: Number(slope.toPrecision(7)), offset: Number(offset.toPrecision(7)) };
  });
  const model = { network: chosen.network, scaling, platt };
  const timeline = probabilitiesOf(dataset, timelineOf(dataset, validation), model);
  const levels = chooseLevels(dataset, validation, timeline, choice);
  return {
    ...model,
    kind: chosen.kind,
    levels,
    tried: fitted.map(({ kind, auprc: value, epoch, losses }) => ({ kind, auprc: value, epoch, losses })),
  };
}

export interface Timeline {
  rows: Uint32Array;
  /** `[rows, horizons]` */
  probabilities: Float32Array;
}

/** Probabilities of rows. With `blank`, the features at these columns are unknown, as when a device is away. */
export function probabilitiesOf(
  dataset: Dataset,
  rows: Uint32Array,
  { network, scaling, platt }: Pick<Fitted, 'network' | 'scaling' | 'platt'>,
  blank: readonly number[] = [],
): Timeline {
  const part = prepared(dataset, rows, scaling);
  for (let i = 0; blank.length && i < part.count; i++) for (const c of blank) part.inputs[i * FEATURES.length + c] = 0;
  const logits = runNetwork(network, part.inputs, part.count);
  const outputs = platt.length;
  return { rows, probabilities: logits.map((logit, i) => calibrated(platt[i % outputs]!, logit)) };
}

/** Runs the alert rule over each resident's time line and adds up; `weeks` are resident-weeks watched. */
export function scoreTimeline(
  dataset: Dataset,
  residents: ReadonlySet<number>,
  timeline: Timeline,
  levels: AlertLevels,
  output: number,
  outputs: number,
  horizonMinutes: number,
): AlertScore & { weeks: number } {
  const total: AlertScore & { weeks: number } = { alerts: 0, falseAlerts: 0, caught: 0, episodes: 0, leadMinutes: [], weeks: 0 };
  const byResident = new Map<number, { at: number; probability: number }[]>([...residents].map(person => [person, []]));
  timeline.rows.forEach((row, i) => {
    byResident.get(dataset.resident[row]!)?.push({ at: dataset.at[row]!, probability: timeline.probabilities[i * outputs + output]! });
  });
  for (const [person, predictions] of byResident) {
    const { episodes, from, to } = dataset.residents[person]!;
    // An episode at the very start has nothing before it to see it by.
    const seen = episodes.filter(episode => episode.onset >= (predictions[0]?.at ?? Number.POSITIVE_INFINITY));
    const score = scoreAlerts(predictions, seen, levels, horizonMinutes);
    total.alerts += score.alerts;
    total.falseAlerts += score.falseAlerts;
    total.caught += score.caught;
    total.episodes += score.episodes;
    total.leadMinutes.push(...score.leadMinutes);
    total.weeks += (to - from) / (7 * DAY_MS);
  }
  return total;
}

/** The lowest act level with at most so many false alerts per resident-week. Few alerts make the count jump, so all levels are tried. */
export function levelFor(budget: number, count: (levels: AlertLevels) => { falseAlerts: number; weeks: number }): AlertLevels {
  let levels = levelsAround(0.99);
  for (let act = 0.95; act >= 0.02; act -= 0.01) {
    const next = levelsAround(Number(act.toFixed(2)));
    const { falseAlerts, weeks } = count(next);
    // Far below, one long alert can swallow many false ones: that is no level to use.
    if (falseAlerts / weeks > 2 * budget) break;
    if (falseAlerts / weeks <= budget) levels = next;
  }
  return levels;
}

function chooseLevels(dataset: Dataset, residents: ReadonlySet<number>, timeline: Timeline, choice: FitChoice): AlertLevels {
  const output = choice.horizons.indexOf(choice.alertHorizon);
  return levelFor(choice.falseAlertsPerWeek, levels =>
    scoreTimeline(dataset, residents, timeline, levels, output, choice.horizons.length, choice.alertHorizon),
  );
}
