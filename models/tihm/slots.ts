// The questions the home model is asked: each home, each stamp (08:00, 12:00, 18:00), each lead; with what was labelled at that stamp.
import { type Channel, DAY_HOURS, HOUR_MS, type Home, type Homes } from './homes.ts';
import { INPUTS, inputsAt } from './inputs.ts';
import { CLOCKS, deviation, HomeView, SPAN } from './view.ts';

export const SLOT_HOURS = CLOCKS;
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
  /** Last hour (index on the grid, not included) that the row knows. */
  hour: Int32Array;
  /** Share of the day before `hour` with data, against what is usual there; 0 for a silent home. */
  coverage: Float32Array;
  /** 1 from the home's first event on. */
  begun: Uint8Array;
  homes: string[];
  spans: Spans;
  /** Times of the labels of agitation of each home, as hours on the grid. */
  agitation: number[][];
  /** Of each home, `[hours, HOURLY.length]`: log counts about 1 wide, and whether the hour was no outage. */
  hourly: Float32Array[];
}

const COUNTED: Channel[] = ['transitions', 'events', 'hallwayVisits', 'quickMoves', 'bathroom', 'doors'];
export const HOURLY: readonly string[] = [...COUNTED, 'watched'];

/** The whole spans that the stamps look back on, one for each row in the same order. A span is known once `end` has passed. */
export interface Spans {
  /** Hour, index on the grid. */
  end: Int32Array;
  /** Log of the changes of room; NaN where unknown. */
  transitions: Float32Array;
  /** In own spreads from the own past; NaN where unknown. */
  unusual: Float32Array;
}

/** Every slot of every home, silent ones too (their coverage is 0). */
export function slotsOf(homes: Homes, lead: number): Slots {
  const days = homes.hours / DAY_HOURS;
  const count = homes.homes.length * days * SLOT_HOURS.length;
  const width = INPUTS.length;
  const agitation = homes.homes.map(home =>
    home.labels.filter(({ type }) => type === 'Agitation').map(({ at }) => (at - homes.start) / HOUR_MS),
  );
  const slots: Slots = {
    lead,
    count,
    inputs: new Float32Array(count * width),
    labels: new Uint8Array(count),
    home: new Int32Array(count),
    at: new Float64Array(count),
    hour: new Int32Array(count),
    coverage: new Float32Array(count),
    begun: new Uint8Array(count),
    homes: homes.homes.map(({ id }) => id),
    spans: {
      end: new Int32Array(count),
      transitions: new Float32Array(count).fill(Number.NaN),
      unusual: new Float32Array(count).fill(Number.NaN),
    },
    agitation,
    hourly: homes.homes.map(home => hourlyOf(homes, home)),
  };
  let row = 0;
  homes.homes.forEach((home, index) => {
    const view = new HomeView(homes, home);
    for (let day = 0; day < days; day++)
      for (const clock of SLOT_HOURS) {
        const slotHour = day * DAY_HOURS + clock;
        const at = homes.start + slotHour * HOUR_MS;
        const hour = Math.max(0, slotHour - lead);
        slots.home[row] = index;
        slots.at[row] = at;
        slots.hour[row] = hour;
        slots.labels[row] = agitation[index]!.some(stamp => stamp >= slotHour && stamp < slotHour + AT_STAMP / HOUR_MS) ? 1 : 0;
        slots.begun[row] = slotHour > view.firstHour ? 1 : 0;
        // Nothing is known of a home before its first event: no input, coverage 0.
        if (hour > view.firstHour) {
          slots.inputs.set(inputsAt(view, { hour, slotHour: clock, slot: at }), row * width);
          slots.coverage[row] = view.coverage(hour);
        } else slots.inputs.fill(Number.NaN, row * width, (row + 1) * width);
        fillSpan(slots.spans, row, view, day * DAY_HOURS, clock);
        row++;
      }
  });
  return slots;
}

function fillSpan(spans: Spans, row: number, view: HomeView, midnight: number, clock: number): void {
  const [from, to] = [midnight + SPAN[clock]![0], midnight + SPAN[clock]![1]];
  spans.end[row] = to;
  if (from < view.firstHour || to > view.homes.hours) return;
  const value = view.logCount('transitions', from, to);
  spans.transitions[row] = value;
  if (!Number.isNaN(value)) spans.unusual[row] = deviation(value, view.past('transitions', from, to));
}

function hourlyOf({ hours, outage }: Homes, { counts }: Home): Float32Array {
  const width = HOURLY.length;
  const out = new Float32Array(hours * width);
  for (let hour = 0; hour < hours; hour++) {
    COUNTED.forEach((channel, c) => {
      out[hour * width + c] = Math.log1p(counts[channel][hour]!) / 2;
    });
    out[hour * width + COUNTED.length] = outage[hour] ? 0 : 1;
  }
  return out;
}
