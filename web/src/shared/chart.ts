// What a chart is given: one panel per quantity, and marks for events on the shared time axis.
import type { Series } from './hub.ts';
import { t } from './i18n.svelte.ts';

export interface Panel {
  key: string;
  label: string;
  unit: string;
  /** `[ms since 1970, value]`, in order of time. */
  points: [number, number | null][];
  normal: { low: number; high: number } | null;
  /** Fixed ends of the axis; else they follow the values. */
  range?: [low: number, high: number];
  /** Values change in steps (in bed or not): drawn as a stepped area. */
  stepped: boolean;
  digits: number;
}

export interface Mark {
  at: number;
  /** What happened, in words. */
  word: string;
  kind: 'act' | 'event';
  number: number;
}

const STEPPED = new Set(['in_bed', 'open', 'occupied', 'present']);
const WHOLE = new Set([
  'heart_rate',
  'respiration_rate',
  'pulse_rate',
  'steps',
  'illuminance',
  'co2',
  'sound_level',
  'humidity',
  'hrv_rmssd',
]);

export function toPanel(series: Series): Panel {
  const stepped = STEPPED.has(series.quantity);
  return {
    key: `${series.profile}.${series.quantity}`,
    label: t(series.label),
    unit: t(series.unit),
    points: series.points,
    normal: stepped ? null : series.normal,
    stepped,
    digits: stepped || WHOLE.has(series.quantity) ? 0 : 1,
  };
}

/**
 * Puts a null between two points that are further apart than a device can be late, so that a gap is drawn as a gap.
 * What sends only on change is not broken up.
 * @returns seconds since 1970 and values, as uPlot takes them
 */
export function withGaps(panel: Panel): [number[], (number | null)[]] {
  const times: number[] = [];
  const values: (number | null)[] = [];
  const longest = panel.stepped ? 25 * 60_000 : Math.max(4 * usualStep(panel.points), 150_000);
  let before: number | null = null;
  for (const [at, value] of panel.points) {
    if (before !== null && at - before > longest) {
      times.push((before + 1) / 1000);
      values.push(null);
    }
    times.push(at / 1000);
    values.push(value);
    before = at;
  }
  return [times, values];
}

/** Median distance between neighbouring points, in milliseconds. */
function usualStep(points: Panel['points']): number {
  if (points.length < 3) return 60_000;
  const steps = points.slice(1).map(([at], index) => at - (points[index]?.[0] ?? at));
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 60_000;
}
