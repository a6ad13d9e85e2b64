// What learning from outcomes says over HTTP, mounted at /api/learning: reviews, versions that are proposed, adopted or restored, missed episodes.
import { z } from 'zod';
import type { Text } from '../http/problem.ts';
import { resourceId } from '../http/request.ts';

/** How well probabilities meant what they said, on the same windows for all versions that are compared. */
export interface CalibrationFigures {
  /** Mean squared distance from what happened; lower is better. */
  brier: number;
  /** Mean log loss in nats; lower is better. */
  logLoss: number;
  /** Episodes' windows that came, and that were expected by the probabilities. */
  observed: number;
  expected: number;
  bins: { predicted: number; happened: number; windows: number }[];
}

export interface ModelVersionView {
  /** null for the model as it was shipped. */
  id: string | null;
  version: string;
  state: 'shipped' | 'proposed' | 'adopted' | 'former' | 'declined';
  proposedAt: string | null;
  decidedAt: string | null;
  decidedBy: string | null;
  /** probability = 1 / (1 + exp(−(slope · logit of the shipped probability + offset))) */
  slope: number;
  offset: number;
  /** On the newest third of the windows, which this version was not fitted on; `before` is the version in force at that time. */
  figures: { from: string; to: string; windows: number; episodes: number; own: CalibrationFigures; before: CalibrationFigures } | null;
}

export interface ReviewView {
  at: string;
  from: string;
  to: string;
  residents: number;
  windows: number;
  /** Episodes with a known onset, and among them those that nobody was warned of. */
  episodes: number;
  missed: number;
  /** Alerts by outcome. */
  outcomes: { episode: number; prevented: number; false: number; unknown: number };
  falsePerResidentWeek: number | null;
  observedToExpected: { ratio: number; low: number; high: number } | null;
  /** Population stability index of the probabilities, the last week against the weeks before; above 0.2 they have changed. */
  stability: number | null;
  /** What follows from it, in words. */
  conclusion: Text;
}

/** A value that fits the model to one person, reckoned from what caregivers recorded of this person. */
export interface PersonValueView {
  id: string;
  /** Patient id. */
  patient: string;
  /** Counts the values of this person; the version of a prediction names it as `~1`. */
  number: number;
  /** Added to the log odds: below 0, this person is predicted lower than others. */
  offset: number;
  state: 'proposed' | 'adopted' | 'former' | 'declined';
  /** Recorded outcomes it rests on, and what the value would have done to the same alerts. */
  figures: {
    episode: number;
    prevented: number;
    false: number;
    missed: number;
    /** Of the false ones, so many would have come with the value too. */
    falseWith: number;
    /** Episodes whose risk reached the level, and so many of them with the value. */
    warnedOf: number;
    warnedOfWith: number;
    /** Of the missed ones, so many would have been missed with the value too. */
    missedWith: number;
  };
  proposedAt: string;
  decidedAt: string | null;
  decidedBy: string | null;
}

/** GET /api/learning/:facility */
export interface LearningView {
  facility: string;
  /** In force now. */
  current: ModelVersionView;
  /** Newest first. */
  versions: ModelVersionView[];
  /** Newest first, at most a year. */
  reviews: ReviewView[];
  /** Residents with a value for them, each with the newest first; those of the version in force. */
  people: { patient: string; name: string; values: PersonValueView[] }[];
  mayDecide: boolean;
}

// POST /api/learning/:facility/review → LearningView: the weekly review, now.
/** POST /api/learning/:facility/adopt: a proposed or former version, or null for the model as shipped → LearningView */
export const Adopt = z.object({ version: z.uuid().nullable() });
/** POST /api/learning/:facility/decline: a proposed version → LearningView */
export const Decline = z.object({ version: z.uuid() });
/** POST /api/learning/:facility/person: a proposed or former value of a resident, or null to predict as for everybody → LearningView */
export const AdoptPerson = z.object({ patient: resourceId, value: z.uuid().nullable() });
/** POST /api/learning/:facility/person/decline: a proposed value → LearningView */
export const DeclinePerson = z.object({ patient: resourceId, value: z.uuid() });
/** POST /api/learning/:facility/episodes: an episode that nobody was warned of (caregiver, manager). */
export const MissedEpisode = z.object({
  patient: resourceId,
  /** ISO; not in the future, at most 60 days ago. */
  onset: z.iso.datetime({ offset: true }),
  comment: z.string().max(1000).default(''),
});
