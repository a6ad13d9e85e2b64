// The questions the home model is asked: each home, each stamp (08:00, 12:00, 18:00), each lead; with what was labelled at that stamp.
import { DAY_HOURS, HOUR_MS, type Homes } from './homes.ts';
import { HomeView, INPUTS } from './inputs.ts';

export const SLOT_HOURS = [8, 12, 18] as const;
export const LEADS = [0, 1, 3, 6, 12, 24] as const;
/** A label within an hour of a stamp was given at that stamp (TIHM's come up to three minutes after). */
const AT_STAMP = HOUR_MS;

/** Rows of one lead; the order is that of homes, then of time. */
export interface Slots {
  lead: number;
  count: number;
  /** Raw `[count, INPUTS.length]`, NaN for unknown. */
  inputs: Float32Array;
  labels: Uint8Array;
  /** Index in `homes`. */
  home: Int32Array;
  /** ms */
  at: Float64Array;
  coverage: Float32Array;
  homes: string[];
}

/** Every slot of every home, silent ones too (their coverage is 0). */
export function slotsOf(homes: Homes, lead: number): Slots {
  const days = homes.hours / DAY_HOURS;
  const count = homes.homes.length * days * SLOT_HOURS.length;
  const width = INPUTS.length;
  const slots: Slots = {
    lead,
    count,
    inputs: new Float32Array(count * width),
    labels: new Uint8Array(count),
    home: new Int32Array(count),
    at: new Float64Array(count),
    coverage: new Float32Array(count),
    homes: homes.homes.map(({ id }) => id),
  };
  let row = 0;
  homes.homes.forEach((home, index) => {
    const view = new HomeView(homes, home);
    const stamps = home.labels.filter(({ type }) => type === 'Agitation').map(({ at }) => at);
    for (let day = 0; day < days; day++)
      for (const clock of SLOT_HOURS) {
        const slotHour = day * DAY_HOURS + clock;
        const at = homes.start + slotHour * HOUR_MS;
        const hour = Math.max(0, slotHour - lead);
        slots.inputs.set(view.at(hour, clock, at), row * width);
        slots.labels[row] = stamps.some(stamp => stamp >= at && stamp < at + AT_STAMP) ? 1 : 0;
        slots.home[row] = index;
        slots.at[row] = at;
        slots.coverage[row] = view.coverage(hour);
        row++;
      }
  });
  return slots;
}
