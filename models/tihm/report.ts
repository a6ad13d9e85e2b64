// The evaluation as text: tables for people, and plainly what is not proven.
import type { Calibration, Intervals, Measured } from './measures.ts';

export interface LeadReport {
  lead: number;
  /** Since each home's first event, silent days too. */
  stamps: number;
  /** Of these, without any event in the day before what the lead knows: no probability, and no alert. */
  abstained: number;
  labelled: number;
  homes: number;
  /** Of one seed each. */
  seeds: Measured[];
  /** Mean and standard deviation over the seeds. */
  model: Measured;
  sd: Measured;
  /** Of the probabilities averaged over the seeds; the intervals are about these. */
  together: Measured;
  /** Mean over the seeds, on the stamps with a probability alone. */
  answered: Measured;
  intervals: Intervals;
  sensors: Measured | null;
  noSensor: Measured | null;
  eventCount: Measured;
  chance: number[];
  gain: Intervals | null;
  calibration: Calibration;
  subgroups: { name: string; homes: number; stamps: number; labelled: number; measured: Measured | null }[];
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

/** What a model of homes was asked to reach (mean over seeds), and whether it does: said of every figure, reached or not. */
const GOALS = [
  { lead: 0, what: 'AUPRC', goal: 0.36, of: (one: Measured) => one.auprc },
  { lead: 0, what: 'sensitivity at 0.5 false alerts per resident-week', goal: 0.58, of: (one: Measured) => one.sensitivity[1]! },
  { lead: 6, what: 'AUPRC', goal: 0.24, of: (one: Measured) => one.auprc },
] as const;

export const goalSentences = (reports: readonly LeadReport[]): string[] =>
  GOALS.flatMap(({ lead, what, goal, of }) => {
    const one = reports.find(report => report.lead === lead);
    if (!one) return [];
    const mean = of(one.model);
    const seeds = one.seeds.map(seed => f(of(seed))).join(', ');
    return [
      `${lead} h ahead, ${what} ${goal}: ${mean >= goal ? 'reached' : 'not reached'} on the mean over seeds (${f(mean)}; by seed ${seeds}).`,
    ];
  });

export function leadText(one: LeadReport): string {
  const { sd, calibration } = one;
  const lines = [
    `### ${one.lead} h before the stamp`,
    '',
    `${one.stamps} stamps of ${one.homes} homes since each home's first event, ${one.labelled} labelled (prevalence ${f(one.labelled / one.stamps, 4)}). For ${one.abstained} of them the home had been silent for a day: no probability, counted as no alert.`,
    '',
    '| | AUROC | AUPRC | AUROC within a home | sensitivity at 0.25 | at 0.5 | at 1 false alert per resident-week |',
    '|---|---|---|---|---|---|---|',
    row('model', one.model),
    ...(one.seeds.length > 1 ? [row(`its standard deviation over ${one.seeds.length} seeds`, sd)] : []),
    row('model, on stamps with a probability alone', one.answered),
    ...(one.sensors ? [row('model without label history', one.sensors)] : []),
    ...(one.noSensor ? [row('no sensors (label history, time of day)', one.noSensor)] : []),
    row('event count of 6 h', one.eventCount),
    `| chance | 0.500 | ${f(one.labelled / one.stamps)} | 0.500 | ${one.chance.map(value => f(value)).join(' | ')} |`,
    '',
    `95 % intervals by home${one.seeds.length > 1 ? ' (of the probabilities averaged over the seeds)' : ''}: AUROC ${range(one.intervals.auroc)}, AUPRC ${range(one.intervals.auprc)}, sensitivity at 0.5 ${range(one.intervals.sensitivityHalf)}.`,
    ...(one.gain ? [gainSentence(one.lead, one.gain)] : []),
    `Calibration: Brier ${f(calibration.brier, 4)} (always the prevalence: ${f(calibration.brierOfPrevalence, 4)}), slope ${f(calibration.slope, 2)}, intercept ${f(calibration.intercept, 2)}.`,
    '',
    '| predicted | happened | stamps |',
    '|---|---|---|',
    ...calibration.bins.map(bin => `| ${f(bin.predicted)} | ${f(bin.happened)} | ${bin.windows} |`),
    '',
    ...(one.subgroups.length
      ? [
          '| people | homes | stamps | labelled | AUROC | AUPRC | sensitivity at 0.5 |',
          '|---|---|---|---|---|---|---|',
          ...one.subgroups.map(
            ({ name, homes, stamps, labelled, measured }) =>
              `| ${name} | ${homes} | ${stamps} | ${labelled} | ${measured ? [measured.auroc, measured.auprc, measured.sensitivity[1]!].map(value => f(value)).join(' | ') : '– | – | –'} |`,
          ),
          '',
        ]
      : []),
  ];
  return lines.join('\n');
}

const spread = (one: LeadReport, sd: number) => (one.seeds.length > 1 ? ` ± ${f(sd)}` : '');

export function leadTable(all: LeadReport[]): string {
  return [
    '| lead, hours | AUROC | AUPRC ± sd over seeds (95 % by home) | AUPRC, no sensors | gain in AUPRC (95 %) | sensitivity at 0.5 ± sd (95 %) | no sensors |',
    '|---|---|---|---|---|---|---|',
    ...all.map(
      one =>
        `| ${one.lead} | ${f(one.model.auroc)} | ${f(one.model.auprc)}${spread(one, one.sd.auprc)} (${range(one.intervals.auprc)}) | ${one.noSensor ? f(one.noSensor.auprc) : '–'} | ${one.gain ? range(one.gain.auprc) : '–'} | ${f(one.model.sensitivity[1]!)}${spread(one, one.sd.sensitivity[1]!)} (${range(one.intervals.sensitivityHalf)}) | ${one.noSensor ? f(one.noSensor.sensitivity[1]!) : '–'} |`,
    ),
    '',
  ].join('\n');
}
