// Holds a pack's readings against the device's profile: what fits becomes points to store, the rest is refused reading by reading.
import type { Profile, Quantity } from './profiles.ts';
import type { Refusal, RefusalReason } from './refusal.ts';
import type { Pack, Reading } from './senml.ts';

/** A reading may be at most so far ahead of the hub's clock, milliseconds. */
export const FUTURE_LIMIT = 10 * 60_000;
/** A reading may be at most so old, milliseconds, unless the hub says otherwise. */
export const AGE_LIMIT = 90 * 86_400_000;

/** Readings of one time. Numbers in the unit people use (`Quantity.unit`); booleans are 0 or 1. */
export interface Point {
  /** Milliseconds since 1970-01-01 UTC. */
  time: number;
  values: Record<string, number>;
}

/** @param receivedAt Milliseconds since 1970; `ageLimit` in milliseconds, default 90 days. Points come in order of time, one per time. */
export function checkReadings(
  profile: Profile,
  pack: Pick<Pack, 'readings'> & Partial<Pack>,
  { receivedAt, ageLimit = AGE_LIMIT }: { receivedAt: number; ageLimit?: number },
): { points: Point[]; refusals: Refusal[] } {
  const quantities = quantitiesOf(profile);
  const points = new Map<number, Point>();
  const refusals: Refusal[] = [];
  let point: Point | undefined;
  for (const reading of pack.readings) {
    const quantity = quantities.get(reading.name);
    const refusal = quantity ? fault(quantity, reading, receivedAt, ageLimit) : unknownQuantity(profile, reading.name);
    if (!quantity || refusal) {
      if (refusal) refusals.push(refusal);
      continue;
    }
    if (point?.time !== reading.time) point = points.get(reading.time);
    if (!point) {
      point = { time: reading.time, values: {} };
      points.set(reading.time, point);
    }
    point.values[reading.name] = stored(quantity, Number(reading.value));
  }
  return { points: [...points.values()].sort((a, b) => a.time - b.time), refusals };
}

const known = new WeakMap<Profile, ReadonlyMap<string, Quantity>>();
/** Profiles do not change, and packs are many. */
function quantitiesOf(profile: Profile): ReadonlyMap<string, Quantity> {
  let quantities = known.get(profile);
  if (!quantities) {
    quantities = new Map(profile.quantities.map(quantity => [quantity.name, quantity]));
    known.set(profile, quantities);
  }
  return quantities;
}

/** In the unit people use; six digits, so that 120 mmHg that came as 159.987 hPa is 120 again. */
const stored = ({ factor }: Quantity, value: number) => (factor ? Number((value * factor).toPrecision(6)) : value);

const unknownQuantity = (profile: Profile, name: string): Refusal => ({
  reason: 'quantity-unknown',
  quantity: name,
  text: {
    ja: `「${name}」は機器の種類「${profile.name.ja}」にない項目です。使える項目: ${profile.quantities.map(quantity => quantity.name).join(', ')}`,
    en: `"${name}" is no quantity of the profile "${profile.id}". It has: ${profile.quantities.map(quantity => quantity.name).join(', ')}`,
  },
});

const refusal = ({ name }: Quantity, reason: RefusalReason, ja: string, en: string): Refusal => ({
  reason,
  quantity: name,
  text: { ja: `「${name}」${ja}`, en: `"${name}" ${en}` },
});

function fault(quantity: Quantity, { value, unit, time }: Reading, receivedAt: number, ageLimit: number): Refusal | null {
  if (quantity.kind === 'boolean') {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1)
      return refusal(quantity, 'out-of-range', 'は真偽値（vb）で送ってください。', 'is true or false (vb).');
    // RFC 8428 gives booleans no unit; `/` is taken too.
    if (unit !== '' && unit !== quantity.senmlUnit)
      return refusal(quantity, 'unit-wrong', `に単位「${unit}」は付けられません。`, `takes no unit, not "${unit}".`);
  } else {
    if (typeof value !== 'number') return refusal(quantity, 'out-of-range', 'は数（v）で送ってください。', 'is a number (v).');
    if (unit !== quantity.senmlUnit)
      return refusal(
        quantity,
        'unit-wrong',
        `の単位は「${quantity.senmlUnit}」です（届いたのは「${unit}」）。`,
        `has the unit "${quantity.senmlUnit}", not "${unit}".`,
      );
    if (value < quantity.minimum || value > quantity.maximum)
      return refusal(
        quantity,
        'out-of-range',
        `の値 ${value} は範囲（${quantity.minimum}～${quantity.maximum} ${unit}）の外です。`,
        `is ${value}, outside ${quantity.minimum} to ${quantity.maximum} ${unit}.`,
      );
    if (quantity.kind === 'count' && !Number.isInteger(value))
      return refusal(quantity, 'out-of-range', 'は整数で送ってください。', 'is a whole number.');
  }
  if (time > receivedAt + FUTURE_LIMIT)
    return refusal(
      quantity,
      'time-implausible',
      'の時刻が 10 分より先の未来です。機器の時計を合わせてください。',
      'lies more than 10 minutes in the future. Set the device’s clock.',
    );
  if (time < receivedAt - ageLimit) {
    const days = Math.round(ageLimit / 86_400_000);
    return refusal(
      quantity,
      'time-implausible',
      `の時刻が ${days} 日より前です。機器の時計を合わせてください。`,
      `is older than ${days} days. Set the device’s clock.`,
    );
  }
  return null;
}
