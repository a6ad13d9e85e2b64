// One cycle: every resident's features, one run of the network, who is to be watched, and where there is too little to say.
import {
  enough,
  type FeatureVector,
  featuresAt,
  PROFILE_WORDS,
  type ResidentWindow,
  type RiskModel,
  WATCHED_PROFILES,
} from '../../models/index.ts';
import type { Text } from '../http/problem.ts';
import type { Level, NewPrediction } from './predictions.ts';
import type { Resident } from './residents.ts';

/** The level a resident was at, and since when (ms). */
export interface Standing {
  level: Level;
  since: number;
}

export interface CycleInput {
  model: RiskModel;
  residents: Resident[];
  windowOf(patient: string): ResidentWindow | undefined;
  standing: Map<string, Standing>;
  /** ms since 1970 */
  now: number;
  /** How long this cycle's word stands, ms. */
  standsFor: number;
  /** What a facility changes of the model. */
  tuningOf(facility: string): Tuning;
  /** What fits this version of the model to a person; undefined for who is predicted as everybody. */
  personalOf?(patient: string, version: string): Personal | undefined;
}

/** A value of one person, in force. */
export interface Personal {
  /** Of the model with this value, as predictions carry it. */
  version: string;
  /** Added to the log odds. */
  offset: number;
  /** Keeps the order of probabilities. */
  adapt(probability: number): number;
}

/** The model as one facility uses it. */
export interface Tuning {
  version: string;
  levels: RiskModel['levels'];
  /** The probability to show for the model's own; keeps their order. */
  calibrate(probability: number): number;
}

/** Predicts for all residents and moves `standing` on. No effects besides. */
export function predictCycle({ model, residents, windowOf, standing, now, standsFor, tuningOf, personalOf }: CycleInput): NewPrediction[] {
  const found = residents.map(resident => {
    const window = windowOf(resident.patient);
    return { resident, vector: window ? featuresAt(window, now) : null };
  });
  const able = found.filter(one => one.vector !== null && enough(one.vector)) as { resident: Resident; vector: FeatureVector }[];
  const explained = able.length ? model.explain(able.map(one => one.vector)) : [];
  const byPatient = new Map(able.map((one, index) => [one.resident.patient, explained[index]!]));
  const primary = model.horizons.indexOf(model.alertHorizon);

  return found.map(({ resident, vector }): NewPrediction => {
    const result = byPatient.get(resident.patient);
    const tuning = tuningOf(resident.facility);
    const base = result ? result.probabilities[primary]! : null;
    const personal = personalOf?.(resident.patient, tuning.version);
    const shown = (shipped: number) => {
      const calibrated = tuning.calibrate(shipped);
      return personal ? personal.adapt(calibrated) : calibrated;
    };
    const probability = base === null ? null : shown(base);
    const before = standing.get(resident.patient);
    const level = levelOf(probability, before?.level, tuning.levels);
    const since = before?.level === level ? before.since : now;
    standing.set(resident.patient, { level, since });
    return {
      ...resident,
      at: vector?.at ?? now,
      madeAt: now,
      standsUntil: now + standsFor,
      horizonMinutes: model.alertHorizon,
      probability,
      baseProbability: base,
      probabilities: result ? Object.fromEntries(model.horizons.map((horizon, h) => [horizon, shown(result.probabilities[h]!)])) : {},
      coverage: vector?.coverage ?? 0,
      reasons: (result?.reasons ?? []).map(reason => ({ ...reason, weight: probability! - shown(base! - reason.weight) })),
      abstained: result ? null : whyNot(vector),
      level,
      levelSince: since,
      personal: result && personal ? personal.offset : null,
      model: { name: model.name, version: personal?.version ?? tuning.version },
    };
  });
}

/** Watched from the watch level on until the risk is below the clear level, so that a tile does not flicker. */
function levelOf(probability: number | null, before: Level | undefined, levels: RiskModel['levels']): Level {
  if (probability === null) return 'not-covered';
  return probability >= (before === 'watch' ? levels.clear : levels.watch) ? 'watch' : 'calm';
}

/** Names the devices that are missing, and what to do. */
function whyNot(vector: FeatureVector | null): Text {
  const missing = WATCHED_PROFILES.filter(profile => !vector || vector.covered[profile] < 0.5).map(profile => PROFILE_WORDS[profile]);
  const [ja, en] = [missing.map(words => words.ja).join('、'), missing.map(words => words.en).join(', ')];
  return {
    ja: `センサーの情報が足りないため、予測できません(${ja})。電源とつながりを確かめてください。`,
    en: `Too little data for a prediction (${en}). Check their power and connection.`,
  };
}
