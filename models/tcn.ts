// A causal temporal convolution (Bai et al. 2018) of pad, slice, concat and matMul: it trains on every backend, which conv1d does not.
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

export interface TcnOptions {
  /** steps × channels. */
  inputs: number;
  steps: number;
  outputs: number;
  /** Filters of each block; block i looks back with a dilation of 2^i. */
  filters: readonly number[];
  l2: number;
  seed: number;
}

/** Steps that one convolution sees: now, and two further back. */
const KERNEL = 3;

/** `[batch, steps × channels]` → logits `[batch, outputs]`; the last step decides, and no step sees a later one. */
export function tcnLayers({ inputs, steps, outputs, filters, l2, seed }: TcnOptions): tfl.layers.Layer[] {
  if (inputs % steps !== 0) throw new Error(`A sequence of ${inputs} numbers has no ${steps} equal steps`);
  return [
    tfl.layers.reshape({ inputShape: [inputs], targetShape: [steps, inputs / steps] }),
    ...filters.map((units, block) => new CausalBlock({ units, dilation: 2 ** block, l2, seed: seed + block, name: `block${block + 1}` })),
    new LastStep({ name: 'last' }),
    tfl.layers.dense({
      units: outputs,
      kernelInitializer: tfl.initializers.glorotUniform({ seed: seed + filters.length }),
      kernelRegularizer: tfl.regularizers.l2({ l2 }),
      name: 'logits',
    }),
  ];
}

/**
 * A TCN that has more to go by than its sequence: `[batch, steps × channels + beside]` → logits. What stands beside the sequence joins its last
 * step before a hidden layer of `head` units.
 */
export function tcnWithBeside(options: TcnOptions & { beside: number; head: number }): tfl.LayersModel {
  const { inputs, beside, head, outputs, l2, seed } = options;
  const sequence = inputs - beside;
  const input = tfl.input({ shape: [inputs] });
  const [, ...rest] = tcnLayers({ ...options, inputs: sequence });
  let last = new Columns({ from: 0, to: sequence, name: 'sequence' }).apply(input) as tfl.SymbolicTensor;
  last = tfl.layers.reshape({ targetShape: [options.steps, sequence / options.steps] }).apply(last) as tfl.SymbolicTensor;
  for (const layer of rest.slice(0, -1)) last = layer.apply(last) as tfl.SymbolicTensor;
  const known = new Columns({ from: sequence, to: inputs, name: 'beside' }).apply(input) as tfl.SymbolicTensor;
  const joined = tfl.layers.concatenate({ name: 'joined' }).apply([last, known]) as tfl.SymbolicTensor;
  const dense = (units: number, activation: 'relu' | 'linear', place: number, name: string) =>
    tfl.layers.dense({
      units,
      activation,
      name,
      kernelInitializer: tfl.initializers.glorotUniform({ seed: seed + 10 + place }),
      kernelRegularizer: tfl.regularizers.l2({ l2 }),
    });
  const hidden = dense(head, 'relu', 0, 'head').apply(joined) as tfl.SymbolicTensor;
  return tfl.model({ name: 'tcn', inputs: input, outputs: dense(outputs, 'linear', 1, 'logits').apply(hidden) as tfl.SymbolicTensor });
}

interface BlockOptions {
  units: number;
  dilation: number;
  l2: number;
  seed: number;
  name?: string;
}

/** One dilated causal convolution with ReLU, and the input added where its width fits (a residual). */
class CausalBlock extends tfl.layers.Layer {
  static readonly className = 'CausalBlock';
  readonly #options: BlockOptions;
  #kernel: tfl.LayerVariable | undefined;
  #bias: tfl.LayerVariable | undefined;
  /** Where training looks for the strength of the penalty. */
  readonly kernelRegularizer: { l2: number };

  constructor(options: BlockOptions) {
    super({ name: options.name });
    this.#options = options;
    this.kernelRegularizer = { l2: options.l2 };
  }

  override build(shape: tfl.Shape | tfl.Shape[]): void {
    const channels = widthOf(shape);
    const { units, seed } = this.#options;
    this.#kernel = this.addWeight('kernel', [KERNEL * channels, units], 'float32', tfl.initializers.glorotUniform({ seed }));
    this.#bias = this.addWeight('bias', [units], 'float32', tfl.initializers.zeros());
    this.built = true;
  }

  override computeOutputShape(shape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [batch, steps] = (Array.isArray(shape[0]) ? shape[0] : shape) as tfl.Shape;
    return [batch!, steps!, this.#options.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const [batch, steps, channels] = x.shape;
      const { dilation, units } = this.#options;
      // What is seen of a step: itself and the steps one and two dilations before, zeros before the beginning.
      const padded = tf.pad(x, [
        [0, 0],
        [(KERNEL - 1) * dilation, 0],
        [0, 0],
      ]);
      const seen = Array.from({ length: KERNEL }, (_, k) => tf.slice(padded, [0, k * dilation, 0], [batch, steps, channels]));
      const flat = tf.reshape(tf.concat(seen, 2), [batch * steps, KERNEL * channels]) as tf.Tensor2D;
      const out = tf.reshape(tf.relu(tf.add(tf.matMul(flat, this.#kernel!.read() as tf.Tensor2D), this.#bias!.read())), [
        batch,
        steps,
        units,
      ]);
      return channels === units ? tf.add(out, x) : out;
    });
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.#options };
  }
}

/** `[batch, steps, channels]` → the last step, `[batch, channels]`. */
class LastStep extends tfl.layers.Layer {
  static readonly className = 'LastStep';

  override computeOutputShape(shape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [batch, , channels] = (Array.isArray(shape[0]) ? shape[0] : shape) as tfl.Shape;
    return [batch!, channels!];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const [batch, steps, channels] = x.shape;
      return tf.reshape(tf.slice(x, [0, steps - 1, 0], [batch, 1, channels]), [batch, channels]);
    });
  }
}

/** Some columns of `[batch, columns]`. */
class Columns extends tfl.layers.Layer {
  static readonly className = 'Columns';
  readonly #options: { from: number; to: number; name?: string };

  constructor(options: { from: number; to: number; name?: string }) {
    super({ name: options.name });
    this.#options = options;
  }

  override computeOutputShape(shape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [batch] = (Array.isArray(shape[0]) ? shape[0] : shape) as tfl.Shape;
    return [batch!, this.#options.to - this.#options.from];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const { from, to } = this.#options;
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor2D;
      return tf.slice(x, [0, from], [x.shape[0], to - from]);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.#options };
  }
}

const widthOf = (shape: tfl.Shape | tfl.Shape[]): number => {
  const one = (Array.isArray(shape[0]) ? shape[0] : shape) as tfl.Shape;
  return one.at(-1) as number;
};

tf.serialization.registerClass(CausalBlock as unknown as tf.serialization.SerializableConstructor<CausalBlock>);
tf.serialization.registerClass(LastStep as unknown as tf.serialization.SerializableConstructor<LastStep>);
tf.serialization.registerClass(Columns as unknown as tf.serialization.SerializableConstructor<Columns>);
