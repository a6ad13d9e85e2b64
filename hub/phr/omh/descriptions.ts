// All descriptions by namespace, name and version, also those of parts that stand in no file by themselves; and the header of a data point.
import { z } from 'zod';
import { GRANOLA } from './granola.ts';
import { MEASURES, type Versions } from './measures.ts';
import { doseUnits, MEDICINES, route10, route20 } from './medication.ts';
import * as parts from './parts.ts';
import { amount, dateTime, range, words } from './parts.ts';

export interface SchemaId {
  namespace: string;
  name: string;
  version: string;
}

const schemaId = z.object({
  namespace: z.string().min(1),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+(\.\w+)*$/, 'is a version such as 1.0'),
});
const schemaId11 = schemaId.extend({ url: z.url().optional() });
const modality = words('sensed', 'self-reported');
const provenance = {
  source_name: z.string(),
  source_creation_date_time: dateTime.optional(),
  modality: modality.optional(),
};
const header = { id: z.string(), creation_date_time: dateTime, schema_id: schemaId };
const header10 = z.object({ ...header, acquisition_provenance: z.object(provenance).optional() });
const header12 = z.object({
  ...header,
  schema_id: schemaId11,
  user_id: z.string().optional(),
  acquisition_provenance: z
    .object({ ...provenance, source_data_point_id: z.string().optional(), source_last_modification_date_time: dateTime.optional() })
    .optional(),
});
/** Header of IEEE 1752.1: `uuid` instead of `id`, and the source's own time. */
const headerIeee = z.object({
  uuid: z.string(),
  schema_id: schemaId11,
  source_creation_date_time: dateTime,
  modality,
  external_datasheets: z.array(z.looseObject({})).optional(),
});
export const anyHeader = z.union([header12, headerIeee]);
export type Header = z.infer<typeof anyHeader>;
const dataPoint = z.object({ header: header12, body: z.looseObject({}) });

/** Several versions that say the same. */
const same = (schema: z.ZodType, ...versions: string[]): Versions => Object.fromEntries(versions.map(version => [version, schema]));

const PARTS: Readonly<Record<string, Versions>> = {
  'unit-value': same(amount(), '1.0'),
  'unit-value-range': same(range(), '1.0'),
  'acceleration-unit-value': same(amount('m/s^2'), '1.0', '1.1'),
  'angular-velocity-unit-value': same(amount('rad/s'), '1.0', '1.1'),
  'area-unit-value': same(amount(...parts.AREA), '1.0', '1.1'),
  'duration-unit-value': same(parts.duration, '1.0'),
  'duration-unit-value-range': same(parts.durationRange, '1.0'),
  'frequency-unit-value': same(parts.frequency, '1.0'),
  'kcal-unit-value': same(amount('kcal'), '1.0'),
  'length-unit-value': same(amount(...parts.LENGTH), '1.0'),
  'magnetic-flux-density-unit-value': same(amount(...parts.FLUX), '1.0', '1.1'),
  'mass-unit-value': same(amount(...parts.MASS), '1.0', '1.1'),
  'medication-dose-unit': same(words(...doseUnits), '1.0'),
  'medication-dose-unit-value': same(amount(...doseUnits), '1.0', '1.1'),
  'medication-dose-unit-value-range': same(range(...doseUnits), '1.0', '1.1'),
  'pace-unit-value': same(amount('min/mi', 'min/km'), '1.0', '1.1'),
  'percent-unit-value': same(amount('%'), '1.0'),
  'plane-angle-unit-value': same(amount('deg'), '1.0', '1.1'),
  'speed-unit-value': same(amount('m/s', 'km/h'), '1.0'),
  'temperature-unit-value': same(amount(...parts.TEMPERATURE), '1.0'),
  'volume-unit-value': same(amount(...parts.VOLUME), '1.0', '1.1'),
  'systolic-blood-pressure': same(amount('mmHg'), '1.0', '1.1'),
  'diastolic-blood-pressure': same(amount('mmHg'), '1.0', '1.1'),
  'activity-name': same(z.string(), '1.0'),
  'blood-specimen-type': same(parts.bloodSpecimen, '1.0'),
  'specimen-source': { '1.0': parts.specimen, '2.0': parts.specimen20, '2.1': parts.specimen21 },
  'body-location': same(parts.bodyLocation, '1.0', '1.1'),
  'body-posture': same(parts.posture, '1.0'),
  'position-during-measurement': same(parts.position, '1.0'),
  'date-time': same(dateTime, '1.0'),
  'full-date': same(parts.fullDate, '1.0'),
  'local-time': same(parts.localTime, '1.0'),
  'day-of-week': same(parts.dayOfWeek, '1.0'),
  'part-of-day': same(parts.partOfDay, '1.0'),
  'time-frame': same(parts.timeFrame, '1.0'),
  'time-interval': same(parts.timeInterval, '1.0'),
  'descriptive-statistic': { '1.0': parts.statistic, '1.1': parts.statistic11, '1.2': parts.statistic12 },
  'descriptive-statistic-denominator': { '1.0': parts.denominator, '1.1': parts.denominator11 },
  'intervention-administration-route': { '1.0': route10, '2.0': route20 },
  'temporal-relationship-to-meal': { '1.0': parts.toMeal, '1.1': parts.toMeal11, '1.2': parts.toMeal12 },
  'temporal-relationship-to-sleep': same(parts.toSleep, '1.0'),
  'temporal-relationship-to-physical-activity': same(parts.toActivity, '1.0'),
  'schema-id': { '1.0': schemaId, '1.1': schemaId11 },
  header: { '1.0': header10, '1.1': header12, '1.2': header12 },
  'data-point': same(dataPoint, '1.0'),
};

const NAMESPACES: Readonly<Record<string, Readonly<Record<string, Versions>>>> = {
  omh: { ...PARTS, ...MEASURES, ...MEDICINES },
  // IEEE 1752.1 took the descriptions of Open mHealth over and numbered them anew.
  ieee: { ...PARTS, ...MEASURES },
  granola: GRANOLA,
};

/** The description of a schema; the newest of the same major version when this one is not known, the newest at all for IEEE's own numbers. */
export function descriptionOf({ namespace, name, version }: SchemaId): z.ZodType | undefined {
  const versions = Object.hasOwn(NAMESPACES, namespace) ? NAMESPACES[namespace]![name] : undefined;
  if (!versions) return undefined;
  if (namespace === 'ieee') return Object.values(versions).at(-1);
  if (versions[version]) return versions[version];
  const [major] = version.split('.');
  const near = Object.keys(versions).filter(known => known.split('.')[0] === major);
  return near.length ? versions[near.at(-1)!] : undefined;
}

/** Which measure a body without a header is, by the property only that measure requires; undefined when it fits none. */
export function recognised(body: unknown): SchemaId | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const has = (key: string) => Object.hasOwn(body, key);
  const found = KEYS.find(([keys]) => keys.every(has));
  if (!found) return undefined;
  const [, namespace, name] = found;
  // The oldest version asks the least: a body without a header does not say which it is.
  const [version] = Object.keys(NAMESPACES[namespace]![name]!);
  const versions = Object.entries(NAMESPACES[namespace]![name]!);
  const fitting = versions.findLast(([, schema]) => schema.safeParse(body).success);
  return { namespace, name, version: fitting?.[0] ?? version! };
}

/** Properties that tell a body from all others; the more telling first. */
const KEYS: [keys: string[], namespace: string, name: string][] = [
  [['correlation_type'], 'granola', 'hk-correlation'],
  [['quantity_type'], 'granola', 'hk-quantity-sample'],
  [['category_type'], 'granola', 'hk-category-sample'],
  [['medication_dispensed'], 'omh', 'pharmacy-medication-dispensing'],
  [['medication_adherence_percent'], 'omh', 'medication-adherence-percent'],
  [['reason_for_missing_dose'], 'omh', 'reason-single-medication-dose-not-taken'],
  [['medication', 'dose'], 'omh', 'single-medication-dose-taken'],
  [['medication', 'acceptable_window'], 'omh', 'patient-medication-schedule'],
  [['medication', 'schedule'], 'omh', 'medication-prescription'],
  [['trade_name', 'strength'], 'omh', 'medication'],
  [['generic_name', 'strength'], 'omh', 'medication'],
  [['systolic_blood_pressure'], 'omh', 'blood-pressure'],
  [['latency_to_sleep_onset'], 'omh', 'sleep-episode'],
  [['is_main_sleep'], 'omh', 'sleep-episode'],
  ...['x', 'y'].flatMap((axis): [string[], string, string][] => [
    [[`acceleration_${axis}`], 'omh', 'acceleration'],
    [[`angular_velocity_${axis}`], 'omh', 'orientation'],
    [[`magnetic_field_strength_${axis}`], 'omh', 'magnetic-force'],
  ]),
  ...Object.keys(MEASURES).map((name): [string[], string, string] => [[name.replaceAll('-', '_')], 'omh', name]),
  [['activity_name', 'metadata'], 'granola', 'hk-workout'],
  [['activity_name', 'duration'], 'granola', 'hk-workout'],
  [['kcal_burned', 'distance'], 'granola', 'hk-workout'],
  [['kcal_burned'], 'omh', 'calories-burned'],
  [['activity_name'], 'omh', 'physical-activity'],
];
