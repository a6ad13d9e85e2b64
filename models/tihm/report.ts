// The evaluation as text: tables for people, and plainly what is not proven.
import type { CalibrationBin } from '../metrics.ts';
import type { Intervals, Measured } from './measures.ts';

export interface LeadReport {
  lead: number;
  stamps: number;
  labelled: number;
  homes: number;
  /** Of one seed each. */
  seeds: { seed: number; measured: Measured }[];
  /** Probabilities averaged over the seeds. */
  model: Measured;
  intervals: Intervals;
  sensors: Measured | null;
  noSensor: Measured | null;
  eventCount: Measured;
  chance: number[];
  gain: Intervals | null;
  calibration: { brier: number; brierOfPrevalence: number; bins: CalibrationBin[] };
  chosen: string[];
}

const f = (value: number, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const range = ([low, high]: [number, number]) => `${f(low)} to ${f(high)}`;
const row = (name: string, one: Measured) =>
  `| ${name} | ${f(one.auroc)} | ${f(one.auprc)} | ${f(one.within)} | ${one.sensitivity.map(value => f(value)).join(' | ')} |`;

/** Says in one sentence whether the sensors added anything that can be told from chance. */
export function gainSentence(lead: number, gain: Intervals): string {
  const say = (what: string, [low, high]: [number, number]) =>
    low > 0
      ? `${what} is better by ${range([low, high])}`
      : `the interval of the gain in ${what} (${range([low, high])}) includes zero: nothing proven`;
  return `${lead} h ahead, against no sensors: ${say('AUPRC', gain.auprc)}; ${say('sensitivity at 0.5 false alerts', gain.sensitivityHalf)}; ${say('AUROC', gain.auroc)}.`;
}

export function leadText(one: LeadReport): string {
  const spread = (of: (measured: Measured) => number) => {
    const values = one.seeds.map(({ measured }) => of(measured));
    return `${f(Math.min(...values))} to ${f(Math.max(...values))}`;
  };
  const lines = [
    `### ${one.lead} h before the stamp`,
    '',
    `${one.stamps} stamps of ${one.homes} homes with data in the day before, ${one.labelled} labelled (prevalence ${f(one.labelled / one.stamps, 4)}).`,
    '',
    '| | AUROC | AUPRC | AUROC within a home | sensitivity at 0.25 | at 0.5 | at 1 false alert per resident-week |',
    '|---|---|---|---|---|---|---|',
    row('model', one.model),
    ...(one.sensors ? [row('model without label history', one.sensors)] : []),
    ...(one.noSensor ? [row('no sensors (label history, time of day)', one.noSensor)] : []),
    row('event count of 6 h', one.eventCount),
    `| chance | 0.500 | ${f(one.labelled / one.stamps)} | 0.500 | ${one.chance.map(value => f(value)).join(' | ')} |`,
    '',
    `95 % intervals by home: AUROC ${range(one.intervals.auroc)}, AUPRC ${range(one.intervals.auprc)}, sensitivity at 0.5 ${range(one.intervals.sensitivityHalf)}.`,
    ...(one.seeds.length > 1
      ? [
          `Over ${one.seeds.length} seeds: AUROC ${spread(m => m.auroc)}, AUPRC ${spread(m => m.auprc)}, sensitivity at 0.5 ${spread(m => m.sensitivity[1]!)}. "model" is the mean of their probabilities.`,
        ]
      : []),
    ...(one.gain ? [gainSentence(one.lead, one.gain)] : []),
    `Brier ${f(one.calibration.brier, 4)} (always the prevalence: ${f(one.calibration.brierOfPrevalence, 4)}).`,
    '',
    '| predicted | happened | stamps |',
    '|---|---|---|',
    ...one.calibration.bins.map(bin => `| ${f(bin.predicted)} | ${f(bin.happened)} | ${bin.windows} |`),
    '',
  ];
  return lines.join('\n');
}

export function leadTable(all: LeadReport[]): string {
  return [
    '| lead, hours | AUROC | AUPRC (95 %) | AUPRC, no sensors | gain in AUPRC (95 %) | sensitivity at 0.5 (95 %) | no sensors |',
    '|---|---|---|---|---|---|---|',
    ...all.map(
      one =>
        `| ${one.lead} | ${f(one.model.auroc)} | ${f(one.model.auprc)} (${range(one.intervals.auprc)}) | ${one.noSensor ? f(one.noSensor.auprc) : '–'} | ${one.gain ? range(one.gain.auprc) : '–'} | ${f(one.model.sensitivity[1]!)} (${range(one.intervals.sensitivityHalf)}) | ${one.noSensor ? f(one.noSensor.sensitivity[1]!) : '–'} |`,
    ),
    '',
  ].join('\n');
}
