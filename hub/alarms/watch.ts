// Watches what ingest has stored: raises alerts for calls, falls and vital signs, and when nobody watches a resident any more.
import { connect } from 'mqtt';
import type { Logger } from 'pino';
import { z } from 'zod';
import { FRESH_FOR, loadProfiles, type Profile, parseTopic } from '../../devices/index.ts';
import type { CauseRaiser } from '../alerts/contract.ts';
import { service } from '../identity/actor.ts';
import { HEALTH_CHANNEL, REGISTRY_CHANNEL, watchedFacilities } from '../ingest/index.ts';
import type { Records } from '../records/records.ts';
import type { Database, SampleStore } from '../store/index.ts';
import { Cover, type CoverChange } from './cover.ts';
import { type AlarmAction, type DeviceSamples, Rules, type Watched } from './rules.ts';
import { forgetLoss, type KeptDevice, keepDevices, keepLoss, keptDevices, keptLosses, limitsOf } from './store.ts';
import { lossInWords } from './words.ts';

/** Notification {patient}: limits of a resident changed. */
export const LIMITS_CHANNEL = 'alarm-limits';

const StoredBatches = z.array(
  z.object({
    subject: z.string(),
    device: z.string(),
    profile: z.string(),
    samples: z.array(z.object({ time: z.number(), values: z.record(z.string(), z.number()) })),
  }),
);
const FacilityNotice = z.object({ facility: z.string() });
const LimitsNotice = z.object({ patient: z.string() });

export interface AlarmDeps {
  database: Database;
  samples: Pick<SampleStore, 'readAll'>;
  records: Pick<Records, 'residents'>;
  alerts: CauseRaiser;
  mqttUrl: string;
  mqttInternal: string;
  log: Logger;
  profiles?: ReadonlyMap<string, Profile>;
  /** ms since 1970 */
  now?: () => number;
  /** Pause between looks at who is due, ms; 0: only when asked. All is in memory. Default 15,000. */
  everyMilliseconds?: number;
  /** After a start, and when the broker comes back, nobody is missed for so long, ms: the devices come back one after the other. Default 60,000. */
  graceMilliseconds?: number;
}

export interface Alarms {
  /** Looks now who is due. Resolves when it is told. */
  sweep(): Promise<void>;
  /** Resolves when all that was heard of so far is told. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Who lives in a room is asked again after this time, ms. */
const ROOMS_FOR = 5 * 60_000;
/** What could not be told is tried again after this time, ms. */
const AGAIN = 1000;

/** @throws Error when a store does not answer */
export async function startAlarms(deps: AlarmDeps): Promise<Alarms> {
  const { database, samples, records, alerts, log } = deps;
  const { now = Date.now, profiles = loadProfiles(), everyMilliseconds = 15_000, graceMilliseconds = 60_000 } = deps;
  const [kept, losses] = await Promise.all([keptDevices(database), keptLosses(database)]);
  const rules = new Rules(profiles, kept);
  const cover = new Cover(losses, now() + graceMilliseconds);
  let limits = await limitsOf(database);
  const rooms = new Map<string, { patients: Map<string, string[]>; until: number }>();
  let closed = false;

  // One thing after the other, so that a begin is told before its end. What fails is tried until it goes.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (what: string, work: () => Promise<void>): Promise<void> => {
    last = last.then(async () => {
      while (!closed) {
        try {
          return await work();
        } catch (error) {
          log.warn({ err: error }, `${what}; it is tried again`);
          await new Promise(resolve => setTimeout(resolve, AGAIN).unref());
        }
      }
    });
    return last;
  };

  /** The residents whom a device watches; in a place where nobody lives, the place. */
  async function watchedBy(facility: string, subject: string): Promise<Watched[]> {
    const [type, id = ''] = subject.split('/');
    if (type === 'Patient') return [{ patient: id }];
    let known = rooms.get(facility);
    if (!known || known.until <= now()) {
      const residents = await records.residents(service('alerts'), facility);
      const patients = new Map<string, string[]>();
      for (const { patient, room } of residents) if (room) patients.set(room.id, [...(patients.get(room.id) ?? []), patient]);
      known = { patients, until: now() + ROOMS_FOR };
      rooms.set(facility, known);
    }
    return known.patients.get(id)?.map(patient => ({ patient })) ?? [{ patient: null, place: id }];
  }

  async function judge(subject: string, heard: DeviceSamples): Promise<void> {
    const watched = await watchedBy(heard.facility, subject);
    const { actions, keep } = rules.judge(heard, watched, patient => limits.get(patient) ?? {}, now());
    if (actions.length || keep) void inTurn('an alarm could not be told', () => tell(actions, keep));
  }

  async function tell(actions: AlarmAction[], keep: KeptDevice | null): Promise<void> {
    for (const action of actions) {
      if (action.change === 'ended') await alerts.clear(action);
      else await alerts.raise(action);
    }
    // After the alerts: what was not told is found in the samples again, and told under the same key.
    if (keep) await keepDevices(database, [keep]);
  }

  let judging: Promise<void> = Promise.resolve();
  const take = (facility: string, batches: z.infer<typeof StoredBatches>) => {
    for (const { subject, device, profile, samples: points } of batches) {
      const newest = points.reduce((latest, { time }) => Math.max(latest, time), 0);
      cover.heard(facility, device, Math.min(newest, now()));
      if (!profiles.get(profile)?.alarms.length) continue;
      judging = judging
        .then(() => judge(subject, { facility, device, profile, samples: points }))
        .catch(error => log.error({ err: error, facility, device }, 'samples could not be judged'));
    }
  };

  /** What may have been missed: the registry, the newest samples, and the samples that are fresh enough for an alarm. */
  const catchUp = async () => {
    const at = now();
    cover.grace(at + graceMilliseconds);
    cover.load(await watchedFacilities(database, profiles));
    const fresh = Math.max(...Object.values(FRESH_FOR));
    for (const { id, alarms } of profiles.values()) {
      if (!alarms.length) continue;
      const points = await samples.readAll(id, [...new Set(alarms.map(({ quantity }) => quantity))], at - fresh, at + fresh);
      for (const { facility, device, subject, time, values } of points)
        take(facility, [{ subject, device, profile: id, samples: [{ time, values }] }]);
    }
  };

  const tellCover = async (change: CoverChange) => {
    const { loss } = change;
    const subject = { facility: loss.facility, patient: loss.resident || null };
    if (change.change === 'lost') {
      const { key, since } = loss;
      await alerts.raise({ ...subject, kind: 'uncovered', detail: lossInWords(change), at: since, key });
      await keepLoss(database, loss);
    } else {
      await alerts.clear({ ...subject, kind: 'uncovered', at: now() });
      await forgetLoss(database, loss);
    }
    cover.told(change, now());
    log.info({ facility: loss.facility, residents: change.residents, cover: change.change }, 'cover of residents changed');
  };
  const sweep = () =>
    inTurn('who is not covered could not be told', async () => {
      // A notification may have been lost on the way: the registry's word goes before an alert.
      for (const facility of cover.due(now())) cover.load(await watchedFacilities(database, profiles, facility), facility);
      for (const change of cover.changes(now())) await tellCover(change);
    });

  const reload = (payload: unknown) => {
    const notice = FacilityNotice.safeParse(payload);
    if (!notice.success) return;
    const { facility } = notice.data;
    rooms.delete(facility);
    void inTurn('the registry could not be read', async () => cover.load(await watchedFacilities(database, profiles, facility), facility));
  };
  const renewLimits = () =>
    inTurn('limits could not be read', async () => {
      limits = await limitsOf(database);
    });
  const all = () => void inTurn('the registry could not be read', async () => cover.load(await watchedFacilities(database, profiles)));
  const stops = await Promise.all([
    database.listen(REGISTRY_CHANNEL, reload, all),
    database.listen(HEALTH_CHANNEL, reload, all),
    database.listen(
      LIMITS_CHANNEL,
      payload => LimitsNotice.safeParse(payload).success && void renewLimits(),
      () => void renewLimits(),
    ),
  ]);

  const client = connect(deps.mqttUrl, {
    ...{ username: 'hub', password: deps.mqttInternal, clientId: `hub-alarms-${process.pid}-${Math.random().toString(36).slice(2, 8)}` },
    ...{ clean: true, reconnectPeriod: 500, connectTimeout: 5000, resubscribe: false },
  });
  client.on('error', error => log.warn({ problem: error.message }, 'the broker cannot be reached'));
  client.on('message', (name, payload) => {
    const topic = parseTopic(name);
    if (topic?.kind !== 'stored') return;
    const batches = StoredBatches.safeParse(parsed(payload));
    if (batches.success) take(topic.facility, batches.data);
    else log.warn('a batch of stored samples could not be read');
  });
  const listening = new Promise<void>(resolve => {
    // Listens first and reads the past then, so that no sample falls between. The same sample twice does no harm.
    client.on('connect', () => {
      client.subscribe('hub/1/stored/#', { qos: 0 }, () => void inTurn('what was missed could not be read', catchUp).then(resolve));
    });
  });
  // The broker may not be there yet: who is covered is watched all the same.
  await inTurn('the registry could not be read', async () => cover.load(await watchedFacilities(database, profiles)));
  const timer = everyMilliseconds ? setInterval(() => void sweep(), everyMilliseconds) : undefined;
  timer?.unref();

  return {
    sweep,
    async settled() {
      await listening;
      await judging;
      await last;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await client.endAsync(true);
      for (const stop of stops) await stop();
      await judging;
      await last;
    },
  };
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return null;
  }
}
