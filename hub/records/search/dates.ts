// FHIR dates as spans of time. A date without an offset means Japan's time, as everyone here writes it.

const PARTIAL = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$/;

export interface Span {
  /** First moment; null when open. */
  low: Date | null;
  /** First moment after; null when open. */
  high: Date | null;
}

/**
 * The span a FHIR date, dateTime or instant names, as far as it is precise: `2024-11` is a month, `…T10:30` a minute (R4 search.html#date).
 * @returns null when the text is no FHIR date.
 */
export function spanOf(text: string): Span | null {
  const match = PARTIAL.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second, fraction, offset = '+09:00'] = match;
  const low = new Date(
    `${year}-${month ?? '01'}-${day ?? '01'}T${hour ?? '00'}:${minute ?? '00'}:${second ?? '00'}.${(fraction ?? '0').padEnd(3, '0').slice(0, 3)}${offset}`,
  );
  if (Number.isNaN(low.getTime())) return null;
  if (fraction) return { low, high: new Date(low.getTime() + 1) };
  if (second) return { low, high: new Date(low.getTime() + 1000) };
  if (minute) return { low, high: new Date(low.getTime() + 60_000) };
  if (day) return { low, high: new Date(low.getTime() + 86_400_000) };
  const next = month ? new Date(Date.UTC(Number(year), Number(month), 1)) : new Date(Date.UTC(Number(year) + 1, 0, 1));
  return { low, high: new Date(next.getTime() - 9 * 3_600_000) };
}

/** The span of any dated element: date, dateTime, instant, Period or Timing; null when it has none. */
export function spanOfValue(value: unknown): Span | null {
  if (typeof value === 'string') return spanOf(value);
  if (typeof value !== 'object' || value === null) return null;
  const { start, end, event } = value as { start?: string; end?: string; event?: string[] };
  if (Array.isArray(event)) {
    const spans = event.map(spanOf).filter(span => span !== null);
    return spans.length ? { low: spans[0]!.low, high: spans.at(-1)!.high } : null;
  }
  if (typeof start !== 'string' && typeof end !== 'string') return null;
  return { low: start ? (spanOf(start)?.low ?? null) : null, high: end ? (spanOf(end)?.high ?? null) : null };
}

/** The Asia/Tokyo day a moment falls on: its first millisecond and the next day's, as ms since 1970. */
export function tokyoDay(moment: Date): { from: number; to: number; date: string } {
  const shifted = new Date(moment.getTime() + 9 * 3_600_000);
  const date = shifted.toISOString().slice(0, 10);
  const from = Date.parse(`${date}T00:00:00+09:00`);
  return { from, to: from + 86_400_000, date };
}

/** A moment as FHIR dateTime with Japan's offset, to the second. */
export function tokyoTime(moment: Date): string {
  return `${new Date(moment.getTime() + 9 * 3_600_000).toISOString().slice(0, 19)}+09:00`;
}
