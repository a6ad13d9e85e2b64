// How an alert goes up the on-call list: a pure machine. State, event and time give the next state and the pages to send; no clock inside.
import type { OnCall, Step, Tier, Way } from './contract.ts';
import { DEFAULT_STEPS, inHours } from './on-call.ts';

/** A step with its time. `dueAt` in ms since 1970. */
export interface Planned {
  dueAt: number;
  who: Step['who'];
  ways: Way[];
}

/**
 * paging: nobody has taken the alert; steps are due one after the other, the last is repeated at growing intervals.
 * held: someone has acknowledged; nothing is sent until the re-alarm is due. over: closed; nothing is ever sent again.
 */
export interface Escalation {
  phase: 'paging' | 'held' | 'over';
  /** 1 when raised; one more each time the list begins anew: forgotten, or called again. */
  round: number;
  plan: Planned[];
  /** Index of the next step of the plan; its length when all were paged. */
  next: number;
  /** How often the last step was repeated in this round. */
  repeats: number;
  /** When the machine wants to be woken (ms since 1970): next step, repeat or re-alarm. null: never. */
  dueAt: number | null;
}

/** What is asked of the messengers. A page is named by round, step and repeat: no two pages of an alert have the same name. */
export interface Page {
  round: number;
  step: number;
  repeat: number;
  who: Step['who'];
  ways: Way[];
}

export type Event =
  /** Raised, or opened again by a new cause. While it is paging already nothing changes. */
  { what: 'raised' } | { what: 'acknowledged' } | { what: 'resolved' } | { what: 'time' };

export interface Outcome {
  state: Escalation;
  pages: Page[];
  /** An acknowledged alert without an outcome was forgotten, and calls again. */
  forgotten: boolean;
}

/** The last step is repeated after this time, twice as long after each repeat. */
export const REPEAT_MS: Record<Tier, number | null> = { urgent: 300_000, act: 900_000, watch: null };

/** The list for an alert that begins to call at `at`: steps of its tier that are on duty when they are due; never an empty one. */
export function planAt(list: OnCall, tier: Tier, at: number): Planned[] {
  const ofTier = list.steps.filter(step => step.tiers.includes(tier));
  const onDuty = ofTier.filter(step => inHours(step.hours, at + step.afterSeconds * 1000));
  const steps = [onDuty, ofTier, DEFAULT_STEPS.filter(step => step.tiers.includes(tier))].find(some => some.length > 0) ?? DEFAULT_STEPS;
  return steps.map(({ afterSeconds, who, ways }) => ({ dueAt: at + afterSeconds * 1000, who, ways })).sort((a, b) => a.dueAt - b.dueAt);
}

/**
 * One step of the machine. `before` is null for an alert that is new. Late is no harm: steps that were missed while nobody ran are paged
 * together, each once; of missed repeats only one is made up.
 */
export function step(before: Escalation | null, event: Event, at: number, list: OnCall, tier: Tier): Outcome {
  const still = (state: Escalation): Outcome => ({ state, pages: [], forgotten: false });
  if (event.what === 'resolved') return still({ ...(before ?? EMPTY), phase: 'over', dueAt: null });
  if (before?.phase === 'over') return still(before);
  if (event.what === 'acknowledged') {
    if (before?.phase === 'held') return still(before);
    return still({ ...(before ?? EMPTY), phase: 'held', dueAt: at + list.forgottenMinutes[tier] * 60_000 });
  }
  if (!before || (before.phase === 'held' && event.what === 'raised')) return due(begin(before, at, list, tier), at, tier);
  if (before.phase === 'held') {
    if (before.dueAt === null || at < before.dueAt) return still(before);
    return { ...due(begin(before, at, list, tier), at, tier), forgotten: true };
  }
  return due(before, at, tier);
}

const EMPTY: Escalation = { phase: 'over', round: 1, plan: [], next: 0, repeats: 0, dueAt: null };

function begin(before: Escalation | null, at: number, list: OnCall, tier: Tier): Escalation {
  const plan = planAt(list, tier, at);
  return { phase: 'paging', round: (before?.round ?? 0) + 1, plan, next: 0, repeats: 0, dueAt: plan[0]?.dueAt ?? null };
}

/** All that is due while nobody has taken the alert. */
function due(before: Escalation, at: number, tier: Tier): Outcome {
  const state = { ...before };
  const pages: Page[] = [];
  while (state.next < state.plan.length && state.plan[state.next]!.dueAt <= at) {
    const { who, ways } = state.plan[state.next]!;
    pages.push({ round: state.round, step: state.next, repeat: 0, who, ways });
    state.next++;
  }
  const first = REPEAT_MS[tier];
  if (state.next < state.plan.length) state.dueAt = state.plan[state.next]!.dueAt;
  else if (first === null) state.dueAt = null;
  else if (pages.length > 0) state.dueAt = at + first;
  else if (state.dueAt !== null && state.dueAt <= at) {
    const { who, ways } = state.plan.at(-1)!;
    state.repeats++;
    pages.push({ round: state.round, step: state.plan.length - 1, repeat: state.repeats, who, ways });
    state.dueAt = at + first * 2 ** state.repeats;
  }
  return { state, pages, forgotten: false };
}
