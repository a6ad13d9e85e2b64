// A person's samples as series for charts: thinned to what a chart can show, gaps kept as gaps, with the person's own normal band.
import type { Profile } from '../../devices/index.ts';
import type { SampleRows, SampleStore } from '../store/index.ts';
import type { Series } from './contract.ts';

/** Rows of a series that are sent unthinned. */
export const ROWS_UNTHINNED = 1500;
/** Most rows of a series, whatever was asked. */
const ROWS_MOST = 10_000;
const WEEK = 7 * 86_400_000;
/** The normal band is taken from means of so many seconds: one answer of at most 5,040 rows per profile. */
const NORMAL_STEP = 120;
/** No band from less than an hour of data. */
const NORMAL_ROWS = 3600 / NORMAL_STEP;

export interface SeriesQuery {
  /** `Patient/…` or `Location/…` */
  subject: string;
  /** ms since 1970; `from` inclusive, `to` exclusive. */
  from: number;
  to: number;
  /** Seconds per row; missing: as dense as the samples, up to 1,500 rows. */
  every?: number;
}

/** Series of every quantity that has samples in the span, in the order of the profiles. */
export async function readSeries(samples: SampleStore, profiles: Iterable<Profile>, query: SeriesQuery): Promise<Series[]> {
  const all = await Promise.all([...profiles].map(profile => seriesOf(samples, profile, query)));
  return all.flat();
}

async function seriesOf(samples: SampleStore, profile: Profile, query: SeriesQuery): Promise<Series[]> {
  const { rows, step } = await rowsOf(samples, profile, query);
  if (!rows.length) return [];
  const bands = await normalBands(samples, profile, query);
  const longest = 3000 * Math.max(step ?? 0, profile.intervalSeconds);
  return profile.quantities.flatMap(({ name, label, unit }, index) => {
    const points = pointsOf(rows, index, longest);
    if (!points.length) return [];
    return [{ profile: profile.id, quantity: name, label, unit, points, normal: bands.get(name) ?? null }];
  });
}

async function rowsOf(
  samples: SampleStore,
  profile: Profile,
  { subject, from, to, every }: SeriesQuery,
): Promise<{ rows: SampleRows; step?: number }> {
  const seconds = (to - from) / 1000;
  const read = (step?: number) =>
    samples.read({ subject, profile: profile.id, quantities: profile.quantities.map(({ name }) => name), from, to, everySeconds: step });
  const step = every
    ? Math.max(every, Math.ceil(seconds / ROWS_MOST))
    : seconds / profile.intervalSeconds > ROWS_UNTHINNED
      ? stepFor(seconds, profile.intervalSeconds)
      : undefined;
  const rows = await read(step);
  // Devices that send at each event, or more often than their profile says.
  if (step || rows.length <= ROWS_UNTHINNED) return { rows, step };
  const coarser = Math.ceil(seconds / ROWS_UNTHINNED);
  return { rows: await read(coarser), step: coarser };
}

/** Whole intervals, so that every row of means has the same number of samples. */
const stepFor = (seconds: number, interval: number) => Math.ceil(seconds / ROWS_UNTHINNED / interval) * interval;

/** One quantity's points; a null between two that lie further apart than `longest` ms. */
function pointsOf(rows: SampleRows, index: number, longest: number): [number, number | null][] {
  const points: [number, number | null][] = [];
  let last: number | null = null;
  for (const row of rows) {
    const value = row[index + 1];
    if (value === null || value === undefined) continue;
    if (last !== null && row[0] - last > longest) points.push([last + 1, null]);
    points.push([row[0], value]);
    last = row[0];
  }
  return points;
}

async function normalBands(
  samples: SampleStore,
  profile: Profile,
  { subject, to }: SeriesQuery,
): Promise<Map<string, { low: number; high: number }>> {
  const bands = new Map<string, { low: number; high: number }>();
  const measured = profile.event ? [] : profile.quantities.filter(({ kind }) => kind !== 'boolean').map(({ name }) => name);
  if (!measured.length) return bands;
  const rows = await samples.read({ subject, profile: profile.id, quantities: measured, from: to - WEEK, to, everySeconds: NORMAL_STEP });
  for (const [index, name] of measured.entries()) {
    const band = middleOf(rows.flatMap(row => row[index + 1] ?? []));
    if (band) bands.set(name, band);
  }
  return bands;
}

/** 5th and 95th percentile (nearest rank); null with less than an hour of data. */
export function middleOf(values: number[]): { low: number; high: number } | null {
  if (values.length < NORMAL_ROWS) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
  return { low: at(0.05), high: at(0.95) };
}
