// What a home's past spans looked like to a model of single spans, and how often it was labelled against what that model expected: the
// adaptation to a person, from the own past alone.
import { sigmoid } from '../calibration.ts';
import { fitScaling, type Scaling, scaleRow } from '../scaling.ts';
import { DAY_HOURS } from './homes.ts';
import { fitLinear, type Linear, linearLogits } from './newton.ts';
import { SLOT_HOURS, type Slots, type Spans } from './slots.ts';

/** Scores how much one whole span looks like those that were labelled, whoever lives there. */
export interface SpanScorer {
  scaling: Scaling;
  linear: Linear;
}

/** Shares of expected labels (log, newer spans counting more), what was last seen, and labels given against labels expected (log). */
export const TENDENCY = [
  'expectedSame2d',
  'expectedSame7d',
  'expectedSame21d',
  'expectedAll1d',
  'expectedAll4d',
  'expectedAll14d',
  'expectedLast',
  'expectedMost3',
  'givenToExpected',
  'givenToExpected14d',
  'givenToExpectedSame',
] as const;

const SCORER_INPUTS = [
  ...SLOT_HOURS.map(clock => `transitions${clock}`),
  'transitions',
  'unusual',
  ...SLOT_HOURS.map(clock => `at${clock}`),
];
const SCORER_L2 = 1e-3;
const HALF_LIVES = { same: [2, 7, 21], all: [1, 4, 14] };
const BACK_DAYS = 45;
const PRIOR = 0.02;

function spanRows({ transitions, unusual }: Spans, rows: readonly number[]): Float32Array {
  const width = SCORER_INPUTS.length;
  const clocks = SLOT_HOURS.length;
  const out = new Float32Array(rows.length * width).fill(Number.NaN);
  rows.forEach((row, r) => {
    const clock = row % clocks;
    out[r * width + clock] = transitions[row]!;
    out[r * width + clocks] = transitions[row]!;
    out[r * width + clocks + 1] = unusual[row]!;
    for (let c = 0; c < clocks; c++) out[r * width + clocks + 2 + c] = c === clock ? 1 : 0;
  });
  return out;
}

const scaledRows = (scaling: Scaling, raw: Float32Array): Float32Array => {
  const width = scaling.names.length;
  const columns = scaling.names.map((_, c) => c);
  const out = new Float32Array(raw.length);
  for (let offset = 0; offset < raw.length; offset += width) scaleRow(scaling, raw, offset, columns, out, offset);
  return out;
};

/** Fits on the spans of the homes of `rows` (and, in time, no later than the rows themselves). */
export function fitSpanScorer(slots: Slots, rows: readonly number[]): SpanScorer {
  const known = rows.filter(row => !Number.isNaN(slots.spans.transitions[row]!));
  const raw = spanRows(slots.spans, known);
  const scaling = fitScaling(SCORER_INPUTS, raw, [...known.keys()]);
  const labels = Uint8Array.from(known, row => slots.labels[row]!);
  const linear = fitLinear(
    { inputs: scaledRows(scaling, raw), width: SCORER_INPUTS.length, labels, weights: new Float32Array(known.length).fill(1) },
    SCORER_L2,
  );
  return { scaling, linear: { weights: linear.weights.map(rounded), bias: rounded(linear.bias) } };
}

const rounded = (value: number) => Number(value.toPrecision(7));

/** `[slots.count, TENDENCY.length]` for the rows asked for, NaN elsewhere and where nothing is known; from spans and labels before each row's hour. */
export function tendencyOf(slots: Slots, scorer: SpanScorer, rows: readonly number[]): Float32Array {
  const { spans, count } = slots;
  const everything = Array.from({ length: count }, (_, row) => row);
  const logits = linearLogits(scorer.linear, scaledRows(scorer.scaling, spanRows(spans, everything)));
  const scores = Float64Array.from(logits, (logit, row) => (Number.isNaN(spans.transitions[row]!) ? Number.NaN : sigmoid(logit)));
  const width = TENDENCY.length;
  const out = new Float32Array(count * width).fill(Number.NaN);
  for (const row of rows) out.set(tendencyAt(slots, scores, row), row * width);
  return out;
}

function tendencyAt(slots: Slots, scores: Float64Array, row: number): number[] {
  const clocks = SLOT_HOURS.length;
  const hour = slots.hour[row]!;
  const same = HALF_LIVES.same.map(() => ({ found: PRIOR, all: 1 }));
  const all = HALF_LIVES.all.map(() => ({ found: PRIOR, all: 1 }));
  const newest: number[] = [];
  let [expected, expectedLately, expectedSame] = [0, 0, 0];
  for (let back = row, fewest = row - BACK_DAYS * clocks; back >= fewest && back >= 0; back--) {
    if (slots.home[back] !== slots.home[row]) break;
    const score = scores[back]!;
    if (slots.spans.end[back]! > hour || Number.isNaN(score)) continue;
    // Age by the stamp that follows the span.
    const age = (slots.at[row]! - slots.at[back]!) / 3_600_000 / DAY_HOURS - slots.lead / DAY_HOURS;
    if (newest.length < 3) newest.push(score);
    expected += score;
    expectedLately += score * 0.5 ** (age / 14);
    add(all, HALF_LIVES.all, age, score);
    if (back % clocks !== row % clocks) continue;
    expectedSame += score;
    add(same, HALF_LIVES.same, age, score);
  }
  if (!newest.length) return new Array<number>(TENDENCY.length).fill(Number.NaN);
  const given = slots.agitation[slots.home[row]!]!.filter(at => at < hour);
  const givenLately = given.reduce((sum, at) => sum + 0.5 ** ((hour - at) / DAY_HOURS / 14), 0);
  const givenSame = given.filter(at => Math.floor(at % DAY_HOURS) === SLOT_HOURS[row % clocks]).length;
  const share = ({ found, all: weight }: { found: number; all: number }) => Math.log(found / weight);
  return [
    ...same.map(share),
    ...all.map(share),
    Math.log(newest[0]! + 0.003),
    Math.log(Math.max(...newest) + 0.003),
    Math.log((given.length + 1) / (expected + 1)),
    Math.log((givenLately + 0.5) / (expectedLately + 0.5)),
    Math.log((givenSame + 0.7) / (expectedSame + 0.7)),
  ];
}

function add(sums: { found: number; all: number }[], halfLives: readonly number[], age: number, score: number): void {
  halfLives.forEach((halfLife, index) => {
    const weight = 0.5 ** (age / halfLife);
    sums[index]!.found += weight * score;
    sums[index]!.all += weight;
  });
}
