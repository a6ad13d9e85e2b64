// How full each device's battery is: a wristband is charged every day, a button cell lasts for months, what hangs on the mains says nothing.
import { Random } from '../residents/index.ts';
import { type Fault, onAt } from './faults.ts';

const DAY = 86_400_000;
/** Days from full to the change of the cell. Not here: mains. */
const CELL_DAYS: Record<string, number> = {
  ...{ door: 500, toilet: 500, presence: 400, appliance: 500, 'call-button': 240, fall: 240 },
  ...{ 'blood-pressure': 300, thermometer: 600, spo2: 120, scale: 500 },
};

/** @returns the charge at a time (ms), 0.1 … 1, whole percents; undefined for what hangs on the mains. */
export function batteryOf(device: string, profile: string): (now: number) => number | undefined {
  const random = new Random(`battery ${device}`);
  const phase = random.uniform();
  const period = profile === 'wrist' ? DAY : (CELL_DAYS[profile] ?? 0) * random.range(0.8, 1.2) * DAY;
  if (!period) return () => undefined;
  const lowest = profile === 'wrist' ? 0.45 : 0.1;
  return now => Math.round(100 * (1 - (1 - lowest) * ((now / period + phase) % 1))) / 100;
}

/** 0 … 1 of the charge that an ordered `battery-empty` leaves at `now`; 1 without one, 0 when the device is off. */
export function drained(faults: readonly Fault[], now: number): number {
  const fault = onAt(faults, 'battery-empty', now);
  if (!fault) return 1;
  const over = (fault.until - fault.from) * fault.amount;
  return over ? Math.max(0, 1 - (now - fault.from) / over) : 0;
}
