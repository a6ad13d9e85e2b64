// Plays a recording through real MQTT clients: what lies in the past at once, the rest at its own time of day.

import { StoryClock } from '../facility/clock.ts';
import { NO_FAULTS, type OrderedFault, scheduled } from '../facility/faults.ts';
import { Fleet } from '../facility/fleet.ts';
import { DAY, HOUR } from '../residents/index.ts';
import type { Recording, Series } from './recording.ts';

/** The hub takes readings of the last 90 days. */
const OLDEST = 90 * DAY;
/** Samples of the past in one pack; a blood pressure is three readings. */
const PACK = 300;

export interface PlayOptions {
  recording: Recording;
  facility: string;
  brokerUrl: string;
  /** PEM of the authority that the broker is trusted by, for `mqtts://`. */
  ca?: string;
  /** Secret of a home's sensor; undefined when it is not registered. */
  loginOf(home: string, sensor: string): { device: string; secret: string } | undefined;
  /** Recorded time runs so many times as fast from now on; times then shrink with it. Default 1. */
  speed?: number;
  /** The last day is today, and what lies after now is left out; else the first day is today. */
  untilNow?: boolean;
  /** Hours that the recording's clock is ahead of UTC: its time of day is kept in this zone. Default 9, Japan. */
  offset?: number;
  faults?: OrderedFault[];
  connectRate?: number;
  /** ms since 1970; what "now" is at the start. */
  now?: () => number;
  tell(event: Record<string, unknown> & { event: string }): void;
  warn(text: string): void;
}

export interface PlayReport {
  rows: number;
  files: Record<string, number>;
  taken: number;
  notAskedFor: number;
  refusedRows: Recording['tally']['refused'];
  homes: number;
  devices: number;
  /** Of samples: one device, one time. Ends of events are samples too. */
  samples: { recorded: number; sent: number; notRegistered: number; tooOld: number; laterThanNow: number; stillToCome: number };
  packs: { sent: number; acknowledged: number; dropped: number; refusedByHub: Record<string, number> };
}

export interface Player {
  /** Everything that was to be sent was acknowledged. Rejects when no device gets through for two minutes. */
  done: Promise<void>;
  report(): PlayReport;
  close(): Promise<void>;
}

interface Track {
  device: string;
  series: Series;
  next: number;
  end: number;
}

/** @throws Error when no sensor of the recording is registered. */
export function play(options: PlayOptions): Player {
  const {
    recording,
    facility,
    brokerUrl,
    loginOf,
    speed = 1,
    untilNow = false,
    offset = 9,
    faults = [],
    now = Date.now,
    tell,
    warn,
  } = options;
  const start = now();
  const clock = new StoryClock(start, speed);
  const today = Math.floor((start + offset * HOUR) / DAY) * DAY;
  const shift = (untilNow ? today - (recording.days - 1) * DAY : today) - recording.begin - offset * HOUR;
  /** Recorded local time → wall time, ms. */
  const wallOf = (time: number) => Math.round(clock.wall(time + shift));

  const tracks: Track[] = [];
  const logins: { device: string; profile: string; secret: string }[] = [];
  const samples = { recorded: 0, sent: 0, notRegistered: 0, tooOld: 0, laterThanNow: 0, stillToCome: 0 };
  for (const series of recording.series) {
    samples.recorded += series.times.length;
    const login = loginOf(series.home, series.sensor);
    if (!login) {
      samples.notRegistered += series.times.length;
      continue;
    }
    const first = series.times.findIndex(time => time + shift >= start - OLDEST);
    const next = first < 0 ? series.times.length : first;
    const later = untilNow ? series.times.findIndex(time => time + shift > start) : -1;
    const end = later < 0 ? series.times.length : later;
    samples.tooOld += next;
    samples.laterThanNow += series.times.length - end;
    tracks.push({ device: login.device, series, next, end });
    logins.push({ device: login.device, profile: series.profile, secret: login.secret });
  }
  if (!tracks.length) throw new Error('No sensor of the recording is registered: give --link to register them, or another --plan');

  const refusedByHub: Record<string, number> = {};
  const complained = new Set<string>();
  const past = Math.max(...tracks.map(({ next, end }) => end - next));
  const fleet = new Fleet({
    ...{ facility, brokerUrl, ca: options.ca, devices: logins, faults: NO_FAULTS, connectRate: options.connectRate },
    bufferPacks: Math.ceil(past / PACK) + 1000,
    onFault(device, reason) {
      const refusal = /"reason":"([a-z-]+)"/.exec(reason)?.[1];
      if (refusal) refusedByHub[refusal] = (refusedByHub[refusal] ?? 0) + 1;
      const what = refusal ?? reason;
      if (complained.has(what)) return;
      complained.add(what);
      warn(`${device}: ${reason}`);
    },
  });
  try {
    fleet.order(faults.map(fault => scheduled(fault, start)));
  } catch (error) {
    void fleet.close();
    throw error;
  }

  let packs = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  /** Sends what is due; returns whether anything is still to come. */
  const step = (first: boolean): boolean => {
    const at = now();
    let more = false;
    for (const track of tracks) {
      const { series, end, device } = track;
      while (track.next < end && wallOf(series.times[track.next]!) <= at) {
        const due: { time: number; values: Readonly<Record<string, number>> }[] = [];
        while (track.next < end && due.length < PACK) {
          const time = wallOf(series.times[track.next]!);
          if (time > at) break;
          due.push({ time, values: series.values[track.next]! });
          track.next++;
        }
        fleet.send(device, due, first ? 0 : at);
        samples.sent += due.length;
        packs++;
      }
      more ||= track.next < end;
    }
    fleet.beat(at);
    return more;
  };

  const run = async () => {
    let more = step(true);
    let progress = now();
    let before = '';
    let told = false;
    await new Promise<void>((resolve, reject) => {
      timer = setInterval(() => {
        if (more) more = step(false);
        const { devices, connected, queued, inFlight, acknowledged } = fleet.counts();
        if (!told && connected === devices && !queued && !inFlight) {
          told = true;
          tell({ event: 'past-sent', samples: samples.sent, packs, acknowledged });
        }
        if (!more && !queued && !inFlight) resolve();
        const state = `${connected} ${queued} ${inFlight} ${acknowledged}`;
        if (state !== before || (!queued && !inFlight)) progress = now();
        before = state;
        if (now() - progress > 120_000)
          reject(
            new Error(
              `${connected} of ${devices} devices are connected to ${brokerUrl}; nothing moved for two minutes. Is the broker there?`,
            ),
          );
      }, 100);
    });
  };
  const done = run().finally(() => clearInterval(timer));
  done.catch(() => undefined);

  const report = (): PlayReport => {
    const { rows, files, taken, notAskedFor, refused } = recording.tally;
    const { acknowledged, dropped } = fleet.counts();
    return {
      ...{ rows, files, taken, notAskedFor, refusedRows: refused },
      homes: new Set(tracks.map(({ series }) => series.home)).size,
      devices: tracks.length,
      samples: { ...samples, stillToCome: tracks.reduce((sum, { next, end }) => sum + end - next, 0) },
      packs: { sent: packs, acknowledged, dropped, refusedByHub },
    };
  };
  return {
    done,
    report,
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await fleet.close();
    },
  };
}
