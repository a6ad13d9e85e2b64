// One network of the home model: from raw rows to its logits. The same for training, for what is shipped and for live use.
import { tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { buildNetwork, runNetwork } from '../network.ts';
import { fitScaling, type Scaling, scaleRow } from '../scaling.ts';
import { INPUTS } from './inputs.ts';
import { type Candidate, COLUMNS, columnsOf } from './sets.ts';
import { HOURLY, type Slots } from './slots.ts';
import { type SpanScorer, TENDENCY, tendencyOf } from './tendency.ts';

export interface Member {
  candidate: Candidate;
  scaling: Scaling;
  /** Part in the mean of the logits; all shares add up to 1. */
  share: number;
  /** Kernels and biases in the order of the layers. */
  weights: Float32Array[];
}

/** `[rows, COLUMNS.length]`, raw, NaN for unknown. */
export function matrixOf(slots: Slots, scorer: SpanScorer, rows: readonly number[]): Float32Array {
  const tendency = tendencyOf(slots, scorer, rows);
  const [first, second, width] = [INPUTS.length, TENDENCY.length, COLUMNS.length];
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, r) => {
    out.set(slots.inputs.subarray(row * first, (row + 1) * first), r * width);
    out.set(tendency.subarray(row * second, (row + 1) * second), r * width + first);
  });
  return out;
}

/** Mean and spread of the columns of `[count, COLUMNS.length]`, which holds training rows alone. */
export function scalingOf(matrix: Float32Array, count: number, names: readonly string[]): Scaling {
  const columns = columnsOf(names);
  const width = COLUMNS.length;
  const part = new Float32Array(count * columns.length);
  for (let r = 0; r < count; r++)
    columns.forEach((column, c) => {
      part[r * columns.length + c] = matrix[r * width + column]!;
    });
  return fitScaling(
    names,
    part,
    Array.from({ length: count }, (_, r) => r),
  );
}

/** Hours that a TCN looks back. */
export const STEPS = 48;

/** What a network is given, `[rows, inputWidth]`: the scaled columns; for a TCN each of the last hours' counts with the scaled columns beside it. */
export function networkInputs(
  candidate: Candidate,
  scaling: Scaling,
  slots: Slots,
  rows: readonly number[],
  matrix: Float32Array,
): Float32Array {
  const columns = columnsOf(scaling.names);
  const part = new Float32Array(rows.length * columns.length);
  rows.forEach((_, r) => {
    scaleRow(scaling, matrix, r * COLUMNS.length, columns, part, r * columns.length);
  });
  if (candidate.kind !== 'tcn') return part;
  const width = HOURLY.length + columns.length;
  const out = new Float32Array(rows.length * STEPS * width);
  rows.forEach((row, r) => {
    const hourly = slots.hourly[slots.home[row]!]!;
    for (let step = 0; step < STEPS; step++) {
      const hour = slots.hour[row]! - STEPS + step;
      const at = (r * STEPS + step) * width;
      if (hour >= 0) out.set(hourly.subarray(hour * HOURLY.length, (hour + 1) * HOURLY.length), at);
      out.set(part.subarray(r * columns.length, (r + 1) * columns.length), at + HOURLY.length);
    }
  });
  return out;
}

/** A network for so many scaled columns, not trained yet. */
export function networkOf({ kind, hidden, l2 }: Candidate, columns: number, seed: number): LayersModel {
  const inputs = kind === 'tcn' ? STEPS * (HOURLY.length + columns) : columns;
  return buildNetwork({ kind, hidden, l2, inputs, steps: STEPS, outputs: 1, seed });
}

/** `[rows]`. */
export function memberLogits(member: Member, slots: Slots, rows: readonly number[], matrix: Float32Array): Float32Array {
  const network = networkOf(member.candidate, member.scaling.names.length, 0);
  const tensors = network.getWeights().map((weight, index) => tensor(member.weights[index]!, weight.shape));
  network.setWeights(tensors);
  for (const one of tensors) one.dispose();
  const logits = runNetwork(network, networkInputs(member.candidate, member.scaling, slots, rows, matrix), rows.length);
  network.dispose();
  return logits;
}
