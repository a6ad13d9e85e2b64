// The networks: a regularised logistic regression, a small perceptron and a causal TCN, one logit for each horizon, and how they are fitted.
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { permutation, seeded } from './random.ts';
import { tcnLayers, tcnWithBeside } from './tcn.ts';

export type Kind = 'logistic' | 'perceptron' | 'tcn';

export interface NetworkOptions {
  kind: Kind;
  inputs: number;
  outputs: number;
  l2: number;
  /** Units of the hidden layers; none for logistic; for a TCN the filters of its blocks. */
  hidden: readonly number[];
  /** A TCN's input is a sequence of so many steps, one after the other, oldest first: `inputs` is steps × channels. */
  steps?: number;
  /** Of the inputs of a TCN, how many stand behind the sequence and are no part of it. */
  beside?: number;
  seed: number;
}

/** Units of the layer in which a TCN joins its sequence with what stands beside it. */
const HEAD = 32;

/** `[residents, inputs]` → logits `[residents, outputs]`. */
export function buildNetwork({ kind, inputs, outputs, l2, hidden, steps, beside, seed }: NetworkOptions): tfl.LayersModel {
  if (kind === 'tcn' && beside) return tcnWithBeside({ inputs, outputs, steps: steps ?? 1, filters: hidden, beside, head: HEAD, l2, seed });
  const network = tfl.sequential({ name: kind });
  if (kind === 'tcn') {
    for (const layer of tcnLayers({ inputs, outputs, steps: steps ?? 1, filters: hidden, l2, seed })) network.add(layer);
    return network;
  }
  const sizes = kind === 'logistic' ? [outputs] : [...hidden, outputs];
  sizes.forEach((units, index) => {
    network.add(
      tfl.layers.dense({
        units,
        ...(index === 0 ? { inputShape: [inputs] } : {}),
        activation: index < sizes.length - 1 ? 'relu' : 'linear',
        kernelInitializer: tfl.initializers.glorotUniform({ seed: seed + index }),
        kernelRegularizer: tfl.regularizers.l2({ l2 }),
        name: index < sizes.length - 1 ? `hidden${index + 1}` : 'logits',
      }),
    );
  });
  return network;
}

export interface Rows {
  /** Scaled, `[count, inputs]`. */
  inputs: Float32Array;
  /** 0 or 1, `[count, outputs]`. */
  labels: Uint8Array;
  count: number;
  /** What each row counts in the loss, `[count]`; 1 if missing. */
  weights?: Float32Array;
}

export interface FitOptions {
  epochs: number;
  batch: number;
  learningRate: number;
  seed: number;
  /** Epochs without a better score before it stops. */
  patience: number;
  /** Weight of a positive is (negatives / positives) to this power: 0 none, 1 balanced. */
  balance: number;
  /** Columns that are blanked together, as when a device is away; each row loses one group with `dropShare`. */
  dropGroups?: readonly (readonly number[])[];
  dropShare?: number;
  /** Higher is better; asked after each epoch. */
  score(network: tfl.LayersModel): number;
  progress?(epoch: number, loss: number, score: number): void;
}

/** Fits with Adam and weighted cross-entropy, stops early, leaves the best epoch's weights. Repeatable by seed. Returns the losses. */
export function fitNetwork(network: tfl.LayersModel, rows: Rows, options: FitOptions): { losses: number[]; best: number; epoch: number } {
  const inputs = rows.inputs.length / rows.count;
  const outputs = rows.labels.length / rows.count;
  const weights = positiveWeights(rows.labels, outputs, options.balance);
  const random = seeded(options.seed);
  const optimizer = tf.train.adam(options.learningRate);
  const losses: number[] = [];
  let best = Number.NEGATIVE_INFINITY;
  let bestEpoch = 0;
  let bestWeights: tf.Tensor[] = [];
  const decays = network.layers.map(layer => (layer as unknown as { kernelRegularizer?: { l2?: number } }).kernelRegularizer);
  for (let epoch = 1; epoch <= options.epochs && epoch - bestEpoch <= options.patience; epoch++) {
    const order = permutation(rows.count, random);
    let sum = 0;
    let batches = 0;
    for (let from = 0; from < rows.count; from += options.batch) {
      const size = Math.min(options.batch, rows.count - from);
      const [x, y, w] = [new Float32Array(size * inputs), new Float32Array(size * outputs), new Float32Array(size * outputs)];
      for (let i = 0; i < size; i++) {
        const row = order[from + i]!;
        x.set(rows.inputs.subarray(row * inputs, (row + 1) * inputs), i * inputs);
        if (options.dropGroups?.length && random() < (options.dropShare ?? 0))
          for (const column of options.dropGroups[Math.floor(random() * options.dropGroups.length)]!) x[i * inputs + column] = 0;
        for (let o = 0; o < outputs; o++) {
          const label = rows.labels[row * outputs + o]!;
          y[i * outputs + o] = label;
          w[i * outputs + o] = (label ? weights[o]! : 1) * (rows.weights?.[row] ?? 1);
        }
      }
      const cost = tf.tidy(() => {
        const [tx, ty, tw] = [tf.tensor2d(x, [size, inputs]), tf.tensor2d(y, [size, outputs]), tf.tensor2d(w, [size, outputs])];
        return optimizer.minimize(() => {
          const logits = network.apply(tx, { training: true }) as tf.Tensor2D;
          // max(z, 0) − z·y + log(1 + e^−|z|): cross-entropy that does not overflow.
          const entropy = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, ty)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
          let loss = tf.mean(tf.mul(entropy, tw)) as tf.Scalar;
          network.layers.forEach((layer, index) => {
            const l2 = decays[index]?.l2;
            if (l2) loss = tf.add(loss, tf.mul(l2, tf.sum(tf.square(layer.getWeights()[0]!)))) as tf.Scalar;
          });
          return loss;
        }, true) as tf.Scalar;
      });
      sum += cost.dataSync()[0]!;
      cost.dispose();
      batches++;
    }
    losses.push(sum / batches);
    const score = options.score(network);
    if (score > best) {
      best = score;
      bestEpoch = epoch;
      tf.dispose(bestWeights);
      bestWeights = network.getWeights().map(weight => tf.clone(weight));
    }
    options.progress?.(epoch, sum / batches, score);
  }
  if (bestWeights.length) network.setWeights(bestWeights);
  tf.dispose(bestWeights);
  optimizer.dispose();
  return { losses, best, epoch: bestEpoch };
}

function positiveWeights(labels: Uint8Array, outputs: number, balance: number): number[] {
  const positives = new Array<number>(outputs).fill(0);
  for (let i = 0; i < labels.length; i++) positives[i % outputs]! += labels[i]!;
  const count = labels.length / outputs;
  return positives.map(found => (found ? ((count - found) / found) ** balance : 1));
}

const AT_ONCE = 4096;

/** Logits `[count, outputs]` of scaled rows. */
export function runNetwork(network: tfl.LayersModel, inputs: Float32Array, count: number): Float32Array {
  const width = count ? inputs.length / count : 0;
  const outputs = network.outputShape[1] as number;
  const logits = new Float32Array(count * outputs);
  for (let from = 0; from < count; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - from);
    const result = tf.tidy(
      () => network.apply(tf.tensor2d(inputs.subarray(from * width, (from + size) * width), [size, width])) as tf.Tensor,
    );
    logits.set(result.dataSync() as Float32Array, from * outputs);
    result.dispose();
  }
  return logits;
}
