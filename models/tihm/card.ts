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
  /** What `--protocol tihm-paper` printed; empty when it was left out. */
  paper: string[];
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
    'Changes of room since the stamp’s span began and in windows of 6 to 24 hours, their deviation from the home’s own past, the time of day; what a model of single spans, fitted on other homes, expected of this home’s last spans (newer ones counting more), and labels given before against that expectation: the adaptation to a person, with shrinkage, from the own past alone. Label history is left out in the rows “without label history”. Other rooms, quick changes, the night, and physiology with the hours since were offered as one wide candidate and not chosen.',
  missing:
    'An unknown input becomes the training mean. A server outage (no event from any home) is unknown, not quiet. A home that sent nothing in the day before what the lead knows is not predicted for (coverage 0; OUT.csv then has how often such a stamp was labelled, 0.0003); before a home’s first event there is none either. Coverage is the share of the day’s hours with any event against what is usual in that home. A home without physiology loses nothing. Deviations need three days of the own past and are drawn to 0 with less than some weeks: a home of two days is predicted from its counts alone. In a folder without any label the variant without label history is used.',
  method:
    'For each lead: linear models of several strengths and class weights, fitted to their optimum by Newton’s method and averaged in groups by what they see, a perceptron beside them; which group counts is decided by four inner folds of homes. Fitted again on all training homes, Platt calibration on the inner folds. Scaling from training homes alone. Labelled stamps weigh by the square root of the odds, or fully balanced.',
  tcn: 'A causal TCN over the last 48 hours, hour by hour (npm run train -- home --tcn --backend native), reached AUPRC 0.247 at lead 0 and 0.152 at 6 h on the inner folds, where the best linear models reached 0.381 and 0.282: with 105 labels it has too little to learn from, and is not shipped.',
  validation:
    'Ten folds by home: nobody is in training and test. The whole choice is repeated in each fold. Label history of a home in test is what was labelled there before the moment of prediction. Times are taken as the files write them, although the labels look like UTC and the homes keep British Summer Time: nothing at or after the stamp, less the lead, is used. Which inputs are offered at all was settled while looking at these same homes, so the figures lean to the bright side until homes kept aside confirm them.',
  subgroups:
    'By sex and age in the tables of each lead; with 19 labelled homes, one of them with a third of all labels, differences between groups prove nothing.',
  limits: [
    'One country, one season, one system of sensors; people who live alone were not told apart from couples.',
    'One home has 33 of the 105 labels: intervals by home are wide, and figures move with the fold that this home is in.',
    'Label history needs someone who goes on labelling; without it the rows “without label history” hold.',
    'A lead without a row in the tables below was trained like the others and not measured on homes left out: npm run evaluate -- --data DIR --leads 1,3,12 does it.',
    'Not in live use: the hub has no homes with these sensors yet.',
    'Sensitivities at a budget of false alerts set the level on the measured stamps themselves, to compare methods at equal alerts.',
  ],
};

/** Writes `card.json` and `card.md` into the folder. */
export function writeHomeCard(folder: string, card: HomeCard): void {
  const { model, created, command, homes, reports, paper } = card;
  const json = {
    name: model.name,
    version: model.version,
    created,
    command,
    homes,
    ...HOME_TEXT,
    leads: model.leads.map(({ lead, knows, chosen, tried, platt }) => ({ lead, knows, chosen, tried, platt })),
    paper,
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
- TCN: ${t.tcn}
- Validation: ${t.validation}
- Subgroups: ${t.subgroups}
- Licence: ${t.licence}
- Made on ${created} by \`${command}\`

## Limits

${t.limits.map(limit => `- ${limit}`).join('\n')}

## Chosen

${model.leads.map(({ lead, knows, chosen }) => `- ${lead} h, ${knows === 'both' ? 'sensors and label history' : 'sensors alone'}: ${chosen}`).join('\n')}

## Tested in the paper's way

Same-day recognition in five test weeks, each by what was learned from all days before it (people are the same in training and test); sensitivity and specificity are means over the weeks. The paper's best sum, on all 56 homes, is 1.611.

${paper.length ? paper.map(line => `- ${line}`).join('\n') : 'Not measured with this training: run `npm run evaluate -- --data DIR --protocol tihm-paper`.'}

## Tested on homes not trained on

${reports.length ? `${leadTable(reports)}\n${reports.flatMap(({ lead, gain }) => (gain ? [`- ${gainSentence(lead, gain)}`] : [])).join('\n')}\n\n${reports.map(leadText).join('\n')}` : 'Not measured with this training: run `npm run evaluate -- --data DIR`.'}
`,
  );
  // The project's formatter has the last word, where it is installed.
  spawnSync('biome', ['format', '--write', path.join(folder, 'card.json')], { stdio: 'ignore' });
}
