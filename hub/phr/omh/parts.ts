// What the descriptions of Open mHealth (version 1 to 4 of its schemas) and IEEE 1752.1 share: values with units, times, statistics, circumstances.
import { z } from 'zod';

/** A value with one of these units; without units, with any (omh:unit-value). */
export const amount = (...units: string[]) => z.object({ value: z.number(), unit: units.length ? z.enum(units) : z.string() });
/** A span of values with one of these units (omh:unit-value-range). Which end is higher is left open, as the schema leaves it. */
export const range = (...units: string[]) =>
  z.object({ low_value: z.number(), high_value: z.number(), unit: units.length ? z.enum(units) : z.string() });
export const words = (...allowed: string[]) => z.enum(allowed);

/** Refuses unless exactly one of the keys is there (JSON Schema `oneOf` over required properties), naming them. */
export function exactlyOne<T extends Record<string, unknown>>(schema: z.ZodType<T>, keys: string[]) {
  return schema.superRefine((value, context) => {
    const there = keys.filter(key => value[key] !== undefined);
    if (there.length === 1) return;
    const message = there.length ? `only one of ${there.join(', ')} may be there` : `one of ${keys.join(', ')} must be there`;
    context.addIssue({ code: 'custom', path: there.length ? [there[1]!] : [], message });
  });
}

export const dateTime = z.iso.datetime({ offset: true });
export const localTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,3})?$/, 'is a time such as 23:59:12 or 23:59:12.027');
export const fullDate = z.iso.date();
export const partOfDay = words('morning', 'afternoon', 'evening', 'night');
export const dayOfWeek = words('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday');

export const DURATION = ['ps', 'ns', 'us', 'ms', 'sec', 'min', 'h', 'd', 'wk', 'Mo', 'yr'];
export const LENGTH = ['fm', 'pm', 'nm', 'um', 'mm', 'cm', 'm', 'km', 'in', 'ft', 'yd', 'mi'];
export const MASS = ['fg', 'pg', 'ng', 'ug', 'mg', 'g', 'kg', 'Metric Ton', 'gr', 'oz', 'lb', 'Ton'];
export const TEMPERATURE = ['K', 'F', 'C'];
export const AREA = ['mm^2', 'cm^2', 'm^2', 'km^2', 'in^2', 'ft^2', 'yd^2', 'mi^2'];
export const VOLUME = ['fL', 'pL', 'nL', 'uL', 'mL', 'cL', 'dL', 'L', 'kL', 'fl oz', 'Cup', 'in^3', 'pt', 'qt', 'gal', 'tsp', 'tbsp'];
export const FLUX = ['pT', 'nT', 'uT', 'mT', 'T'];
export const duration = amount(...DURATION);
export const durationRange = range(...DURATION);

const interval = z.object({
  start_date_time: dateTime.optional(),
  end_date_time: dateTime.optional(),
  duration: duration.optional(),
  date: fullDate.optional(),
  part_of_day: partOfDay.optional(),
});
const INTERVALS = [
  ['start_date_time', 'duration'],
  ['end_date_time', 'duration'],
  ['start_date_time', 'end_date_time'],
  ['date', 'part_of_day'],
] as const;
export type TimeInterval = z.infer<typeof interval>;

/** Two of start, end and duration, or a date with a part of the day; nothing more. */
export const timeInterval = interval.superRefine((value, context) => {
  if (INTERVALS.filter(keys => keys.every(key => value[key] !== undefined)).length === 1) return;
  context.addIssue({
    code: 'custom',
    message: 'two of start_date_time, end_date_time and duration must be there, or date with part_of_day',
  });
});

const frame = z.object({ date_time: dateTime.optional(), time_interval: timeInterval.optional() });
export type TimeFrame = z.infer<typeof frame>;
/** A moment or an interval. */
export const timeFrame = exactlyOne(frame, ['date_time', 'time_interval']);
/** As `timeFrame`, where a moment makes no sense (steps, sleep, energy). */
export const overTime = exactlyOne(
  frame.superRefine((value, context) => {
    if (value.date_time !== undefined)
      context.addIssue({ code: 'custom', path: ['date_time'], message: 'is a moment; this is measured over a time_interval' });
  }),
  ['time_interval'],
);

const STATISTICS = ['average', 'maximum', 'minimum', 'standard deviation', 'variance', 'sum', 'median'];
const QUANTILES = ['lower quartile', 'upper quartile', '1st quintile', '2nd quintile', '3rd quintile', '4th quintile'];
export const statistic = words(...STATISTICS);
export const statistic11 = words(...STATISTICS, 'count', 'quartile deviation', '80th percentile', ...QUANTILES);
export const statistic12 = words(...STATISTICS, 'count', 'quartile deviation', '20th percentile', '80th percentile', ...QUANTILES);
/** Where the version of the statistic is left open, any of them. */
export const anyStatistic = statistic12.optional();
export const denominator = words('d', 'episode', 'meal', 'session');
export const denominator11 = words('d', 'wk', 'Mo', 'episode', 'meal', 'session');
/** A word of the list, or one's own. */
export const anyDenominator = z.string().optional();

const MEALS = ['breakfast', 'lunch', 'dinner'].flatMap(meal => [`before ${meal}`, `after ${meal}`]);
const MEAL = ['fasting', 'not fasting', 'before meal', 'after meal', ...MEALS, '2 hours postprandial'];
export const toMeal = words(...MEAL);
export const toMeal11 = words(...MEAL, 'not related to meals', 'with meal', 'with food');
export const toMeal12 = words(...MEAL, 'with meal', 'with food');
export const toSleep = words('before sleeping', 'during sleep', 'on waking');
export const toActivity = words('at rest', 'active', 'before exercise', 'after exercise', 'during exercise');
export const position = words('sitting', 'lying down', 'standing');
export const posture = words('sitting', 'lying down', 'standing', 'semi-recumbent');
const SIDES = ['ankle', 'hip', 'thigh'].flatMap(part => [`left ${part}`, `right ${part}`]);
export const bodyLocation = words(
  ...[...SIDES, 'left thorax', 'middle left thorax', 'left upper arm', 'right upper arm'],
  ...['left wrist', 'right wrist'],
);
export const bloodSpecimen = words('whole blood', 'plasma', 'serum');
export const specimen = words('interstitial fluid', 'capillary blood', 'plasma', 'serum', 'tears', 'whole blood');
const FLUIDS = ['breath', 'capillary blood', 'interstitial fluid', 'saliva', 'sweat', 'urine'];
export const specimen20 = words(...FLUIDS, 'lacrimal fluid');
export const specimen21 = words(...FLUIDS, 'tears');
export const frequency = z.object({ number_of_times: z.number(), time_window: z.union([duration, durationRange]) });
