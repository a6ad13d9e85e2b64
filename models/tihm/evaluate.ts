// `npm run evaluate`: what the home model is worth on a folder in TIHM's form, beside what needs no sensor and no model.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chooseBackend } from '../backend.ts';
import { isoOf, readHomes } from './homes.ts';
import { applyLead, type Knows } from './learn.ts';
import { BUDGETS, calibrationOf, chanceSensitivity, intervals, measure, type Scores } from './measures.ts';
import { eventCount, paperProtocol, personWise, watchedRows } from './protocols.ts';
import { gainSentence, type LeadReport, leadTable, leadText } from './report.ts';
import { LEADS, type Slots, slotsOf } from './slots.ts';
import { readHomeModel } from './store.ts';

const HELP = `npm run evaluate -- --data DIR [options]

Measures the prediction of agitation in homes with motion sensors. DIR holds TIHM's files: Activity.csv[.gz], Physiology.csv, Labels.csv,
Demographics.csv. Nothing in DIR is changed or copied.

  --data DIR            the folder (needed)
  --protocol NAME       person-wise: 10 folds of homes, every lead, stamps 08:00, 12:00, 18:00 (default);
                        tihm-paper: same-day recognition in five test weeks, as Palermo et al. 2023
  --model FOLDER        scores DIR with this model (models/home) instead of training: for homes that it never saw
  --predictions OUT.csv patient_id,slot,lead_hours,probability,coverage of every home and stamp (person-wise, or with --model)
  --seeds N             trains with seeds 1 to N and reports the spread (default 1)
  --leads LIST          hours before the stamp (default ${LEADS.join(',')})
  --json FILE           the figures as JSON
`;

/** Where a lead's probabilities come from: trained here, or a model given. */
interface Predicted {
  bySeed: { seed: number; probabilities: Float32Array }[];
  sensors: Float32Array | null;
  noSensor: Float32Array | null;
  chosen: string[];
}

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Figures of one lead. Rows of `watched` alone count. */
export function reportLead(slots: Slots, watched: readonly number[], predicted: Predicted): LeadReport {
  const scoresOf = (values: Float32Array): Scores => ({
    scores: Float32Array.from(watched, row => values[row]!),
    labels: Uint8Array.from(watched, row => slots.labels[row]!),
    home: Int32Array.from(watched, row => slots.home[row]!),
  });
  const all = predicted.bySeed.map(({ probabilities }) => probabilities);
  const model = scoresOf(meanOf(all));
  const noSensor = predicted.noSensor && scoresOf(predicted.noSensor);
  return {
    lead: slots.lead,
    stamps: watched.length,
    labelled: model.labels.reduce((sum, label) => sum + label, 0),
    homes: new Set(model.home).size,
    seeds: predicted.bySeed.map(({ seed, probabilities }) => ({ seed, measured: measure(scoresOf(probabilities)) })),
    model: measure(model),
    intervals: intervals(model),
    sensors: predicted.sensors && measure(scoresOf(predicted.sensors)),
    noSensor: noSensor && measure(noSensor),
    eventCount: measure(scoresOf(eventCount(slots))),
    chance: BUDGETS.map(budget => chanceSensitivity(model.labels, budget)),
    gain: noSensor && intervals(model, noSensor),
    calibration: calibrationOf(model),
    chosen: predicted.chosen,
  };
}

const meanOf = (all: Float32Array[]) => all[0]!.map((_, row) => all.reduce((sum, one) => sum + one[row]! / all.length, 0));

/** Trains and predicts one lead out of fold, with what it stands beside. */
export function predictLead(slots: Slots, watched: readonly number[], seeds: number): Predicted {
  const run = (knows: Knows, seed: number) =>
    personWise(
      slots,
      watched,
      knows,
      seed,
      fold => process.stderr.isTTY && process.stderr.write(`\r${slots.lead} h, ${knows}, seed ${seed}, fold ${fold}  `),
    );
  const runs = Array.from({ length: seeds }, (_, index) => ({ seed: index + 1, ...run('both', index + 1) }));
  return {
    bySeed: runs.map(({ seed, probabilities }) => ({ seed, probabilities })),
    sensors: run('sensors', 1).probabilities,
    noSensor: meanOf(Array.from({ length: seeds }, (_, index) => run('noSensor', index + 1).probabilities)),
    chosen: runs.flatMap(({ chosen }) => chosen),
  };
}

/** Rows of OUT.csv for one lead. */
export function predictionRows(slots: Slots, probabilities: Float32Array): string {
  let text = '';
  for (let row = 0; row < slots.count; row++)
    text += `${slots.homes[slots.home[row]!]},${isoOf(slots.at[row]!)},${slots.lead},${probabilities[row]!.toFixed(6)},${slots.coverage[row]!.toFixed(3)}\n`;
  return text;
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string' },
      protocol: { type: 'string', default: 'person-wise' },
      model: { type: 'string' },
      predictions: { type: 'string' },
      seeds: { type: 'string', default: '1' },
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
  const base = slotsOf(homes, 0);
  const watched = watchedRows(base);
  if (values.protocol === 'tihm-paper') {
    for (const knows of ['sensors', 'both'] as const)
      for (let seed = 1; seed <= seeds; seed++) {
        const weeks = paperProtocol(homes, base, watched, knows, seed);
        const mean = (of: 'sensitivity' | 'specificity') => weeks.reduce((sum, week) => sum + week[of] / weeks.length, 0);
        const [sensitivity, specificity] = [mean('sensitivity'), mean('specificity')];
        process.stdout.write(
          `${knows === 'both' ? 'sensors and label history' : 'sensors alone'}, seed ${seed}: sensitivity ${sensitivity.toFixed(3)}, specificity ${specificity.toFixed(3)}, sum ${(sensitivity + specificity).toFixed(3)} (paper's best 1.611, on 56 homes); by week ${weeks.map(week => `${week.sensitivity.toFixed(2)}/${week.specificity.toFixed(2)} (${week.labelled} of ${week.days})`).join(', ')}\n`,
        );
      }
    return;
  }
  if (values.protocol !== 'person-wise') throw new Error(`--protocol is person-wise or tihm-paper, not ${values.protocol}.`);
  const given = values.model ? readHomeModel(values.model) : undefined;
  const hasLabels = base.labels.includes(1);
  if (!given && !hasLabels) throw new Error('There is no label of agitation to train on; score with --model models/home.');
  let out = 'patient_id,slot,lead_hours,probability,coverage\n';
  const reports: LeadReport[] = [];
  for (const lead of leads) {
    const slots = lead === 0 ? base : slotsOf(homes, lead);
    const predicted = given ? byModel(slots, given) : predictLead(slots, watched, seeds);
    out += predictionRows(slots, meanOf(predicted.bySeed.map(({ probabilities }) => probabilities)));
    // Written as it grows: a long training that is stopped leaves what it has.
    if (values.predictions) writeFileSync(values.predictions, out);
    if (!hasLabels) continue;
    const report = reportLead(slots, watched, predicted);
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

function byModel(slots: Slots, model: ReturnType<typeof readHomeModel>): Predicted {
  const own = model.leads.find(({ lead }) => lead === slots.lead);
  if (!own)
    throw new Error(
      `The model ${model.name} knows no lead of ${slots.lead} h; it knows ${model.leads.map(({ lead }) => lead).join(', ')}.`,
    );
  const rows = Array.from({ length: slots.count }, (_, row) => row);
  return { bySeed: [{ seed: 0, probabilities: applyLead(own, slots, rows) }], sensors: null, noSensor: null, chosen: [own.chosen] };
}

if (import.meta.main)
  await main(process.argv.slice(2)).catch((error: Error) => {
    process.stderr.write(`${error.message}\nSee npm run evaluate -- --help.\n`);
    process.exitCode = 1;
  });
