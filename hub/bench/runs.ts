// Makes conformance runs at the hub's own broker: one per device at a time, told of as they go, ended with a signed report.
import { type KeyObject, randomUUID } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import {
  judge,
  judgeSoFar,
  observe,
  type Run,
  type RunOptions,
  type RunView,
  reportOf,
  signReport,
} from '../../devices/conformance/index.ts';
import type { Profile } from '../../devices/index.ts';
import type { Text } from '../http/problem.ts';
import { REGISTRY_CHANNEL, type Registry } from '../ingest/index.ts';
import type { Database } from '../store/index.ts';
import { openHubLine } from './hub-line.ts';
import { ABORTED, brokerAway, deviceRevoked, deviceUnknown, outsideBroker, runGoesOn, tooManyRuns, watchesPerson } from './problems.ts';
import { RUN_CHANNEL, type RunStore } from './store.ts';

/** Runs that one process makes at a time. */
const MOST_RUNS = 20;
/** Pages are told of a run so often at most, ms. */
const TELL_EVERY = 1000;
const ALIVE_EVERY = 5000;
const SWEEP_EVERY = 10_000;
const MINUTE = 60_000;

export interface RunsOptions {
  database: Database;
  store: RunStore;
  registry: Registry;
  mqtt: MqttClient;
  config: { mqtt: { url: string; embedded: boolean }; http: { publicUrl: string } };
  key: KeyObject;
  log: Logger;
  /** For tests: shorter steps. */
  timing?: Pick<RunOptions, 'wait' | 'returnLimit' | 'away'> & { observe?: number };
}

export interface Runs {
  /** @throws Problem 404, 409, 429 */
  start(wanted: { facility: string; device: string; minutes?: number }, account: string): Promise<RunView>;
  /** Whichever process makes it. */
  stop(run: string): Promise<void>;
  close(): Promise<void>;
}

interface Going {
  view: RunView;
  abort(reason: Text): void;
  ended: Promise<void>;
}

/** Takes over nothing of other processes: their runs are ended with words when they are silent. */
export async function openRuns(options: RunsOptions): Promise<Runs> {
  const { database, store, registry, mqtt, config, key, log, timing = {} } = options;
  const going = new Map<string, Going>();
  const failed = (what: string) => (error: unknown) => log.warn({ err: error }, what);

  async function deviceOf(facility: string, device: string) {
    const found = (await registry.devicesOf(facility)).find(one => one.device === device);
    const profile = found && registry.profiles.get(found.profile);
    if (!found || !profile) throw deviceUnknown();
    if (found.revoked) throw deviceRevoked();
    if (found.subject?.startsWith('Patient/')) throw watchesPerson();
    return profile;
  }

  /** Begins the run; it goes on by itself. */
  function make(view: RunView, profile: Profile, minutes: number | undefined): Going {
    const early = new AbortController();
    let reason: Text | null = null;
    const abort = (why: Text) => {
      reason ??= why;
      early.abort();
    };
    const lost = () => abort(ABORTED.broker);
    mqtt.once('close', lost);
    const alive = setInterval(() => store.alive(view.id).catch(failed('a run could not be kept alive')), ALIVE_EVERY);

    let writing = Promise.resolve();
    let waiting: NodeJS.Timeout | null = null;
    let seen: (() => Run) | null = null;
    const write = () => {
      waiting = null;
      if (seen) view.checks = judgeSoFar(seen().observed, profile);
      const now = { ...view };
      writing = writing.then(() => store.save(now)).catch(failed('a run could not be written down'));
    };
    const soon = () => {
      waiting ??= setTimeout(write, TELL_EVERY);
    };

    const observed = observe(
      onEvent =>
        openHubLine({
          ...{ database, mqtt, facility: view.facility, device: view.device, run: view.id, address: config.mqtt.url, onEvent },
          askRenewal: () =>
            void registry.askRenewal(view.facility, view.device).catch(failed('a device could not be asked for a new certificate')),
          onTooMuch: () => abort(ABORTED.tooMuch),
        }),
      {
        ...{ facility: view.facility, device: view.device, profiles: [profile], observe: observeFor(profile, minutes), ...timing },
        signal: early.signal,
        tell(text, until) {
          view.step = { text, until: until === null ? null : new Date(until).toISOString() };
          soon();
        },
        onSeen(now) {
          seen = now;
          soon();
        },
      },
    );
    const ended = (async () => {
      let report: string | undefined;
      try {
        const run = await observed;
        const checks = judge(run.observed, profile);
        view.checks = checks;
        if (!reason) {
          const signed = reportOf(run.observed, view.profile, checks, config.http.publicUrl);
          report = signReport(signed, key);
          view.result = signed.result;
        }
      } catch (error) {
        log.error({ err: error, facility: view.facility, device: view.device }, 'a conformance run failed');
        reason ??= ABORTED.failed;
      }
      clearInterval(alive);
      mqtt.off('close', lost);
      if (waiting) clearTimeout(waiting);
      Object.assign(view, { state: reason ? 'aborted' : 'done', endedAt: new Date().toISOString(), step: null, reason });
      await writing;
      await store.save(view, report).catch(failed('the end of a run could not be written down'));
      going.delete(view.id);
    })();
    return { view, abort, ended };
  }

  function observeFor(profile: Profile, minutes: number | undefined): number {
    if (minutes !== undefined) return minutes * MINUTE;
    return timing.observe ?? (profile.event ? 2 * MINUTE : Math.min(Math.max(MINUTE, 4.5 * profile.intervalSeconds * 1000), 10 * MINUTE));
  }

  const sweep = () => store.endSilent(ABORTED.restarted).catch(failed('runs that are over could not be ended'));
  await sweep();
  const sweeping = setInterval(sweep, SWEEP_EVERY);
  sweeping.unref();

  const stopHearing = await database.listen(RUN_CHANNEL, payload => {
    const { run, stop } = (payload ?? {}) as { run?: string; stop?: boolean };
    if (run !== undefined && stop === true) going.get(run)?.abort(ABORTED.stopped);
  });
  /** A device that watches somebody from now on must not be disturbed any longer. */
  const stopWatching = await database.listen(REGISTRY_CHANNEL, payload => {
    const { facility } = (payload ?? {}) as { facility?: string };
    for (const { view, abort } of going.values())
      if (view.facility === facility) deviceOf(view.facility, view.device).catch(() => abort(ABORTED.assigned));
  });

  return {
    async start({ facility, device, minutes }, account) {
      if (!config.mqtt.embedded) throw outsideBroker();
      if (!mqtt.connected) throw brokerAway();
      const profile = await deviceOf(facility, device);
      if (going.size >= MOST_RUNS) throw tooManyRuns();
      await sweep();
      const view: RunView = {
        ...{ id: randomUUID(), facility, device, profile: { id: profile.id, name: profile.name } },
        ...{ state: 'running', startedAt: new Date().toISOString(), endedAt: null, step: null, result: null, reason: null },
        checks: judgeSoFar(nothingYet(facility, device), profile),
      };
      if (!(await store.begin(view, account))) throw runGoesOn();
      const run = make(view, profile, minutes);
      going.set(view.id, run);
      // It may have got somebody to watch since it was looked at above, before anybody would have ended this run.
      await deviceOf(facility, device).catch(error => {
        run.abort(ABORTED.assigned);
        throw error;
      });
      log.info({ facility, device, run: view.id }, 'a conformance run has begun');
      return view;
    },
    stop: run => database.notify(RUN_CHANNEL, { run, stop: true }),
    async close() {
      clearInterval(sweeping);
      await Promise.all([stopHearing(), stopWatching()]);
      for (const { abort } of going.values()) abort(ABORTED.restarted);
      await Promise.all([...going.values()].map(({ ended }) => ended));
    },
  };
}

const nothingYet = (facility: string, device: string): Run['observed'] => ({
  ...{ facility, device, startedAt: 0, endedAt: 0, returnLimit: 0, connections: [], messages: [] },
  ...{ outage: null, withholding: null, rotation: null },
});
