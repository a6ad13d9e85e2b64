// The model card: what the model is for, what it was made from, how good it is and where it ends. For people (card.md) and pages (card.json).
import type { Evaluation, HorizonFigures } from './evaluate.ts';

export interface Card {
  name: string;
  version: string;
  created: string;
  command: string;
  data: string;
  split: string;
  network: string;
  tried: { kind: string; validationAuprc: number; epoch: number }[];
  horizonsMinutes: number[];
  alertHorizonMinutes: number;
  levels: { watch: number; act: number; clear: number };
  features: number;
  evaluation: Evaluation;
  intendedUse: string;
  limits: string[];
  statement: string;
}

export const INTENDED_USE =
  'Tells caregivers of a care facility that agitation (BPSD) of a resident with dementia may begin within the next 30 or 60 minutes, with reasons, so that they look in earlier. A person decides what to do.';
export const LIMITS = [
  'Trained and tested on simulated residents only: figures say how well the method finds what the simulator shows, not what it is worth for real people. Before use with real residents it has to be trained and evaluated on theirs.',
  'Needs the bed sensor or the wrist sensor and half of all expected samples of the last 30 minutes; otherwise it makes no prediction and says so.',
  'In the first day of a resident the own baseline is short and deviations are weak.',
  'Door, toilet and room sensors are taken for the resident’s own: a shared room misleads it.',
  'Fever, exercise, visitors and a loud neighbour look like agitation to the sensors.',
  'The act level was chosen, and alerts were counted, with one prediction a minute; other intervals change both figures.',
];
export const STATEMENT = 'Decision support. It has had no review as a medical device and makes no diagnosis.';

const f = (value: number, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const percent = (value: number) => (Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : '–');

/** `card.md` */
export function cardText(card: Card): string {
  const { evaluation } = card;
  const shipped = evaluation.shipped;
  return `# ${card.name} ${card.version}

**${card.statement}**

## Intended use
${card.intendedUse}

## Limits
${card.limits.map(limit => `- ${limit}`).join('\n')}

## Made from
- Data: ${card.data}
- Split: ${card.split}
- Network: ${card.network}; ${card.features} features; horizons ${card.horizonsMinutes.join(' and ')} minutes
- Tried: ${card.tried.map(({ kind, validationAuprc, epoch }) => `${kind} (validation AUPRC ${f(validationAuprc)}, best epoch ${epoch})`).join(', ')}
- Made on ${card.created.slice(0, 10)} by \`${card.command}\`

## Tested on
${evaluation.residents} simulated residents of facilities not seen in training (${f(evaluation.residentWeeks, 1)} resident-weeks, ${evaluation.episodes} episodes).
There was enough data for a prediction in ${percent(evaluation.predictedShare)} of the time. Intervals are 95 %, by drawing residents.

Alerts as shipped (${card.alertHorizonMinutes} minutes ahead, act at ${f(card.levels.act, 2)}, watch at ${f(card.levels.watch, 2)}, clear at ${f(card.levels.clear, 2)}):
${shipped.caught} of ${shipped.episodes} episodes warned of (${percent(shipped.sensitivity)}), ${f(shipped.came, 2)} false alerts per resident-week, ${percent(shipped.precision)} of alerts followed by an episode,
lead time ${shipped.leadMinutes ? `${f(shipped.leadMinutes.median, 0)} minutes (quartiles ${shipped.leadMinutes.quartiles.map(value => f(value, 0)).join(' to ')})` : '–'}.

${evaluation.horizons.map(horizonText).join('\n')}`;
}

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

| predicted | happened | windows |
|---|---|---|
${figures.calibration.map(bin => `| ${f(bin.predicted)} | ${f(bin.happened)} | ${bin.windows} |`).join('\n')}

| without | AUROC | AUPRC |
|---|---|---|
${figures.withoutDevice.map(one => `| ${one.profile} | ${f(one.auroc)} | ${f(one.auprc)} |`).join('\n')}
`;
}

/** JSON with figures cut to four significant digits, for a diff that can be read. */
export function cardJson(card: Card): string {
  const cut = (_key: string, value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(card, cut, 2)}\n`;
}
