// The kinds of alerts in a carer's words, and which comes first when a resident has several.
import type { AlertKind, AlertView, RiskState, Text } from '../../shared/hub.ts';
import type { IconName } from '../../shared/Icon.svelte';

interface KindWords {
  /** On a tile, in place of the risk's word */
  word: Text;
  /** Below the name */
  sentence: Text;
  icon: IconName;
}
/** The most pressing first. */
export const kinds: Record<AlertKind, KindWords> = {
  call: { word: { ja: '呼んでいます', en: 'Calling' }, sentence: { ja: '呼び出しがありました', en: 'has called' }, icon: 'sound' },
  fall: { word: { ja: '転倒かも', en: 'Maybe a fall' }, sentence: { ja: '転んだかもしれません', en: 'may have fallen' }, icon: 'act' },
  vital: {
    word: { ja: '体の値を見て', en: 'Check vitals' },
    sentence: { ja: '体の値が、いつもの範囲をこえました', en: 'has a vital sign out of bounds' },
    icon: 'heart',
  },
  bpsd: { word: { ja: '対応', en: 'Act' }, sentence: { ja: '落ち着かなくなるかもしれません', en: 'may become restless' }, icon: 'act' },
  uncovered: {
    word: { ja: '見守れていません', en: 'Not covered' },
    sentence: { ja: '機器から値が届いていません', en: 'is not watched: the devices are silent' },
    icon: 'none',
  },
};
const order = Object.keys(kinds);

export const stateOfKind = (kind: AlertKind): RiskState => (kind === 'uncovered' ? 'not-covered' : 'act');

/** What nobody has taken first, then by kind, then the older. Closed ones last. */
export const byUrgency = (a: AlertView, b: AlertView): number =>
  rank(a) - rank(b) || order.indexOf(a.kind) - order.indexOf(b.kind) || a.raisedAt.localeCompare(b.raisedAt);
const rank = (alert: AlertView) => ['open', 'acknowledged', 'resolved'].indexOf(alert.state);

/** Of an alert that concerns no resident. */
const atPlace: Partial<Record<AlertKind, Text>> = {
  call: { ja: '呼び出しがありました', en: 'Someone has called here' },
  fall: { ja: 'だれかが転んだかもしれません', en: 'Someone may have fallen here' },
  uncovered: { ja: '施設の機器から値が届いていません', en: 'The facility is not watched: its devices are silent' },
};
export const sentenceOf = (alert: AlertView): Text =>
  (alert.patient === null ? atPlace[alert.kind] : undefined) ?? kinds[alert.kind].sentence;

/** Whom or what it concerns: room and name of the resident, or the place. */
export const titleOf = ({ placeName, room, residentName }: AlertView): Text =>
  placeName === null ? { ja: `${room} ${residentName}さん`, en: `${room} ${residentName}` } : { ja: placeName, en: placeName };

/** Why, in one line: the cause's own words, or that a risk was predicted. */
export const reasonOf = (alert: AlertView): Text => alert.detail ?? kinds[alert.kind].sentence;
