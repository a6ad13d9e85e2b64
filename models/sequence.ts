// The last hour of a resident as a sequence, for the causal TCN: each five minutes against the own baseline, by what was known then.
import { type BaselineChannel, CHANNELS, MINUTE, type WatchedProfile } from './channels.ts';
import type { ResidentWindow } from './window.ts';

/** Steps of the sequence, oldest first. */
export const STEPS = 12;
const STEP = 5 * MINUTE;
const FARTHEST = 6;

const DEVIATIONS: readonly BaselineChannel[] = [
  'heart_rate',
  'respiration_rate',
  'movement',
  'pulse_moving',
  'hrv_moving',
  'steps',
  'sound_level',
  'illuminance',
];
const EVENTS = [
  ['exits', 'bed'],
  ['door', 'door'],
  ['toilet', 'toilet'],
] as const;

/** What one step holds, and the device that it needs. */
export const SEQUENCE: readonly { name: string; needs: WatchedProfile }[] = [
  ...DEVIATIONS.map(name => ({ name, needs: CHANNELS[name].profile })),
  ...EVENTS.map(([name, needs]) => ({ name, needs })),
];

/** `[STEPS × SEQUENCE.length]`, in spreads of the own baseline as of `at` and in events; 0 where nothing is known, as if all were as usual. */
export function sequenceAt(window: ResidentWindow, at: number): Float32Array {
  const out = new Float32Array(STEPS * SEQUENCE.length);
  for (let step = 0; step < STEPS; step++) {
    const to = at - (STEPS - 1 - step) * STEP;
    const place = step * SEQUENCE.length;
    DEVIATIONS.forEach((channel, index) => {
      const value = window.deviation(channel, to - STEP, to, at);
      out[place + index] = Number.isNaN(value) ? 0 : Math.max(-FARTHEST, Math.min(FARTHEST, value)) / 2;
    });
    EVENTS.forEach(([event], index) => {
      const found = event === 'exits' ? window.bedExits(to - STEP, to) : window.rises(event, to - STEP, to).length;
      out[place + DEVIATIONS.length + index] = Math.min(3, found);
    });
  }
  return out;
}

/** Columns of the sequence that are unknown when a device is away. */
export const sequenceColumns = (profile: WatchedProfile): number[] =>
  Array.from({ length: STEPS * SEQUENCE.length }, (_, column) => column).filter(
    column => SEQUENCE[column % SEQUENCE.length]!.needs === profile,
  );
