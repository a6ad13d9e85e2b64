// The types of HealthKit that are taken over, and how their values are written in an export.
import type { MeaningName } from '../meanings.ts';

/** By the end of `HKQuantityTypeIdentifier…`; `fraction`: the export writes 0.97 where it says %; `unit`: it says `count`. */
export const QUANTITY_TYPES: Readonly<Record<string, { meaning: MeaningName; fraction?: true; unit?: string }>> = {
  HeartRate: { meaning: 'heart-rate' },
  RestingHeartRate: { meaning: 'resting-heart-rate' },
  HeartRateVariabilitySDNN: { meaning: 'heart-rate-variability' },
  OxygenSaturation: { meaning: 'oxygen-saturation', fraction: true },
  BodyMass: { meaning: 'body-weight' },
  Height: { meaning: 'body-height' },
  BodyMassIndex: { meaning: 'body-mass-index', unit: 'kg/m2' },
  BodyFatPercentage: { meaning: 'body-fat-percentage', fraction: true },
  StepCount: { meaning: 'step-count', unit: 'steps' },
  BodyTemperature: { meaning: 'body-temperature' },
  RespiratoryRate: { meaning: 'respiratory-rate' },
  BloodGlucose: { meaning: 'glucose-mass' },
};

/** `HKCategoryValueSleepAnalysis…` in words that a person reads. */
export const SLEEP_WORDS: Readonly<Record<string, string>> = {
  InBed: 'ベッドの中 (in bed)',
  Asleep: 'ねむり (asleep)',
  AsleepUnspecified: 'ねむり (asleep)',
  AsleepCore: '浅いねむり (core sleep)',
  AsleepDeep: '深いねむり (deep sleep)',
  AsleepREM: 'レムねむり (REM sleep)',
  Awake: '目がさめている (awake)',
};
