// Predictions with what happened after them: outcomes of alerts, and episodes that nobody was warned of, become labels.
import { HOUR, MINUTE } from '../../models/channels.ts';
import type { AlertOutcome } from '../alerts/index.ts';

/** A prediction that was not abstained: the shipped model's probability, and the one that was shown. */
export interface Predicted {
  patient: string;
  /** ms since 1970 */
  at: number;
  base: number;
  shown: number;
}
export interface Missed {
  patient: string;
  onset: number;
}
export interface Labelled extends Predicted {
  /** 1 where an episode began within the horizon. */
  label: 0 | 1;
}

/** An episode's own hour: what is seen during it is no prediction of it. */
const EPISODE = HOUR;

/**
 * Labels predictions. Left out is what nobody can label: windows during an episode and the hour after its onset, and those around an alert
 * whose outcome is open or unknown, or that was prevented: without the care it may have come.
 */
export function labelled(predictions: Predicted[], alerts: AlertOutcome[], missed: Missed[], horizonMinutes: number): Labelled[] {
  const horizon = horizonMinutes * MINUTE;
  const onsets = groupBy([
    ...missed,
    ...alerts.flatMap(alert => (alert.outcome === 'episode' && alert.onset ? [{ patient: alert.patient, onset: alert.onset }] : [])),
  ]);
  const unclear = groupBy(alerts.filter(alert => !(alert.outcome === 'false' || (alert.outcome === 'episode' && alert.onset))));
  return predictions.flatMap(prediction => {
    const { patient, at } = prediction;
    const own = onsets.get(patient) ?? [];
    if (own.some(({ onset }) => at >= onset && at < onset + EPISODE)) return [];
    if ((unclear.get(patient) ?? []).some(({ raisedAt }) => at > raisedAt - horizon && at < raisedAt + horizon)) return [];
    const label = own.some(({ onset }) => onset > at && onset <= at + horizon) ? 1 : 0;
    return [{ ...prediction, label }];
  });
}

function groupBy<T extends { patient: string }>(items: T[]): Map<string, T[]> {
  return Map.groupBy(items, item => item.patient);
}
