// Which inputs each candidate may use, and how strongly it is held back. Kept small: with 19 labelled homes, more inputs did worse.
import type { Kind } from '../network.ts';
import { INPUTS } from './inputs.ts';
import { TENDENCY } from './tendency.ts';

const TIME = ['at08', 'at12', 'at18'];
const RATES = ['agitationRate4d', 'agitationRate10d', 'agitationRate21d', 'agitationRateSameStamp'];
const LATELY = ['agitation1d', 'agitation3d', 'agitation7d'];
const GIVEN = ['givenToExpected', 'givenToExpected14d'];
const EXPECTED = TENDENCY.filter(name => name.startsWith('expected'));
const EXPECTED_FEW = EXPECTED.slice(0, 6);
const SPAN = ['transitions6h', 'transitionsSpan', 'transitionsSpanUnusual', 'transitionsSpan8', 'transitionsSpan12', 'transitionsSpan18'];
const RECENT = ['transitions6h', 'transitions12h', 'transitions24h', 'transitions6hAt8', 'transitions6hAt12', 'transitions6hAt18'];
/** Everything that is not a label: does it help to know the night, the other rooms, the body? */
const WIDE = INPUTS.filter(({ group }) => group !== 'history').map(({ name }) => name);

export const SETS = {
  span: [...RATES, ...TIME, ...SPAN, ...EXPECTED_FEW, ...GIVEN],
  spanMore: [...RATES, ...LATELY, ...TIME, ...SPAN, ...TENDENCY],
  recent: [...RATES, ...TIME, ...RECENT, ...EXPECTED_FEW, ...GIVEN],
  recentMore: [...RATES, ...LATELY, ...TIME, ...RECENT, ...TENDENCY],
  wide: [...RATES, ...WIDE, ...EXPECTED_FEW, ...GIVEN],
  /** Sensors alone. */
  sensorsSpan: [...TIME, ...SPAN, ...EXPECTED],
  sensorsSpanFew: [...TIME, ...SPAN],
  sensorsRecent: [...TIME, ...RECENT, ...EXPECTED],
  /** Labels given before and the time of day: what any ward knows without a sensor. */
  noSensor: [...RATES, ...TIME],
  noSensorMore: [...LATELY, 'agitation14d', 'agitation28d', 'agitationShare', 'agitationSameStamp', 'agitationSince', ...TIME],
} as const satisfies Record<string, readonly string[]>;
export type InputSet = keyof typeof SETS;

/** Columns of a model's matrix: inputs of the hour, then the home's tendency. */
export const COLUMNS: readonly string[] = [...INPUTS.map(({ name }) => name), ...TENDENCY];

/** Where names stand in COLUMNS. @throws Error when a name is unknown. */
export function columnsOf(names: readonly string[]): number[] {
  return names.map(name => {
    const column = COLUMNS.indexOf(name);
    if (column < 0) throw new Error(`The model knows an input that is not there: ${name}`);
    return column;
  });
}

export interface Candidate {
  kind: Kind;
  hidden: readonly number[];
  l2: number;
  set: InputSet;
  /** A labelled row weighs (others ÷ labelled) to this power: 0 as it is, 1 both classes the same. */
  balance: number;
}

const linear = (sets: readonly InputSet[], l2s: readonly number[], balances: readonly number[]): Candidate[] =>
  sets.flatMap(set => l2s.flatMap(l2 => balances.map(balance => ({ kind: 'logistic' as const, hidden: [], l2, set, balance }))));
const perceptron = (set: InputSet): Candidate => ({ kind: 'perceptron', hidden: [8], l2: 3e-3, set, balance: 0.5 });

/** What inner folds choose from, by what a model may know. */
export const CANDIDATES = {
  both: [
    ...linear(['span', 'spanMore', 'recent', 'recentMore'], [1e-3, 1e-4, 1e-5], [0.5, 1]),
    ...linear(['wide'], [1e-2, 1e-1], [0.5]),
    perceptron('recent'),
  ],
  sensors: [...linear(['sensorsSpan', 'sensorsSpanFew', 'sensorsRecent'], [1e-2, 1e-3, 1e-4], [0.5, 1])],
  noSensor: [...linear(['noSensor', 'noSensorMore'], [1e-1, 1e-2, 1e-3, 1e-4], [1])],
} as const satisfies Record<string, readonly Candidate[]>;
export type Knows = keyof typeof CANDIDATES;

/** Tried where it is asked for: the last two days hour by hour, with the home's labels beside them. */
export const TCN: readonly Candidate[] = [{ kind: 'tcn', hidden: [12, 12, 12, 12], l2: 1e-3, set: 'noSensor', balance: 0.5 }];

export const nameOf = ({ kind, l2, set, balance }: Candidate) => `${kind} ${set} l2=${l2} balance=${balance}`;
