// The list of checks, in the order of the report, and their verdicts on what a run saw.
import type { Profile } from '../profiles.ts';
import * as connection from './connection-checks.ts';
import type { Observed } from './observed.ts';
import * as packs from './pack-checks.ts';
import type { CheckView } from './progress.ts';
import { type Check, notSeen, type Verdict } from './verdict.ts';

interface Definition {
  id: string;
  ja: string;
  en: string;
  judge: (observed: Observed, profile: Profile) => Verdict;
  /** It says nothing while the device's profile is unknown. */
  byProfile?: true;
}

const CHECKS: readonly Definition[] = [
  { id: 'sign-in', ja: '接続と認証', en: 'Connect and sign in', judge: connection.signIn },
  { id: 'protocol', ja: 'MQTT のバージョン', en: 'MQTT version', judge: connection.protocol },
  { id: 'client-id', ja: 'クライアント ID', en: 'Client id', judge: connection.clientId },
  { id: 'session', ja: 'セッション', en: 'Session', judge: connection.session },
  { id: 'keep-alive', ja: 'キープアライブ', en: 'Keep-alive', judge: connection.keepAlive },
  { id: 'last-will', ja: '遺言（last will）', en: 'Last will', judge: connection.lastWill },
  { id: 'state', ja: '状態の通知', en: 'State message', judge: connection.state },
  { id: 'qos', ja: 'QoS', en: 'QoS', judge: packs.qualityOfService },
  { id: 'topic', ja: 'トピック', en: 'Topics', judge: packs.topics },
  { id: 'pack', ja: 'パックの形式（SenML）', en: 'Pack (SenML)', judge: packs.packFormat },
  { id: 'quantity', ja: '項目', en: 'Quantities', judge: packs.quantities, byProfile: true },
  { id: 'unit', ja: '単位', en: 'Units', judge: packs.units, byProfile: true },
  { id: 'range', ja: '値の範囲', en: 'Range', judge: packs.range, byProfile: true },
  { id: 'interval', ja: '間隔', en: 'Interval', judge: packs.interval, byProfile: true },
  { id: 'sequence', ja: '番号（seq）', en: 'Sequence numbers', judge: packs.sequence },
  { id: 'clock', ja: '時計', en: 'Clock', judge: packs.clock, byProfile: true },
  { id: 'reconnect', ja: '再接続', en: 'Reconnect', judge: connection.reconnect },
  { id: 'backlog', ja: '切れていた間の測定', en: 'Backlog', judge: packs.backlog, byProfile: true },
  { id: 'resend', ja: '受信確認のないパックの再送', en: 'Resend without PUBACK', judge: packs.resend },
  { id: 'rotation', ja: '証明書の更新', en: 'Certificate rotation', judge: connection.rotation },
];

/** Id and name of each check, in the order of the report. */
export const CHECK_TITLES: readonly { id: string; title: { ja: string; en: string } }[] = CHECKS.map(({ id, ja, en }) => ({
  id,
  title: { ja, en },
}));

/** @param profile Null when it was not told and no pack showed it. */
export const judge = (observed: Observed, profile: Profile | null): Check[] =>
  verdicts(observed, profile).map(({ missing: _, ...check }) => check);

/** While the run goes on: what was not seen, or is missing, may still come. */
export const judgeSoFar = (observed: Observed, profile: Profile): CheckView[] =>
  verdicts(observed, profile).map(({ missing, ...check }) =>
    missing || check.status === 'not-seen' ? { ...check, status: 'waiting' } : check,
  );

const verdicts = (observed: Observed, profile: Profile | null): (Verdict & Check)[] =>
  CHECKS.map(({ id, ja, en, judge: verdictOf, byProfile }) => ({
    id,
    title: { ja, en },
    ...(profile || !byProfile
      ? verdictOf(observed, profile as Profile)
      : notSeen('機器の種類が分かりません（まだパックが届いていません）。', 'The profile is not known: no pack came that shows it.')),
  }));
