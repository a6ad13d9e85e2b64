// How far a device's clock is off, from when its packs arrive: pure, so that the gateway and the hub judge alike.
import type { Profile } from './profiles.ts';
import type { Pack } from './senml.ts';

/** A clock that is off by more, ms, is drifting: its packs are corrected and it is reported. */
export const DRIFT_LIMIT = 2000;
/** A correction is changed when the estimate has moved by more, and ends when the clock is right within this, ms. */
const STEP = 1000;
/** Observations kept; at most so old, ms. */
const KEPT = 20;
const KEPT_FOR = 6 * 3_600_000;
/** Observations that lie within `STEP` of each other, over at least this time of arrival, show a clock and not a delay, ms. */
const SPAN = 10_000;
/** How many of them: with the device's own `clock`, by its samples' times alone, and before a later time counts as a jump of the clock. */
const AGREEING = { exact: 2, samples: 3, jump: 4 } as const;

/** What one pack says of its device's clock. */
export interface ClockObservation {
  /** ms since 1970, by the observer's clock. */
  arrivedAt: number;
  /** Arrival less what the device said, ms: the clock's fault plus the way's delay, so never less than the fault. */
  offset: number;
  /** From the record `clock`; otherwise from the newest sample's time. */
  exact: boolean;
}

/** Plain data; begin with `NO_CLOCK`. */
export interface ClockState {
  recent: readonly ClockObservation[];
  /** What must be added to the device's times, ms; null while it is not known. Positive: the device is behind. */
  offset: number | null;
}
export const NO_CLOCK: ClockState = Object.freeze({ recent: [], offset: null });

export const isDrifting = (offset: number | null): boolean => offset !== null && Math.abs(offset) > DRIFT_LIMIT;

/**
 * What a pack says of the clock. A device without the record `clock` is judged by its newest sample; a sample may be older than its pack for
 * good reasons (half a minute gathered, a blood pressure of this morning), so lateness that its profile explains is none.
 * @returns null when the pack says nothing: its times counted from its arrival, or a gateway has moved them.
 */
export function clockObservation(
  pack: Pack,
  { arrivedAt, relative, profile }: { arrivedAt: number; relative: ReadonlySet<number>; profile: Profile | undefined },
): ClockObservation | null {
  if (pack.clockCorrection !== null) return null;
  let newest: number | null = null;
  for (const [index, { time }] of pack.readings.entries()) if ((newest === null || time > newest) && !relative.has(index)) newest = time;
  if (newest === null) return null;
  if (pack.clock !== null) return { arrivedAt, offset: arrivedAt - pack.clock, exact: true };
  const offset = arrivedAt - newest;
  const explained = !profile || profile.occasional ? Number.POSITIVE_INFINITY : profile.event ? 0 : profile.intervalSeconds * 1500;
  return { arrivedAt, offset: offset > 0 && offset <= explained ? 0 : offset, exact: false };
}

/**
 * Takes one observation in. A delay only ever makes a device look behind, so the least offset that several observations agree on is the
 * clock's. A lower one is believed at once when the device itself said its time; a higher one only when the last few agree on it, for it may
 * be a delay.
 */
export function observeClock(state: ClockState, observation: ClockObservation): ClockState {
  const since = observation.arrivedAt - KEPT_FOR;
  let recent = [...state.recent, observation].filter(({ arrivedAt }) => arrivedAt >= since).slice(-KEPT);
  if (recent.some(({ exact }) => exact)) recent = recent.filter(({ exact }) => exact);
  if (state.offset !== null) {
    const last = recent.slice(-AGREEING.jump);
    const least = Math.min(...last.map(({ offset }) => offset));
    const jump = least - state.offset;
    if (jump > STEP && last.length === AGREEING.jump && spread(last) <= Math.min(STEP, jump / 10) && span(last) >= SPAN) recent = last;
  }
  return { recent, offset: recent[0]?.exact ? leastOffset(recent, state.offset) : (leastAgreed(recent, AGREEING.samples) ?? state.offset) };
}

/** What a device says of its own clock bounds its fault at once. A fault that may be a delay is believed when two packs agree on it. */
function leastOffset(recent: readonly ClockObservation[], known: number | null): number | null {
  const least = Math.min(...recent.map(({ offset }) => offset));
  return least <= (known ?? STEP) ? least : (leastAgreed(recent, AGREEING.exact) ?? known);
}

/** The least offset on which so many observations agree; null when they do not. */
function leastAgreed(observations: readonly ClockObservation[], count: number): number | null {
  const sorted = observations.toSorted((a, b) => a.offset - b.offset);
  for (const [index, { offset }] of sorted.entries()) {
    const near = sorted.slice(index).filter(other => other.offset <= offset + STEP);
    if (near.length >= count && span(near) >= SPAN) return offset;
  }
  return null;
}

function spread(observations: readonly ClockObservation[]): number {
  const offsets = observations.map(({ offset }) => offset);
  return Math.max(...offsets) - Math.min(...offsets);
}
function span(observations: readonly ClockObservation[]): number {
  const arrivals = observations.map(({ arrivedAt }) => arrivedAt);
  return Math.max(...arrivals) - Math.min(...arrivals);
}

/**
 * The correction of the next pack, ms. Steady: it begins above `DRIFT_LIMIT`, changes when the estimate has moved by more than a second, and
 * ends when the clock is right within a second.
 * @param applied Correction of the pack before, ms; 0 for none.
 */
export function nextCorrection(offset: number | null, applied: number): number {
  if (offset === null) return applied;
  if (applied === 0) return isDrifting(offset) ? Math.round(offset) : 0;
  if (Math.abs(offset) <= STEP) return 0;
  return Math.abs(offset - applied) > STEP ? Math.round(offset) : applied;
}
