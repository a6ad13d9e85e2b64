// Descriptions of the measures of Open mHealth and IEEE 1752.1, written from their documentation: name, version, what a body must hold.
import { z } from 'zod';
import {
  amount,
  anyDenominator,
  anyStatistic,
  bloodSpecimen,
  bodyLocation,
  duration,
  FLUX,
  LENGTH,
  MASS,
  overTime,
  position,
  posture,
  specimen,
  specimen21,
  statistic,
  TEMPERATURE,
  timeFrame,
  toActivity,
  toMeal12,
  toSleep,
  words,
} from './parts.ts';

/** Versions of a schema, oldest first. */
export type Versions = Record<string, z.ZodType>;

const when = { effective_time_frame: timeFrame };
const perhaps = { effective_time_frame: timeFrame.optional() };
const span = { effective_time_frame: overTime };
const stated = { descriptive_statistic: anyStatistic };
const per = { ...stated, descriptive_statistic_denominator: anyDenominator };
const active = { temporal_relationship_to_physical_activity: toActivity.optional() };
const asleep = { temporal_relationship_to_sleep: toSleep.optional() };
const notes = { user_notes: z.string().optional() };
const fed = { temporal_relationship_to_meal: toMeal12.optional(), ...asleep };
const mmHg = amount('mmHg');
const pressure = { systolic_blood_pressure: mmHg, diastolic_blood_pressure: mmHg, ...stated };
const percent = amount('%');
const glucose = { blood_glucose: amount('mg/dL', 'mmol/L'), ...fed, ...stated };
const sites = words('axillary', 'finger', 'forehead', 'oral', 'rectal', 'temporal artery', 'toe', 'tympanic', 'wrist', 'vagina');
const oldSites = words('oral', 'rectal', 'vaginal', 'axillary', 'otic', 'wrist', 'chest', 'temporal');
const temperature = { body_temperature: amount(...TEMPERATURE), ...stated };
const sited = { measurement_location: sites.optional(), ...asleep };
const rate = { heart_rate: amount('beats/min'), ...stated, ...active };
const breaths = { respiratory_rate: amount('breaths/min'), ...stated, ...active };
const oxygen = {
  oxygen_saturation: percent,
  system: words('peripheral capillary').optional(),
  supplemental_oxygen_flow_rate: amount('L/min').optional(),
  oxygen_therapy_mode_of_administration: words('nasal cannula').optional(),
  measurement_method: words('pulse oximetry').optional(),
  ...stated,
};
const slept = amount('sec', 'min', 'h');
const episode = {
  latency_to_sleep_onset: duration.optional(),
  latency_to_arising: duration.optional(),
  total_sleep_time: duration.optional(),
  number_of_awakenings: z.int().optional(),
  is_main_sleep: z.boolean().optional(),
  sleep_maintenance_efficiency_percentage: percent.optional(),
  ...span,
};
const activity = {
  activity_name: z.string(),
  distance: amount(...LENGTH).optional(),
  reported_activity_intensity: words('light', 'moderate', 'vigorous').optional(),
  ...perhaps,
};
/** Three axes of one sensor, of which the third may be missing. */
const axes = (name: string, value: z.ZodType) =>
  z.object({
    [`${name}_x`]: value,
    [`${name}_y`]: value,
    [`${name}_z`]: value.optional(),
    sensor_body_location: bodyLocation.optional(),
    ...when,
    ...stated,
  });
const kcal = { kcal_burned: amount('kcal'), activity_name: z.string().optional() };
const second = amount('sec');

export const MEASURES: Readonly<Record<string, Versions>> = {
  'blood-glucose': {
    '1.0': z.object({ ...glucose, ...notes, ...perhaps, blood_specimen_type: bloodSpecimen.optional() }),
    '2.0': z.object({ ...glucose, ...notes, ...perhaps, specimen_source: specimen.optional() }),
    '3.0': z.object({ ...glucose, ...when, specimen_source: specimen21.optional() }),
    '4.0': z.object({ ...glucose, ...when, specimen_source: specimen21.optional() }),
  },
  'blood-pressure': {
    '1.0': z.object({ ...pressure, ...notes, ...perhaps, position_during_measurement: position.optional() }),
    '2.0': z.object({ ...pressure, ...notes, ...perhaps, body_posture: posture.optional() }),
    '3.0': z.object({ ...pressure, ...when, body_posture: posture.optional(), measurement_location: bodyLocation.optional() }),
    '3.1': z.object({ ...pressure, ...when, ...active, body_posture: posture.optional(), measurement_location: bodyLocation.optional() }),
    '4.0': z.object({ ...pressure, ...when, ...active, body_posture: posture.optional(), measurement_location: bodyLocation.optional() }),
  },
  'body-fat-percentage': {
    '1.0': z.object({ body_fat_percentage: percent, ...perhaps, ...stated }),
    '2.0': z.object({ body_fat_percentage: percent, ...when, ...stated }),
  },
  'body-height': {
    '1.0': z.object({ body_height: amount(...LENGTH), ...perhaps, ...stated }),
    '2.0': z.object({ body_height: amount(...LENGTH), ...when, ...stated }),
  },
  'body-mass-index': {
    '1.0': z.object({ body_mass_index: amount('kg/m2'), ...perhaps, ...stated }),
    '2.0': z.object({ body_mass_index: amount('kg/m^2'), ...when, ...stated }),
    '3.0': z.object({ body_mass_index: amount('kg/m^2'), ...when, ...stated }),
  },
  'body-temperature': {
    '1.0': z.object({ ...temperature, ...perhaps, measurement_location: oldSites.optional() }),
    '2.0': z.object({ ...temperature, ...perhaps, ...sited }),
    '3.0': z.object({ ...temperature, ...when, ...sited }),
    '4.0': z.object({ ...temperature, ...when, ...sited }),
  },
  'body-weight': {
    '1.0': z.object({ body_weight: amount(...MASS), ...perhaps, ...stated }),
    '2.0': z.object({ body_weight: amount(...MASS), ...when, ...stated }),
    '3.0': z.object({ body_weight: amount(...MASS), ...when, ...stated }),
  },
  'heart-rate': {
    '1.0': z.object({ ...rate, ...perhaps, ...notes }),
    '1.1': z.object({ ...rate, ...perhaps, ...notes, ...asleep }),
    '2.0': z.object({ ...rate, ...when, ...asleep }),
  },
  'respiratory-rate': { '1.0': z.object({ ...breaths, ...perhaps }), '2.0': z.object({ ...breaths, ...when }) },
  'oxygen-saturation': { '1.0': z.object({ ...oxygen, ...perhaps }), '2.0': z.object({ ...oxygen, ...when }) },
  'rr-interval': { '1.0': z.object({ rr_interval: amount('ms'), ...perhaps, ...stated, ...active }) },
  'step-count': {
    '1.0': z.object({ step_count: z.number(), ...perhaps }),
    '2.0': z.object({ step_count: z.number(), ...span, ...per, descriptive_statistic: statistic.optional() }),
    '3.0': z.object({ step_count: amount('steps'), ...span, ...per, descriptive_statistic: statistic.optional() }),
  },
  'calories-burned': { '1.0': z.object({ ...kcal, ...perhaps }), '2.0': z.object({ ...kcal, ...span, ...per }) },
  'sleep-duration': {
    '1.0': z.object({ sleep_duration: slept, ...perhaps, ...notes }),
    '2.0': z.object({ sleep_duration: slept, ...span, ...per }),
  },
  'total-sleep-time': { '1.0': z.object({ total_sleep_time: duration, ...span, ...per }) },
  'sleep-episode': { '1.0': z.object(episode), '1.1': z.object({ ...episode, wake_after_sleep_onset: duration.optional() }) },
  'physical-activity': {
    '1.0': z.object(activity),
    '1.1': z.object({ ...activity, met_value: z.number().optional() }),
    '1.2': z.object({ ...activity, met_value: z.number().optional(), kcal_burned: amount('kcal').optional() }),
  },
  'minutes-moderate-activity': { '1.0': z.object({ minutes_moderate_activity: amount('min'), ...perhaps }) },
  'minute-volume': {
    '1.0': z.object({
      minute_volume: amount('mL/min', 'L/min'),
      minute_volume_type: words('inspiratory', 'expiratory', 'total').optional(),
      ...perhaps,
      ...stated,
      ...active,
    }),
  },
  'expiratory-time': { '1.0': z.object({ expiratory_time: second, ...perhaps, ...stated, ...active }) },
  'inspiratory-time': { '1.0': z.object({ inspiratory_time: second, ...perhaps, ...stated, ...active }) },
  'ventilation-cycle-time': { '1.0': z.object({ ventilation_cycle_time: second, ...when, ...stated, ...active }) },
  'breath-carbon-monoxide': { '1.0': z.object({ breath_carbon_monoxide: amount('ppm'), ...perhaps, ...stated }) },
  'ambient-temperature': { '1.0': z.object({ ambient_temperature: amount(...TEMPERATURE), ...perhaps, ...stated }) },
  'ambient-sound': { '1.0': z.object({ ambient_sound: amount('dB'), ...when, ...stated }) },
  speed: { '1.0': z.object({ speed: amount('m/s', 'km/h'), ...when, ...stated }) },
  pace: { '1.0': z.object({ pace: amount('min/mi', 'min/km'), ...when, ...stated }) },
  acceleration: { '1.0': axes('acceleration', amount('m/s^2')), '2.0': axes('acceleration', amount('m/s^2')) },
  orientation: { '1.0': axes('angular_velocity', amount('rad/s')) },
  'magnetic-force': { '1.0': axes('magnetic_field_strength', amount(...FLUX)) },
  geoposition: { '1.0': z.object({ latitude: amount('deg'), longitude: amount('deg'), ...when }) },
};
