// A resident's day on the stand-in hub: three hours of samples with a gap, predictions that rise, one alert.
import type { AlertView } from '../../hub/alerts/contract.ts';
import type { DayView, Series } from '../../hub/vitals/contract.ts';
import { predictionAt } from './floor-facts.ts';
import { type Ago, MINUTE, names, roomOf } from './world-facts.ts';

/** @param now ms since 1970 */
export function dayFacts(now: number, ago: Ago, alert: AlertView): DayView {
  const prediction = predictionAt(ago);
  const points = (base: number, spread: number, stepMinutes: number, gap = false): [number, number | null][] =>
    Array.from({ length: Math.floor(180 / stepMinutes) }, (_, index): [number, number | null] => {
      const at = now - (180 - index * stepMinutes) * MINUTE;
      const rise = Math.max(0, index / (180 / stepMinutes) - 0.75) * 4 * spread;
      return [at, base + spread * Math.sin(index / 7) * Math.sin(index / 23) + rise];
    }).filter(([at]) => !gap || at < now - 100 * MINUTE || at > now - 78 * MINUTE);
  const series = (
    profile: string,
    quantity: string,
    ja: string,
    en: string,
    unit: string,
    data: [number, number | null][],
    normal: Series['normal'],
  ): Series => ({
    profile,
    quantity,
    label: { ja, en },
    unit: { ja: unit, en: unit },
    points: data,
    normal,
  });
  // Event devices repeat their state every ten minutes.
  const states = (changes: number[]): [number, number][] =>
    Array.from({ length: 181 }, (_, index) => 180 - index)
      .filter(minutes => minutes % 10 === 0 || changes.includes(minutes))
      .map(minutes => [now - minutes * MINUTE, (changes.filter(change => change >= minutes).length + 1) % 2]);
  return {
    patient: { id: 'r04', name: names[3]!, room: roomOf(3), facility: 'himawari', birthDate: '1936-11-03' },
    from: ago(180),
    to: ago(0),
    series: [
      series('bed', 'heart_rate', '心拍数', 'Heart rate', '拍/分', points(66, 6, 1, true), { low: 58, high: 74 }),
      series('bed', 'respiration_rate', '呼吸数', 'Respiration rate', '回/分', points(15, 2, 1, true), { low: 12, high: 18 }),
      series(
        'bed',
        'movement',
        '体動',
        'Movement',
        '(0〜1)',
        points(0.15, 0.12, 1, true).map(([at, value]) => [at, Math.abs(value ?? 0)]),
        { low: 0, high: 0.3 },
      ),
      series('bed', 'in_bed', '在床', 'In bed', '', states([180, 150, 96, 41, 38, 12]), null),
      series('room', 'temperature', '室温', 'Temperature', '℃', points(23.2, 0.6, 2), { low: 22.4, high: 24.1 }),
      series('room', 'co2', '二酸化炭素', 'CO2', 'ppm', points(700, 80, 2), { low: 550, high: 900 }),
      series('door', 'open', 'ドアが開いている', 'Door open', '', states([180, 95, 93, 40, 39, 11]), null),
    ],
    predictions: Array.from({ length: 36 }, (_, index) => ({
      ...prediction('r04', index < 28 ? 0.06 + index / 300 : 0.16 + (index - 28) * 0.07),
      id: `p${index}`,
      at: ago(180 - index * 5),
    })),
    alerts: [alert],
  };
}
