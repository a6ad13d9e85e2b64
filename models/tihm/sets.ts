// Which inputs each model may use. Chosen once, from what raised TIHM's labels, and kept small: with 19 labelled homes, more inputs did worse.
import { INPUTS } from './inputs.ts';

const SLOTS = ['at08', 'at12', 'at18'];
const HISTORY = [
  'agitation3d',
  'agitation7d',
  'agitation14d',
  'agitationShare',
  'agitationSince',
  'agitationSlotShare',
  'agitationSameSlot',
  'agitationDecayed',
];
const SPAN = INPUTS.filter(({ group }) => group === 'span').map(({ name }) => name);
const PAST = INPUTS.filter(({ group }) => group === 'spanPast').map(({ name }) => name);
const RECENT = [
  'transitions6h',
  'quickMoves6h',
  'transitions3h',
  'transitions24h',
  'transitions24hUnusual',
  'events12hUnusual',
  'nightTransitions',
];

const SIX_HOURS = [
  'transitions6h',
  'quickMoves6h',
  'hallwayVisits6h',
  'events6h',
  'transitions3h',
  'transitions24h',
  'events6hUnusual',
  'transitions6hUnusual',
  'transitions6hRank',
  'events12hUnusual',
  'rooms6h',
  'busiestHour6h',
];

export const SETS = {
  /** Sensors and the labels given before: what is shipped. */
  both: [...SPAN, ...PAST, ...RECENT, ...SLOTS, ...HISTORY, 'agitationWhenLikeNow'],
  bothFew: [...SIX_HOURS, ...SLOTS, ...HISTORY, 'agitationWhenLikeNow'],
  /** The home's own past alarms stand for its history. */
  bothOwn: [...SIX_HOURS, ...SLOTS, 'agitationDecayed', 'agitationWhenLikeNow'],
  /** Sensors alone. */
  sensors: [...SPAN, ...PAST, ...RECENT, ...SLOTS],
  sensorsFew: [...SIX_HOURS, ...SLOTS],
  /** Labels given before and the time of day: what any ward knows without a sensor. */
  noSensor: [...SLOTS, ...HISTORY],
} as const;
export type InputSet = keyof typeof SETS;

/** Columns of a set. @throws Error when a name is unknown. */
export function columnsOfSet(set: InputSet): number[] {
  return SETS[set].map(name => {
    const column = INPUTS.findIndex(one => one.name === name);
    if (column < 0) throw new Error(`There is no input ${name}`);
    return column;
  });
}
