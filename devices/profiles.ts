// Device profiles: what a kind of device measures, in which units and within which bounds. Data in `profiles/*.json`, one file a profile.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { RESERVED } from './senml.ts';
import { isLoincCode, SECONDARY_UNITS, SENML_UNITS } from './units.ts';

/** Code system of LOINC in FHIR. */
const LOINC = 'http://loinc.org';
const Words = z.strictObject({ ja: z.string(), en: z.string() });
/** Names a quantity in SenML, in InfluxDB and in the models. */
const Name = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/);

const QuantitySchema = z
  .strictObject({
    name: Name,
    label: Words,
    /** `boolean` travels as `vb` and is stored as 0 or 1; `count` is a whole number since the last sample. */
    kind: z.enum(['number', 'boolean', 'count']),
    /** Unit in a SenML record (RFC 8428 section 12.1, RFC 8798). `/` (or none) for booleans. */
    senmlUnit: z
      .string()
      .refine(unit => SENML_UNITS.has(unit) || SECONDARY_UNITS.has(unit), { message: 'must be a SenML unit (RFC 8428, RFC 8798)' }),
    /** Unit as people read it, of the stored value. */
    unit: Words,
    /** The stored value is the SenML value times this, where people use a unit that SenML lacks (mmHg). Missing: 1. */
    factor: z.number().positive().optional(),
    /** UCUM unit for an Observation's value. */
    ucum: z.string().min(1).max(20),
    /** Plausible values, both ends included, in the SenML unit. */
    minimum: z.number(),
    maximum: z.number(),
    /** Observation.code: LOINC where one exists, else `urn:remote-care-hub:quantity`. */
    code: z
      .strictObject({ system: z.string().min(1), code: z.string().min(1), display: z.string().min(1) })
      .refine(({ system, code }) => system !== LOINC || isLoincCode(code), { message: 'must be a LOINC code with its check digit' }),
    /** Code in http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS */
    category: z.enum(['vital-signs', 'activity', 'survey', 'exam', 'laboratory', 'procedure', 'social-history', 'therapy', 'imaging']),
  })
  .refine(quantity => quantity.minimum < quantity.maximum, { message: 'minimum must be below maximum' })
  .refine(quantity => quantity.kind !== 'boolean' || (quantity.minimum === 0 && quantity.maximum === 1), {
    message: 'a boolean has minimum 0 and maximum 1',
  });

/** A rule that raises an alarm (`alarm-rules.ts`): exactly one of `equals`, `below`, `above`. */
const AlarmSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    quantity: Name,
    kind: z.enum(['call', 'fall', 'vital']),
    text: Words,
    /** For booleans. */
    equals: z.boolean().optional(),
    /** Alarm when the value is less, or more, than this. In the unit people read (`unit`). */
    below: z.number().optional(),
    above: z.number().optional(),
    /** A running alarm ends when the value is inside the limit by this much. Default 0. */
    margin: z.number().nonnegative().optional(),
    /** So many readings in a row begin the alarm, and so many end it. Default 1; a boolean always needs one. */
    forSamples: z.number().int().min(1).max(100).optional(),
  })
  .refine(rule => [rule.equals, rule.below, rule.above].filter(limit => limit !== undefined).length === 1, {
    message: 'an alarm has exactly one of equals, below and above',
  });

const ProfileSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    name: Words,
    /** Seconds between samples; for event devices, between repetitions of the state. */
    intervalSeconds: z.number().positive().max(86_400),
    /** Whether the device also sends at once when something changes. */
    event: z.boolean(),
    /** Used now and then (a thermometer): no sample is expected, so none is missing. `intervalSeconds` is then only how far apart readings
     * usually lie, for charts. */
    occasional: z.boolean().optional(),
    quantities: z.array(QuantitySchema).min(1).max(64),
    /**
     * What raises an alarm in the facility. The limits of the profiles here are where NEWS2 gives three points to one sign alone (Royal College of
     * Physicians 2017, chart 1: pulse ≤ 40 or ≥ 131, respiration ≤ 8 or ≥ 25 a minute), and SpO2 below 90 %, where respiratory failure begins
     * (PaO2 60 Torr; Japanese Respiratory Society). A resident's own limits go before them.
     */
    alarms: z.array(AlarmSchema).max(32).default([]),
  })
  .refine(profile => new Set(profile.quantities.map(quantity => quantity.name)).size === profile.quantities.length, {
    message: 'every quantity has a name of its own',
  })
  .refine(profile => profile.quantities.every(quantity => !RESERVED.includes(quantity.name)), {
    message: `${RESERVED.join(', ')} say something of the pack and are no quantities`,
  })
  .refine(({ alarms }) => new Set(alarms.map(({ id }) => id)).size === alarms.length, { message: 'every alarm has an id of its own' })
  .superRefine(({ alarms, quantities }, context) => {
    for (const [index, { quantity, equals }] of alarms.entries()) {
      const kind = quantities.find(({ name }) => name === quantity)?.kind;
      const fault = !kind ? `"${quantity}" is no quantity of this profile` : (kind === 'boolean') !== (equals !== undefined);
      if (!fault) continue;
      const message = typeof fault === 'string' ? fault : 'a boolean takes equals, a number below or above';
      context.addIssue({ code: 'custom', path: ['alarms', index, 'quantity'], message });
    }
  });

export type Quantity = Readonly<z.infer<typeof QuantitySchema>>;
export type Profile = Readonly<z.infer<typeof ProfileSchema>>;
export type AlarmRule = Readonly<z.infer<typeof AlarmSchema>>;
export type AlarmKind = AlarmRule['kind'];

/** Category system of `Quantity.category` (JP Core). */
export const OBSERVATION_CATEGORY_SYSTEM = 'http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS';

/** Folder of the profiles that come with the hub. */
export const PROFILE_DIRECTORY = path.join(import.meta.dirname, 'profiles');

/**
 * Reads every `*.json` of a folder; the file's name is the profile's id. Adding a file adds a profile.
 * @throws Error naming the file and, per fault, the place in it.
 */
export function loadProfiles(directory: string = PROFILE_DIRECTORY): Map<string, Profile> {
  const profiles = new Map<string, Profile>();
  for (const file of readdirSync(directory)
    .filter(name => name.endsWith('.json'))
    .sort()) {
    const full = path.join(directory, file);
    let content: unknown;
    try {
      content = JSON.parse(readFileSync(full, 'utf8'));
    } catch (cause) {
      throw new Error(`The device profile ${full} is not JSON`, { cause });
    }
    const parsed = ProfileSchema.safeParse(content);
    if (!parsed.success) {
      const faults = parsed.error.issues.map(issue => `  ${issue.path.join('.') || '(profile)'}: ${issue.message}`);
      throw new Error(`The device profile ${full} cannot be used:\n${faults.join('\n')}`);
    }
    if (`${parsed.data.id}.json` !== file) throw new Error(`The device profile ${full} must be named ${parsed.data.id}.json, after its id`);
    profiles.set(parsed.data.id, Object.freeze(parsed.data));
  }
  return profiles;
}
