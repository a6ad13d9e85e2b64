// The model card: what the model is for, what it was made from, how good it is and where it ends. For people (card.md) and pages (card.json).
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AdaptationFigures, adaptationText, type MissingDevice, missingTable } from './card-parts.ts';
import type { METHOD } from './card-text.ts';
import type { AlertFigures, Evaluation, HorizonFigures } from './evaluate.ts';
import type { Text } from './words.ts';

export interface Card {
  name: string;
  version: string;
  created: string;
  command: string;
  data: Text;
  split: Text;
  network: Text;
  /** Every network that was tried, on residents not trained on. */
  tried: { kind: string; validationAuprc: number; epoch: number }[];
  /** The network that is shipped. */
  chosen: string;
  horizonsMinutes: number[];
  alertHorizonMinutes: number;
  levels: { watch: number; act: number; clear: number };
  features: number;
  evaluation: Evaluation;
  /** The shipped model on other residents with each device away from the first day; missing until `npm run evaluate -- facility --card` adds it. */
  missing?: MissingDevice[];
  /** What fitting the model to single residents is worth; missing until `npm run evaluate -- adaptation --card` adds it. */
  adaptation?: AdaptationFigures;
  intendedUse: Text;
  method: typeof METHOD;
  limits: readonly Text[];
  statement: Text;
}

const f = (value: number, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const percent = (value: number) => (Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : '–');

/** `card.md` */
export function cardText(card: Card): string {
  const { evaluation } = card;
  const shipped = evaluation.shipped;
  return `# ${card.name} ${card.version}

**${card.statement.en}**
**${card.statement.ja}**

## Intended use
${card.intendedUse.en}

${card.intendedUse.ja}

## Limits
${card.limits.map(limit => `- ${limit.en}\n  ${limit.ja}`).join('\n')}

## Made from
- Data: ${card.data.en}
- Split: ${card.split.en}
- Outcome: ${card.method.outcome.en}
- Inputs: ${card.method.predictors.en}
- Missing data: ${card.method.missing.en}
- Method: ${card.method.building.en}
- Levels: ${card.method.levels.en}
- Network: ${card.network.en}; ${card.features} features; horizons ${card.horizonsMinutes.join(' and ')} minutes
- Tried: ${card.tried.map(({ kind, validationAuprc, epoch }) => `${kind} (validation AUPRC ${f(validationAuprc)}, best epoch ${epoch})`).join(', ')}; shipped: ${card.chosen}
- Made on ${card.created.slice(0, 10)} by \`${card.command}\`

## Tested on
${evaluation.residents} simulated residents of facilities not seen in training (${f(evaluation.residentWeeks, 1)} resident-weeks, ${evaluation.episodes} episodes).
There was enough data for a prediction in ${percent(evaluation.predictedShare)} of the time. ${card.method.intervals.en}

Alerts as shipped (${card.alertHorizonMinutes} minutes ahead, act at ${f(card.levels.act, 2)}, watch at ${f(card.levels.watch, 2)}, clear at ${f(card.levels.clear, 2)}):
${shipped.caught} of ${shipped.episodes} episodes warned of (${percent(shipped.sensitivity)}), ${f(shipped.came, 2)} false alerts per resident-week, ${percent(shipped.precision)} of alerts followed by an episode,
lead time ${shipped.leadMinutes ? `${f(shipped.leadMinutes.median, 0)} minutes (quartiles ${shipped.leadMinutes.quartiles.map(value => f(value, 0)).join(' to ')})` : '–'}.

${evaluation.horizons.map(horizonText).join('\n')}
### Whom it serves how well
${card.alertHorizonMinutes} minutes ahead, alerts as shipped.

| residents or windows | residents | episodes | AUROC | AUPRC | episodes warned of | false alerts per resident-week |
|---|---|---|---|---|---|---|
${evaluation.subgroups
  .map(
    one =>
      `| ${one.name.en} | ${one.residents} | ${one.episodes} | ${f(one.auroc)} | ${f(one.auprc)} | ${one.shipped ? `${one.shipped.caught} of ${one.shipped.episodes}` : '–'} | ${one.shipped ? f(one.shipped.came, 2) : '–'} |`,
  )
  .join('\n')}

### What more alerts buy
${evaluation.curve.length} levels, counted on the test residents; the alarm budget chooses among them.

| act level | false alerts per resident-week | episodes warned of | precision |
|---|---|---|---|
${evaluation.curve.map(point => `| ${f(point.act)} | ${f(point.came, 2)} | ${percent(point.sensitivity)} | ${percent(point.precision)} |`).join('\n')}
${card.missing ? `\n### A device that is away from the first day\n${missingTable(card.missing)}` : ''}${card.adaptation ? adaptationText(card.adaptation) : ''}`;
}

/** @throws Error when the folder has no card. */
export const readCardFile = (directory: string): Card => JSON.parse(readFileSync(path.join(directory, 'card.json'), 'utf8')) as Card;

/** Writes `card.json` and `card.md`. */
export function writeCardFile(directory: string, card: Card): void {
  writeFileSync(path.join(directory, 'card.json'), cardJson(card));
  writeFileSync(path.join(directory, 'card.md'), cardText(card));
  // The project's formatter has the last word on the card, where it is installed.
  spawnSync('biome', ['format', '--write', path.join(directory, 'card.json')], { stdio: 'ignore' });
}

const warned = (alerts: AlertFigures | null) =>
  alerts ? `${alerts.caught} of ${alerts.episodes} warned of, ${f(alerts.came, 2)} false per resident-week` : '–';

function horizonText(figures: HorizonFigures): string {
  const interval = ([low, high]: [number, number]) => `${f(low)} to ${f(high)}`;
  return `### ${figures.horizonMinutes} minutes ahead
| figure | value | beside it |
|---|---|---|
| AUROC | ${f(figures.auroc)} (${interval(figures.aurocInterval)}) | hour of the day alone: ${f(figures.hourOnly.auroc)} |
| AUROC within a person | ${f(figures.aurocWithinPerson)} | chance: 0.500 |
| AUPRC | ${f(figures.auprc)} (${interval(figures.auprcInterval)}) | prevalence ${f(figures.prevalence, 4)}; hour alone ${f(figures.hourOnly.auprc)} |
| Brier | ${f(figures.brier, 4)} | always the prevalence: ${f(figures.brierOfPrevalence, 4)} |

| false alerts per resident-week allowed | came | sensitivity | precision | lead, median minutes (quartiles) |
|---|---|---|---|---|
${figures.alerts
  .map(
    one =>
      `| ${one.allowed} | ${f(one.came, 2)} | ${percent(one.sensitivity)} (${one.caught} of ${one.episodes}) | ${percent(one.precision)} | ${one.leadMinutes ? `${f(one.leadMinutes.median, 0)} (${one.leadMinutes.quartiles.map(value => f(value, 0)).join(' to ')})` : '–'} |`,
  )
  .join('\n')}

These levels are set on the test residents themselves, to compare methods at equal alerts; the shipped level was set on validation residents.

Calibration: slope ${f(figures.calibrationLine.slope, 2)}, intercept ${f(figures.calibrationLine.intercept, 2)}.

| predicted | happened | windows |
|---|---|---|
${figures.calibration.map(bin => `| ${f(bin.predicted)} | ${f(bin.happened)} | ${bin.windows} |`).join('\n')}

| without | AUROC | AUPRC | alerts as shipped |
|---|---|---|---|
${figures.withoutDevice.map(one => `| ${one.profile} | ${f(one.auroc)} | ${f(one.auprc)} | ${warned(one.alerts)} |`).join('\n')}
`;
}

/** JSON with figures cut to four significant digits, for a diff that can be read. */
export function cardJson(card: Card): string {
  const cut = (_key: string, value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(card, cut, 2)}\n`;
}
