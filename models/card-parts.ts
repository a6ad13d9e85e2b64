// Parts of the facility model's card that commands of their own fill: with a device away, and fitted to single residents.
import type { WatchedProfile } from './channels.ts';

export interface MissingDevice {
  /** null: nothing is missing. */
  without: WatchedProfile | null;
  /** Share of the minutes with enough data for a prediction; the rest abstains. */
  predictedShare: number;
  horizons: { minutes: number; windows: number; prevalence: number; auroc: number; auprc: number }[];
  /** Alerts at the shipped levels; an episode without a prediction before it is not warned of. */
  alerts: { episodes: number; caught: number; falsePerWeek: number; precision: number };
}

/** The table for people. */
export function missingTable(all: readonly MissingDevice[]): string {
  const f = (value: number, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
  const horizons = all[0]!.horizons;
  return [
    `| devices | predicted | ${horizons.map(({ minutes }) => `AUROC, AUPRC ${minutes} min`).join(' | ')} | episodes warned of | false alerts per resident-week | precision |`,
    `|${'---|'.repeat(5 + horizons.length)}`,
    ...all.map(
      one =>
        `| ${one.without ? `without ${one.without}` : 'all'} | ${f(one.predictedShare * 100, 1)} % | ${one.horizons.map(h => `${f(h.auroc)}, ${f(h.auprc)}`).join(' | ')} | ${one.alerts.caught} of ${one.alerts.episodes} | ${f(one.alerts.falsePerWeek, 2)} | ${f(one.alerts.precision, 2)} |`,
    ),
    '',
  ].join('\n');
}

/** Of `npm run evaluate -- adaptation`. */
export interface AdaptationFigures {
  residents: number;
  days: number;
  /** Resident-weeks. */
  weeks: number;
  episodes: number;
  plain: { caught: number; falsePerWeek: number };
  fitted: { caught: number; falsePerWeek: number };
  /** As everybody, at the level that gives as many false alerts as fitted. */
  equal: { act: number; caught: number; falsePerWeek: number };
  /** Fitted less plain, 95 % by drawing residents; at equal false alerts, less `equal`. */
  difference: { sensitivity: [number, number]; falsePerWeek: [number, number]; sensitivityAtEqual: [number, number] };
  people: { fewerFalse: number; moreFalse: number; fewerCaught: number; moreCaught: number };
}

/** The figures for people. */
export function adaptationText({ residents, days, weeks, episodes, plain, fitted, difference, people, equal }: AdaptationFigures): string {
  const arm = (name: string, one: AdaptationFigures['plain']) =>
    `| ${name} | ${one.caught} of ${episodes} (${percent(one.caught / episodes)}) | ${f(one.falsePerWeek, 2)} |`;
  const interval = ([low, high]: [number, number]) => `${f(low)} to ${f(high)}`;
  return `
### Fitted to the person
${residents} other simulated residents for ${days} days (${f(weeks, 1)} resident-weeks, ${episodes} episodes): each week the value of each person is reckoned anew from
the outcomes known by then, and taken. Same level of alerts; the first week is as everybody.

| | episodes warned of | false alerts per resident-week |
|---|---|---|
${arm('as everybody', plain)}
${arm('fitted to the person', fitted)}
| as everybody, at a level with as many false alerts as fitted | ${equal.caught} of ${episodes} (${percent(equal.caught / episodes)}) | ${f(equal.falsePerWeek, 2)} |

Difference (fitted less as everybody), 95 % by drawing residents: sensitivity ${interval(difference.sensitivity)}, false alerts per resident-week ${interval(difference.falsePerWeek)};
at as many false alerts: sensitivity ${interval(difference.sensitivityAtEqual)}${difference.sensitivityAtEqual[0] <= 0 ? ', which includes zero: nothing is proven' : ''}.
Of the residents, ${people.fewerFalse} had fewer false alerts and ${people.moreFalse} more; ${people.fewerCaught} were warned of fewer episodes and ${people.moreCaught} of more.
`;
}

const f = (value: number, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const percent = (value: number) => (Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : '–');
