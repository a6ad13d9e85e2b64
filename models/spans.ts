// Questions about a span of one device's readings: means of channels, exits from the bed.
import { type BaselineChannel, CHANNELS, type SlotReader } from './channels.ts';
import type { Slots } from './timeline.ts';

/** Slots without a reading after which nobody knows whether the bed was left. */
const EXIT_GAP = 10;

/** Slots in `[from, to)` with anything reported. */
export function slotsIn(slots: Slots, from: number, to: number): number {
  let there = 0;
  for (let slot = Math.ceil(from / slots.slotMs); slot < Math.floor(to / slots.slotMs); slot++) if (slots.has(slot)) there++;
  return there;
}

/** Mean of a channel over `[from, to)`, in its own unit; NaN with less than a fifth of the expected values. */
export function meanOf(slots: Slots, channel: BaselineChannel, from: number, to: number): number {
  const { sum, count, expected } = overChannel(slots, channel, from, to, value => value);
  return count >= Math.max(1, expected / 5) ? sum / count : Number.NaN;
}

/** Sum of `term` over a channel’s values in `[from, to)`, how many there were, and how many were expected. */
export function overChannel(slots: Slots, channel: BaselineChannel, from: number, to: number, term: (value: number) => number) {
  const read: ((value: SlotReader, slot: number) => number) | undefined = (
    CHANNELS[channel] as { read?: (value: SlotReader, slot: number) => number }
  ).read;
  const q = slots.quantities.indexOf(channel);
  const reader: SlotReader = (slot, quantity) => slots.value(slot, quantity);
  const [first, end] = [Math.ceil(from / slots.slotMs), Math.floor(to / slots.slotMs)];
  let sum = 0;
  let count = 0;
  for (let slot = first; slot < end; slot++) {
    const value = read ? read(reader, slot) : slots.value(slot, q);
    if (Number.isNaN(value)) continue;
    sum += term(value);
    count++;
  }
  return { sum, count, expected: end - first };
}

/** Times the resident left the bed in `[from, to)`: in bed, then not, with no gap of more than EXIT_GAP slots between. */
export function exitsOf(slots: Slots, from: number, to: number): number {
  const q = slots.quantities.indexOf('in_bed');
  let exits = 0;
  let before = Number.NaN;
  let age = 0;
  const first = Math.ceil(from / slots.slotMs);
  for (let slot = first - EXIT_GAP; slot < Math.floor(to / slots.slotMs); slot++) {
    const value = slots.value(slot, q);
    if (Number.isNaN(value)) {
      if (++age > EXIT_GAP) before = Number.NaN;
      continue;
    }
    age = 0;
    if (slot >= first && before > 0.5 && value <= 0.5) exits++;
    before = value;
  }
  return exits;
}
