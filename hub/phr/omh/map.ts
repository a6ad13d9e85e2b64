// A checked body of Open mHealth as what the record keeps: an Observation with its code and time, or a MedicationStatement.
import type { MedicationStatement } from '@medplum/fhirtypes';
import type { MeaningName } from '../meanings.ts';
import { type Amount, component, concept, keyOf, type Measured, measured, PHR_TAG, type Reading } from '../reading.ts';
import type { SchemaId } from './descriptions.ts';
import type { TimeFrame, TimeInterval } from './parts.ts';

/** Code system of the schemas themselves: `omh/heart-rate/2.0`. */
const SCHEMAS = 'https://w3id.org/openmhealth/schemas';
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';

// Checked by its description before; what is read here is named there.
type Body = Record<string, unknown>;

/** Simple measures: the property that holds the value, and what it means. */
const SIMPLE: Readonly<Record<string, [property: string, meaning: MeaningName]>> = {
  'heart-rate': ['heart_rate', 'heart-rate'],
  'respiratory-rate': ['respiratory_rate', 'respiratory-rate'],
  'oxygen-saturation': ['oxygen_saturation', 'oxygen-saturation'],
  'body-temperature': ['body_temperature', 'body-temperature'],
  'body-height': ['body_height', 'body-height'],
  'body-weight': ['body_weight', 'body-weight'],
  'body-mass-index': ['body_mass_index', 'body-mass-index'],
  'body-fat-percentage': ['body_fat_percentage', 'body-fat-percentage'],
  'step-count': ['step_count', 'step-count'],
  'calories-burned': ['kcal_burned', 'calories-burned'],
  'sleep-duration': ['sleep_duration', 'sleep-duration'],
  'total-sleep-time': ['total_sleep_time', 'sleep-duration'],
  'minutes-moderate-activity': ['minutes_moderate_activity', 'exercise-duration'],
  'rr-interval': ['rr_interval', 'rr-interval'],
  'minute-volume': ['minute_volume', 'minute-volume'],
  'expiratory-time': ['expiratory_time', 'expiratory-time'],
  'inspiratory-time': ['inspiratory_time', 'inspiratory-time'],
  'ventilation-cycle-time': ['ventilation_cycle_time', 'ventilation-cycle-time'],
  'breath-carbon-monoxide': ['breath_carbon_monoxide', 'breath-carbon-monoxide'],
  'ambient-temperature': ['ambient_temperature', 'ambient-temperature'],
  'ambient-sound': ['ambient_sound', 'ambient-sound'],
  speed: ['speed', 'speed'],
  pace: ['pace', 'pace'],
  'medication-adherence-percent': ['medication_adherence_percent', 'medication-adherence'],
};
const AXES: Readonly<Record<string, [property: string, meaning: MeaningName]>> = {
  acceleration: ['acceleration', 'acceleration'],
  orientation: ['angular_velocity', 'orientation'],
  'magnetic-force': ['magnetic_field_strength', 'magnetic-force'],
};
const SLEEP: [property: string, meaning: MeaningName][] = [
  ['latency_to_sleep_onset', 'sleep-onset-latency'],
  ['latency_to_arising', 'arising-latency'],
  ['wake_after_sleep_onset', 'wake-after-sleep-onset'],
  ['sleep_maintenance_efficiency_percentage', 'sleep-efficiency'],
];
const QUANTITIES: Readonly<Record<string, MeaningName>> = {
  HeartRate: 'heart-rate',
  BodyMass: 'body-weight',
  Height: 'body-height',
  BodyMassIndex: 'body-mass-index',
  BodyTemperature: 'body-temperature',
  RespiratoryRate: 'respiratory-rate',
  OxygenSaturation: 'oxygen-saturation',
  StepCount: 'step-count',
  ActiveEnergyBurned: 'calories-burned',
  BloodPressureSystolic: 'systolic',
  BloodPressureDiastolic: 'diastolic',
};

export interface Origin {
  id: SchemaId;
  source: string;
  /** When the data point was made: taken where the body says no time. */
  made?: string;
}

/** The reading in a body, or null where there is no meaning in it by itself (a unit, a place, a list of metadata). */
export function readingOf(body: unknown, origin: Origin): Reading | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const it = body as Body;
  const { name } = origin.id;
  const given = (more: Partial<Measured> & Pick<Measured, 'meaning'>) => measured({ ...common(it, origin), ...more });
  const simple = SIMPLE[name];
  if (simple) {
    const value = it[simple[0]];
    return given({ meaning: simple[1], amount: typeof value === 'number' ? { value, unit: 'steps' } : (value as Amount) });
  }
  const axes = AXES[name];
  if (axes) {
    const parts = ['x', 'y', 'z'].flatMap(axis => {
      const amount = it[`${axes[0]}_${axis}`] as Amount | undefined;
      return amount ? [{ ...component(axes[1], amount), code: { text: axis } }] : [];
    });
    return given({ meaning: axes[1], components: parts });
  }
  switch (name) {
    case 'blood-glucose': {
      const amount = it.blood_glucose as Amount;
      return given({ meaning: amount.unit === 'mmol/L' ? 'glucose-moles' : 'glucose-mass', amount });
    }
    case 'blood-pressure': {
      const parts = [
        component('systolic', it.systolic_blood_pressure as Amount),
        component('diastolic', it.diastolic_blood_pressure as Amount),
      ];
      // A panel has no value of its own: what its values are of a longer time is said in a note.
      const statistic = it.descriptive_statistic as string | undefined;
      return given({ meaning: 'blood-pressure', components: parts, note: noteOf(it, statistic), statistic: undefined });
    }
    case 'sleep-episode': {
      const awakenings = it.number_of_awakenings as number | undefined;
      const parts = SLEEP.flatMap(([property, meaning]) => (it[property] ? [component(meaning, it[property] as Amount)] : []));
      if (awakenings !== undefined) parts.push(component('awakenings', { value: awakenings, unit: 'count' }));
      return given({ meaning: 'sleep-duration', amount: it.total_sleep_time as Amount | undefined, components: parts });
    }
    case 'physical-activity':
    case 'hk-workout': {
      const parts = [
        ...(it.distance ? [component('distance', it.distance as Amount)] : []),
        ...(it.duration ? [component('exercise-duration', it.duration as Amount)] : []),
        ...(it.kcal_burned ? [component('calories-burned', it.kcal_burned as Amount)] : []),
      ];
      return given({
        meaning: 'physical-activity',
        word: String(it.activity_name).replace(/^HKWorkoutActivityType/, ''),
        components: parts,
      });
    }
    case 'hk-quantity-sample': {
      const type = String(it.quantity_type).replace('HKQuantityTypeIdentifier', '');
      const amount = (it.unit_value as Amount | undefined) ?? { value: it.count as number, unit: 'count' };
      const meaning = QUANTITIES[type];
      return given(meaning ? { meaning, amount } : { meaning: 'nutrition', amount, code: { ...concept('nutrition'), text: type } });
    }
    case 'hk-category-sample':
      return given({ meaning: 'sleep-stage', word: String(it.category_value) });
    case 'hk-correlation':
      return given({
        meaning: it.correlation_type === 'HKCorrelationTypeIdentifierBloodPressure' ? 'blood-pressure' : 'nutrition',
        components: samplesOf(it),
      });
    default:
      return medicationOf(it, origin);
  }
}

function samplesOf(it: Body) {
  const samples = (it.quantity_samples ?? []) as { quantity_type: string; unit_value?: Amount; count?: number }[];
  return samples.map(({ quantity_type, unit_value, count }) => {
    const type = quantity_type.replace('HKQuantityTypeIdentifier', '');
    const meaning = QUANTITIES[type];
    const part = component(meaning ?? 'nutrition', unit_value ?? { value: count!, unit: 'count' });
    return meaning ? part : { ...part, code: { ...part.code, text: type } };
  });
}

/** Time, source, statistic, circumstances and the schema's own code. */
function common(it: Body, origin: Origin): Omit<Measured, 'meaning'> {
  const statistic = it.descriptive_statistic as string | undefined;
  return {
    time: timeOf(it.effective_time_frame as TimeFrame | undefined, origin.made),
    source: origin.source,
    statistic,
    note: noteOf(it),
    codings: [{ system: SCHEMAS, code: `${origin.id.namespace}/${origin.id.name}/${origin.id.version}` }],
  };
}

/** Circumstances that FHIR has no element for, in the words of the source. */
function noteOf(it: Body, statistic?: string): string | undefined {
  const words = [
    statistic,
    it.descriptive_statistic_denominator && `per ${it.descriptive_statistic_denominator}`,
    it.temporal_relationship_to_meal,
    it.temporal_relationship_to_sleep,
    it.temporal_relationship_to_physical_activity,
    it.body_posture ?? it.position_during_measurement,
    it.measurement_location ?? it.sensor_body_location,
    it.specimen_source ?? it.blood_specimen_type,
    it.reported_activity_intensity,
    it.user_notes,
  ].filter(Boolean);
  return words.length ? words.join('; ') : undefined;
}

const SECONDS: Readonly<Record<string, number>> = {
  ms: 0.001,
  sec: 1,
  min: 60,
  h: 3600,
  d: 86_400,
  wk: 604_800,
  Mo: 2_592_000,
  yr: 31_536_000,
};
/** Hours at which the parts of a day begin and end, in Japan's time; a night ends on the next day. */
const PARTS: Readonly<Record<string, [number, number]>> = { morning: [6, 12], afternoon: [12, 18], evening: [18, 22], night: [22, 30] };

function timeOf(frame: TimeFrame | undefined, made: string | undefined): Measured['time'] {
  if (frame?.date_time) return { effectiveDateTime: frame.date_time };
  if (frame?.time_interval) return { effectivePeriod: periodOf(frame.time_interval) };
  return made ? { effectiveDateTime: made } : {};
}

/** The ends of an interval; of a start or an end with a length, the other end is worked out. */
export function periodOf({ start_date_time, end_date_time, duration, date, part_of_day }: TimeInterval): { start: string; end: string } {
  if (date && part_of_day) {
    const midnight = Date.parse(`${date}T00:00:00+09:00`);
    const [from, to] = PARTS[part_of_day]!;
    return { start: new Date(midnight + from * 3_600_000).toISOString(), end: new Date(midnight + to * 3_600_000).toISOString() };
  }
  const length = duration ? duration.value * (SECONDS[duration.unit] ?? 0) * 1000 : 0;
  const start = start_date_time ?? new Date(Date.parse(end_date_time!) - length).toISOString();
  return { start, end: end_date_time ?? new Date(Date.parse(start) + length).toISOString() };
}

interface Medicine {
  generic_name?: string;
  trade_name?: string;
  strength: Amount[];
  rxnorm_code?: number;
}

/** A medicine that the patient says was prescribed, handed out or taken: the patient's statement, not an order. */
function medicationOf(it: Body, origin: Origin): Reading | null {
  const prescription = (it.medication_prescription ?? it) as Body;
  const medicine = (origin.id.name === 'medication' ? it : prescription.medication) as Medicine | undefined;
  if (!medicine?.strength) return null;
  const strength = medicine.strength.map(({ value, unit }) => `${value} ${unit}`).join(' + ');
  const time = timeOf((it.effective_time_frame ?? it.time_frame_medication_dispensed) as TimeFrame | undefined, origin.made);
  const dose = it.dose as Amount | undefined;
  const missed = it.reason_for_missing_dose as string | undefined;
  const dispensed = it.amount_dispensed as Amount | undefined;
  const notes = [it.reason_dose_taken_not_as_prescribed, dispensed && `dispensed: ${dispensed.value} ${dispensed.unit}`].filter(Boolean);
  const text = [medicine.trade_name ?? medicine.generic_name, strength].filter(Boolean).join(' ');
  const resource: Omit<MedicationStatement, 'subject'> = {
    resourceType: 'MedicationStatement',
    meta: { tag: [PHR_TAG] },
    status: missed ? 'not-taken' : dose ? 'completed' : origin.id.name === 'medication' ? 'unknown' : 'active',
    ...(missed ? { statusReason: [{ text: missed }] } : {}),
    medicationCodeableConcept: {
      ...(medicine.rxnorm_code ? { coding: [{ system: RXNORM, code: String(medicine.rxnorm_code) }] } : {}),
      text,
    },
    ...time,
    ...(typeof prescription.description === 'string' && prescription.description.trim()
      ? { dosage: [{ text: prescription.description.trim() }] }
      : dose
        ? { dosage: [{ text: `${dose.value} ${dose.unit}` }] }
        : {}),
    ...(notes.length ? { note: [{ text: notes.join('; ') }] } : {}),
  };
  return { kind: 'medication', source: origin.source, resource, key: keyOf(origin.source, origin.id.name, time, it) };
}
