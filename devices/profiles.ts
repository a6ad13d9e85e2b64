// Device profiles: what a kind of device measures, in which units and within which bounds. Data in `profiles/*.json`, one file a profile.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
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
  })
  .refine(profile => new Set(profile.quantities.map(quantity => quantity.name)).size === profile.quantities.length, {
    message: 'every quantity has a name of its own',
  })
  .refine(profile => profile.quantities.every(quantity => quantity.name !== 'seq'), { message: '`seq` is the sequence number' });

export type Quantity = Readonly<z.infer<typeof QuantitySchema>>;
export type Profile = Readonly<z.infer<typeof ProfileSchema>>;

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
