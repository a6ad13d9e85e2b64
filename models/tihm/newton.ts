// The regularised logistic regression at its exact optimum: Newton's method on the weighted log loss, the same to the digit on every machine.
import { sigmoid } from '../calibration.ts';

export interface Linear {
  /** One for each input. */
  weights: Float64Array;
  bias: number;
}

export interface LinearRows {
  /** Scaled, `[count, width]`. */
  inputs: Float32Array;
  width: number;
  labels: Uint8Array;
  /** What each row counts; mean about 1. */
  weights: Float32Array;
}

const STEPS = 40;
/** Farthest that one step moves a weight: the first ones would overshoot where a class is rare. */
const FARTHEST_STEP = 3;

/** Minimises Σ weight · log loss ÷ Σ weight + l2 ÷ 2 · |weights|². The bias is not held back. `from` is where to begin: the optimum is one, a near start is only faster. */
export function fitLinear({ inputs, width, labels, weights }: LinearRows, l2: number, from?: Linear): Linear {
  const count = labels.length;
  const size = width + 1;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const positive = labels.reduce((sum, label, i) => sum + (label ? weights[i]! : 0), 0);
  const solution = new Float64Array(size);
  if (from) solution.set(from.weights);
  solution[width] = from?.bias ?? Math.log(Math.max(positive, 1e-9) / Math.max(total - positive, 1e-9));
  const row = new Float64Array(size);
  row[width] = 1;
  for (let step = 0; step < STEPS; step++) {
    const gradient = new Float64Array(size);
    const hessian = new Float64Array(size * size);
    for (let i = 0; i < count; i++) {
      let z = solution[width]!;
      for (let c = 0; c < width; c++) {
        const value = inputs[i * width + c]!;
        row[c] = value;
        z += value * solution[c]!;
      }
      const p = sigmoid(z);
      const error = weights[i]! * (p - labels[i]!);
      const curve = weights[i]! * p * (1 - p);
      for (let a = 0; a < size; a++) {
        const value = row[a]!;
        if (value === 0) continue;
        gradient[a]! += error * value;
        const scaled = curve * value;
        const line = a * size;
        for (let b = 0; b <= a; b++) hessian[line + b]! += scaled * row[b]!;
      }
    }
    for (let a = 0; a < size; a++) {
      const held = a < width ? l2 * total : 1e-9;
      gradient[a]! += held * solution[a]!;
      hessian[a * size + a]! += held;
    }
    const move = solve(hessian, gradient, size);
    const farthest = move.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const share = Math.min(1, FARTHEST_STEP / Math.max(farthest, 1e-12));
    for (let a = 0; a < size; a++) solution[a]! -= share * move[a]!;
    if (farthest < 1e-5) break;
  }
  return { weights: solution.slice(0, width), bias: solution[width]! };
}

/** Logits of scaled rows `[count, width]`. */
export function linearLogits({ weights, bias }: Linear, inputs: Float32Array): Float64Array {
  const width = weights.length;
  return Float64Array.from({ length: inputs.length / width }, (_, i) => {
    let z = bias;
    for (let c = 0; c < width; c++) z += inputs[i * width + c]! * weights[c]!;
    return z;
  });
}

/** Cholesky; `lower` holds the lower triangle of a positive definite matrix and is used up. */
function solve(lower: Float64Array, right: Float64Array, size: number): Float64Array {
  for (let a = 0; a < size; a++)
    for (let b = 0; b <= a; b++) {
      let sum = lower[a * size + b]!;
      for (let k = 0; k < b; k++) sum -= lower[a * size + k]! * lower[b * size + k]!;
      lower[a * size + b] = a === b ? Math.sqrt(Math.max(sum, 1e-12)) : sum / lower[b * size + b]!;
    }
  const x = Float64Array.from(right);
  for (let a = 0; a < size; a++) {
    for (let k = 0; k < a; k++) x[a]! -= lower[a * size + k]! * x[k]!;
    x[a]! /= lower[a * size + a]!;
  }
  for (let a = size - 1; a >= 0; a--) {
    for (let k = a + 1; k < size; k++) x[a]! -= lower[k * size + a]! * x[k]!;
    x[a]! /= lower[a * size + a]!;
  }
  return x;
}
