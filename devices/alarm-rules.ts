// Alarms by rule, from a profile's `alarms`: which readings begin and end one. Pure and without a clock of its own: the gateway runs it in
// the facility, the hub runs it for devices that speak to it directly, and both come to the same.
import type { Point } from './check.ts';
import type { AlarmKind, AlarmRule } from './profiles.ts';
import type { Text } from './refusal.ts';

/** One resident's own limits, by rule id. A rule that is off raises nothing. */
export type AlarmLimits = Readonly<Record<string, { below?: number | undefined; above?: number | undefined; off?: boolean | undefined }>>;

/** Older readings are history and raise nothing, ms. A person who fell or called may still be waiting after a lost connection. */
export const FRESH_FOR: Readonly<Record<AlarmKind, number>> = { vital: 2 * 60_000, call: 10 * 60_000, fall: 10 * 60_000 };
/** Readings farther apart do not count as in a row, ms. */
const IN_A_ROW = 10 * 60_000;

export interface AlarmChange {
  change: 'began' | 'ended';
  kind: AlarmKind;
  rule: string;
  quantity: string;
  /** In the unit people read; 0 or 1 for booleans. */
  value: number;
  /** Of the reading, ms since 1970. */
  time: number;
  text: Text;
}

/** What is known of one rule. */
interface RuleState {
  active: boolean;
  /** Readings in a row that would change `active`. */
  count: number;
  /** Newest reading judged, ms since 1970; 0 for none. */
  last: number;
  /** Newest reading that met the rule, ms since 1970; 0 for none. */
  met: number;
}
/** What is known of one device, by rule id: plain data, to be kept with it. Begin with `{}`. */
export type AlarmState = Readonly<Record<string, Readonly<RuleState>>>;

const BEGINNING: RuleState = { active: false, count: 0, last: 0, met: 0 };

/**
 * Judges a pack's readings of one device. The same pack again, and readings older than one already judged, change nothing; only a call or a fall that comes
 * late, and was not known, is raised (and has ended, when a later reading says so).
 * @param points As `checkReadings` gives them: checked, in the unit people read, in order of time.
 * @param now ms since 1970, by the clock that the readings' times were corrected to.
 */
export function judgeAlarms({
  rules,
  limits = {},
  state,
  points,
  now,
}: {
  rules: readonly AlarmRule[];
  limits?: AlarmLimits | undefined;
  state: AlarmState;
  points: readonly Point[];
  now: number;
}): { state: AlarmState; changes: AlarmChange[] } {
  const next: Record<string, RuleState> = {};
  const changes: AlarmChange[] = [];
  for (const rule of rules) {
    const own = limits[rule.id];
    const before = state[rule.id] ?? BEGINNING;
    let known = before;
    const say = (change: 'began' | 'ended', value: number, time: number) =>
      changes.push({ change, kind: rule.kind, rule: rule.id, quantity: rule.quantity, value, time, text: rule.text });
    if (own?.off) {
      if (known.active) say('ended', 0, now);
      next[rule.id] = BEGINNING;
      continue;
    }
    for (const { values, time } of points) {
      const value = values[rule.quantity];
      if (value === undefined || time < now - FRESH_FOR[rule.kind]) continue;
      known = step({ rule, limits: own, known, value, time: Math.min(time, now), say });
    }
    if (known !== BEGINNING) next[rule.id] = known;
  }
  // One by one in order of time, whichever rule they come from.
  return { state: next, changes: changes.sort((a, b) => a.time - b.time) };
}

function step({
  rule,
  limits,
  known,
  value,
  time,
  say,
}: {
  rule: AlarmRule;
  limits: AlarmLimits[string] | undefined;
  known: RuleState;
  value: number;
  time: number;
  say: (change: 'began' | 'ended', value: number, time: number) => void;
}): RuleState {
  const met = meets(rule, limits, value);
  if (time <= known.last) {
    if (rule.equals === undefined || !met || known.active || time <= known.met) return known;
    say('began', value, time);
    say('ended', Number(!rule.equals), known.last);
    return { ...known, met: time };
  }
  const towards = known.active ? ended(rule, limits, value) : met;
  const inARow = time - known.last <= IN_A_ROW ? known.count : 0;
  const count = towards ? inARow + 1 : 0;
  const changed = count >= (rule.equals === undefined ? (rule.forSamples ?? 1) : 1);
  if (changed) say(known.active ? 'ended' : 'began', value, time);
  return { active: known.active !== changed, count: changed ? 0 : count, last: time, met: met ? time : known.met };
}

const limit = (rule: AlarmRule, own: AlarmLimits[string] | undefined, side: 'below' | 'above') =>
  rule[side] === undefined ? undefined : (own?.[side] ?? rule[side]);

function meets(rule: AlarmRule, own: AlarmLimits[string] | undefined, value: number): boolean {
  if (rule.equals !== undefined) return value === Number(rule.equals);
  const below = limit(rule, own, 'below');
  const above = limit(rule, own, 'above');
  return (below !== undefined && value < below) || (above !== undefined && value > above);
}

function ended(rule: AlarmRule, own: AlarmLimits[string] | undefined, value: number): boolean {
  if (rule.equals !== undefined) return value !== Number(rule.equals);
  const margin = rule.margin ?? 0;
  const below = limit(rule, own, 'below');
  const above = limit(rule, own, 'above');
  return (below === undefined || value >= below + margin) && (above === undefined || value <= above - margin);
}
