// The causal TCN: it learns what lies back in time, on WebAssembly too, and gives the same numbers on every backend.
import { tensor } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { chooseBackend } from '../../models/backend.ts';
import { auroc } from '../../models/metrics.ts';
import { buildNetwork, fitNetwork, type NetworkOptions, runNetwork } from '../../models/network.ts';
import { seeded } from '../../models/random.ts';

const STEPS = 16;
const CHANNELS = 3;
const options: NetworkOptions = {
  kind: 'tcn',
  inputs: STEPS * CHANNELS,
  steps: STEPS,
  outputs: 2,
  hidden: [6, 6, 6],
  l2: 1e-4,
  seed: 2,
};
/** Three blocks with dilations 1, 2 and 4 see 1 + 2 · (1 + 2 + 4) steps. */
const SEEN = 15;

/** Sequences of noise; the first label is whether channel 1 was high nine steps ago, the second the opposite. */
function sequences(count: number, seed: number) {
  const random = seeded(seed);
  const inputs = Float32Array.from({ length: count * STEPS * CHANNELS }, () => random() * 2 - 1);
  const labels = new Uint8Array(count * 2);
  for (let i = 0; i < count; i++) {
    const high = inputs[i * STEPS * CHANNELS + (STEPS - 10) * CHANNELS + 1]! > 0 ? 1 : 0;
    labels[i * 2] = high;
    labels[i * 2 + 1] = 1 - high;
  }
  return { inputs, labels, count };
}

beforeAll(async () => {
  await chooseBackend('wasm');
});

test('finds a sign that lies nine steps back, trained on WebAssembly', { timeout: 60_000 }, () => {
  const network = buildNetwork(options);
  const training = sequences(600, 1);
  const check = sequences(200, 2);
  const first = (matrix: ArrayLike<number>) => Array.from({ length: check.count }, (_, i) => matrix[i * 2]!);
  const { losses } = fitNetwork(network, training, {
    epochs: 30,
    batch: 100,
    learningRate: 0.02,
    seed: 1,
    patience: 30,
    balance: 0,
    score: net => auroc(first(runNetwork(net, check.inputs, check.count)), first(check.labels)),
  });
  expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.7);
  expect(auroc(first(runNetwork(network, check.inputs, check.count)), first(check.labels))).toBeGreaterThan(0.9);
});

test('looks back as far as its dilations say, and no farther', () => {
  const network = buildNetwork(options);
  const { inputs, count } = sequences(5, 3);
  const before = runNetwork(network, inputs, count);
  const changed = (step: number) => {
    const other = inputs.slice();
    for (let i = 0; i < count; i++) for (let c = 0; c < CHANNELS; c++) other[(i * STEPS + step) * CHANNELS + c]! += 5;
    return runNetwork(network, other, count);
  };
  expect(changed(STEPS - SEEN - 1)).toEqual(before);
  expect(changed(STEPS - SEEN)).not.toEqual(before);
  expect(changed(STEPS - 1)).not.toEqual(before);
});

test('a sequence that has no equal steps is refused', () => {
  expect(() => buildNetwork({ ...options, inputs: STEPS * CHANNELS + 1 })).toThrow(/no 16 equal steps/);
});

test('the same weights give the same numbers with native TensorFlow, where it can be loaded', async context => {
  const { inputs, count } = sequences(40, 4);
  const network = buildNetwork(options);
  const weights = network.getWeights().map(weight => ({ values: weight.dataSync().slice(), shape: weight.shape }));
  const onWasm = runNetwork(network, inputs, count);
  if ((await chooseBackend('native')) !== 'native') return context.skip('the native library of tfjs-node is not installed');
  const native = buildNetwork({ ...options, seed: 99 });
  native.setWeights(weights.map(({ values, shape }) => tensor(values, shape)));
  runNetwork(native, inputs, count).forEach((logit, i) => {
    expect(Math.abs(logit - onWasm[i]!)).toBeLessThan(1e-4);
  });
});
