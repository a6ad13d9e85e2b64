// Makes a network's logit a probability that means what it says (Platt 1999), fitted on residents it was not trained on.
export interface Platt {
  /** probability = 1 / (1 + exp(−(slope · logit + offset))) */
  slope: number;
  offset: number;
}

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const calibrated = (platt: Platt, logit: number) => sigmoid(platt.slope * logit + platt.offset);

/** Fits slope and offset by Newton's method on the log loss, with Platt's softened targets. */
export function fitPlatt(logits: ArrayLike<number>, labels: ArrayLike<number>): Platt {
  let positives = 0;
  for (let i = 0; i < labels.length; i++) positives += labels[i] ? 1 : 0;
  const negatives = labels.length - positives;
  const [high, low] = [(positives + 1) / (positives + 2), 1 / (negatives + 2)];
  let slope = 1;
  let offset = Math.log((positives + 1) / (negatives + 1));
  const loss = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      const z = a * logits[i]! + b;
      const target = labels[i] ? high : low;
      sum += Math.max(z, 0) - z * target + Math.log1p(Math.exp(-Math.abs(z)));
    }
    return sum;
  };
  let best = loss(slope, offset);
  for (let step = 0; step < 100; step++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 1e-9, 0, 1e-9];
    for (let i = 0; i < logits.length; i++) {
      const x = logits[i]!;
      const p = sigmoid(slope * x + offset);
      const error = p - (labels[i] ? high : low);
      const weight = p * (1 - p);
      ga += error * x;
      gb += error;
      haa += weight * x * x;
      hab += weight * x;
      hbb += weight;
    }
    const determinant = haa * hbb - hab * hab;
    if (!(Math.abs(determinant) > 1e-12)) break;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    let size = 1;
    let next = loss(slope - da, offset - db);
    while (next > best && size > 1e-6) {
      size /= 2;
      next = loss(slope - size * da, offset - size * db);
    }
    if (!(next < best - 1e-9)) break;
    slope -= size * da;
    offset -= size * db;
    best = next;
  }
  return { slope, offset };
}
