// A model on disk: `model.json` (network, scaling, calibration), `weights.bin`, `card.json`, `card.md`. Needs no native TensorFlow.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { AlertLevels } from './alert-rule.ts';
import type { Platt } from './calibration.ts';
import type { Scaling } from './scaling.ts';

/** Everything besides the weights that inference needs. */
export interface ModelFile {
  name: string;
  version: string;
  horizons: number[];
  /** Horizon (minutes) whose probability the levels speak of. */
  alertHorizon: number;
  scaling: Scaling;
  platt: Platt[];
  levels: AlertLevels;
  trainedOn: { ja: string; en: string };
  /** Rows (raw features in the order of `scaling.names`, null for unknown) and their probabilities when the model was made: every backend must give the same. */
  reference: { rows: (number | null)[][]; probabilities: number[][] };
}

interface Stored extends ModelFile {
  network: { topology: unknown; weights: io.WeightsManifestEntry[] };
}

/** Writes `model.json` and `weights.bin` into the folder. */
export async function saveModel(directory: string, model: ModelFile, network: tfl.LayersModel): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await network.save({
    async save(artifacts) {
      const stored: Stored = {
        ...model,
        network: { topology: artifacts.modelTopology as unknown, weights: artifacts.weightSpecs! },
      };
      const data = artifacts.weightData!;
      const bytes = Array.isArray(data) ? Buffer.concat(data.map(part => Buffer.from(part))) : Buffer.from(data);
      writeFileSync(path.join(directory, 'model.json'), `${JSON.stringify(stored, null, 1)}\n`);
      writeFileSync(path.join(directory, 'weights.bin'), bytes);
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
}

/** Reads what `saveModel` wrote. @throws Error naming the folder and the remedy. */
export async function readModel(directory: string): Promise<{ model: ModelFile; network: tfl.LayersModel }> {
  const file = path.join(directory, 'model.json');
  if (!existsSync(file)) throw new Error(`There is no model in ${directory}. Train one: npm run train -- ${path.basename(directory)}`);
  const { network: stored, ...model } = JSON.parse(readFileSync(file, 'utf8')) as Stored;
  const bytes = readFileSync(path.join(directory, 'weights.bin'));
  const network = await tfl.loadLayersModel({
    load: async () => ({
      modelTopology: stored.topology as io.ModelArtifacts['modelTopology'],
      weightSpecs: stored.weights,
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    }),
  });
  return { model, network };
}
