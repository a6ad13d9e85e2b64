// What a BPSD summary and a device report say, from what the other areas know of a person in a span.
import { loadProfiles } from '../../../devices/index.ts';
import type { AlertKind, AlertView, Outcome, PredictionView } from '../../alerts/contract.ts';
import { tokyoDay, tokyoTime } from '../search/dates.ts';
import type { Block } from './contract.ts';
import type { QuantitySummary } from './day-summary.ts';
import type { PlainSection } from './plain.ts';

/** A device that watched somebody. `to` null: still does. */
export interface DeviceSpan {
  device: string;
  profile: string;
  from: Date;
  to: Date | null;
}

/** What other areas tell; each is asked after the right was checked. Spans: `from` inclusive, `to` exclusive. */
export interface ReportSources {
  predictions(patient: string, from: Date, to: Date): Promise<PredictionView[]>;
  alerts(patient: string, from: Date, to: Date): Promise<AlertView[]>;
  devices(patient: string, from: Date, to: Date): Promise<DeviceSpan[]>;
  summary(patient: string, from: Date, to: Date): Promise<QuantitySummary[]>;
  /** Times (ms) of the ten-minute intervals in which a profile's devices sent something. */
  intervals(patient: string, profile: string, from: Date, to: Date): Promise<number[]>;
  careHint(patient: string): Promise<string | null>;
}

const TEN_MINUTES = 600_000;
const DAY = 86_400_000;
const text = (said: string): Block => ({ kind: 'text', text: said });
const table = (head: string[], rows: string[][], none: string): Block => (rows.length ? { kind: 'table', head, rows } : text(none));
const dayOf = (moment: Date | string) => tokyoDay(new Date(moment)).date;
const momentOf = (moment: Date | string) => tokyoTime(new Date(moment)).slice(0, 16).replace('T', ' ');
const percent = (share: number) => `${Math.round(share * 100)}%`;

const KINDS: Readonly<Record<AlertKind, string>> = {
  call: '呼び出し',
  fall: '転倒',
  vital: '体の値',
  bpsd: '落ち着かなくなる予測',
  uncovered: '見守れていない',
};
const OUTCOMES: Readonly<Record<Outcome, string>> = {
  episode: '起きた',
  prevented: '起きる前に防げた',
  false: '何もなかった',
  unknown: 'わからない',
  handled: '対応した',
};

/** How many of ten, never as a certainty. */
function ofTen(probability: number): string {
  const ten = Math.round(probability * 10);
  return ten === 0 ? '10回のうち1回より少なく' : ten === 10 ? '10回のうち9回より多く' : `10回のうち${ten}回`;
}

/** Period, predictions, alerts and outcomes, sensor coverage, care hint. */
export async function bpsdSections(sources: ReportSources, patient: string, from: Date, to: Date): Promise<PlainSection[]> {
  const [predictions, alerts, devices, hint] = await Promise.all([
    sources.predictions(patient, from, to),
    sources.alerts(patient, from, to),
    sources.devices(patient, from, to),
    sources.careHint(patient),
  ]);
  const days = new Map<string, PredictionView[]>();
  for (const prediction of predictions) days.set(dayOf(prediction.at), [...(days.get(dayOf(prediction.at)) ?? []), prediction]);
  const models = [...new Set(predictions.map(({ model }) => `${model.name} ${model.version}`))];
  const ended = (outcome: Outcome) => alerts.filter(alert => alert.outcome === outcome).length;
  return [
    { code: 'period', title: '対象の期間', blocks: [text(`${dayOf(from)} から ${dayOf(new Date(to.getTime() - 1))} まで`)] },
    {
      code: 'predictions',
      title: '予測',
      blocks: [
        table(
          ['日', '予測の数', 'いちばん高い予測 (似た状態のとき)', '主な理由', 'データ不足で予測しなかった数'],
          [...days].map(([day, all]) => {
            const made = all.filter(({ probability }) => probability !== null);
            const highest = made.toSorted((a, b) => b.probability! - a.probability!)[0];
            const reasons = highest?.reasons.slice(0, 2).map(reason => reason.text.ja) ?? [];
            return [
              day,
              String(made.length),
              highest ? ofTen(highest.probability!) : '—',
              reasons.join('、') || '—',
              String(all.length - made.length),
            ];
          }),
          'この期間に予測はありません。',
        ),
        ...(models.length ? [text(`モデル: ${models.join('、')}`)] : []),
      ],
    },
    {
      code: 'alerts',
      title: 'お知らせと、その結果',
      blocks: [
        text(
          `お知らせ ${alerts.length}件。起きた ${ended('episode')}件、防げた ${ended('prevented')}件、何もなかった ${ended('false')}件、` +
            `わからない ${ended('unknown')}件、まだ結果がない ${alerts.filter(({ outcome }) => outcome === null).length}件。`,
        ),
        table(
          ['日時', '種類', '結果', 'メモ'],
          alerts.map(alert => [
            momentOf(alert.raisedAt),
            KINDS[alert.kind],
            alert.outcome ? OUTCOMES[alert.outcome] : 'まだ',
            [alert.onset ? `始まり ${momentOf(alert.onset)}` : '', alert.comment ?? ''].filter(Boolean).join('、') || '—',
          ]),
          'この期間にお知らせはありません。',
        ),
      ],
    },
    { code: 'coverage', title: 'センサーのデータが届いた割合', blocks: [await coverage(sources, patient, devices, from, to)] },
    { code: 'hint', title: 'この方の助けになること', blocks: [text(hint?.trim() || 'まだ書かれていません。')] },
  ];
}

/** Which devices a person had, how much of the time they sent, and what they measured. */
export async function deviceSections(sources: ReportSources, patient: string, from: Date, to: Date): Promise<PlainSection[]> {
  const [devices, summaries] = await Promise.all([sources.devices(patient, from, to), sources.summary(patient, from, to)]);
  const profiles = loadProfiles();
  const amount = (value: number) => String(Number(value.toPrecision(4)));
  return [
    { code: 'period', title: '対象の期間', blocks: [text(`${dayOf(from)} から ${dayOf(new Date(to.getTime() - 1))} まで`)] },
    {
      code: 'devices',
      title: '使った機器',
      blocks: [
        table(
          ['機器', '種類', '始まり', '終わり'],
          devices.map(({ device, profile, from: since, to: until }) => [
            device,
            profiles.get(profile)?.name.ja ?? profile,
            momentOf(since),
            until ? momentOf(until) : '使用中',
          ]),
          'この期間に使った機器はありません。',
        ),
      ],
    },
    { code: 'coverage', title: 'データが届いた割合', blocks: [await coverage(sources, patient, devices, from, to)] },
    {
      code: 'values',
      title: '値のまとめ',
      blocks: [
        table(
          ['項目', '平均', '最小', '最大', '単位', '数'],
          summaries.map(({ quantity, mean, minimum, maximum, count }) => [
            quantity.label.ja,
            amount(mean),
            amount(minimum),
            amount(maximum),
            quantity.unit.ja || '—',
            String(count),
          ]),
          'この期間の値はありません。',
        ),
      ],
    },
  ];
}

/** Of the ten-minute intervals in which a device was assigned, those with data; by profile. */
async function coverage(sources: ReportSources, patient: string, devices: DeviceSpan[], from: Date, to: Date): Promise<Block> {
  const profiles = loadProfiles();
  const rows: string[][] = [];
  for (const profile of new Set(devices.map(device => device.profile))) {
    const spans = devices
      .filter(device => device.profile === profile)
      .map(
        device => [Math.max(device.from.getTime(), from.getTime()), Math.min(device.to?.getTime() ?? to.getTime(), to.getTime())] as const,
      );
    const wanted = new Set<number>();
    for (const [begin, end] of spans)
      for (let at = Math.ceil(begin / TEN_MINUTES); at * TEN_MINUTES + TEN_MINUTES <= end; at++) wanted.add(at);
    const there = (await sources.intervals(patient, profile, from, to))
      .map(at => Math.floor(at / TEN_MINUTES))
      .filter(at => wanted.has(at));
    const got = new Set(there).size;
    const days = (spans.reduce((sum, [begin, end]) => sum + Math.max(0, end - begin), 0) / DAY).toFixed(1);
    rows.push([profiles.get(profile)?.name.ja ?? profile, wanted.size ? percent(got / wanted.size) : '—', `${days}日`]);
  }
  return table(['種類', '届いた割合 (10分ごと)', '機器があった日数'], rows, 'この期間に使った機器はありません。');
}
