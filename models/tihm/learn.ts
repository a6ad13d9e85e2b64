// Fits the home model for one lead: inputs, strength and kind by inner folds of homes, then once more on all of them.
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { calibrated, fitPlatt, type Platt } from '../calibration.ts';
import { auprc } from '../metrics.ts';
import { fitNetwork, runNetwork } from '../network.ts';
import { permutation, seeded } from '../random.ts';
import type { Scaling } from '../scaling.ts';
import { type Member, matrixOf, memberLogits, networkInputs, networkOf, scalingOf } from './member.ts';
import { fitLinear, type Linear } from './newton.ts';
import { CANDIDATES, type Candidate, type Knows, nameOf, SETS, TCN } from './sets.ts';
import type { Slots } from './slots.ts';
import { fitSpanScorer, type SpanScorer } from './tendency.ts';

export interface LeadModel {
  lead: number;
  knows: Knows;
  spanScorer: SpanScorer;
  /** The mean of their logits counts. */
  members: Member[];
  platt: Platt;
  /** AUPRC of each candidate on homes left out, all together. */
  tried: { name: string; auprc: number }[];
  chosen: string;
  /** Calibrated probability of each training row from networks that never saw its home; same order as the rows given. */
  outOfHome: { rows: number[]; probabilities: Float32Array };
}

/** What inference needs of it. */
export type LeadScorer = Pick<LeadModel, 'members' | 'platt' | 'spanScorer'>;

export interface LearnOptions {
  knows: Knows;
  seed: number;
  /** Tries the TCN too: many times the work. */
  tcn?: boolean;
}

const INNER_FOLDS = 4;
/** Perceptrons that are averaged, each from another start. */
const REPEATS = 2;
const EPOCHS = 80;
const TCN_BATCH = 512;

/** Homes in `count` parts of equal size, by seed. */
export function homeFolds(homes: readonly number[], count: number, seed: number): number[][] {
  const order = permutation(homes.length, seeded(seed));
  const folds: number[][] = Array.from({ length: count }, () => []);
  order.forEach((index, i) => {
    folds[i % count]!.push(homes[index]!);
  });
  return folds;
}

interface Tried {
  candidate: Candidate;
  logits: Map<number, number>;
  epochs: number[];
}

/** Fits on the rows given and nothing else. @throws Error when fewer than two homes have a label. */
export function learn(slots: Slots, rows: readonly number[], { knows, seed, tcn }: LearnOptions): LeadModel {
  const tried: Tried[] = [...CANDIDATES[knows], ...(tcn ? TCN : [])].map(candidate => ({ candidate, logits: new Map(), epochs: [] }));
  for (const [index, out] of innerFolds(slots, rows, seed).entries()) {
    const part = new Training(
      slots,
      rows.filter(row => !out.has(slots.home[row]!)),
    );
    const checking = rows.filter(row => out.has(slots.home[row]!));
    const matrix = part.matrixOf(checking);
    for (const one of tried) {
      const { member, epoch } = part.fit(one.candidate, seed * 100 + index, { rows: checking, matrix });
      one.epochs.push(epoch);
      const logits = memberLogits(member, slots, checking, matrix);
      checking.forEach((row, i) => {
        one.logits.set(row, logits[i]!);
      });
    }
  }
  const truth = Uint8Array.from(rows, row => slots.labels[row]!);
  const pooled = (logits: ReadonlyMap<number, number>) =>
    auprc(
      Float32Array.from(rows, row => logits.get(row)!),
      truth,
    );
  // Chosen by all homes left out together, as an alarm level is one for all homes.
  const choice = choose(tried, rows, pooled);
  const whole = new Training(slots, rows);
  const members = choice.parts.flatMap(({ candidate, epochs }) => {
    const repeats = candidate.kind === 'logistic' ? 1 : REPEATS;
    const stop = Math.max(candidate.kind === 'tcn' ? 2 : 10, Math.round(epochs.reduce((sum, epoch) => sum + epoch, 0) / epochs.length));
    return Array.from({ length: repeats }, (_, repeat): Member => {
      const { member } = whole.fit(candidate, seed * 100 + 50 + repeat, stop);
      return { ...member, share: 1 / choice.parts.length / repeats };
    });
  });
  const logits = Float32Array.from(rows, row => choice.logits.get(row)!);
  const { slope, offset } = fitPlatt(logits, truth);
  const platt = { slope: Number(Math.max(0.05, slope).toPrecision(7)), offset: Number(offset.toPrecision(7)) };
  return {
    lead: slots.lead,
    knows,
    spanScorer: whole.spanScorer,
    members: merged(members),
    platt,
    tried: tried.map(one => ({ name: nameOf(one.candidate), auprc: pooled(one.logits) })),
    chosen: choice.name,
    outOfHome: { rows: [...rows], probabilities: logits.map(logit => calibrated(platt, logit)) },
  };
}

/** Parts of the homes, each with its share of homes that have labels. */
function innerFolds(slots: Slots, rows: readonly number[], seed: number): Set<number>[] {
  const labelled = [...new Set(rows.filter(row => slots.labels[row]).map(row => slots.home[row]!))];
  if (labelled.length < 2) throw new Error('Fewer than two homes have a label of agitation: there is nothing to learn and check on.');
  const others = [...new Set(rows.map(row => slots.home[row]!))].filter(home => !labelled.includes(home));
  const parts = Math.min(INNER_FOLDS, labelled.length);
  const [a, b] = [homeFolds(labelled, parts, seed), homeFolds(others, parts, seed + 1)];
  return a.map((homes, index) => new Set([...homes, ...b[index]!]));
}

/**
 * Chooses among groups by what they do on homes left out, all candidates of a group averaged. With some twenty labelled homes the best single
 * candidate is best by luck too, so none is picked alone.
 */
function choose(tried: Tried[], rows: readonly number[], score: (logits: ReadonlyMap<number, number>) => number) {
  const together = (name: string, parts: Tried[]) => ({
    name,
    parts,
    logits: new Map(rows.map(row => [row, parts.reduce((sum, part) => sum + part.logits.get(row)! / parts.length, 0)])),
  });
  const of = (kind: Candidate['kind']) => tried.filter(({ candidate }) => candidate.kind === kind);
  const groups = [...new Set(of('logistic').map(({ candidate }) => groupOf(candidate)))];
  const choices = groups.map(group =>
    together(
      `linear, ${group}`,
      of('logistic').filter(({ candidate }) => groupOf(candidate) === group),
    ),
  );
  const narrow = of('logistic').filter(({ candidate }) => candidate.set !== 'wide');
  if (groups.length > 1) choices.push(together('linear, all', narrow));
  for (const kind of ['perceptron', 'tcn'] as const)
    if (of(kind).length) choices.push(together(`linear, all, and ${kind}`, [...narrow, ...of(kind)]));
  return choices.reduce((best, one) => (score(one.logits) > score(best.logits) ? one : best));
}

/** `spanMore` belongs to `span`. */
const groupOf = ({ set }: Candidate): string => set.replace(/More$|Few$/, '');

/** Linear members that see the same inputs in the same scaling are one member with their mean weights: the same logits, fewer numbers. */
function merged(members: Member[]): Member[] {
  const bySet = new Map<string, Member[]>();
  const out = members.filter(({ candidate }) => candidate.kind !== 'logistic');
  for (const member of members) {
    if (member.candidate.kind !== 'logistic') continue;
    bySet.set(member.candidate.set, [...(bySet.get(member.candidate.set) ?? []), member]);
  }
  for (const own of bySet.values())
    out.unshift({
      ...own[0]!,
      share: own.reduce((sum, { share }) => sum + share, 0),
      weights: own[0]!.weights.map((first, index) =>
        first.map((_, i) => own.reduce((sum, { weights }) => sum + weights[index]![i]! / own.length, 0)),
      ),
    });
  return out;
}

/** Rows to train on, with the span scorer that these rows alone have taught. */
class Training {
  readonly spanScorer: SpanScorer;
  readonly #slots: Slots;
  readonly #rows: readonly number[];
  readonly #matrix: Float32Array;
  readonly #labels: Uint8Array;
  readonly #prepared = new Map<string, { scaling: Scaling; inputs: Float32Array; nearby?: Linear }>();

  constructor(slots: Slots, rows: readonly number[]) {
    this.#slots = slots;
    this.#rows = rows;
    this.spanScorer = fitSpanScorer(slots, rows);
    this.#matrix = this.matrixOf(rows);
    this.#labels = Uint8Array.from(rows, row => slots.labels[row]!);
  }

  matrixOf = (rows: readonly number[]): Float32Array => matrixOf(this.#slots, this.spanScorer, rows);

  /** Fits one candidate. A perceptron stops when `until` (homes left out) gets no better, or after so many epochs; the linear model at its optimum. */
  fit(candidate: Candidate, seed: number, until: number | { rows: readonly number[]; matrix: Float32Array }) {
    const prepared = this.#prepare(candidate);
    const { scaling, inputs } = prepared;
    const weights = balancedWeights(this.#labels, candidate.balance);
    const member = { candidate, scaling, share: 1, weights: [] as Float32Array[] };
    if (candidate.kind === 'logistic') {
      const rows = { inputs, width: scaling.names.length, labels: this.#labels, weights };
      const linear = fitLinear(rows, candidate.l2, prepared.nearby);
      prepared.nearby = linear;
      member.weights = [Float32Array.from(linear.weights), Float32Array.of(linear.bias)];
      return { member, epoch: 0 };
    }
    const network = networkOf(candidate, scaling.names.length, seed);
    const check = typeof until === 'number' ? undefined : this.#checking(scaling, candidate, until);
    let passed = 0;
    const { epoch } = fitNetwork(
      network,
      { inputs, labels: this.#labels, weights, count: this.#rows.length },
      {
        epochs: typeof until === 'number' ? until : EPOCHS,
        batch: candidate.kind === 'tcn' ? TCN_BATCH : this.#rows.length,
        learningRate: candidate.kind === 'tcn' ? 0.005 : 0.02,
        seed,
        patience: candidate.kind === 'tcn' ? 5 : 15,
        balance: 0,
        score: net => (check ? check(net) : ++passed),
      },
    );
    member.weights = network.getWeights().map(weight => Float32Array.from(weight.dataSync()));
    network.dispose();
    return { member, epoch };
  }

  #prepare(candidate: Candidate): { scaling: Scaling; inputs: Float32Array; nearby?: Linear } {
    const { set } = candidate;
    const key = candidate.kind === 'tcn' ? `tcn ${set}` : set;
    let found = this.#prepared.get(key);
    if (!found) {
      const scaling = scalingOf(this.#matrix, this.#rows.length, SETS[set]);
      found = { scaling, inputs: networkInputs(candidate, scaling, this.#slots, this.#rows, this.#matrix) };
      this.#prepared.set(key, found);
    }
    return found;
  }

  /** How well a network does on homes left out: less weighted log loss is better. */
  #checking(scaling: Scaling, candidate: Candidate, { rows, matrix }: { rows: readonly number[]; matrix: Float32Array }) {
    const inputs = networkInputs(candidate, scaling, this.#slots, rows, matrix);
    const labels = Uint8Array.from(rows, row => this.#slots.labels[row]!);
    const weights = balancedWeights(labels, candidate.balance);
    return (network: LayersModel) =>
      -runNetwork(network, inputs, rows.length).reduce(
        (sum, z, i) => sum + weights[i]! * (Math.max(z, 0) - z * labels[i]! + Math.log1p(Math.exp(-Math.abs(z)))),
        0,
      );
  }
}

/** Labelled rows weigh (others ÷ labelled) to the power of `balance`; the mean is 1. */
function balancedWeights(labels: Uint8Array, balance: number): Float32Array {
  const labelled = labels.reduce((sum, label) => sum + label, 0);
  const odds = ((labels.length - labelled) / Math.max(1, labelled)) ** balance;
  const mean = (labels.length - labelled + labelled * odds) / labels.length;
  return Float32Array.from(labels, label => (label ? odds : 1) / mean);
}

/** Probabilities of any rows, `[rows]`; NaN where a home was silent for a day and the model abstains. */
export function applyLead(model: LeadScorer, slots: Slots, rows: readonly number[]): Float32Array {
  const asked = rows.filter(row => slots.coverage[row]! > 0);
  const matrix = matrixOf(slots, model.spanScorer, asked);
  const logits = new Float64Array(asked.length);
  for (const member of model.members)
    memberLogits(member, slots, asked, matrix).forEach((logit, i) => {
      logits[i]! += logit * member.share;
    });
  const found = new Map(asked.map((row, i) => [row, calibrated(model.platt, logits[i]!)]));
  return Float32Array.from(rows, row => found.get(row) ?? Number.NaN);
}
