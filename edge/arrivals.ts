// What the gateway does with a pack before it goes to disk: the same pack again is known, a wrong clock is corrected, alarms are raised.
import { createHash } from 'node:crypto';
import {
  type ClockState,
  checkReadings,
  clockObservation,
  correctedPack,
  type DecodedPack,
  decodeTimedPack,
  encodePack,
  NO_CLOCK,
  nextCorrection,
  observeClock,
  type Pack,
  type PackFormat,
  type Profile,
} from '../devices/index.ts';
import type { AlarmBook } from './alarms.ts';
import type { PackQueue } from './queue.ts';
import type { Roster } from './roster.ts';

/** A device without a clock that comes with the same number and the same readings so soon sends its pack again, ms. */
const AGAIN_WITHIN = 60_000;

interface DeviceClock {
  state: ClockState;
  /** Applied to the packs' times, ms. */
  correction: number;
  /** From the quantity `battery`, 0 … 1. */
  battery: number | null;
}

export interface ArrivalsOptions {
  roster: Roster;
  profiles: ReadonlyMap<string, Profile>;
  queue: PackQueue;
  alarms: AlarmBook;
}

export interface Arrived {
  payload: Uint8Array;
  /** Says whether a pack is the same one again. */
  mark: Buffer;
  /** It began an alarm. */
  urgent: boolean;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #clocks = new Map<string, DeviceClock>();

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    for (const { device, correction } of options.queue.corrections())
      this.#clocks.set(device, { state: { recent: [], offset: correction }, correction, battery: null });
  }

  /** How far the device's clock is off (ms to be added to its times, null while not known), what is added, and its battery. */
  of(device: string): { offset: number | null; correction: number; battery: number | null } {
    const known = this.#clocks.get(device);
    return { offset: known?.state.offset ?? null, correction: known?.correction ?? 0, battery: known?.battery ?? null };
  }

  /**
   * @param receivedAt ms since 1970.
   * @returns what to keep; null when it is on disk, or already at the hub. What cannot be read is kept as it is: the hub says what is
   * wrong with it, and one device's pack does not end the gateway.
   */
  take(device: string, format: PackFormat, payload: Uint8Array, receivedAt: number): Arrived | null {
    const mark = createHash('sha256').update(format).update(payload).digest().subarray(0, 16);
    let decoded: DecodedPack;
    try {
      decoded = decodeTimedPack(payload, format, receivedAt);
    } catch {
      return { payload, mark, urgent: false };
    }
    if (decoded.pack.device !== device) return { payload, mark, urgent: false };
    if (this.#again(device, mark, decoded, receivedAt)) return null;
    const profile = this.#options.profiles.get(this.#options.roster.get(device)?.profile ?? '');
    const clock = this.#observe(device, decoded, receivedAt, profile);
    const moves = clock.correction !== 0 && decoded.pack.clockCorrection === null && decoded.relative.size < decoded.pack.readings.length;
    const pack = moves ? correctedPack(decoded, clock.correction) : decoded.pack;
    // Until the clock is known, a reading's age is what the device's own clock says.
    const now = clock.state.offset === null && pack.clock !== null ? pack.clock : receivedAt;
    const urgent = profile !== undefined && this.#judge(device, profile, pack, now);
    return { payload: moves || decoded.relative.size ? encoded(pack, format, payload) : payload, mark, urgent };
  }

  /** Times of its own make a pack one of a kind. One without, and without a number, may be a second press of the button. */
  #again(device: string, mark: Buffer, { pack, relative }: DecodedPack, receivedAt: number): boolean {
    const before = this.#options.queue.keptAt(device, mark);
    if (before === undefined) return false;
    return relative.size === 0 || (pack.sequence !== null && receivedAt - before <= AGAIN_WITHIN);
  }

  #observe(device: string, { pack, relative }: DecodedPack, arrivedAt: number, profile: Profile | undefined): DeviceClock {
    const known = this.#clocks.get(device) ?? { state: NO_CLOCK, correction: 0, battery: null };
    this.#clocks.set(device, known);
    const observation = clockObservation(pack, { arrivedAt, relative, profile });
    if (!observation) return known;
    known.state = observeClock(known.state, observation);
    const correction = nextCorrection(known.state.offset, known.correction);
    if (correction !== known.correction) {
      known.correction = correction;
      this.#options.queue.keepCorrection(device, correction);
    }
    return known;
  }

  #judge(device: string, profile: Profile, pack: Pack, now: number): boolean {
    const entry = this.#options.roster.get(device);
    const { points } = checkReadings(profile, pack, { receivedAt: now });
    const battery = points.findLast(({ values }) => values.battery !== undefined)?.values.battery;
    if (battery !== undefined) this.#clocks.get(device)!.battery = battery / 100;
    return entry !== undefined && this.#options.alarms.judge(entry, profile, points, now);
  }
}

/** As it came, when with the correction it would be larger than a pack may be. */
function encoded(pack: Pack, format: PackFormat, payload: Uint8Array): Uint8Array {
  try {
    return encodePack(pack, format);
  } catch {
    return payload;
  }
}
