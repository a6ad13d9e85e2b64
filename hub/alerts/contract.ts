// What alerts and the floor say over HTTP and socket.io (namespace /live, rooms by facility).
import { z } from 'zod';
import type { Text } from '../http/problem.ts';

/** calm: below the watch level. watch: raised risk. act: an alert is open. not-covered: too little data for a prediction. */
export type RiskState = 'calm' | 'watch' | 'act' | 'not-covered';

export interface Reason {
  /** Feature name as in `models/` */
  feature: string;
  /** In a caregiver's words: 「夜間の離床がふだんより多い」 */
  text: Text;
  /** Change of the predicted probability by this feature, −1 … 1. */
  weight: number;
  value: number;
  unit: string;
}

export interface PredictionView {
  id: string;
  /** ISO time the prediction was made for (end of its window). */
  at: string;
  /** Minutes ahead. */
  horizonMinutes: number;
  /** null when abstained. */
  probability: number | null;
  /** Share of expected samples that were there, 0 … 1. */
  coverage: number;
  reasons: Reason[];
  abstained: Text | null;
  model: { name: string; version: string };
}

export const ALERT_KINDS = ['call', 'fall', 'vital', 'bpsd', 'uncovered'] as const;
/** bpsd: a predicted risk. call: the resident calls. vital: a sign out of its bounds. uncovered: nobody watches, for the devices are silent. */
export type AlertKind = (typeof ALERT_KINDS)[number];

/** How pressing a kind is. urgent: go at once. act: go soon. watch: see to it in this shift. */
export const TIER_OF: Record<AlertKind, Tier> = { call: 'urgent', fall: 'urgent', vital: 'act', bpsd: 'act', uncovered: 'watch' };
export type Tier = 'watch' | 'act' | 'urgent';

/** The most pressing first: kinds in the order of ALERT_KINDS, and what nobody has taken before what somebody has. */
export const byUrgency = (a: Pick<AlertView, 'kind' | 'state'>, b: Pick<AlertView, 'kind' | 'state'>): number =>
  Number(a.state !== 'open') - Number(b.state !== 'open') || ALERT_KINDS.indexOf(a.kind) - ALERT_KINDS.indexOf(b.kind);

export interface AlertView {
  id: string;
  kind: AlertKind;
  /** How pressing: by its kind. */
  tier: Tier;
  patient: string;
  residentName: string;
  room: string;
  facility: string;
  raisedAt: string;
  /** Of a predicted risk; null for the other kinds. */
  prediction: PredictionView | null;
  /** The reason in words; null for a predicted risk, whose reasons the prediction has. */
  detail: Text | null;
  state: 'open' | 'acknowledged' | 'resolved';
  /** Roles and account ids whose open pages it calls now, by the on-call list. */
  paged: string[];
  /** Who had acknowledged it and recorded no outcome, so that it calls again; ISO time of that. */
  forgotten: { by: string; at: string } | null;
  acknowledgedBy: string | null;
  acknowledgedAt: string | null;
  outcome: Outcome | null;
  onset: string | null;
  comment: string | null;
  resolvedBy: string | null;
  resolvedAt: string | null;
  /** ISO time at which the risk fell again, or the cause was over, as the hub saw it. */
  riskFellAt: string | null;
  /** Encounter id of the consultation that was asked for from here. */
  consultation: string | null;
  /** The facility's own hint for this resident: what helps this person. */
  careHint: string | null;
}

export const OUTCOMES = ['episode', 'prevented', 'false', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Something that happened to a resident which somebody should see to. */
export interface Cause {
  patient: string;
  facility: string;
  kind: Exclude<AlertKind, 'bpsd'>;
  /** The reason in words, without the resident's name. */
  detail: Text;
  /** When it began; Date or ms since 1970. */
  at: Date | number;
  /** Names this one cause: told again, it changes nothing. */
  key: string;
}

/** What those who watch devices and alarms ask of the alerts. */
export interface CauseRaiser {
  /**
   * Raises an alert. A resident has one unresolved alert of a kind: a new cause while one is open joins it; a new cause after it was
   * acknowledged opens it again (someone who calls once more is heard once more).
   * @returns the alert's id, or null when the cause was told before
   */
  raise(cause: Cause): Promise<string | null>;
  /** The cause is over: noted with the alert, which stays until a person closes it. An `uncovered` one closes itself. */
  clear(cause: { patient: string; kind: Cause['kind']; at: Date | number }): Promise<void>;
}

/** From where on a resident is watched, an alert is raised, and below which the risk has fallen. */
export interface Levels {
  watch: number;
  act: number;
  clear: number;
}

/** What the predict role asks of the alerts, each cycle. */
export interface AlertRaiser {
  /** Raises, and notes that a risk has fallen, by `models/alert-rule.ts`. Returns the ids of alerts raised now. */
  consider(cycle: { patient: string; facility: string; prediction: PredictionView }[], levels: Levels): Promise<string[]>;
  /** Levels of those facilities that have chosen an alarm budget for this version of the model. */
  levelsFor(model: { name: string; version: string }, facilities: string[]): Promise<Map<string, Levels>>;
  /** Alerts of the last day whose prediction is not in the record yet. */
  withoutAssessment(): Promise<{ id: string; patient: string; prediction: PredictionView }[]>;
  /** The prediction of an alert is now RiskAssessment `assessment`. */
  assessed(alert: string, assessment: string): Promise<void>;
}

/** POST /api/alerts/:id/acknowledge */
export const Acknowledge = z.object({});
/** POST /api/alerts/:id/outcome */
export const RecordOutcome = z.object({
  outcome: z.enum(OUTCOMES),
  /** When the episode really began (ISO), for outcome `episode`. */
  onset: z.iso.datetime({ offset: true }).nullable().default(null),
  comment: z.string().max(2000).default(''),
});
/** PUT /api/alerts/hint/:patient */
export const CareHint = z.object({ text: z.string().max(1000) });

export interface ResidentTile {
  patient: string;
  name: string;
  room: string;
  state: RiskState;
  /** ISO time since when the state holds. */
  since: string;
  prediction: PredictionView | null;
  /** The most pressing alert that is not closed. */
  alert: AlertView | null;
  /** All that are not closed, the most pressing first. */
  alerts: AlertView[];
}
/** GET /api/alerts/floor?facility=ID */
export interface FloorView {
  facility: string;
  facilityName: string;
  floors: { name: string; residents: ResidentTile[] }[];
  /** ISO time of the newest prediction; null before the first. */
  predictedAt: string | null;
  /** Seconds between predictions. */
  everySeconds: number;
  model: { name: string; version: string; trainedOn: Text } | null;
}
/** One thing that happened with an alert. */
export interface Happening {
  alert: string;
  at: string;
  what: 'raised' | 'paged' | 'acknowledged' | 'forgotten' | 'resolved' | 'consulted';
  by: string | null;
  /** Of `paged`: who, and by which ways. */
  detail: { who: { role: string } | { account: string }; ways: string[]; repeat: number } | null;
}

/** GET /api/alerts/handover/:facility; POST `{ from }` takes it over. */
export interface HandoverView {
  facility: string;
  /** Name of the shift that ends or runs. */
  shift: string;
  /** Since the last hand-over, or the begin of the shift. */
  from: string;
  to: string;
  /** Not closed yet, or raised or closed in this time; newest first. */
  alerts: AlertView[];
  happened: Happening[];
  /** The last hand-overs, newest first. */
  taken: { shift: string; from: string; at: string; by: string }[];
  mayTake: boolean;
}

// GET /api/alerts/:id/history → Happening[]
// POST /api/alerts/:id/consult → { encounter }
// GET /api/alerts?facility=ID&state=open,acknowledged → AlertView[]; GET /api/alerts/:id → AlertView

/** Client → server on /live: follow a facility's floor. Acknowledged `{ ok }`. */
export const FollowFloor = z.object({ facility: z.string().regex(/^[A-Za-z0-9.-]{1,64}$/) });
