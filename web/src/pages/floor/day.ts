// A resident's day for the chart: which quantities come first, live samples joined to what was loaded, and events as marks.
import { type Mark, type Panel, toPanel } from '../../shared/chart.ts';
import type { DayView, LiveVitals } from '../../shared/hub.ts';
import { t } from '../../shared/i18n.svelte.ts';
import { kinds } from './kinds.ts';

/** The quantities that carers look at first, in this order; the others follow on request. */
const FIRST = ['bed.heart_rate', 'bed.respiration_rate', 'bed.movement', 'bed.in_bed', 'room.temperature', 'door.open', 'toilet.occupied'];
const rank = (key: string) => FIRST.indexOf(key) + 1 || FIRST.length + 1;

/** New samples at the end of their series; what falls out of the window is dropped. A late sample is put in its place. */
export function withLive(view: DayView, live: LiveVitals, from: number): DayView {
  return {
    ...view,
    series: view.series.map(series => {
      if (series.profile !== live.profile) return series;
      const fresh = live.samples.flatMap(({ time, values }): [number, number][] => {
        const value = values[series.quantity];
        return value === undefined ? [] : [[time, value]];
      });
      if (fresh.length === 0) return series;
      const joined = new Map([...series.points.filter(([at]) => at >= from), ...fresh]);
      return { ...series, points: [...joined.entries()].sort(([a], [b]) => a - b) };
    }),
  };
}

/** Panels of the chart: risk as "times out of ten" first, then the quantities. */
export function panelsOf(view: DayView, all: boolean): Panel[] {
  const risk: Panel = {
    key: 'risk',
    label: t({ ja: '予測: 似た状態の10回のうち', en: 'Prediction: of 10 states like this' }),
    unit: t({ ja: '回', en: 'times' }),
    points: view.predictions.map(one => [new Date(one.at).getTime(), one.probability === null ? null : one.probability * 10]),
    normal: null,
    range: [0, 10],
    stepped: false,
    digits: 0,
  };
  const panels = view.series.map(toPanel).sort((a, b) => rank(a.key) - rank(b.key));
  const shown = all ? panels : panels.filter(panel => FIRST.includes(panel.key));
  // A facility with other devices shows what it has.
  return [...(risk.points.length ? [risk] : []), ...(shown.length ? shown : panels)];
}

export function marksOf(view: DayView): Mark[] {
  const found: Omit<Mark, 'number'>[] = [];
  for (const alert of view.alerts) {
    found.push({
      at: new Date(alert.raisedAt).getTime(),
      word: alert.kind === 'bpsd' ? t({ ja: '対応のお知らせ', en: 'Alert' }) : t(kinds[alert.kind].word),
      kind: 'act',
    });
    if (alert.acknowledgedAt)
      found.push({
        at: new Date(alert.acknowledgedAt).getTime(),
        word: t({ ja: `${alert.acknowledgedBy ?? ''}さんが対応`, en: `${alert.acknowledgedBy ?? ''} took it` }),
        kind: 'event',
      });
    if (alert.onset)
      found.push({ at: new Date(alert.onset).getTime(), word: t({ ja: '落ち着かなくなった', en: 'Became restless' }), kind: 'act' });
  }
  return found.sort((a, b) => a.at - b.at).map((mark, index) => ({ ...mark, number: index + 1 }));
}
