// Brings features to one scale by what was seen in training; what is unknown becomes the training mean.
export interface Scaling {
  names: string[];
  mean: number[];
  deviation: number[];
}

const FARTHEST = 6;

/** Mean and deviation of each column of `[rows, names.length]`, NaN left out. Only training rows may be given. */
export function fitScaling(names: readonly string[], features: Float32Array, rows: ArrayLike<number>): Scaling {
  const width = names.length;
  const [sum, squares, count] = [new Float64Array(width), new Float64Array(width), new Float64Array(width)];
  for (let r = 0; r < rows.length; r++) {
    for (let c = 0; c < width; c++) {
      const value = features[rows[r]! * width + c]!;
      if (Number.isNaN(value)) continue;
      sum[c]! += value;
      squares[c]! += value * value;
      count[c]!++;
    }
  }
  const round = (value: number) => Number(value.toPrecision(7));
  const mean = Array.from(sum, (total, c) => (count[c] ? round(total / count[c]!) : 0));
  const deviation = Array.from(squares, (total, c) => {
    const variance = count[c] ? total / count[c]! - mean[c]! ** 2 : 0;
    return variance > 1e-10 ? round(Math.sqrt(variance)) : 1;
  });
  return { names: [...names], mean, deviation };
}

/** Writes one scaled row to `target` at `offset`. `columns[i]` is where the model's feature `i` stands in the row. */
export function scaleRow(
  scaling: Scaling,
  row: ArrayLike<number>,
  rowOffset: number,
  columns: ArrayLike<number>,
  target: Float32Array,
  offset: number,
): void {
  for (let c = 0; c < scaling.names.length; c++) {
    const value = row[rowOffset + columns[c]!]!;
    target[offset + c] = Number.isNaN(value)
      ? 0
      : Math.max(-FARTHEST, Math.min(FARTHEST, (value - scaling.mean[c]!) / scaling.deviation[c]!));
  }
}
