// What the alarms say over HTTP: a resident's own limits.
import { z } from 'zod';
import type { Text } from '../http/problem.ts';

/** One rule of the devices that watch the resident. Numbers in `unit`. */
export interface LimitView {
  rule: string;
  /** What is raised, in words. */
  text: Text;
  quantity: Text;
  unit: Text;
  /** On which side of the limit it is raised. */
  side: 'below' | 'above';
  /** Of the profile, and the resident's own; null: as the profile says. */
  standard: number;
  own: number | null;
  off: boolean;
  /** What may be set. */
  minimum: number;
  maximum: number;
}
/** GET /api/alarms/limits/:patient */
export interface LimitsView {
  patient: string;
  /** Empty while no device with such rules watches the resident. */
  limits: LimitView[];
  /** Whether the asking person may change them. */
  mayChange: boolean;
}
/** PUT /api/alarms/limits/:patient → LimitsView. In place of what was set before; a rule that is not named is as the profile says. */
export const SetLimits = z.object({
  limits: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), z.object({ limit: z.number().nullable(), off: z.boolean() })),
});
