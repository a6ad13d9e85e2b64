// Learning from outcomes: a weekly review of each facility, a better calibration as a proposal, adopted or restored by a person.
//
// `windows.ts` makes labels of what happened after each prediction, `review.ts` looks at a facility with them, `recalibrate.ts` fits,
// `versions.ts` keeps what was proposed and what is in force; `people.ts` and `person-values.ts` do the same for one person. The predict role takes it in here; nothing changes by itself.
import { adapted } from '../../models/index.ts';
import type { Calibrations } from '../predict/index.ts';
import type { Database } from '../store/index.ts';
import { personValuesInForce } from './person-values.ts';
import { recalibrated } from './recalibrate.ts';
import { LEARNING_CHANNEL, tuningsInForce } from './versions.ts';

export { type LearningJobDeps, reviewAll, startReviews } from './job.ts';
export { type LearningDeps, learningRoutes } from './routes.ts';

/** What facilities adopted, for the predict role. */
export function adoptedCalibrations(database: Database): Calibrations {
  return {
    channel: LEARNING_CHANNEL,
    async people() {
      const values = await personValuesInForce(database);
      return new Map(
        [...values].map(([patient, { base, number, offset }]) => [
          patient,
          { base, version: `${base}~${number}`, offset, adapt: (probability: number) => adapted({ offset, weight: 0 }, probability) },
        ]),
      );
    },
    async inForce(base) {
      const tunings = await tuningsInForce(database, base);
      return new Map(
        [...tunings].map(([facility, { version, ...calibration }]) => [
          facility,
          { version, calibrate: (probability: number) => recalibrated(calibration, probability) },
        ]),
      );
    },
  };
}
