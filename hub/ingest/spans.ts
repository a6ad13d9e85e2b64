// When samples were there: spans of time, joined where the pause between them is no longer than the device's profile allows. Pure.

/** From the first to the last sample without a pause that counts, ms since 1970. */
export type Span = [from: number, to: number];

/** Spans are kept for so long, ms, and at most so many: of more, those that lie nearest to each other are joined. */
export const SPANS_FOR = 24 * 3_600_000;
export const SPANS_KEPT = 96;

/** Adds spans; `allowed` is the longest pause that is no gap, ms. @returns in order of time */
export function joinSpans(known: readonly Span[], more: readonly Span[], allowed: number, now: number): Span[] {
  const joined: Span[] = [];
  for (const [from, to] of [...known, ...more].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && from - last[1] <= allowed) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  const recent = joined.filter(([, to], index) => to >= now - SPANS_FOR || index === joined.length - 1);
  while (recent.length > SPANS_KEPT) {
    let nearest = 1;
    for (let index = 2; index < recent.length; index++)
      if (recent[index]![0] - recent[index - 1]![1] < recent[nearest]![0] - recent[nearest - 1]![1]) nearest = index;
    recent[nearest - 1]![1] = recent[nearest]![1];
    recent.splice(nearest, 1);
  }
  return recent;
}

/** Adds the times of one message to the spans of the moment. */
export function addTimes(spans: Span[], times: readonly number[], allowed: number): void {
  let [first, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) {
    first = Math.min(first, time);
    newest = Math.max(newest, time);
  }
  if (newest - first > allowed) {
    // A backlog in one pack: it may have pauses of its own.
    for (const time of times) spans.push([time, time]);
    return;
  }
  const last = spans.at(-1);
  if (last && first >= last[0] - allowed && first - last[1] <= allowed) {
    last[0] = Math.min(last[0], first);
    last[1] = Math.max(last[1], newest);
  } else spans.push([first, newest]);
}

/**
 * The gaps of the last 24 hours, oldest first; the last one lasts until now when the device is silent.
 * @param since The device was not there before, ms since 1970
 */
export function gapsOf(spans: readonly Span[], { allowed, since, now }: { allowed: number; since: number; now: number }): Span[] {
  const begin = Math.max(since, now - SPANS_FOR);
  const gaps: Span[] = [];
  let at = begin;
  for (const [from, to] of spans) {
    if (from - at > allowed) gaps.push([at, from]);
    at = Math.max(at, to);
  }
  if (now - at > allowed) gaps.push([at, now]);
  return gaps;
}
