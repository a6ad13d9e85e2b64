// Descriptions of HealthKit samples as Open mHealth's Granola writes them (namespace `granola`).
import { z } from 'zod';
import type { Versions } from './measures.ts';
import { MEASURES } from './measures.ts';
import { amount, exactlyOne, timeFrame, words } from './parts.ts';

const metadata = z.array(z.object({ key: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) }));
const quantityType = z.string().regex(/^HKQuantityTypeIdentifier[A-Za-z0-9]+$/, 'is a HKQuantityTypeIdentifier…');
const categoryType = z.string().regex(/^HKCategoryTypeIdentifier[A-Za-z0-9]+$/, 'is a HKCategoryTypeIdentifier…');

const quantity = exactlyOne(
  z.object({
    quantity_type: quantityType,
    unit_value: amount().optional(),
    count: z.number().optional(),
    effective_time_frame: timeFrame,
    metadata: metadata.optional(),
  }),
  ['unit_value', 'count'],
);
const category = z.object({
  category_type: categoryType,
  category_value: z.string(),
  effective_time_frame: timeFrame,
  metadata: metadata.optional(),
});
const correlation = z
  .object({
    correlation_type: words('HKCorrelationTypeIdentifierBloodPressure', 'HKCorrelationTypeIdentifierFood'),
    quantity_samples: z.array(quantity).optional(),
    category_samples: z.array(category).optional(),
    effective_time_frame: timeFrame,
    metadata: metadata.optional(),
  })
  .superRefine((value, context) => {
    if (value.quantity_samples?.length || value.category_samples?.length) return;
    context.addIssue({ code: 'custom', path: ['quantity_samples'], message: 'quantity_samples or category_samples must hold a sample' });
  });
const workout = (MEASURES['physical-activity']!['1.0'] as z.ZodObject).extend({
  effective_time_frame: timeFrame,
  duration: amount('sec').optional(),
  kcal_burned: amount('kcal').optional(),
  metadata: metadata.optional(),
});

export const GRANOLA: Readonly<Record<string, Versions>> = {
  'hk-metadata': { '1.0': metadata },
  'hk-quantity-sample': { '1.0': quantity },
  'hk-category-sample': { '1.0': category },
  'hk-correlation': { '1.0': correlation },
  'hk-workout': { '1.0': workout },
};
