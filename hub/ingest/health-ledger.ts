// Notes how each device is doing, from its packs and its state, and writes it in batches: no query per message.
import { type ClockObservation, type ClockState, NO_CLOCK, observeClock } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';
import { type DeviceState, type HealthNotes, writeNotes } from './health-store.ts';
import { addSeen } from './sequence.ts';
import { addTimes, joinSpans, SPANS_KEPT } from './spans.ts';

/** What a pack says of its device, beside its samples. */
export interface PackNote {
  /** Running number; null when the device sends none. */
  sequence: number | null;
  /** Time of the newest reading, ms since 1970. */
  newest: number;
  /** How far the clock seems off; undefined when the pack says nothing of it. */
  observed?: ClockObservation;
  /** What the gateway has added, ms; undefined for a device without a gateway in between. */
  corrected?: number | null;
  /** Charge, 0 … 1. */
  battery?: number;
}
/** Devices whose clock is followed at one time; the one that was not heard for longest is forgotten and measured anew. */
const CLOCKS = 20_000;
/** A device's clock is looked at so often in the most, ms. */
const BETWEEN_CLOCKS = 1000;
/** Runs of numbers kept per device between two writings. */
const SEEN_KEPT = 256;

export interface HealthLedger {
  pack(facility: string, device: string, note: PackNote): void;
  samples(facility: string, device: string, times: readonly number[], allowed: number): void;
  state(facility: string, device: string, state: DeviceState): void;
  refused(facility: string, device: string): void;
  /** Writes what was noted; keeps it for the next time when that fails. @throws what the database says */
  write(): Promise<void>;
}

export function openHealthLedger(database: Database, now: () => number): HealthLedger {
  let notes = new Map<string, HealthNotes>();
  const clocks = new Map<string, ClockState>();

  function notesOf(facility: string, device: string): HealthNotes {
    const key = `${facility}/${device}`;
    let found = notes.get(key);
    if (!found) {
      found = { facility, device, seen: [], spans: [], allowed: 0, refused: false };
      notes.set(key, found);
    }
    return found;
  }

  function clockOf(facility: string, device: string, observed: ClockObservation): number | null {
    const key = `${facility}/${device}`;
    const known = clocks.get(key) ?? NO_CLOCK;
    const last = known.recent.at(-1);
    // Many packs at a time (a backlog) say no more of the clock than one does.
    if (last && last.exact === observed.exact && observed.arrivedAt - last.arrivedAt < BETWEEN_CLOCKS) return known.offset;
    const clock = observeClock(known, observed);
    clocks.delete(key);
    clocks.set(key, clock);
    if (clocks.size > CLOCKS) clocks.delete(clocks.keys().next().value!);
    return clock.offset;
  }

  return {
    pack(facility, device, { sequence, newest, observed, corrected, battery }) {
      const found = notesOf(facility, device);
      if (sequence !== null) addSeen(found.seen, sequence, newest, SEEN_KEPT);
      if (observed) found.clock = clockOf(facility, device, observed) ?? found.clock;
      else if (corrected !== undefined) found.clock = corrected;
      if (battery !== undefined) found.battery = battery;
    },
    samples(facility, device, times, allowed) {
      const found = notesOf(facility, device);
      found.allowed = allowed;
      addTimes(found.spans, times, allowed);
      if (found.spans.length > 4 * SPANS_KEPT) found.spans = joinSpans(found.spans, [], allowed, now());
    },
    state(facility, device, { connected, battery }) {
      const found = notesOf(facility, device);
      if (connected !== undefined) found.connected = connected;
      if (battery !== undefined) found.battery = battery;
    },
    refused(facility, device) {
      notesOf(facility, device).refused = true;
    },
    async write() {
      const noted = notes;
      notes = new Map();
      try {
        await writeNotes(database, [...noted.values()], now());
      } catch (error) {
        for (const [key, before] of noted) {
          const since = notes.get(key);
          notes.set(key, since ? together(before, since) : before);
        }
        throw error;
      }
    },
  };
}

function together(before: HealthNotes, since: HealthNotes): HealthNotes {
  return {
    ...{ facility: before.facility, device: before.device },
    seen: [...before.seen, ...since.seen].slice(0, 2 * SEEN_KEPT),
    spans: [...before.spans, ...since.spans],
    allowed: since.allowed || before.allowed,
    connected: since.connected ?? before.connected,
    battery: since.battery ?? before.battery,
    clock: since.clock === undefined ? before.clock : since.clock,
    refused: before.refused || since.refused,
  };
}
