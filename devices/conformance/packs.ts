// The packs among a run's messages: decoded, and told apart from each other however often they are sent.
import type { Profile } from '../profiles.ts';
import { PackRefusal } from '../refusal.ts';
import { absolutePack, decodePack, type Pack } from '../senml.ts';
import { parseTopic } from '../topics.ts';
import type { Message } from './observed.ts';

export interface SeenPack {
  message: Message;
  /** Null when it cannot be read; then `refusal` says why. */
  pack: Pack | null;
  refusal: PackRefusal | null;
  /** It has times that count from its receipt: the device needs no clock. */
  relative: boolean;
}

/** A run is judged over and over while it goes on: each message is decoded once. */
const decoded = new WeakMap<Message, SeenPack[]>();

/** Packs in the order in which they came. */
export const packsOf = (messages: readonly Message[]): SeenPack[] =>
  messages.flatMap(message => {
    const known = decoded.get(message) ?? seenPack(message);
    decoded.set(message, known);
    return known;
  });

function seenPack(message: Message): SeenPack[] {
  const topic = parseTopic(message.topic);
  if (topic?.kind !== 'device' || (topic.channel !== 'json' && topic.channel !== 'cbor')) return [];
  try {
    const pack = decodePack(message.payload, topic.channel, message.at);
    return [{ message, pack, refusal: null, relative: absolutePack(message.payload, topic.channel, message.at) !== message.payload }];
  } catch (error) {
    if (!(error instanceof PackRefusal)) throw error;
    return [{ message, pack: null, refusal: error, relative: false }];
  }
}

/** Whether two messages carry the same readings: the same bytes, or the same names, times and values. */
export function isSame(a: SeenPack, b: SeenPack): boolean {
  if (a.message.payload.equals(b.message.payload)) return true;
  if (!a.pack || !b.pack || a.relative || b.relative) return false;
  return JSON.stringify(a.pack.readings) === JSON.stringify(b.pack.readings);
}

/** For each withheld message its place among `messages` when it came again on a later connection; null when it did not. */
export function resends(withheld: readonly Message[], messages: readonly Message[]): (number | null)[] {
  const all = packsOf(messages);
  return packsOf(withheld).map(held => {
    const index = all.findIndex(later => !later.message.withheld && later.message.connection.at > held.message.at && isSame(later, held));
    return index < 0 ? null : index;
  });
}

/** Newest time of a pack's readings, ms since 1970. */
export const newest = (pack: Pack) => Math.max(...pack.readings.map(reading => reading.time));

export const median = (numbers: number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The profile that knows most of the packs' quantities; of several the one with the fewest others. Null when none knows any. */
export function bestFit(packs: readonly SeenPack[], profiles: Iterable<Profile>): Profile | null {
  const names = new Set(packs.flatMap(({ pack }) => pack?.readings.map(reading => reading.name) ?? []));
  let best: { profile: Profile; known: number } | null = null;
  for (const profile of profiles) {
    const known = profile.quantities.filter(quantity => names.has(quantity.name)).length;
    const better = best ? known - best.known || best.profile.quantities.length - profile.quantities.length : known;
    if (better > 0) best = { profile, known };
  }
  return best?.profile ?? null;
}
