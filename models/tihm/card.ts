// The card of the home model (TRIPOD+AI points), as text and as JSON.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { gainSentence, type LeadReport, leadTable, leadText } from './report.ts';
import type { HomeModel } from './store.ts';

export interface HomeCard {
  model: HomeModel;
  created: string;
  command: string;
  homes: number;
  /** Empty when the evaluation was left out. */
  reports: LeadReport[];
}

export const HOME_TEXT = {
  statement: 'Decision support. It has had no review as a medical device and makes no diagnosis.',
  intendedUse:
    'Tells those who look after a person with dementia at home, who has motion and door sensors, how likely a label of agitation is at the next stamp (08:00, 12:00, 18:00), 0 to 24 hours ahead. A person decides what to do.',
  data: 'TIHM, 2019-04-01 to 2019-06-30, monitoring of people with dementia in their homes in England: motion in rooms, doors, fridge, physiology, and labels of agitation checked by a monitoring team.',
  licence:
    'Weights derived from TIHM (CC BY 4.0): Palermo, F. et al. TIHM: An open dataset for remote healthcare monitoring in dementia. Scientific Data 10 (2023), doi 10.1038/s41597-023-02519-y. Thanks to Surrey and Borders Partnership NHS Foundation Trust and Howz. Changes: features, networks and calibration are ours.',
  outcome:
    'A label of agitation at a stamp. The label is raised from the sensors and then checked: at lead 0 the model mostly recognises what raised it. An unlabelled stamp is no proof of a quiet one.',
  predictors:
    'Counts of events, changes of room, quick changes and visits of the hallway since the stamp’s span began and in windows of 3 to 24 hours, their deviation from the home’s own past, the night, the time of day, and the labels given before (left out in the rows “without label history”).',
  missing:
    'An unknown input becomes the training mean. A server outage (no event from any home) is unknown, not quiet. Stamps without any event in the day before are not measured; their coverage is 0.',
  method:
    'For each lead: kind of network, inputs and strength of the penalty by three inner folds of homes; fitted again on all training homes; Platt calibration on homes left out, for a prevalence of 2 %. Scaling from training homes alone. Labelled stamps weigh less where a home has many.',
  validation:
    'Ten folds by home: nobody is in training and test. The whole choice is repeated in each fold. Which inputs are offered at all was settled while looking at these same homes, so the figures lean to the bright side until homes kept aside confirm them.',
  subgroups: 'Not reported: 19 homes with a label, one of them with a third of all labels, are too few to split by age or sex.',
  limits: [
    'One country, one season, one system of sensors; people who live alone were not told apart from couples.',
    'One home has 33 of the 105 labels: intervals by home are wide.',
    'Label history needs someone who goes on labelling.',
    'A lead without a row in the table below was trained and not measured. Physiology, kettle and demographics are not used.',
    'Sensitivities at a budget of false alerts set the level on the measured stamps themselves, to compare methods at equal alerts.',
  ],
};

/** Writes `card.json` and `card.md` into the folder. */
export function writeHomeCard(folder: string, card: HomeCard): void {
  const { model, created, command, homes, reports } = card;
  const json = {
    name: model.name,
    version: model.version,
    created,
    command,
    homes,
    ...HOME_TEXT,
    leads: model.leads.map(({ lead, chosen, tried, platt }) => ({ lead, chosen, tried, platt })),
    evaluation: reports,
  };
  const cut = (_key: string, value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  writeFileSync(path.join(folder, 'card.json'), `${JSON.stringify(json, cut, 2)}\n`);
  const t = HOME_TEXT;
  writeFileSync(
    path.join(folder, 'card.md'),
    `# home ${model.version}

**${t.statement}**

- Intended use: ${t.intendedUse}
- Data: ${t.data} ${homes} homes.
- Outcome: ${t.outcome}
- Inputs: ${t.predictors}
- Missing data: ${t.missing}
- Method: ${t.method}
- Validation: ${t.validation}
- Subgroups: ${t.subgroups}
- Licence: ${t.licence}
- Made on ${created} by \`${command}\`

## Limits

${t.limits.map(limit => `- ${limit}`).join('\n')}

## Chosen

${model.leads.map(({ lead, chosen }) => `- ${lead} h: ${chosen}`).join('\n')}

## Tested on homes not trained on

${reports.length ? `${leadTable(reports)}\n${reports.flatMap(({ lead, gain }) => (gain ? [`- ${gainSentence(lead, gain)}`] : [])).join('\n')}\n\n${reports.map(leadText).join('\n')}` : 'Not measured with this training: run `npm run evaluate -- --data DIR`.'}
`,
  );
  // The project's formatter has the last word, where it is installed.
  spawnSync('biome', ['format', '--write', path.join(folder, 'card.json')], { stdio: 'ignore' });
}
