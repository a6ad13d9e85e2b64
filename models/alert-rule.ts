// When a rising risk becomes an alert: one per coming episode, not one per minute. The same rule chooses the level and runs live.
import { HOUR, MINUTE } from './channels.ts';

export interface AlertLevels {
  /** From here on a resident is watched. */
  watch: number;
  /** From here on an alert is raised. */
  act: number;
  /** Below it the risk has fallen and the next rise is a new one (hysteresis). */
  clear: number;
}

/** No second alert for a resident so soon after the last one was raised, ms. */
export const REFRACTORY = 2 * HOUR;

/** Levels around an act level: watched from half of it, cleared below two fifths of it. */
export const levelsAround = (act: number): AlertLevels => ({ act, watch: rounded(act * 0.5), clear: rounded(act * 0.4) });
const rounded = (level: number) => Number(level.toFixed(4));

/** What the rule remembers of a resident's last alert. */
export interface LastAlert {
  /** ms since 1970 */
  raisedAt: number;
  /** Risk fell below the clear level since. */
  fallen: boolean;
  /** Nobody has closed it yet. Live only; evaluation takes every alert as closed. */
  unresolved?: boolean;
}

/** What to do with a probability at a time (ms): raise an alert, note that the risk has fallen, or nothing. */
export function decide(last: LastAlert | undefined, levels: AlertLevels, probability: number, at: number): 'raise' | 'fallen' | 'none' {
  if (last && !last.fallen) return probability < levels.clear ? 'fallen' : 'none';
  if (probability < levels.act) return 'none';
  if (last && (last.unresolved || at - last.raisedAt < REFRACTORY)) return 'none';
  return 'raise';
}

export interface Prediction {
  at: number;
  probability: number;
}
export interface Episode {
  onset: number;
  end: number;
}

export interface AlertScore {
  alerts: number;
  falseAlerts: number;
  /** Episodes with an alert before their onset, at most one horizon ahead. */
  caught: number;
  episodes: number;
  /** Minutes from alert to onset, for each caught episode. */
  leadMinutes: number[];
}

/** Runs the rule over one resident's predictions in order of time. An alert is true when an episode begins within `horizonMinutes` after it. */
export function scoreAlerts(predictions: Prediction[], episodes: Episode[], levels: AlertLevels, horizonMinutes: number): AlertScore {
  const score: AlertScore = { alerts: 0, falseAlerts: 0, caught: 0, episodes: episodes.length, leadMinutes: [] };
  const caught = new Set<Episode>();
  let last: LastAlert | undefined;
  for (const { at, probability } of predictions) {
    const what = decide(last, levels, probability, at);
    if (what === 'fallen') last!.fallen = true;
    if (what !== 'raise') continue;
    last = { raisedAt: at, fallen: false };
    // During an episode the alert tells what everyone sees: neither a warning nor a false alarm.
    if (episodes.some(episode => at >= episode.onset && at < episode.end + HOUR)) continue;
    score.alerts++;
    const ahead = episodes.find(episode => episode.onset >= at && episode.onset <= at + horizonMinutes * MINUTE);
    if (!ahead) score.falseAlerts++;
    else if (!caught.has(ahead)) {
      caught.add(ahead);
      score.leadMinutes.push((ahead.onset - at) / MINUTE);
    }
  }
  score.caught = caught.size;
  return score;
}
