// The weekly look at one facility: what the probabilities were worth, whether they drift, and, if enough is known, a better calibration to propose.
import { actInForce, alertOutcomes } from '../alerts/index.ts';
import type { Text } from '../http/problem.ts';
import { predictionsForLearning } from '../predict/index.ts';
import type { Database } from '../store/index.ts';
import type { ReviewView } from './contract.ts';
import { missedEpisodes } from './missed.ts';
import { reviewPeople } from './people.ts';
import { AS_SHIPPED, figuresOf, fitRecalibration, ratioWithInterval, recalibrated, stabilityIndex } from './recalibrate.ts';
import { keepReview } from './reviews.ts';
import { propose, tuningsInForce } from './versions.ts';
import { type Labelled, labelled } from './windows.ts';

const DAY = 86_400_000;
/** What is looked at: two months, of which the newest third says whether a proposal is better. */
const SPAN = 56 * DAY;
const NEWEST = 1 / 3;
const WEEK = 7 * DAY;
/** One prediction of each resident in so many minutes. */
const EVERY_MINUTES = 10;
/** Episodes below which nothing is proposed. */
const FEWEST = { fitted: 10, compared: 5 };
/** Shift of the index above which the probabilities are said to have changed (usual reading of the population stability index). */
const CHANGED = 0.2;

export interface ReviewOptions {
  database: Database;
  facility: string;
  /** The shipped model's version and alert horizon. */
  base: string;
  horizonMinutes: number;
  /** ms since 1970 */
  now: number;
}

/** Reviews a facility, keeps the review, proposes a version where it is better on windows it was not fitted on, and values for single people. */
export async function reviewFacility({ database, facility, base, horizonMinutes, now }: ReviewOptions): Promise<ReviewView> {
  const from = now - SPAN;
  // What is to come within the horizon is not known yet.
  const to = now - horizonMinutes * 60_000;
  const [predictions, alerts, missed] = await Promise.all([
    predictionsForLearning(database, facility, { from, to }, EVERY_MINUTES),
    alertOutcomes(database, facility, from, now),
    missedEpisodes(database, facility, from, now),
  ]);
  const windows = labelled(predictions, alerts, missed, horizonMinutes).sort((a, b) => a.at - b.at);
  const residents = new Set(predictions.map(one => one.patient)).size;
  const outcomes = { episode: 0, prevented: 0, false: 0, unknown: 0 };
  for (const { outcome } of alerts) outcomes[outcome ?? 'unknown']++;
  const weeks = (predictions.length * EVERY_MINUTES) / (7 * 24 * 60);
  const shown = figuresOf(
    windows.map(one => one.shown),
    windows.map(one => one.label),
  );
  const knownOnsets = alerts.filter(alert => alert.outcome === 'episode' && alert.onset).length + missed.length;
  // Neighbouring windows share their episode: the interval counts episodes, not windows.
  const perEpisode = horizonMinutes / EVERY_MINUTES;
  const week = predictions.filter(one => one.at >= now - WEEK).map(one => one.base);
  const before = predictions.filter(one => one.at < now - WEEK).map(one => one.base);
  const stability = stabilityIndex(before, week);
  const version = windows.length ? await proposal(windows) : null;
  const review: ReviewView = {
    at: new Date(now).toISOString(),
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    residents,
    windows: windows.length,
    episodes: knownOnsets,
    missed: missed.length,
    outcomes,
    falsePerResidentWeek: weeks > 0 ? outcomes.false / weeks : null,
    observedToExpected: ratioWithInterval(Math.round(shown.observed / perEpisode), shown.expected / perEpisode),
    stability: Number.isNaN(stability) ? null : stability,
    conclusion: concluded(version, stability),
  };
  await keepReview(database, facility, review);
  const tuning = (await tuningsInForce(database, base)).get(facility) ?? { version: base, ...AS_SHIPPED };
  await reviewPeople({
    ...{ database, facility, alerts, missed, horizonMinutes, now },
    version: tuning.version,
    calibrate: probability => recalibrated(tuning, probability),
    act: await actInForce(database.kysely, facility),
  });
  return review;

  async function proposal(all: Labelled[]): Promise<'proposed' | 'few' | 'no-better'> {
    const border = all[Math.floor(all.length * (1 - NEWEST))]!.at;
    const [older, newest] = [all.filter(one => one.at < border), all.filter(one => one.at >= border)];
    const onsetsIn = (some: Labelled[]) => Math.round(some.reduce((sum, one) => sum + one.label, 0) / perEpisode);
    const episodes = onsetsIn(newest);
    if (onsetsIn(older) < FEWEST.fitted || episodes < FEWEST.compared) return 'few';
    const calibration = fitRecalibration(
      older.map(one => one.base),
      older.map(one => one.label),
    );
    const labels = newest.map(one => one.label);
    const own = figuresOf(
      newest.map(one => recalibrated(calibration, one.base)),
      labels,
    );
    const inForce = figuresOf(
      newest.map(one => one.shown),
      labels,
    );
    if (!(own.logLoss < inForce.logLoss)) return 'no-better';
    const span = { from: new Date(border).toISOString(), to: new Date(to).toISOString() };
    const figures = { ...span, windows: newest.length, episodes, own, before: inForce };
    await propose(database, { facility, base, calibration, figures, at: new Date(now) });
    return 'proposed';
  }
}

const CONCLUSIONS: Record<'proposed' | 'few' | 'no-better', Text> = {
  proposed: {
    ja: '新しい調整の案があります。数字をくらべて、使うかどうかを決めてください。',
    en: 'There is a proposal for a new calibration. Compare the figures and decide.',
  },
  few: {
    ja: '結果の記録がまだ少ないため、案はありません。知らせの結果を記録してください。',
    en: 'There are too few recorded outcomes for a proposal. Record what came of each alert.',
  },
  'no-better': {
    ja: '今の調整より良い案はありませんでした。',
    en: 'Nothing better than the present calibration was found.',
  },
};
const DRIFT: Text = {
  ja: '最近1週間の予測の分布が、それまでと変わっています。センサーや生活の変化を確かめてください。',
  en: 'The probabilities of the last week differ from those before. Look for changes in sensors or in daily life.',
};

function concluded(found: 'proposed' | 'few' | 'no-better' | null, stability: number): Text {
  const { ja, en } = CONCLUSIONS[found ?? 'few'];
  return stability > CHANGED ? { ja: `${ja}${DRIFT.ja}`, en: `${en} ${DRIFT.en}` } : { ja, en };
}
