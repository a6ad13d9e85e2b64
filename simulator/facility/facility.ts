// A facility that runs: first the past hours as packs of ten minutes, then live, each sample at its own time.
import { drawBuilding, HOUR, MEASURED, MINUTE, ResidentSimulation, SECOND, TICK } from '../residents/index.ts';
import { StoryClock } from './clock.ts';
import { type Faults, type OrderedFault, scheduled } from './faults.ts';
import { Fleet } from './fleet.ts';
import { Occupant, type Span } from './occupant.ts';
import type { FacilityPlan } from './plan.ts';
import type { Relay } from './relay.ts';

/** An episode that is ordered. Seconds are of the wall clock, after going live. */
export interface OrderedEpisode {
  resident: number;
  seconds: number;
  prodromeSeconds: number;
}

export interface FacilityOptions {
  plan: FacilityPlan;
  /** The story runs so many times as fast as the wall clock, from going live on; 0.1 to 1,000. */
  speed: number;
  historyHours: number;
  episodes: OrderedEpisode[];
  /** Whether episodes also come by themselves. */
  spontaneous: boolean;
  faults: Faults;
  /** Faults on demand; their seconds count from going live. */
  orderedFaults?: OrderedFault[];
  /** The path that `wan-cut` cuts. */
  relay?: Relay;
  /** Connections opened a second. Default 200. */
  connectRate?: number;
  /** Progress, one JSON object each. */
  tell(event: Record<string, unknown> & { event: string }): void;
  /** Trouble in words, for standard error. */
  warn(text: string): void;
}

export interface Facility {
  /** Resolves when the facility is live. Rejects when no device gets through for two minutes. */
  live: Promise<void>;
  counts: Fleet['counts'];
  close(): Promise<void>;
}

const HISTORY_PACK = 10 * MINUTE;
const EPISODE_LENGTH = 25 * MINUTE;
const STRONG = 1.6;
/** Devices with the same trouble that are named; a broker that is away is everybody's. */
const NAMED = 5;
const PATIENCE = 2 * MINUTE;

interface Due {
  device: string;
  time: number;
  values: Record<string, number>;
}

/** @throws Error for a plan or a fault that cannot be, before anything is connected for long. */
export function startFacility(options: FacilityOptions): Facility {
  const { plan, speed, historyHours, episodes, spontaneous, faults, orderedFaults = [], relay, tell, warn } = options;
  const cuts = orderedFaults.filter(({ kind }) => kind === 'wan-cut');
  const ofDevices = orderedFaults.filter(({ kind }) => kind !== 'wan-cut');
  if (cuts.length && !relay)
    throw new Error('wan-cut needs the path that it cuts: give --relay PORT=HOST:PORT and let the gateway use that port');
  const start = Math.floor(Date.now() / TICK) * TICK;
  const clock = new StoryClock(start, speed);
  const building = drawBuilding(plan.seed ?? plan.facility);
  const begin = start - historyHours * HOUR;
  const occupants = plan.residents.map(({ seed, devices }) => {
    const measured = MEASURED.filter(profile => devices.some(device => device.profile === profile));
    return new Occupant(new ResidentSimulation({ seed, building, start: begin, spontaneous, measured }), clock);
  });
  const hallways = plan.presence.map((device, index) => ({ device: device.device, walkers: walkersOf(plan, index), inside: 0 }));

  const complained = new Map<string, string>();
  const withReason = new Map<string, number>();
  const fleet = new Fleet({
    facility: plan.facility,
    brokerUrl: plan.brokerUrl,
    ca: plan.ca,
    devices: [...plan.residents.flatMap(({ devices }) => devices), ...plan.presence],
    faults,
    bufferPacks: Math.ceil(historyHours * 6) + 1000,
    connectRate: options.connectRate,
    seed: plan.seed === undefined ? '' : `${plan.seed} `,
    onFault(device, reason) {
      if (complained.get(device) === reason) return;
      complained.set(device, reason);
      const devices = (withReason.get(reason) ?? 0) + 1;
      withReason.set(reason, devices);
      if (devices <= NAMED) warn(`${device}: ${reason}`);
      else if (devices === NAMED + 1) warn(`… and further devices: ${reason}`);
    },
  });

  /** What all devices of the facility read within the 30 s from `wall` on. */
  function spanOf(wall: number): { due: Due[]; spans: Span[] } {
    const spans = occupants.map(occupant => occupant.span(wall));
    const due: Due[] = [];
    for (const [index, { samples }] of spans.entries()) {
      for (const { profile, time, values } of samples) {
        for (const device of plan.residents[index]!.devices)
          if (device.profile === profile) due.push({ device: device.device, time, values });
      }
    }
    for (const [index, hallway] of hallways.entries()) {
      const seen = spans.flatMap((span, resident) => (hallway.walkers.has(resident) ? span.corridor : [])).sort((a, b) => a.time - b.time);
      for (const { on, time } of seen) {
        const before = hallway.inside;
        hallway.inside = Math.max(0, before + (on ? 1 : -1));
        if (before > 0 !== hallway.inside > 0) due.push({ device: hallway.device, time, values: { present: Number(hallway.inside > 0) } });
      }
      if ((wall / TICK) % 20 === 0)
        due.push({ device: hallway.device, time: wall + 1000 + 37 * index, values: { present: Number(hallway.inside > 0) } });
    }
    return { due: due.sort((a, b) => a.time - b.time), spans };
  }

  const force = ({ resident, seconds, prodromeSeconds }: OrderedEpisode, liveAt: number) => {
    const onset = clock.story(liveAt + seconds * SECOND);
    const prodrome = onset - clock.story(liveAt + (seconds - prodromeSeconds) * SECOND);
    occupants[resident]!.simulation.force({ onset, end: onset + EPISODE_LENGTH, prodrome, intensity: STRONG });
  };
  // A prodrome that reaches into the past must be there from the first line; its onset then counts from the end of the past.
  const early = episodes.filter(({ seconds, prodromeSeconds }) => prodromeSeconds > seconds);
  for (const episode of early) force(episode, start);

  try {
    fleet.check(ofDevices);
  } catch (error) {
    void fleet.close();
    throw error;
  }
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  async function run() {
    if (historyHours > 0) {
      sendHistory();
      await arrived();
      tell({ event: 'history-sent', packs: fleet.counts().acknowledged });
    } else await arrived();
    if (ending.signal.aborted) return;
    for (const episode of episodes) if (!early.includes(episode)) force(episode, Date.now());
    let next = start;
    let queue: Due[] = [];
    let told: { event: 'prodrome' | 'episode'; resident: number; at: number }[] = [];
    let second = 0;
    const step = () => {
      const now = Date.now();
      while (next <= now) {
        const { due, spans } = spanOf(next);
        queue = queue.concat(due);
        for (const [resident, { prodrome, onset }] of spans.entries()) {
          if (prodrome !== null) told.push({ event: 'prodrome', resident, at: prodrome });
          if (onset !== null) told.push({ event: 'episode', resident, at: onset });
        }
        next += TICK;
      }
      for (const { event, resident, at } of told.filter(({ at }) => at <= now)) tell({ event, resident, at: new Date(at).toISOString() });
      told = told.filter(({ at }) => at > now);
      let sent = 0;
      for (const { device, time, values } of queue) {
        if (time > now) break;
        fleet.send(device, [{ time, values }], now);
        sent++;
      }
      if (sent) queue.splice(0, sent);
      fleet.beat(now);
      cutWan(now);
      if (now - second >= SECOND) {
        second = now;
        fleet.weather(now);
      }
    };
    const liveAt = Date.now();
    fleet.order(ofDevices.map(fault => scheduled(fault, liveAt)));
    const wanCuts = cuts.map(fault => scheduled(fault, liveAt));
    let cut = false;
    const cutWan = (now: number) => {
      const wanted = wanCuts.some(({ from, until }) => now >= from && now < until);
      if (wanted === cut) return;
      cut = wanted;
      if (cut) relay!.cut();
      else relay!.mend();
      tell({ event: cut ? 'wan-cut' : 'wan-mended', at: new Date(now).toISOString() });
    };
    tell({ event: 'live', at: new Date().toISOString(), ...fleet.counts() });
    step();
    timer = setInterval(step, 250);
  }

  /** The past, device by device in packs of ten minutes. */
  function sendHistory() {
    const open = new Map<string, Due[]>();
    for (let wall = begin; wall < start; wall += TICK) {
      for (const due of spanOf(wall).due) {
        const pack = open.get(due.device);
        if (pack && due.time - pack[0]!.time < HISTORY_PACK && pack.length < 100) pack.push(due);
        else {
          if (pack) fleet.send(due.device, pack, 0);
          open.set(due.device, [due]);
        }
      }
    }
    for (const [device, pack] of open) fleet.send(device, pack, 0);
  }

  /** Waits until every device signed in and everything was acknowledged. */
  async function arrived() {
    let progress = Date.now();
    let before = '';
    while (!ending.signal.aborted) {
      const { devices, connected, queued, inFlight } = fleet.counts();
      if (connected === devices && !queued && !inFlight) return;
      const now = `${connected} ${queued} ${inFlight}`;
      if (now !== before) progress = Date.now();
      else if (Date.now() - progress > PATIENCE)
        throw new Error(
          `${connected} of ${devices} devices are connected to ${plan.brokerUrl} and ${queued + inFlight} packs wait; nothing moved for two minutes. Is the gateway there, and are the secrets right?`,
        );
      before = now;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  const live = run();
  return {
    live,
    counts: () => fleet.counts(),
    async close() {
      ending.abort();
      clearInterval(timer);
      await fleet.close();
      await live.catch(() => undefined);
    },
  };
}

/** Residents who walk in a hallway: as the plan says, or shared out in order. */
function walkersOf(plan: FacilityPlan, index: number): Set<number> {
  const given = plan.presence[index]?.residents;
  if (given) return new Set(given);
  const share = plan.residents.length / plan.presence.length;
  return new Set(plan.residents.map((_, resident) => resident).filter(resident => Math.floor(resident / share) === index));
}
