// What the sensors and the models said of a person on one day, as FHIR: a summary Observation per quantity, a RiskAssessment per model.
import type { Observation, RiskAssessment } from '@medplum/fhirtypes';
import { loadProfiles, OBSERVATION_CATEGORY_SYSTEM, type Quantity } from '../../../devices/index.ts';
import type { PredictionView } from '../../alerts/contract.ts';
import type { Text } from '../../http/problem.ts';
import type { SampleStore } from '../../store/index.ts';
import { tokyoTime } from '../search/dates.ts';
import { OWN, STATISTICS, UCUM } from '../systems.ts';

/** One quantity over a span, in the profile's unit. */
export interface QuantitySummary {
  profile: string;
  quantity: Quantity;
  count: number;
  mean: number;
  minimum: number;
  maximum: number;
}

/** Summaries of a patient (id) from `from` inclusive to `to` exclusive; quantities without data are missing. */
export type DaySummary = (patient: string, from: Date, to: Date) => Promise<QuantitySummary[]>;
/** Predictions made for a patient (id) in a span. */
export type DayRisk = (patient: string, from: Date, to: Date) => Promise<PredictionView[]>;

/** Summaries straight from the sample store, over all device profiles. */
export function sensorSummary(samples: SampleStore): DaySummary {
  const profiles = [...loadProfiles().values()];
  return async (patient, from, to) => {
    const summaries: QuantitySummary[] = [];
    for (const { id, quantities } of profiles) {
      const names = quantities.map(({ name }) => name);
      const rows = await samples.read({
        subject: `Patient/${patient}`,
        profile: id,
        quantities: names,
        from: from.getTime(),
        to: to.getTime(),
      });
      for (const [index, quantity] of quantities.entries()) {
        const values = rows.map(row => row[index + 1]).filter(value => typeof value === 'number');
        if (!values.length) continue;
        summaries.push({
          profile: id,
          quantity,
          count: values.length,
          mean: values.reduce((sum, value) => sum + value, 0) / values.length,
          minimum: values.reduce((least, value) => Math.min(least, value)),
          maximum: values.reduce((most, value) => Math.max(most, value)),
        });
      }
    }
    return summaries;
  };
}

/** Times (ms) of the ten-minute intervals of a span in which a profile's devices sent something of a patient (id). */
export function sensorIntervals(samples: SampleStore) {
  const profiles = loadProfiles();
  return async (patient: string, profile: string, from: Date, to: Date): Promise<number[]> => {
    const quantities = profiles.get(profile)?.quantities.map(({ name }) => name) ?? [];
    if (!quantities.length) return [];
    const span = { from: from.getTime(), to: to.getTime(), everySeconds: 600 };
    const rows = await samples.read({ subject: `Patient/${patient}`, profile, quantities, ...span });
    return rows.filter(([, ...values]) => values.some(value => value !== null)).map(([time]) => time);
  };
}

/** Whom and when a summary is about. */
export interface SummaryOf {
  patient: string;
  encounter: string;
  from: Date;
  to: Date;
}

/** A summary as Observation: mean as the value, with average, minimum, maximum and count as components (HL7 observation-statistics). */
export function summaryObservation(summary: QuantitySummary, { patient, encounter, from, to }: SummaryOf): Observation {
  const { quantity, profile } = summary;
  const amount = (value: number) => ({
    value: round(value),
    ...(quantity.unit.ja ? { unit: quantity.unit.ja } : {}),
    system: UCUM,
    code: quantity.ucum,
  });
  const statistic = (code: string, display: string, value: number) => ({
    code: { coding: [{ system: STATISTICS, code, display }] },
    valueQuantity: amount(value),
  });
  return {
    resourceType: 'Observation',
    identifier: [{ system: `${OWN}:day-summary`, value: `${encounter}.${profile}.${quantity.name}` }],
    status: 'final',
    category: [{ coding: [{ system: OBSERVATION_CATEGORY_SYSTEM, code: quantity.category }] }],
    code: { coding: [{ ...quantity.code }], text: quantity.label.ja },
    subject: { reference: `Patient/${patient}` },
    encounter: { reference: `Encounter/${encounter}` },
    effectivePeriod: { start: tokyoTime(from), end: tokyoTime(to) },
    valueQuantity: amount(summary.mean),
    method: { text: '一日の測定値の平均・最小・最大 (mean, minimum and maximum of the day)' },
    component: [
      statistic('average', 'Average', summary.mean),
      statistic('minimum', 'Minimum', summary.minimum),
      statistic('maximum', 'Maximum', summary.maximum),
      {
        code: { coding: [{ system: STATISTICS, code: 'count', display: 'Count' }] },
        valueQuantity: { value: summary.count, system: UCUM, code: '1' },
      },
    ],
  };
}

/** The highest risk of each model among the predictions; those that abstained say nothing. */
export function highestRisks(predictions: PredictionView[]): PredictionView[] {
  const highest = new Map<string, PredictionView>();
  for (const prediction of predictions) {
    if (prediction.probability === null) continue;
    const key = `${prediction.model.name} ${prediction.model.version}`;
    if ((highest.get(key)?.probability ?? -1) < prediction.probability) highest.set(key, prediction);
  }
  return [...highest.values()];
}

/** A prediction as RiskAssessment: model and version, the period foretold, probability, reasons, and how much of the data was there. */
export function riskAssessment(prediction: PredictionView, { patient, encounter }: SummaryOf, basis: string[]): RiskAssessment {
  const at = new Date(prediction.at);
  const words = (text: Text) => text.ja;
  return {
    resourceType: 'RiskAssessment',
    identifier: [{ system: `${OWN}:prediction`, value: prediction.id }],
    status: 'final',
    method: {
      coding: [{ system: `${OWN}:model`, code: prediction.model.name, version: prediction.model.version }],
      text: `${prediction.model.name} ${prediction.model.version}`,
    },
    code: { text: 'BPSD の起こりやすさ (risk of BPSD)' },
    subject: { reference: `Patient/${patient}` },
    encounter: { reference: `Encounter/${encounter}` },
    occurrenceDateTime: tokyoTime(at),
    ...(basis.length ? { basis: basis.map(reference => ({ reference })) } : {}),
    prediction: [
      {
        outcome: { text: 'BPSD' },
        probabilityDecimal: round(prediction.probability ?? 0),
        whenPeriod: { start: tokyoTime(at), end: tokyoTime(new Date(at.getTime() + prediction.horizonMinutes * 60_000)) },
        ...(prediction.reasons.length ? { rationale: prediction.reasons.map(reason => words(reason.text)).join('、') } : {}),
      },
    ],
    note: [
      {
        text: `データの充足率 ${Math.round(prediction.coverage * 100)} % (coverage)。診断の支援であり、医療機器としての審査は受けていません。`,
      },
    ],
  };
}

const round = (value: number) => Number(value.toPrecision(4));
