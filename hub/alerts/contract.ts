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
  /** What was added to the log odds to fit the model to this person, by what caregivers recorded; null or missing for nothing. */
  personal?: number | null;
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
  /** null: it concerns no resident, but the place `placeName`. */
  patient: string | null;
  /** Empty when it concerns no resident; so is `room`. */
  residentName: string;
  room: string;
  /** A place where nobody lives (a corridor), or the facility when it is not watched as a whole; null when it concerns a resident. */
  placeName: string | null;
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

export const OUTCOMES = ['episode', 'prevented', 'false', 'unknown', 'handled'] as const;
/** handled: seen to. An alert that concerns no resident ends as `handled` or `false` (nothing was there), one of a resident as the others. */
export type Outcome = (typeof OUTCOMES)[number];
/** Whether an alert of this subject may end so. */
export const mayEndAs = ({ patient }: Pick<AlertView, 'patient'>, outcome: Outcome): boolean =>
  patient === null ? outcome === 'handled' || outcome === 'false' : outcome !== 'handled';

/** Something that happened to a resident, at a place or to a whole facility which somebody should see to. */
export interface Cause {
  /** null: it concerns no resident. */
  patient: string | null;
  /** Location id, when no resident is concerned: a call or a fall there. Without it the whole facility is not covered. */
  place?: string | null;
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
   * Raises an alert. A resident (or a place, or a facility) has one unresolved alert of a kind: a new cause while one is open joins it; a new cause after it was
   * acknowledged opens it again (someone who calls once more is heard once more).
   * @returns the alert's id, or null when the cause was told before
   */
  raise(cause: Cause): Promise<string | null>;
  /** The cause is over: noted with the alert, which stays until a person closes it. An `uncovered` one closes itself. */
  clear(cause: Pick<Cause, 'patient' | 'place' | 'facility' | 'kind' | 'at'>): Promise<void>;
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
  /** Alerts that concern no resident and are not closed, the most pressing first; empty for who does not care there. */
  places: AlertView[];
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

export const WAYS = ['live', 'push', 'mail'] as const;
/** live: banner and sound on the open page. push: Web Push to devices that asked for it. mail: e-mail. */
export type Way = (typeof WAYS)[number];
const TIERS = ['urgent', 'act', 'watch'] as const satisfies readonly Tier[];

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);
/** Hours of a day in Asia/Tokyo; `to` may lie before `from` (over midnight). The same times mean the whole day. */
export const HoursSchema = z.object({ from: clock, to: clock });
export type Hours = z.infer<typeof HoursSchema>;

export const StepSchema = z.object({
  /** Everyone of the facility with this role, or one account. */
  who: z.union([z.object({ role: z.enum(['caregiver', 'manager']) }), z.object({ account: z.string().min(1).max(64) })]),
  /** Seconds after the alert began to call. */
  afterSeconds: z.number().int().min(0).max(86_400),
  ways: z.array(z.enum(WAYS)).min(1),
  /** For which alerts. */
  tiers: z.array(z.enum(TIERS)).min(1),
  /** When this step is on duty; null: always. */
  hours: HoursSchema.nullable().default(null),
});
export type Step = z.infer<typeof StepSchema>;

const minutes = z.number().int().min(1).max(1440);
/** PUT /api/alerts/on-call/:facility */
export const OnCallSchema = z.object({
  steps: z.array(StepSchema).max(20),
  /** Minutes after an acknowledgement without an outcome until the alert calls again. */
  forgottenMinutes: z.object({ urgent: minutes, act: minutes, watch: minutes }),
});
export type OnCall = z.infer<typeof OnCallSchema>;

/** GET /api/alerts/on-call/:facility */
export interface OnCallView extends OnCall {
  /** The facility has made none yet: this is the hub's own. */
  standard: boolean;
  /** Ways that work here: e-mail needs a server. */
  ways: Way[];
  changedBy: string | null;
  changedAt: string | null;
  /** Whom a step may name. */
  people: { account: string; name: string; role: 'caregiver' | 'manager' }[];
  /** Of the logged-in person: may change it. */
  mayChange: boolean;
}

export const ShiftSchema = HoursSchema.extend({ name: z.string().trim().min(1).max(40) });
export type Shift = z.infer<typeof ShiftSchema>;
/** PUT /api/alerts/shifts/:facility */
export const ShiftsSchema = z.object({ shifts: z.array(ShiftSchema).min(1).max(8) });

/** PUT /api/alerts/budget/:facility */
export const BudgetSchema = z.object({
  /** Alerts that one caregiver gets in one shift, on average. */
  perShift: z.number().min(0.01).max(20),
  /** Caregivers in a shift. */
  caregivers: z.number().int().min(1).max(100),
  shiftsADay: z.number().int().min(1).max(8),
});
export type Budget = z.infer<typeof BudgetSchema>;

/** A level as it was measured on the test residents of the card. */
export interface LevelPoint {
  /** Probability at which an alert is raised, 0 … 1. */
  act: number;
  falsePerResidentWeek: number;
  /** False and true ones together. */
  alertsPerResidentWeek: number;
  /** Share of episodes that were warned of. */
  sensitivity: number;
  caught: number;
  episodes: number;
  /** Share of alerts that an episode followed. */
  precision: number;
  leadMinutes: { median: number; quartiles: [number, number] } | null;
}

const Point = z.object({
  act: z.number(),
  came: z.number(),
  sensitivity: z.number(),
  caught: z.number(),
  episodes: z.number(),
  /** null where there was no alert. */
  precision: z
    .number()
    .nullable()
    .transform(share => share ?? 1),
  leadMinutes: z.object({ median: z.number(), quartiles: z.tuple([z.number(), z.number()]) }).nullable(),
});
const Interval = z.tuple([z.number(), z.number()]);
const Words = z.object({ ja: z.string(), en: z.string() });
const Horizon = z.object({
  horizonMinutes: z.number(),
  auroc: z.number(),
  aurocInterval: Interval,
  auprc: z.number(),
  auprcInterval: Interval,
  aurocWithinPerson: z.number(),
  prevalence: z.number(),
  brier: z.number(),
  brierOfPrevalence: z.number(),
  hourOnly: z.object({ auroc: z.number(), auprc: z.number() }),
  calibration: z.array(z.object({ predicted: z.number(), happened: z.number(), windows: z.number() })),
  calibrationLine: z.object({ slope: z.number(), intercept: z.number() }),
  alerts: z.array(Point),
  withoutDevice: z.array(z.object({ profile: z.string(), auroc: z.number(), auprc: z.number(), alerts: Point.nullable() })),
});
const Subgroup = z.object({
  name: Words,
  residents: z.number(),
  episodes: z.number(),
  auroc: z.number().nullable(),
  auprc: z.number().nullable(),
  shipped: Point.nullable(),
});
const Arm = z.object({ caught: z.number(), falsePerWeek: z.number() });
/** What of `models/facility/card.json` the hub shows and reckons with. */
export const CardSchema = z.object({
  name: z.string(),
  version: z.string(),
  created: z.string(),
  command: z.string(),
  data: Words,
  split: Words,
  network: Words,
  chosen: z.string(),
  tried: z.array(z.object({ kind: z.string(), validationAuprc: z.number(), epoch: z.number() })),
  alertHorizonMinutes: z.number(),
  levels: z.object({ watch: z.number(), act: z.number(), clear: z.number() }),
  evaluation: z.object({
    residents: z.number(),
    residentWeeks: z.number(),
    episodes: z.number(),
    predictedShare: z.number(),
    horizons: z.array(Horizon),
    shipped: Point,
    curve: z.array(Point),
    subgroups: z.array(Subgroup),
  }),
  missing: z
    .array(
      z.object({
        without: z.string().nullable(),
        predictedShare: z.number(),
        alerts: z.object({ episodes: z.number(), caught: z.number(), falsePerWeek: z.number() }),
      }),
    )
    .optional(),
  adaptation: z
    .object({
      residents: z.number(),
      days: z.number(),
      episodes: z.number(),
      plain: Arm,
      fitted: Arm,
      equal: Arm,
      difference: z.object({ sensitivity: Interval, falsePerWeek: Interval, sensitivityAtEqual: Interval }),
    })
    .optional(),
  intendedUse: Words,
  method: z.object({ outcome: Words, predictors: Words, missing: Words, building: Words, levels: Words, intervals: Words }),
  limits: z.array(Words),
  statement: Words,
});
export type ModelCard = z.infer<typeof CardSchema>;

/** GET /api/alerts/budget/:facility */
export interface ModelView {
  card: ModelCard;
  /** In words for every page: what the model was trained on. */
  trainedOn: { ja: string; en: string } | null;
  /** The predict role runs this version. */
  running: boolean;
  points: LevelPoint[];
  residents: number;
  /** null: the facility has chosen none, and the model's own level holds. */
  budget: (Budget & { act: number; changedBy: string; changedAt: string; forThisVersion: boolean }) | null;
  /** The level in force. */
  act: number;
  mayChange: boolean;
}

/** Client → server on /live: follow a facility's floor. Acknowledged `{ ok }`. */
export const FollowFloor = z.object({ facility: z.string().regex(/^[A-Za-z0-9.-]{1,64}$/) });
