// The facility's plan: which simulated residents and devices there are, and how each signs in. A JSON file.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isId, loadProfiles } from '../../devices/index.ts';
import { RESIDENT_PROFILES } from '../residents/index.ts';

const id = z.string().refine(isId, 'must be 1 to 64 letters, digits and hyphens');
const Device = z.object({
  device: id,
  profile: z.string().default('presence'),
  /** `<facility>/<device>` if missing. */
  username: z.string().optional(),
  secret: z.string().min(1).optional(),
  /** In place of the secret, over `mqtts://`: PEM, as the hub gave it when the device was registered. */
  certificate: z.object({ pem: z.string().min(1), key: z.string().min(1) }).optional(),
});
const PlanSchema = z.object({
  facility: id,
  /** Of the edge's local broker (or the hub's own): `mqtt://host:port`. */
  brokerUrl: z.url({ protocol: /^mqtts?$/, hostname: /.*/ }),
  /** PEM of the authority that the broker is trusted by, for `mqtts://`. */
  ca: z.string().optional(),
  /** Seed of the building; the facility's id if missing. */
  seed: z.union([z.string(), z.number()]).optional(),
  residents: z
    .array(
      z.object({
        seed: z.union([z.string(), z.number()]),
        devices: z.array(Device.extend({ profile: z.enum(RESIDENT_PROFILES) })),
      }),
    )
    .min(1),
  /** Hallway sensors. `residents`: indices of those who walk there; if missing, the residents are shared out in order. */
  presence: z.array(Device.extend({ residents: z.array(z.number().int().min(0)).optional() })).default([]),
});
export type FacilityPlan = z.infer<typeof PlanSchema>;
export type PlannedDevice = z.infer<typeof Device>;

/** @throws Error naming the file and what is wrong in it. */
export function readPlan(file: string): FacilityPlan {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`The plan ${file} cannot be read as JSON: ${(cause as Error).message}`, { cause });
  }
  return parsePlan(content, file);
}

export function parsePlan(content: unknown, name: string): FacilityPlan {
  const parsed = PlanSchema.safeParse(content);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(issue => `  ${issue.path.join('.') || '(plan)'}: ${issue.message}`);
    throw new Error(`The plan ${name} cannot be used:\n${faults.join('\n')}`);
  }
  return parsed.data;
}

/** SenML units and kinds of every quantity, by profile. */
export const quantitiesByProfile = () =>
  new Map(
    [...loadProfiles()].map(([profile, { quantities }]) => [profile, new Map(quantities.map(quantity => [quantity.name, quantity]))]),
  );
