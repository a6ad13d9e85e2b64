// The risk of an episode for every resident, once a minute: windows of samples in, predictions and alerts out.
import type { PredictDeps, RunningPredict } from './service.ts';

export {
  currentModel,
  highestBetween,
  type LatestPrediction,
  latestPredictions,
  predictionsForLearning,
  predictionsOf,
} from './predictions.ts';
export type { Calibrations, PredictDeps, RunningPredict } from './service.ts';

/** Starts the windows, the model and the cycle. Loaded here and not above: a process that only reads predictions needs no TensorFlow. */
export async function startPredict(deps: PredictDeps): Promise<RunningPredict> {
  const { startService } = await import('./service.ts');
  return startService(deps);
}
