// The face of the models: windows in, probabilities with reasons out.
import type { AlertLevels } from './alert-rule.ts';
import { type Backend, chooseBackend } from './backend.ts';
import { calibrated } from './calibration.ts';
import { FEATURES, type FeatureVector, featureIndex } from './features.ts';
import { readModel } from './files.ts';
import { runNetwork } from './network.ts';
import { scaleRow } from './scaling.ts';
import { REASON_GROUPS, type ReasonGroup } from './words.ts';

export { type Adaptation, adaptationOf, adapted, KEPT_RECALL, keepingRecall, type PastOutcome, UNADAPTED } from './adaptation.ts';
export { type AlertLevels, decide, type LastAlert, REFRACTORY } from './alert-rule.ts';
export { type Backend, chooseBackend } from './backend.ts';
export { HOUR, MINUTE, type Sample, WATCHED, WATCHED_PROFILES, type WatchedProfile } from './channels.ts';
export { COVERAGE_SPAN, enough, FEATURE_NAMES, FEATURES, type FeatureVector, featuresAt } from './features.ts';
export { ResidentWindow } from './window.ts';
export { PROFILE_WORDS, REASON_GROUPS, type ReasonGroup } from './words.ts';

export interface ModelReason {
  feature: string;
  text: { ja: string; en: string };
  /** Probability with the feature as it is, less the probability with it as usual for this person. */
  weight: number;
  value: number;
  unit: string;
}

export interface ModelPrediction {
  /** One per horizon, in the order of `horizons`. */
  probabilities: number[];
  /** Of the alert horizon: at most three, strongest first, only what raises the risk. */
  reasons: ModelReason[];
}

export interface RiskModel {
  name: string;
  version: string;
  /** Minutes ahead. */
  horizons: number[];
  alertHorizon: number;
  levels: AlertLevels;
  trainedOn: { ja: string; en: string };
  backend: Backend;
  /** Rows and the probabilities they had when the model was made. */
  reference: { rows: Float32Array[]; probabilities: number[][] };
  /** Probabilities `[rows][horizons]` of raw vectors (each in the order of FEATURES, NaN for unknown). */
  predict(rows: ArrayLike<number>[]): number[][];
  /** As `predict` for many residents, with reasons by occlusion, in one run of the network. */
  explain(vectors: Pick<FeatureVector, 'values' | 'usual'>[]): ModelPrediction[];
}

const GROUPS = Object.keys(REASON_GROUPS) as ReasonGroup[];
const MOST_REASONS = 3;

/** Loads the model in a folder such as `models/facility`. @throws Error when it is not there or speaks of unknown features. */
export async function loadModel(directory: string, backend: Backend = 'wasm'): Promise<RiskModel> {
  const running = await chooseBackend(backend);
  const { model, network } = await readModel(directory);
  const { scaling, platt, horizons } = model;
  const columns = scaling.names.map(featureIndex);
  const width = columns.length;
  const primary = horizons.indexOf(model.alertHorizon);

  const run = (rows: ArrayLike<number>[]): number[][] => {
    const inputs = new Float32Array(rows.length * width);
    rows.forEach((row, index) => {
      scaleRow(scaling, row, 0, columns, inputs, index * width);
    });
    const logits = runNetwork(network, inputs, rows.length);
    return rows.map((_, index) => horizons.map((_, h) => calibrated(platt[h]!, logits[index * horizons.length + h]!)));
  };

  return {
    name: model.name,
    version: model.version,
    horizons,
    alertHorizon: model.alertHorizon,
    levels: model.levels,
    trainedOn: model.trainedOn,
    backend: running,
    reference: {
      rows: model.reference.rows.map(row => {
        const full = new Float32Array(FEATURES.length).fill(Number.NaN);
        row.forEach((value, index) => {
          if (value !== null) full[columns[index]!] = value;
        });
        return full;
      }),
      probabilities: model.reference.probabilities,
    },
    predict: run,
    explain(vectors) {
      const rows: ArrayLike<number>[] = [];
      for (const vector of vectors) rows.push(vector.values, ...GROUPS.map(group => occluded(vector, group)));
      const probabilities = run(rows);
      const each = 1 + GROUPS.length;
      return vectors.map((vector, index) => {
        const own = probabilities[index * each]!;
        const reasons = GROUPS.map((group, g) => {
          const weight = own[primary]! - probabilities[index * each + 1 + g]![primary]!;
          return { weight, ...mostUnusual(vector, group) };
        })
          .filter(reason => reason.weight >= 0.005)
          .sort((a, b) => b.weight - a.weight)
          .slice(0, MOST_REASONS)
          .map(({ feature, up, group, weight, value }) => ({
            feature: feature.name,
            text: REASON_GROUPS[group][up ? 'up' : 'down'],
            weight,
            value,
            unit: feature.unit,
          }));
        return { probabilities: own, reasons };
      });
    },
  };
}

/** The vector with one group as usual for this person; what is usual and unknown becomes unknown. */
function occluded(vector: Pick<FeatureVector, 'values' | 'usual'>, group: ReasonGroup): Float32Array {
  const row = vector.values.slice();
  FEATURES.forEach((feature, index) => {
    if (feature.group === group) row[index] = vector.usual[index]!;
  });
  return row;
}

/** The feature of a group that is farthest from usual, in units that compare: it lends its value and its direction. */
function mostUnusual(vector: Pick<FeatureVector, 'values' | 'usual'>, group: ReasonGroup) {
  let chosen = { feature: FEATURES[0]!, distance: -1, up: true, value: 0, group };
  FEATURES.forEach((feature, index) => {
    if (feature.group !== group) return;
    const value = vector.values[index]!;
    if (Number.isNaN(value)) return;
    const usual = vector.usual[index]!;
    const away = value - (!Number.isNaN(usual) ? usual : 0);
    const distance = Math.abs(away) / COMPARED[feature.unit]!;
    if (distance > chosen.distance) chosen = { feature, distance, up: away >= 0, value, group };
  });
  return chosen;
}

/** How much of each unit is about as unusual as one spread. */
const COMPARED: Record<string, number> = {
  σ: 1,
  bpm: 8,
  'log ms': 0.3,
  '1/min': 2.5,
  dB: 6,
  ppm: 150,
  min: 15,
  '/': 1,
  '/h': 1,
  '/min': 8,
  'log lx': 0.6,
  Cel: 1.5,
};
