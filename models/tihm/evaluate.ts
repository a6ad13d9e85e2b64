// `npm run evaluate`: what the home model is worth on a folder in TIHM's form, beside what needs no sensor and no model.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { reportAdaptation } from '../adaptation-report.ts';
import { chooseBackend } from '../backend.ts';
import { reportFacility } from '../facility-report.ts';
import { CHANNELS, type Homes, isoOf, readHomes } from './homes.ts';
import { applyLead } from './learn.ts';
import { BUDGETS, calibrationOf, chanceSensitivity, intervals, type Measured, meanAndSpread, measure, type Scores } from './measures.ts';
import { begunRows, eventCount, paperProtocol, personWise } from './protocols.ts';
import { gainSentence, type LeadReport, leadTable, leadText } from './report.ts';
import type { Knows } from './sets.ts';
import { LEADS, type Slots, slotsOf } from './slots.ts';
import { type HomeModel, readHomeModel } from './store.ts';

const HELP = `npm run evaluate -- --data DIR [options]

Measures the prediction of agitation in homes with motion sensors. DIR holds TIHM's files: Activity.csv[.gz], and where there are any
Physiology.csv[.gz], Labels.csv[.gz], Demographics.csv[.gz]. Nothing in DIR is changed or copied.

The facility model, on simulated residents: npm run evaluate -- facility --help, and fitted to single residents: -- adaptation --help.

  --data DIR            the folder (needed)
  --protocol NAME       person-wise: 10 folds of homes, every lead, stamps 08:00, 12:00, 18:00 (default);
                        tihm-paper: same-day recognition in five test weeks, as Palermo et al. 2023
  --model FOLDER        scores DIR with this model (models/home) instead of training: for homes that it never saw
  --predictions OUT.csv patient_id,slot,lead_hours,probability,coverage of every home and stamp (person-wise, or with --model);
                        coverage 0 where a home was silent for a day: the model abstains, and the probability is only
                        how often such a stamp was labelled in TIHM
  --seeds N             trains with seeds 1 to N and reports mean and spread (default 3)
  --leads LIST          hours before the stamp (default ${LEADS.join(',')})
  --json FILE           the figures as JSON
`;

/** Probabilities of every row, by seed; what a lead stands beside is null where nothing was trained. */
interface Predicted {
  bySeed: Float32Array[];
  sensors: Float32Array[] | null;
  noSensor: Float32Array[] | null;
  chosen: string[];
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const meanOf = (all: Float32Array[]) => all[0]!.map((_, row) => all.reduce((sum, one) => sum + one[row]! / all.length, 0));

/** Figures of one lead over every stamp since each home's first event; where the model abstained there is no alert. */
export function reportLead(slots: Slots, predicted: Predicted): LeadReport {
  const rows = begunRows(slots);
  const scoresOf = (values: Float32Array, part: readonly number[] = rows): Scores => ({
    scores: Float32Array.from(part, row => (Number.isNaN(values[row]!) ? -1 : values[row]!)),
    labels: Uint8Array.from(part, row => slots.labels[row]!),
    home: Int32Array.from(part, row => slots.home[row]!),
  });
  const over = (runs: Float32Array[] | null): Measured | null => runs && meanAndSpread(runs.map(one => measure(scoresOf(one)))).mean;
  const mean = meanOf(predicted.bySeed);
  const model = scoresOf(mean);
  const given = rows.filter(row => !Number.isNaN(mean[row]!));
  const seeds = predicted.bySeed.map(one => measure(scoresOf(one)));
  const noSensor = predicted.noSensor && scoresOf(meanOf(predicted.noSensor));
  return {
    lead: slots.lead,
    stamps: rows.length,
    abstained: rows.length - given.length,
    labelled: model.labels.reduce((sum, label) => sum + label, 0),
    homes: new Set(model.home).size,
    seeds,
    model: meanAndSpread(seeds).mean,
    sd: meanAndSpread(seeds).sd,
    together: measure(model),
    answered: meanAndSpread(predicted.bySeed.map(one => measure(scoresOf(one, given)))).mean,
    intervals: intervals(model),
    sensors: over(predicted.sensors),
    noSensor: over(predicted.noSensor),
    eventCount: measure(scoresOf(eventCount(slots))),
    chance: BUDGETS.map(budget => chanceSensitivity(model.labels, budget)),
    gain: noSensor && intervals(model, noSensor),
    calibration: calibrationOf(scoresOf(mean, given)),
    subgroups: [],
    chosen: predicted.chosen,
  };
}

/** Homes with so many places at most have few sensors. */
const FEW_SENSORS = 6;
const PLACES = CHANNELS.filter(channel => !['events', 'transitions', 'hallwayVisits', 'quickMoves'].includes(channel));
/** Places of a home that ever sent an event. */
const placesOf = ({ counts }: Homes['homes'][number]) => PLACES.filter(place => counts[place].some(count => count > 0)).length;

/** Figures for people of one sex or age, or with few sensors, from the same probabilities. */
export function withSubgroups(report: LeadReport, slots: Slots, homes: Homes, predicted: Predicted): LeadReport {
  const mean = meanOf(predicted.bySeed);
  const group = (name: string, belongs: (home: Homes['homes'][number]) => boolean) => {
    const rows = begunRows(slots).filter(row => belongs(homes.homes[slots.home[row]!]!));
    const labels = Uint8Array.from(rows, row => slots.labels[row]!);
    const scores = Float32Array.from(rows, row => (Number.isNaN(mean[row]!) ? -1 : mean[row]!));
    const home = Int32Array.from(rows, row => slots.home[row]!);
    const labelled = labels.reduce((sum, label) => sum + label, 0);
    return {
      name,
      homes: new Set(home).size,
      stamps: rows.length,
      labelled,
      measured: labelled ? measure({ scores, labels, home }) : null,
    };
  };
  const values = (of: (home: Homes['homes'][number]) => string | null) =>
    [...new Set(homes.homes.map(of).filter(value => value !== null))].sort();
  report.subgroups = [
    ...values(({ sex }) => sex).map(value => group(value, ({ sex }) => sex === value)),
    ...values(({ age }) => age).map(value => group(`age ${value}`, ({ age }) => age === value)),
    group(`at most ${FEW_SENSORS} places with sensors`, home => placesOf(home) <= FEW_SENSORS),
    group(`more than ${FEW_SENSORS} places with sensors`, home => placesOf(home) > FEW_SENSORS),
    group('without physiology', ({ measurements }) => !measurements.length),
  ].filter(one => one.homes > 0);
  return report;
}

/** Trains and predicts one lead out of fold, with what it stands beside. */
export function predictLead(slots: Slots, seeds: number): Predicted {
  const run = (knows: Knows, seed: number) => {
    const found = personWise(slots, knows, seed, fold => {
      const line = `${slots.lead} h ahead, ${knows}, seed ${seed} of ${seeds}: fold ${fold}`;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
      else if (fold % 10 === 0) say(line);
    });
    return found;
  };
  const all = (knows: Knows) => Array.from({ length: seeds }, (_, index) => run(knows, index + 1));
  const both = all('both');
  const only = (knows: Knows) => all(knows).map(({ probabilities }) => probabilities);
  const predicted: Predicted = {
    bySeed: both.map(({ probabilities }) => probabilities),
    sensors: only('sensors'),
    noSensor: only('noSensor'),
    chosen: both.flatMap(({ chosen }) => chosen),
  };
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return predicted;
}

/**
 * What stands in OUT.csv where a home sent nothing for a day and the model abstains, beside a coverage of 0: how often a stamp of a silent
 * home of TIHM carries a label (at most 1 of 5,806 at a lead, with half of one added). A file of numbers is easier to score than one with gaps.
 */
const SILENT = 0.0003;

/** Rows of OUT.csv for one lead. */
export function predictionRows(slots: Slots, probabilities: Float32Array): string {
  let text = '';
  for (let row = 0; row < slots.count; row++) {
    const probability = probabilities[row]!;
    const abstained = Number.isNaN(probability);
    text += `${slots.homes[slots.home[row]!]},${isoOf(slots.at[row]!)},${slots.lead},${(abstained ? SILENT : probability).toFixed(6)},${(abstained ? 0 : slots.coverage[row]!).toFixed(3)}\n`;
  }
  return text;
}

/** The command. @throws Error for the person at the terminal. */
export async function evaluateHomes(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string' },
      protocol: { type: 'string', default: 'person-wise' },
      model: { type: 'string' },
      predictions: { type: 'string' },
      seeds: { type: 'string', default: '3' },
      leads: { type: 'string', default: LEADS.join(',') },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const seeds = Number(values.seeds);
  const leads = values.leads.split(',').map(Number);
  if (!values.data) throw new Error('--data DIR is needed.');
  if (!Number.isInteger(seeds) || seeds < 1) throw new Error(`--seeds takes a whole number from 1, not ${values.seeds}.`);
  if (leads.some(lead => !(LEADS as readonly number[]).includes(lead))) throw new Error(`--leads takes some of ${LEADS.join(',')}.`);
  await chooseBackend('wasm');
  const homes = await readHomes(values.data);
  if (values.protocol === 'tihm-paper') return reportPaper(homes, seeds);
  if (values.protocol !== 'person-wise') throw new Error(`--protocol is person-wise or tihm-paper, not ${values.protocol}.`);
  const given = values.model ? readHomeModel(values.model) : undefined;
  const hasLabels = homes.homes.some(({ labels }) => labels.some(({ type }) => type === 'Agitation'));
  if (!given && !hasLabels) throw new Error('There is no label of agitation to train on; score with --model models/home.');
  let out = 'patient_id,slot,lead_hours,probability,coverage\n';
  const reports: LeadReport[] = [];
  for (const lead of leads) {
    const slots = slotsOf(homes, lead);
    const predicted = given ? byModel(slots, homes, given) : predictLead(slots, seeds);
    out += predictionRows(slots, meanOf(predicted.bySeed));
    // Written as it grows: a long training that is stopped leaves what it has.
    if (values.predictions) writeFileSync(values.predictions, out);
    if (!hasLabels) continue;
    const report = withSubgroups(reportLead(slots, predicted), slots, homes, predicted);
    reports.push(report);
    process.stdout.write(`${leadText(report)}\n`);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(reports, null, 1)}\n`);
  }
  if (given) say('Scored with a model as it is: the figures are honest only for homes that it was not trained on.');
  if (!hasLabels) say('There is no label of agitation in this folder: predictions only, nothing to measure.');
  else {
    process.stdout.write(`${leadTable(reports)}\n`);
    for (const { lead, gain } of reports) if (gain) process.stdout.write(`${gainSentence(lead, gain)}\n`);
  }
}

function reportPaper(homes: Homes, seeds: number): void {
  const slots = slotsOf(homes, 0);
  for (const knows of ['sensors', 'both'] as const) {
    const sums: number[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const weeks = paperProtocol(homes, slots, knows, seed);
      const mean = (of: 'sensitivity' | 'specificity') => weeks.reduce((sum, week) => sum + week[of] / weeks.length, 0);
      const [sensitivity, specificity] = [mean('sensitivity'), mean('specificity')];
      sums.push(sensitivity + specificity);
      process.stdout.write(
        `${knows === 'both' ? 'sensors and label history' : 'sensors alone'}, seed ${seed}: sensitivity ${sensitivity.toFixed(3)}, specificity ${specificity.toFixed(3)}, sum ${(sensitivity + specificity).toFixed(3)}; by week ${weeks.map(week => `${week.sensitivity.toFixed(2)}/${week.specificity.toFixed(2)} (${week.labelled} of ${week.days})`).join(', ')}\n`,
      );
    }
    const mean = sums.reduce((sum, value) => sum + value / sums.length, 0);
    process.stdout.write(
      `${knows === 'both' ? 'sensors and label history' : 'sensors alone'}: sum ${mean.toFixed(3)}, ${Math.min(...sums).toFixed(3)} to ${Math.max(...sums).toFixed(3)} over ${seeds} seeds (the paper's best: 1.611, on 56 homes)\n`,
    );
  }
}

/** By a model as it is; its variant without label history where the folder has no labels at all. */
export function byModel(slots: Slots, homes: Homes, model: HomeModel): Predicted {
  const knows: Knows = homes.homes.some(({ labels }) => labels.length) ? 'both' : 'sensors';
  const own = model.leads.find(one => one.lead === slots.lead && one.knows === knows);
  if (!own)
    throw new Error(
      `The model ${model.name} knows no lead of ${slots.lead} h; it knows ${[...new Set(model.leads.map(({ lead }) => lead))].join(', ')}.`,
    );
  const rows = Array.from({ length: slots.count }, (_, row) => row);
  return { bySeed: [applyLead(own, slots, rows)], sensors: null, noSensor: null, chosen: [own.chosen] };
}

const OTHERS: Record<string, (args: string[]) => Promise<void>> = { facility: reportFacility, adaptation: reportAdaptation };
if (import.meta.main)
  await (OTHERS[process.argv[2] ?? '']?.(process.argv.slice(3)) ?? evaluateHomes(process.argv.slice(2))).catch((error: Error) => {
    process.stderr.write(`${error.message}\nSee npm run evaluate -- --help.\n`);
    process.exitCode = 1;
  });
