// The card of the home model (TRIPOD+AI points), as text and as JSON.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { HOME_LIMITS, HOME_TEXT, HOME_TRIED } from './card-text.ts';
import { gainSentence, goalSentences, type LeadReport, leadTable, leadText } from './report.ts';
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
    triedBesides: HOME_TRIED,
    limits: HOME_LIMITS,
    leads: model.leads.map(({ lead, knows, chosen, tried, platt }) => ({ lead, knows, chosen, tried, platt })),
    paper,
    goals: goalSentences(reports),
    evaluation: reports,
  };
  const cut = (_key: string, value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  writeFileSync(path.join(folder, 'card.json'), `${JSON.stringify(json, cut, 2)}\n`);
  const t = HOME_TEXT;
  writeFileSync(
    path.join(folder, 'card.md'),
    `# home ${model.version}

**${t.statement.en}**
**${t.statement.ja}**

- Intended use: ${t.intendedUse.en}
- 使いみち: ${t.intendedUse.ja}
- Data: ${t.data.en} ${homes} homes.
- Outcome: ${t.outcome.en}
- Inputs: ${t.predictors.en}
- Missing data: ${t.missing.en}
- Method: ${t.method.en}
- TCN: ${t.tcn.en}
- Validation: ${t.validation.en}
- Subgroups: ${t.subgroups.en}
- ${HOME_TRIED.en}
- Licence: ${t.licence.en}
- Made on ${created} by \`${command}\`

## Limits

${HOME_LIMITS.map(limit => `- ${limit.en}\n  ${limit.ja}`).join('\n')}

## Chosen

${model.leads.map(({ lead, knows, chosen }) => `- ${lead} h, ${knows === 'both' ? 'sensors and label history' : 'sensors alone'}: ${chosen}`).join('\n')}

## Tested in the paper's way

Same-day recognition in five test weeks, each by what was learned from all days before it (people are the same in training and test); sensitivity and specificity are means over the weeks. The paper's best sum, on all 56 homes, is 1.611.

${paper.length ? paper.map(line => `- ${line}`).join('\n') : 'Not measured with this training: run `npm run evaluate -- --data DIR --protocol tihm-paper`.'}

## Tested on homes not trained on

${
  reports.length
    ? `${leadTable(reports)}\n${reports.flatMap(({ lead, gain }) => (gain ? [`- ${gainSentence(lead, gain)}`] : [])).join('\n')}\n\nAsked for:\n\n${goalSentences(
        reports,
      )
        .map(line => `- ${line}`)
        .join('\n')}\n\n${reports.map(leadText).join('\n')}`
    : 'Not measured with this training: run `npm run evaluate -- --data DIR`.'
}
`,
  );
  // The project's formatter has the last word, where it is installed.
  spawnSync('biome', ['format', '--write', path.join(folder, 'card.json')], { stdio: 'ignore' });
}
