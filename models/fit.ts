// From windows to a calibrated model: three kinds of network, the better one by validation, its probabilities and its alert level.
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type AlertLevels, type AlertScore, levelsAround, scoreAlerts } from './alert-rule.ts';
import { calibrated, fitPlatt, type Platt } from './calibration.ts';
import { WATCHED_PROFILES, type WatchedProfile } from './channels.ts';
import { DAY_MS, type Dataset, rowsOf, timelineOf } from './dataset.ts';
import { FEATURE_NAMES, FEATURES } from './features.ts';
import { auprc } from './metrics.ts';
import { buildNetwork, fitNetwork, type Kind, type Rows, runNetwork } from './network.ts';
import { fitScaling, type Scaling, scaleRow } from './scaling.ts';
import { SEQUENCE, STEPS, sequenceColumns } from './sequence.ts';

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

interface Candidate {
  kind: Kind;
  hidden: readonly number[];
  l2: number;
  /** One in so many windows without an episode ahead is learned from. */
  thinned: number;
  /** Epochs without a better score before it stops. */
  patience: number;
  /** AUPRC by which it must beat the simpler ones, for what it costs each minute. Settled before it was first tried. */
  margin: number;
}

/** The TCN sees the last hour in steps of five minutes, and the features beside it. */
const CANDIDATES: readonly Candidate[] = [
  { kind: 'logistic', hidden: [], l2: 1e-4, thinned: 1, patience: 7, margin: 0 },
  { kind: 'perceptron', hidden: [32, 16], l2: 3e-4, thinned: 1, patience: 7, margin: 0 },
  { kind: 'tcn', hidden: [12, 12, 12], l2: 3e-4, thinned: 4, patience: 4, margin: 0.02 },
];

const COLUMNS = FEATURES.map((_, index) => index);
const SEQUENCE_WIDTH = STEPS * SEQUENCE.length;

/** Scaled rows with their labels; with a sequence before the features for a TCN. */
export function prepared(dataset: Dataset, rows: Uint32Array, scaling: Scaling, sequence = false): Rows {
  const features = FEATURES.length;
  const before = sequence ? SEQUENCE_WIDTH : 0;
  const width = before + features;
  const outputs = dataset.count ? dataset.labels.length / dataset.count : 0;
  const inputs = new Float32Array(rows.length * width);
  const labels = new Uint8Array(rows.length * outputs);
  rows.forEach((row, i) => {
    if (sequence) inputs.set(dataset.sequences.subarray(row * before, (row + 1) * before), i * width);
    scaleRow(scaling, dataset.features, row * features, COLUMNS, inputs, i * width + before);
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
  const checkingRows = rowsOf(dataset, validation);
  const scaling = fitScaling(FEATURE_NAMES, dataset.features, trainingRows);
  const hasEpisode = (rows: Uint32Array) => rows.some(row => ahead(dataset, row));
  for (const [name, part] of [
    ['training', trainingRows],
    ['validation', checkingRows],
  ] as const)
    if (!hasEpisode(part)) throw new Error(`No resident of the ${name} part has an episode; give more residents or days`);
  const wanted = CANDIDATES.filter(({ kind }) => kind !== 'tcn' || dataset.sequences.length);
  const fitted = wanted.map(candidate => {
    const { kind, hidden, l2, patience, margin } = candidate;
    const sequence = kind === 'tcn';
    const train = prepared(dataset, thinned(dataset, trainingRows, candidate.thinned), scaling, sequence);
    const check = prepared(dataset, checkingRows, scaling, sequence);
    const inputs = FEATURES.length + (sequence ? SEQUENCE_WIDTH : 0);
    const beside = sequence ? FEATURES.length : 0;
    const network = buildNetwork({ kind, hidden, l2, inputs, outputs, steps: STEPS, beside, seed: choice.seed });
    const result = fitNetwork(network, train, {
      epochs: choice.epochs,
      batch: choice.batch ?? 512,
      learningRate: choice.learningRate ?? 1e-3,
      seed: choice.seed,
      patience,
      balance: 0.5,
      dropGroups: WATCHED_PROFILES.map(profile => columnsOf(profile, sequence)),
      dropShare: 0.1,
      score(net) {
        const logits = runNetwork(net, check.inputs, check.count);
        let sum = 0;
        for (let o = 0; o < outputs; o++) sum += auprc(column(logits, outputs, o), column(check.labels, outputs, o));
        return sum / outputs;
      },
      progress: (epoch, loss, value) =>
        choice.progress?.(`${kind}: epoch ${epoch}/${choice.epochs}, loss ${loss.toFixed(4)}, validation AUPRC ${value.toFixed(4)}`),
    });
    return { kind, network, auprc: result.best, worth: result.best - margin, epoch: result.epoch, losses: result.losses };
  });
  const chosen = fitted.reduce((a, b) => (b.worth > a.worth ? b : a));
  for (const other of fitted) if (other !== chosen) other.network.dispose();
  const check = prepared(dataset, checkingRows, scaling, chosen.kind === 'tcn');
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

const ahead = (dataset: Dataset, row: number): boolean => {
  const outputs = dataset.labels.length / dataset.count;
  return dataset.labels.subarray(row * outputs, (row + 1) * outputs).includes(1);
};

/** All rows with an episode ahead, and one in `every` of the others. */
const thinned = (dataset: Dataset, rows: Uint32Array, every: number): Uint32Array =>
  every === 1 ? rows : rows.filter((row, index) => index % every === 0 || ahead(dataset, row));

/** Columns of a network's input that are unknown when a device is away. */
function columnsOf(profile: WatchedProfile, sequence: boolean): number[] {
  const before = sequence ? SEQUENCE_WIDTH : 0;
  const features = FEATURES.flatMap((feature, index) => (feature.needs.includes(profile) ? [before + index] : []));
  return sequence ? [...sequenceColumns(profile), ...features] : features;
}

export interface Timeline {
  rows: Uint32Array;
  /** `[rows, horizons]` */
  probabilities: Float32Array;
}

/** Probabilities of rows; `without` a device, what needs it is unknown. */
export function probabilitiesOf(
  dataset: Dataset,
  rows: Uint32Array,
  { network, scaling, platt }: Pick<Fitted, 'network' | 'scaling' | 'platt'>,
  without?: WatchedProfile,
): Timeline {
  const sequence = (network.inputs[0]!.shape[1] ?? 0) > FEATURES.length;
  const part = prepared(dataset, rows, scaling, sequence);
  const blank = without ? columnsOf(without, sequence) : [];
  const width = part.count ? part.inputs.length / part.count : 0;
  for (let i = 0; blank.length && i < part.count; i++) for (const c of blank) part.inputs[i * width + c] = 0;
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
