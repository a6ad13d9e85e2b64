// Follows a device's running number of packs: what is missing, what came late and closed a gap, and where the numbering began anew. Pure.

/** Missing ranges kept per run; of more, the oldest are given up: they stay counted as missing and can no longer be closed. */
export const RANGES_KEPT = 64;
/** Numbers that are back within this time were only out of order (several ways through the network), not late, ms. */
export const OUT_OF_ORDER = 10_000;
/** A device sends again at most so many packs after a lost connection: a lower step back is a repetition, not a restart. */
const REPEATED = 64;
/** A larger leap is another numbering, not a gap: at one pack a second it is more than a week. */
const LEAP = 1_000_000;

/** Numbers `from` to `to`, both missing; `noticed` in ms since 1970. */
export interface MissingRange {
  from: number;
  to: number;
  noticed: number;
}
/** From one start of the device to the next. */
interface Run {
  /** Newest sample of its first pack, ms since 1970. */
  began: number;
  /** Highest number, and newest sample so far, ms since 1970. */
  last: number;
  newest: number;
  missing: MissingRange[];
}
/** Plain data, kept as JSON. */
export interface SequenceState {
  run: Run;
  /** The run before: its backlog may still come. */
  former: Run | null;
  /** Gaps ever noticed, packs that came later and closed one, and restarts. */
  gaps: number;
  late: number;
  resets: number;
  /** Packs of ranges that were given up. */
  lost: number;
}
/** Consecutive packs `from` to `to`; `first` and `newest` are the newest samples' times of the first and of all of them, ms since 1970. */
export interface SeenRun {
  from: number;
  to: number;
  first: number;
  newest: number;
}

/** Packs that are missing now. */
export const missingPacks = ({ run, former, lost }: SequenceState): number =>
  lost + [...run.missing, ...(former?.missing ?? [])].reduce((sum, { from, to }) => sum + to - from + 1, 0);

/** Adds a pack to what was seen since the last writing. Live packs and a backlog may come by turns, so the last few runs are looked at. */
export function addSeen(seen: SeenRun[], number: number, newest: number, kept: number): void {
  for (let index = seen.length - 1; index >= Math.max(0, seen.length - 4); index--) {
    const run = seen[index]!;
    if (number !== run.to + 1) continue;
    run.to = number;
    run.newest = Math.max(run.newest, newest);
    return;
  }
  if (seen.length < kept) seen.push({ from: number, to: number, first: newest, newest });
}

/**
 * What is known after these packs. In order of their samples' times, so that a backlog does not look like a restart.
 * @param now ms since 1970, when they came
 */
export function follow(state: SequenceState | null, seen: readonly SeenRun[], now: number): SequenceState | null {
  let next = state && structuredClone(state);
  for (const run of seen.toSorted((a, b) => a.first - b.first || a.from - b.from)) next = take(next, run, now);
  return next;
}

function take(state: SequenceState | null, seen: SeenRun, now: number): SequenceState {
  if (!state)
    return {
      run: { began: seen.first, last: seen.to, newest: seen.newest, missing: [] },
      ...{ former: null, gaps: 0, late: 0, resets: 0, lost: 0 },
    };
  const { former } = state;
  if (former && seen.newest < state.run.began) {
    advance(state, former, seen, now);
    return state;
  }
  if (isRestart(state.run, seen)) {
    state.resets++;
    if (former) state.lost += former.missing.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    state.former = state.run;
    state.run = { began: seen.first, last: seen.to, newest: seen.newest, missing: [] };
    return state;
  }
  advance(state, state.run, seen, now);
  return state;
}

/** Lower numbers that nobody misses, with newer samples, are a new beginning; with the same samples a repetition. */
function isRestart(run: Run, { from, first }: SeenRun): boolean {
  if (from > run.last + LEAP) return true;
  if (from > run.last || run.missing.some(range => range.from <= from && from <= range.to) || first <= run.newest) return false;
  return run.last - from >= REPEATED || (from <= 1 && from < run.last);
}

function advance(state: SequenceState, run: Run, { from, to, newest }: SeenRun, now: number) {
  if (from > run.last + 1) {
    run.missing.push({ from: run.last + 1, to: from - 1, noticed: now });
    state.gaps++;
  } else fill(state, run, from, Math.min(to, run.last), now);
  run.last = Math.max(run.last, to);
  run.newest = Math.max(run.newest, newest);
  for (const given of run.missing.splice(0, run.missing.length - RANGES_KEPT)) state.lost += given.to - given.from + 1;
}

/** Takes `from` to `to` out of the missing ranges. */
function fill(state: SequenceState, run: Run, from: number, to: number, now: number) {
  const left: MissingRange[] = [];
  for (const range of run.missing) {
    const [low, high] = [Math.max(range.from, from), Math.min(range.to, to)];
    if (low > high) {
      left.push(range);
      continue;
    }
    const outOfOrder = now - range.noticed < OUT_OF_ORDER;
    if (!outOfOrder) state.late += high - low + 1;
    if (range.from < low) left.push({ ...range, to: low - 1 });
    if (high < range.to) left.push({ ...range, from: high + 1 });
    if (outOfOrder && low === range.from && high === range.to) state.gaps--;
  }
  run.missing = left;
}
