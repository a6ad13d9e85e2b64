// What a measure is in FHIR: its code, its name in both languages, its category. One list for all formats that a patient may bring.
import type { Text } from '../http/problem.ts';
import { OWN } from '../records/systems.ts';

export interface Meaning {
  /** LOINC where one says the same; else the hub's own code. */
  system: string;
  code: string;
  display: string;
  text: Text;
  category: 'vital-signs' | 'activity' | 'laboratory';
}

const LOINC = 'http://loinc.org';
export const PHR_CODES = `${OWN}:phr`;

const meaning = (system: string, code: string, display: string, ja: string, en: string, category: Meaning['category']): Meaning => ({
  system,
  code,
  display,
  text: { ja, en },
  category,
});
const vital = (code: string, display: string, ja: string, en: string) => meaning(LOINC, code, display, ja, en, 'vital-signs');
const doing = (code: string, display: string, ja: string, en: string) => meaning(LOINC, code, display, ja, en, 'activity');
const lab = (code: string, display: string, ja: string, en: string) => meaning(LOINC, code, display, ja, en, 'laboratory');
/** Without a LOINC code that says the same. */
const own = (code: string, ja: string, en: string, category: Meaning['category'] = 'activity') =>
  meaning(PHR_CODES, code, en, ja, en, category);

export const MEANINGS = {
  'heart-rate': vital('8867-4', 'Heart rate', '心拍数', 'Heart rate'),
  'resting-heart-rate': vital('40443-4', 'Heart rate --resting', '安静時の心拍数', 'Resting heart rate'),
  'heart-rate-variability': vital(
    '80404-7',
    'R-R interval.standard deviation (Heart rate variability)',
    '心拍のゆらぎ (SDNN)',
    'Heart rate variability (SDNN)',
  ),
  'respiratory-rate': vital('9279-1', 'Respiratory rate', '呼吸数', 'Respiratory rate'),
  'oxygen-saturation': vital(
    '59408-5',
    'Oxygen saturation in Arterial blood by Pulse oximetry',
    '血液の酸素 (SpO2)',
    'Oxygen saturation (SpO2)',
  ),
  'blood-pressure': vital('85354-9', 'Blood pressure panel with all children optional', '血圧', 'Blood pressure'),
  systolic: vital('8480-6', 'Systolic blood pressure', '上の血圧', 'Systolic'),
  diastolic: vital('8462-4', 'Diastolic blood pressure', '下の血圧', 'Diastolic'),
  'body-temperature': vital('8310-5', 'Body temperature', '体温', 'Body temperature'),
  'body-height': vital('8302-2', 'Body height', '身長', 'Height'),
  'body-weight': vital('29463-7', 'Body weight', '体重', 'Weight'),
  'body-mass-index': vital('39156-5', 'Body mass index (BMI) [Ratio]', 'BMI', 'BMI'),
  'body-fat-percentage': vital('41982-0', 'Percentage of body fat Measured', '体脂肪率', 'Body fat'),
  'glucose-mass': lab('2339-0', 'Glucose [Mass/volume] in Blood', '血糖', 'Blood glucose'),
  'glucose-moles': lab('15074-8', 'Glucose [Moles/volume] in Blood', '血糖', 'Blood glucose'),
  'step-count': doing('55423-8', 'Number of steps in unspecified time Pedometer', '歩数', 'Steps'),
  'calories-burned': doing('41981-2', 'Calories burned', '使ったエネルギー', 'Energy burned'),
  'sleep-duration': doing('93832-4', 'Sleep duration', 'ねむった時間', 'Sleep'),
  'sleep-stage': own('sleep-stage', 'ねむりの様子', 'Sleep stage'),
  'physical-activity': doing('73985-4', 'Exercise activity', '運動', 'Exercise'),
  'exercise-duration': doing('55411-3', 'Exercise duration', '運動した時間', 'Time of exercise'),
  distance: own('distance', '動いた距離', 'Distance'),
  'rr-interval': own('rr-interval', '心拍の間隔', 'R-R interval', 'vital-signs'),
  'minute-volume': own('minute-volume', '1分間の呼吸の量', 'Minute volume', 'vital-signs'),
  'expiratory-time': own('expiratory-time', '息をはく時間', 'Expiratory time', 'vital-signs'),
  'inspiratory-time': own('inspiratory-time', '息をすう時間', 'Inspiratory time', 'vital-signs'),
  'ventilation-cycle-time': own('ventilation-cycle-time', '1回の呼吸の時間', 'Ventilation cycle time', 'vital-signs'),
  'breath-carbon-monoxide': own('breath-carbon-monoxide', '息の一酸化炭素', 'Carbon monoxide in breath', 'laboratory'),
  'ambient-temperature': own('ambient-temperature', '部屋の温度', 'Ambient temperature'),
  'ambient-sound': own('ambient-sound', 'まわりの音', 'Ambient sound'),
  speed: own('speed', '速さ', 'Speed'),
  pace: own('pace', 'ペース', 'Pace'),
  acceleration: own('acceleration', '加速度', 'Acceleration'),
  orientation: own('orientation', '向きの変化', 'Angular velocity'),
  'magnetic-force': own('magnetic-force', '磁気', 'Magnetic field'),
  'medication-adherence': own('medication-adherence', '薬を飲めた割合', 'Doses taken'),
  'sleep-onset-latency': own('sleep-onset-latency', 'ねつくまでの時間', 'Time to fall asleep'),
  'arising-latency': own('arising-latency', '起きるまでの時間', 'Time to get up'),
  'wake-after-sleep-onset': own('wake-after-sleep-onset', '夜に起きていた時間', 'Awake in the night'),
  awakenings: own('awakenings', '目がさめた回数', 'Awakenings'),
  'sleep-efficiency': own('sleep-efficiency', 'ねむりの効率', 'Sleep efficiency'),
  'stand-hour': own('stand-hour', '立った時間', 'Stand hour'),
  nutrition: own('nutrition', '食べたもの', 'Nutrition'),
} as const satisfies Record<string, Meaning>;
export type MeaningName = keyof typeof MEANINGS;

/** Units as the formats write them, in UCUM. */
const UNITS: Readonly<Record<string, string>> = {
  'beats/min': '/min',
  'count/min': '/min',
  'breaths/min': '/min',
  mmHg: 'mm[Hg]',
  C: 'Cel',
  degC: 'Cel',
  F: '[degF]',
  degF: '[degF]',
  lb: '[lb_av]',
  oz: '[oz_av]',
  gr: '[gr]',
  'Metric Ton': 't',
  Ton: '[ston_av]',
  in: '[in_i]',
  ft: '[ft_i]',
  yd: '[yd_i]',
  mi: '[mi_i]',
  'kg/m^2': 'kg/m2',
  'm/s^2': 'm/s2',
  sec: 's',
  Mo: 'mo',
  yr: 'a',
  steps: '{steps}',
  count: '{count}',
  ppm: '[ppm]',
  Cal: 'kcal',
  'min/mi': 'min/[mi_i]',
  'mmol<180.1558800000541>/L': 'mmol/L',
};
/** UCUM of a unit; the unit itself where they are the same. */
export const ucum = (unit: string): string => UNITS[unit] ?? unit;
