// Fits the home model for one lead: kind and length by inner folds of homes, then once more on all of them.
import { tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Platt, sigmoid } from '../calibration.ts';
import { auprc } from '../metrics.ts';
import { buildNetwork, fitNetwork, type Kind, type Rows, runNetwork } from '../network.ts';
import { permutation, seeded } from '../random.ts';
import { fitScaling, type Scaling, scaleRow } from '../scaling.ts';
import { INPUTS } from './inputs.ts';
import { columnsOfSet, type InputSet } from './sets.ts';
import type { Slots } from './slots.ts';

export interface Candidate {
  kind: Kind;
  hidden: readonly number[];
  l2: number;
  set: InputSet;
  /** Labelled rows of a home weigh its count of them to this power: at −0.5 one home with many is less of the model. */
  homePower: number;
}

const linear = (set: InputSet, l2: number, homePower: number): Candidate => ({ kind: 'logistic', hidden: [], l2, set, homePower });

/** What inner folds choose from, by what a model may know. */
export const CANDIDATES = {
  both: [
    linear('both', 1e-2, -0.5),
    linear('both', 1e-1, 0),
    linear('bothOwn', 1e-2, -0.5),
    linear('bothFew', 1e-1, 0),
    { kind: 'perceptron', hidden: [16], l2: 3e-3, set: 'both', homePower: -0.5 },
  ],
  sensors: [linear('sensors', 1e-2, -0.5), linear('sensors', 1e-2, 0), linear('sensorsFew', 1e-2, -0.5), linear('sensorsFew', 1e-2, 0)],
  noSensor: [linear('noSensor', 1e-2, 0), linear('noSensor', 1e-1, 0), linear('noSensor', 1e-2, -0.5)],
} as const satisfies Record<string, readonly Candidate[]>;
export type Knows = keyof typeof CANDIDATES;

export interface Member {
  candidate: Candidate;
  scaling: Scaling;
  /** Part in the mean of the logits; all shares add up to 1. */
  share: number;
  /** Kernels and biases in the order of the layers. */
  weights: Float32Array[];
}

export interface LeadModel {
  lead: number;
  /** The mean of their logits counts. */
  members: Member[];
  platt: Platt;
  /** AUPRC of each candidate on homes left out, all together; the best is chosen. */
  tried: { name: string; auprc: number }[];
  chosen: string;
  /** Calibrated probability of each training row from networks that never saw its home; row index in the same order. */
  outOfHome: { rows: number[]; probabilities: Float32Array };
}

export interface LearnOptions {
  knows: Knows;
  seed: number;
}

const INNER_FOLDS = 3;
/** Perceptrons that are averaged, each from another start. */
const REPEATS = 2;
const EPOCHS = { logistic: 150, perceptron: 100 };
/** All labelled rows together against all others. */
const LABELLED_SHARE = 0.3;
/** Probabilities are made for this share of labelled stamps; that of the training homes depends on who is among them. */
export const PREVALENCE = 0.02;

export const nameOf = ({ kind, l2, set, homePower }: Candidate) => `${kind} ${set} l2=${l2} power=${homePower}`;

/** Homes in `count` parts of equal size, by seed. */
export function homeFolds(homes: readonly number[], count: number, seed: number): number[][] {
  const order = permutation(homes.length, seeded(seed));
  const folds: number[][] = Array.from({ length: count }, () => []);
  order.forEach((index, i) => {
    folds[i % count]!.push(homes[index]!);
  });
  return folds;
}

/** Fits on the rows given and nothing else. @throws Error when no row or fewer than two homes have a label. */
export function learn(slots: Slots, rows: readonly number[], options: LearnOptions): LeadModel {
  const { seed } = options;
  const candidates: readonly Candidate[] = CANDIDATES[options.knows];
  const labelled = [...new Set(rows.filter(row => slots.labels[row]).map(row => slots.home[row]!))];
  if (labelled.length < 2) throw new Error('Fewer than two homes have a label of agitation: there is nothing to learn and check on.');
  const others = [...new Set(rows.map(row => slots.home[row]!))].filter(home => !labelled.includes(home));
  // Every part gets its share of homes with labels.
  const parts = Math.min(INNER_FOLDS, labelled.length);
  const [a, b] = [homeFolds(labelled, parts, seed), homeFolds(others, parts, seed + 1)];
  const folds = a.map((homes, index) => new Set([...homes, ...b[index]!]));
  const tried = candidates.map(candidate => ({ candidate, logits: new Map<number, number>(), epochs: [] as number[] }));
  const prepare = (part: readonly number[], { set, homePower }: Candidate) => {
    const columns = columnsOfSet(set);
    const scaling = scalingOf(slots, part, columns);
    return {
      columns,
      scaling,
      inputs: scaled(slots, part, columns, scaling),
      labels: Uint8Array.from(part, row => slots.labels[row]!),
      weights: homeWeights(slots, part, LABELLED_SHARE, homePower),
      count: part.length,
    };
  };
  for (const [index, out] of folds.entries()) {
    const part = rows.filter(row => !out.has(slots.home[row]!));
    const checking = rows.filter(row => out.has(slots.home[row]!));
    const truth = Uint8Array.from(checking, row => slots.labels[row]!);
    for (const one of tried) {
      const training = prepare(part, one.candidate);
      const check = scaled(slots, checking, training.columns, training.scaling);
      const weights = homeWeights(slots, checking, LABELLED_SHARE, one.candidate.homePower);
      const network = networkFor(one.candidate, training.columns.length, seed * 100 + index);
      const { epoch } = fitOne(
        network,
        training,
        one.candidate,
        seed + index,
        net => -logLoss(runNetwork(net, check, checking.length), truth, weights),
      );
      one.epochs.push(epoch);
      const logits = runNetwork(network, check, checking.length);
      checking.forEach((row, i) => {
        one.logits.set(row, logits[i]!);
      });
      network.dispose();
    }
  }
  // Chosen by all homes left out together, as an alarm level is one for all homes.
  const truth = Uint8Array.from(rows, row => slots.labels[row]!);
  const pooled = (logits: Map<number, number>) =>
    auprc(
      Float32Array.from(rows, row => logits.get(row)!),
      truth,
    );
  const choices: { name: string; parts: typeof tried; logits: Map<number, number> }[] = tried.map(one => ({
    name: nameOf(one.candidate),
    parts: [one],
    logits: one.logits,
  }));
  const together = (name: string, parts: typeof tried) => ({
    name,
    parts,
    logits: new Map(rows.map(row => [row, parts.reduce((sum, part) => sum + part.logits.get(row)!, 0) / parts.length])),
  });
  choices.push(together('all together', tried));
  if (tried.some(one => one.candidate.kind !== 'logistic'))
    choices.push(
      together(
        'all linear together',
        tried.filter(one => one.candidate.kind === 'logistic'),
      ),
    );
  const chosen = best(choices, pooled)!;
  // Once more on all training homes, for as long as was best on homes left out.
  const members = chosen.parts.flatMap(({ candidate, epochs }) => {
    const whole = prepare(rows, candidate);
    const stop = Math.max(10, Math.round(epochs.reduce((sum, epoch) => sum + epoch, 0) / epochs.length));
    const repeats = candidate.kind === 'logistic' ? 1 : REPEATS;
    return Array.from({ length: repeats }, (_, repeat): Member => {
      const network = networkFor(candidate, whole.columns.length, seed * 100 + 50 + repeat);
      fitOne(network, whole, candidate, seed + 50 + repeat, undefined, stop);
      const weights = network.getWeights().map(weight => Float32Array.from(weight.dataSync()));
      network.dispose();
      return { candidate, scaling: whole.scaling, share: 1 / chosen.parts.length / repeats, weights };
    });
  });
  const logits = Float32Array.from(rows, row => chosen.logits.get(row)!);
  const platt = weightedPlatt(logits, truth, homeWeights(slots, rows, PREVALENCE / (1 - PREVALENCE), -0.5));
  return {
    lead: slots.lead,
    members,
    platt,
    tried: choices.map(({ name, logits: own }) => ({ name, auprc: pooled(own) })),
    chosen: chosen.name,
    outOfHome: { rows: [...rows], probabilities: logits.map(logit => sigmoid(platt.slope * logit + platt.offset)) },
  };
}

const networkFor = ({ kind, hidden, l2 }: Candidate, inputs: number, seed: number) =>
  buildNetwork({ kind, hidden, l2, inputs, outputs: 1, seed });

/** All rows at once. The linear model goes to its end (its penalty holds it); a perceptron stops when homes left out get no better. */
function fitOne(
  network: LayersModel,
  rows: Rows,
  { kind }: Candidate,
  seed: number,
  score?: (net: LayersModel) => number,
  epochs?: number,
) {
  let epoch = 0;
  return fitNetwork(network, rows, {
    epochs: epochs ?? EPOCHS[kind],
    batch: rows.count,
    learningRate: kind === 'logistic' ? 0.05 : 0.01,
    seed,
    patience: 20,
    balance: 0,
    score: net => (kind === 'logistic' || !score ? ++epoch : score(net)),
  });
}

function logLoss(logits: Float32Array, labels: Uint8Array, weights: Float32Array): number {
  return logits.reduce((sum, z, i) => sum + weights[i]! * (Math.max(z, 0) - z * labels[i]! + Math.log1p(Math.exp(-Math.abs(z)))), 0);
}

function best<T extends { logits: Map<number, number> }>(all: T[], score: (logits: Map<number, number>) => number): T | undefined {
  let [found, top]: [T | undefined, number] = [undefined, Number.NEGATIVE_INFINITY];
  for (const one of all) {
    const value = score(one.logits);
    if (value > top) [found, top] = [one, value];
  }
  return found;
}

/** Probabilities of any rows, `[rows]`. */
export function applyLead(model: Pick<LeadModel, 'members' | 'platt'>, slots: Slots, rows: readonly number[]): Float32Array {
  const logits = new Float64Array(rows.length);
  for (const member of model.members) {
    const names = member.scaling.names;
    const columns = names.map(name => INPUTS.findIndex(one => one.name === name));
    if (columns.includes(-1)) throw new Error(`The model knows an input that is not there: ${names[columns.indexOf(-1)]}`);
    const network = networkOf(member);
    const own = runNetwork(network, scaled(slots, rows, columns, member.scaling), rows.length);
    own.forEach((logit, i) => {
      logits[i]! += logit * member.share;
    });
    network.dispose();
  }
  return Float32Array.from(logits, logit => sigmoid(model.platt.slope * logit + model.platt.offset));
}

function networkOf({ candidate, scaling, weights }: Member) {
  const network = buildNetwork({ ...candidate, inputs: scaling.names.length, outputs: 1, seed: 0 });
  const tensors = network.getWeights().map((weight, index) => tensor(weights[index]!, weight.shape));
  network.setWeights(tensors);
  for (const tensor of tensors) tensor.dispose();
  return network;
}

/** Mean and spread from the training rows alone. */
export function scalingOf(slots: Slots, rows: readonly number[], columns: readonly number[]): Scaling {
  const names = columns.map(column => INPUTS[column]!.name);
  const width = INPUTS.length;
  const part = new Float32Array(rows.length * columns.length);
  rows.forEach((row, r) => {
    columns.forEach((column, c) => {
      part[r * columns.length + c] = slots.inputs[row * width + column]!;
    });
  });
  return fitScaling(
    names,
    part,
    rows.map((_, index) => index),
  );
}

function scaled(slots: Slots, rows: readonly number[], columns: readonly number[], scaling: Scaling): Float32Array {
  const part = new Float32Array(rows.length * columns.length);
  rows.forEach((row, r) => {
    scaleRow(scaling, slots.inputs, row * INPUTS.length, columns, part, r * columns.length);
  });
  return part;
}

/** Rows without a label weigh 1 over all; labelled ones together `odds` of that, each home's by its count to `power`. Mean 1. */
function homeWeights(slots: Slots, rows: readonly number[], odds: number, power: number): Float32Array {
  const counts = new Map<number, number>();
  for (const row of rows) if (slots.labels[row]) counts.set(slots.home[row]!, (counts.get(slots.home[row]!) ?? 0) + 1);
  let [labelled, others] = [0, 0];
  const weights = Float64Array.from(rows, row => {
    const weight = slots.labels[row] ? counts.get(slots.home[row]!)! ** power : 1;
    if (slots.labels[row]) labelled += weight;
    else others += weight;
    return weight;
  });
  const mean = (others * (1 + odds)) / rows.length;
  return Float32Array.from(weights, (weight, i) => (slots.labels[rows[i]!] ? (weight * odds * others) / labelled : weight) / mean);
}

/** Slope and offset by gradient steps of Newton's method on the weighted log loss; the slope stays positive. */
function weightedPlatt(logits: Float32Array, labels: Uint8Array, weights: Float32Array): Platt {
  let [slope, offset] = [1, 0];
  for (let step = 0; step < 50; step++) {
    let [ga, gb, haa, hab, hbb] = [1e-3 * (slope - 1), 0, 1e-3, 0, 1e-9];
    for (let i = 0; i < logits.length; i++) {
      const p = sigmoid(slope * logits[i]! + offset);
      const error = weights[i]! * (p - labels[i]!);
      const curve = weights[i]! * p * (1 - p);
      ga += error * logits[i]!;
      gb += error;
      haa += curve * logits[i]! ** 2;
      hab += curve * logits[i]!;
      hbb += curve;
    }
    const determinant = haa * hbb - hab * hab;
    if (!(determinant > 1e-12)) break;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    const size = Math.min(1, 1 / Math.max(Math.abs(da), Math.abs(db), 1e-9));
    slope = Math.max(0.05, slope - size * da);
    offset -= size * db;
    if (Math.abs(da) + Math.abs(db) < 1e-7) break;
  }
  return { slope: Number(slope.toPrecision(7)), offset: Number(offset.toPrecision(7)) };
}
