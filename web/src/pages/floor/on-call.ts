// Words of the on-call list: tiers and ways.
import type { Text, Tier, Way } from '../../shared/hub.ts';

export const tierName: Record<Tier, Text> = {
  urgent: { ja: 'すぐ行く (呼び出し・転倒)', en: 'Urgent (call, fall)' },
  act: { ja: '対応 (予測・体の値)', en: 'Act (prediction, vital sign)' },
  watch: { ja: '気をつけて (見守れていない)', en: 'Watch (not covered)' },
};
export const wayName: Record<Way, Text> = {
  live: { ja: '画面と音', en: 'Page and sound' },
  push: { ja: '機器への通知', en: 'Notice on devices' },
  mail: { ja: 'メール', en: 'E-mail' },
};
