// One thing that a patient brings along, from whatever format: the resource it becomes, and what makes it the same thing in another export.
import { createHash } from 'node:crypto';
import type { CodeableConcept, MedicationStatement, Observation, ObservationComponent, Quantity, Resource } from '@medplum/fhirtypes';
import { ORIGIN_SYSTEM, STATISTICS, UCUM } from '../records/systems.ts';
import { MEANINGS, type MeaningName, ucum } from './meanings.ts';

/** Mark of everything that came this way; consent speaks of it as the category `phr`. */
export const PHR_TAG = { system: ORIGIN_SYSTEM, code: 'phr', display: '本人が持ってきた記録 (brought along by the patient)' };
const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';

/** A resource that does not know its patient yet. */
export type Unowned = Omit<Observation, 'subject'> | Omit<MedicationStatement, 'subject'> | Resource;
export interface Reading {
  /** What kind of thing it is, for counts: a name of `MEANINGS`, or the format's own word. */
  kind: string;
  /** Who or what measured it, in the format's words. */
  source: string;
  resource: Unowned;
  /** The same (source, kind, time, value) is the same thing, in whichever file it comes. */
  key: string;
}
/** What was not taken over, and why, with its place in the file. */
export interface Refusal {
  place: string;
  reason: string;
}
/** What a reader of a format yields; `bytes` of the file were read so far. */
export type Found = { reading: Reading; bytes: number } | { refusal: Refusal; bytes: number } | { unknown: string; bytes: number };

export const keyOf = (...parts: unknown[]) => createHash('sha256').update(JSON.stringify(parts)).digest('base64url');

export interface Amount {
  value: number;
  unit: string;
}
/** A measured value, with the unit as it was written and in UCUM. */
export const quantity = ({ value, unit }: Amount): Quantity => ({ value, unit, system: UCUM, code: ucum(unit) });

export const concept = (name: MeaningName): CodeableConcept => {
  const { system, code, display, text } = MEANINGS[name];
  return { coding: [{ system, code, display }], text: text.ja };
};
export const component = (name: MeaningName, amount: Amount): ObservationComponent => ({
  code: concept(name),
  valueQuantity: quantity(amount),
});

/** HL7's observation-statistics, by the words of Open mHealth. */
const STATISTIC: Readonly<Record<string, string>> = {
  average: 'average',
  maximum: 'maximum',
  minimum: 'minimum',
  median: 'median',
  sum: 'sum',
  count: 'count',
  variance: 'variance',
  'standard deviation': 'std-dev',
  '20th percentile': '20-percent',
  '80th percentile': '80-percent',
  'lower quartile': '4-lower',
  'upper quartile': '4-upper',
  'quartile deviation': '4-dev',
  '1st quintile': '5-1',
  '2nd quintile': '5-2',
  '3rd quintile': '5-3',
  '4th quintile': '5-4',
};

export interface Measured {
  meaning: MeaningName;
  /** The value; with `statistic`, what it is of all values in the time. */
  amount?: Amount;
  statistic?: string;
  components?: ObservationComponent[];
  /** A word instead of a value. */
  word?: string;
  /** FHIR dateTime, or its ends. */
  time: { effectiveDateTime?: string; effectivePeriod?: { start?: string; end?: string } };
  source: string;
  /** Device, in the format's words. */
  device?: string;
  note?: string;
  /** More codes of the same meaning, such as the format's own. */
  codings?: CodeableConcept['coding'];
  /** A more telling code than the meaning's own. */
  code?: CodeableConcept;
}

/** An Observation of what a patient measured (PGHD): final, as the source wrote it; subject and performer are set when it is put into the record. */
export function measured(it: Measured): Reading {
  const { meaning, amount, statistic, components = [], word, time, source, device, note } = it;
  const code = it.code ?? concept(meaning);
  const one = amount && quantity(amount);
  // A maximum of four months is no blood pressure: it is told as what it is.
  const told: ObservationComponent[] =
    one && statistic
      ? [
          {
            code: { coding: [{ system: STATISTICS, code: STATISTIC[statistic] ?? statistic, display: statistic }], text: statistic },
            valueQuantity: one,
          },
        ]
      : [];
  const resource: Omit<Observation, 'subject'> = {
    resourceType: 'Observation',
    meta: { tag: [PHR_TAG] },
    status: 'final',
    category: [{ coding: [{ system: OBSERVATION_CATEGORY, code: MEANINGS[meaning].category }] }],
    code: { ...code, coding: [...(code.coding ?? []), ...(it.codings ?? [])] },
    ...time,
    ...(one && !statistic ? { valueQuantity: one } : {}),
    ...(word ? { valueCodeableConcept: { text: word } } : {}),
    ...(told.length || components.length ? { component: [...told, ...components] } : {}),
    ...(device ? { device: { display: device } } : {}),
    ...(note ? { note: [{ text: note }] } : {}),
  };
  const value = [amount?.value, amount?.unit, statistic, word, components.map(part => part.valueQuantity?.value ?? null)];
  return { kind: meaning, source, resource, key: keyOf(source, meaning, time, value) };
}
