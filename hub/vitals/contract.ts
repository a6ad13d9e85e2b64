// A resident's samples for pages: past by HTTP, live by socket.io (namespace /live).
import { z } from 'zod';
import type { AlertView, PredictionView, ResidentTile } from '../alerts/contract.ts';
import type { RunView } from '../bench/contract.ts';
import type { Text } from '../http/problem.ts';
import type { BenchMessage } from '../ingest/contract.ts';

/** GET /api/vitals/:patient?from=ISO&to=ISO&every=seconds → DayView (default: the last 3 hours, unthinned up to 1,500 rows a series). */
export interface DayView {
  patient: { id: string; name: string; room: string | null; facility: string | null; birthDate: string | null };
  from: string;
  to: string;
  series: Series[];
  predictions: PredictionView[];
  alerts: AlertView[];
}
export interface Series {
  profile: string;
  quantity: string;
  label: Text;
  unit: Text;
  /** `[ms since 1970, value]`, in order of time. */
  points: [number, number | null][];
  /** Middle 90 % of this person's own last 7 days (fewer if there are fewer); null with less than an hour of data. */
  normal: { low: number; high: number } | null;
}

/** Client → server on /live. Acknowledged `{ ok: true }` or `{ ok: false, error }`. */
export const WatchVitals = z.object({ patient: z.string().regex(/^[A-Za-z0-9.-]{1,64}$/) });
export interface LiveVitals {
  patient: string;
  profile: string;
  samples: { time: number; values: Record<string, number> }[];
}

/** Server → client on /live: all that may arrive there, of whatever area. */
export interface LiveEvents {
  /** Whom the follower may see on this floor is no longer the same: ask for the floor again. */
  'floor:changed'(payload: { facility: string }): void;
  /** Tiles that changed, after each prediction cycle or alert action; `places` as in FloorView, when they are told anew. */
  tiles(payload: { facility: string; tiles: ResidentTile[]; places?: AlertView[]; predictedAt: string | null }): void;
  /** An alert was raised or changed. */
  alert(view: AlertView): void;
  vitals(payload: LiveVitals): void;
  /** The follower may no longer see this person: nothing more comes. */
  'vitals:ended'(payload: { patient: string }): void;
  /** Who may see this patient has changed: load again what the page shows of the patient. */
  'rights:changed'(payload: { patient: string }): void;
  /** A device of the facility does better or worse, or its registry changed: ask for the coverage again. */
  'coverage:changed'(payload: { facility: string }): void;
  /** A conformance run changed (`check:watch`). */
  check(view: RunView): void;
  /** Verdicts on a maker's messages. */
  bench(payload: BenchMessage): void;
}
