// What goes wrong with real devices: packs sent twice or lost, wrong units, values that cannot be, and networks that go away for minutes.
import type { Reading } from '../../devices/index.ts';
import type { Random } from '../residents/index.ts';

export interface Faults {
  /** Shares of packs, 0 … 1. */
  duplicates: number;
  lost: number;
  wrongUnit: number;
  outOfRange: number;
  /** Times an hour that each device loses its network, for 1 to 5 minutes. Its packs follow late. */
  dropOut: number;
}
export const NO_FAULTS: Faults = { duplicates: 0, lost: 0, wrongUnit: 0, outOfRange: 0, dropOut: 0 };

/** What is sent in place of one pack: nothing, it, it twice, or a wrong one. */
export function spoil(readings: Reading[], faults: Faults, random: Random): Reading[][] {
  if (random.chance(faults.lost)) return [];
  let sent = readings;
  const change = (alter: (reading: Reading) => Reading) => {
    const at = Math.floor(random.uniform() * sent.length);
    sent = sent.map((reading, index) => (index === at ? alter(reading) : reading));
  };
  if (random.chance(faults.wrongUnit))
    change(reading => ({ ...reading, unit: reading.unit === 'K' ? 'Cel' : 'K', value: Number(reading.value) }));
  if (random.chance(faults.outOfRange)) change(reading => ({ ...reading, value: 999_999 }));
  return random.chance(faults.duplicates) ? [sent, sent] : [sent];
}
