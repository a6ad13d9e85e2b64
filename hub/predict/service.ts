// Puts windows, model, cycle and alerts together, and keeps them going.
import path from 'node:path';
import type { Logger } from 'pino';
import { loadModel, type RiskModel } from '../../models/index.ts';
import type { AlertRaiser } from '../alerts/contract.ts';
import type { Config } from '../config.ts';
import { service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import type { Database, SampleStore } from '../store/index.ts';
import { everySeconds } from './clock.ts';
import { type Personal, predictCycle, type Standing, type Tuning } from './cycle.ts';
import { recordHours } from './hourly-record.ts';
import { announceModel, forgetPredictions, latestPredictions, storePredictions } from './predictions.ts';
import { allResidents, type Resident } from './residents.ts';
import { riskAssessment } from './risk-assessment.ts';
import { Windows } from './windows.ts';

/** Calibrations that facilities adopted for this model; facilities without one use the model as shipped. */
export interface Calibrations {
  inForce(base: string): Promise<Map<string, { version: string; calibrate(probability: number): number }>>;
  /** Values in force for single people, by patient; each belongs to the version `base`. */
  people(): Promise<Map<string, Personal & { base: string }>>;
  /** Notification that says another one is in force. */
  channel: string;
}

export interface PredictDeps {
  config: Pick<Config, 'predictSeconds'>;
  database: Database;
  samples: Pick<SampleStore, 'readAll'>;
  records: Pick<Records, 'as'>;
  alerts: AlertRaiser;
  mqttUrl: string;
  mqttInternal: string;
  log: Logger;
  calibrations?: Calibrations;
  /** Folder of the model; `models/facility` if missing. */
  modelDirectory?: string;
  /** ms since 1970 */
  now?: () => number;
}

export interface RunningPredict {
  backend: string;
  model: { name: string; version: string; alertHorizon: number };
  /** Runs a cycle now, besides the timer's. */
  cycle(): Promise<void>;
  close(): Promise<void>;
}

const KEEP_DAYS = 90;
const HOUR = 3_600_000;
/** Residents are read again so often, besides each change of the registry. */
const RESIDENTS_FOR = 10 * 60_000;

/** @throws Error when the model cannot be loaded or a store does not answer. */
export async function startService(deps: PredictDeps): Promise<RunningPredict> {
  const { config, database, samples, records, alerts, log } = deps;
  const now = deps.now ?? Date.now;
  const model: RiskModel = await loadModel(deps.modelDirectory ?? path.resolve(import.meta.dirname, '../../models/facility'));
  await announceModel(database, model, new Date(now()));
  const windows = new Windows({
    samples,
    mqttUrl: deps.mqttUrl,
    mqttInternal: deps.mqttInternal,
    clientId: `hub-predict-${process.pid}-${Math.random().toString(36).slice(2, 8)}`,
    now,
    log,
  });
  await windows.open();

  let residents: Resident[] = [];
  let residentsUntil = 0;
  const registry = () => {
    residentsUntil = 0;
  };
  const stopListening = await database.listen('device-registry', registry, registry);
  const standing = new Map<string, Standing>();
  let forgetAt = 0;

  let calibrations: Awaited<ReturnType<Calibrations['inForce']>> = new Map();
  let people: Awaited<ReturnType<Calibrations['people']>> = new Map();
  const recalibrate = async () => {
    calibrations = (await deps.calibrations?.inForce(model.version)) ?? calibrations;
    people = (await deps.calibrations?.people()) ?? people;
  };
  const personalOf = (patient: string, version: string) => {
    const own = people.get(patient);
    return own?.base === version ? own : undefined;
  };
  const adopted = () => void recalibrate().catch(error => log.error({ problem: error.message }, 'calibrations could not be read'));
  const stopCalibrations = deps.calibrations && (await database.listen(deps.calibrations.channel, adopted, adopted));
  await recalibrate();
  /** Levels move with the probabilities: a calibration changes what a number says, not who is warned of. */
  let budgets = new Map<string, RiskModel['levels']>();
  const tuningOf = (facility: string): Tuning => {
    const own = calibrations.get(facility);
    const levels = budgets.get(facility) ?? model.levels;
    if (!own) return { version: model.version, levels, calibrate: probability => probability };
    const { version, calibrate } = own;
    const { watch, act, clear } = levels;
    return { version, levels: { watch: calibrate(watch), act: calibrate(act), clear: calibrate(clear) }, calibrate };
  };

  const refresh = async () => {
    residentsUntil = now() + RESIDENTS_FOR;
    try {
      residents = await allResidents(records);
    } catch (error) {
      residentsUntil = 0;
      throw error;
    }
    const unknown = residents.filter(({ patient }) => !standing.has(patient)).map(({ patient }) => patient);
    for (const [patient, { level, levelSince }] of await latestPredictions(database, unknown))
      standing.set(patient, { level, since: levelSince.getTime() });
  };

  /** The alert's prediction goes into the record; one that could not be written is tried again in the next cycle. */
  const record = async () => {
    const repository = records.as(service('predict'));
    for (const { id, patient, prediction } of await alerts.withoutAssessment()) {
      try {
        const { id: assessment } = await repository.create(riskAssessment(patient, prediction));
        await alerts.assessed(id, assessment);
      } catch (error) {
        log.error({ alert: id, problem: (error as Error).message }, 'the risk assessment of an alert could not be recorded');
      }
    }
  };

  let hourRecorded = 0;
  const recordHour = async () => {
    const hour = Math.floor(now() / HOUR);
    if (hour === hourRecorded) return;
    if (!(await recordHours({ database, records, log }, now(), !hourRecorded))) hourRecorded = hour;
  };

  const standsFor = Math.max(150, config.predictSeconds * 2.5) * 1000;
  let cycles = now();
  const work = async () => {
    await windows.settled();
    if (now() >= residentsUntil) await refresh();
    // Few facilities and one row each: asked for each time, so that a budget counts with the next cycle.
    budgets = await alerts.levelsFor(model, [...new Set(residents.map(({ facility }) => facility))]);
    const begun = performance.now();
    const windowOf = (patient: string) => windows.of(patient);
    const cycle = predictCycle({ model, residents, windowOf, standing, now: now(), standsFor, tuningOf, personalOf });
    const views = await storePredictions(database, cycle);
    cycles++;
    const found = cycle.map((one, index) => ({ patient: one.patient, facility: one.facility, prediction: views[index]! }));
    for (const [facility, own] of Map.groupBy(found, one => one.facility)) {
      await alerts.consider(own, tuningOf(facility).levels);
      await database.notify('predictions', { facility, cycle: cycles });
    }
    log.debug({ residents: cycle.length, ms: Math.round(performance.now() - begun) }, 'predicted');
    await record();
    await recordHour();
    if (now() >= forgetAt) {
      forgetAt = now() + HOUR;
      windows.forgetUnused();
      await forgetPredictions(database, new Date(now() - KEEP_DAYS * 24 * HOUR));
    }
  };
  // The timer's cycle and an asked one wait for each other.
  let last: Promise<void> = Promise.resolve();
  const cycle = () => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
  const pace = everySeconds(config.predictSeconds, cycle, error => log.error({ problem: error.message }, 'a prediction cycle failed'));
  log.info({ model: model.name, version: model.version, backend: model.backend }, 'predicting');
  return {
    backend: model.backend,
    model: { name: model.name, version: model.version, alertHorizon: model.alertHorizon },
    cycle,
    async close() {
      await stopListening();
      await stopCalibrations?.();
      await windows.close();
      await pace.stop();
    },
  };
}
