// What a check against profiles finds: where, which rule of which profile, and words for people.
import type { OperationOutcomeIssue } from '@medplum/fhirtypes';
import type { Text } from '../../http/problem.ts';

export interface Finding {
  severity: 'error' | 'warning' | 'information';
  code: OperationOutcomeIssue['code'];
  /** FHIRPath expression of the place: `Composition.section[2].entry`. */
  path: string;
  /** The rule as its profile names it: `Composition.section:950 min 1`, or the key of an invariant. */
  rule: string;
  /** Canonical address of the profile. */
  profile: string;
  text: Text;
}

/** Words for each kind of rule; `Japanese / English` say what is wrong and what would be right. */
export const WORDS = {
  min: (found: number, least: number): Text => ({
    ja: `${least} 個以上いりますが、${found} 個しかありません。`,
    en: `at least ${least} needed, ${found} found`,
  }),
  max: (found: number, most: number): Text =>
    most === 0
      ? { ja: 'ここにはおけない項目です。消してください。', en: 'must not be present' }
      : { ja: `${most} 個までですが、${found} 個あります。`, en: `at most ${most} allowed, ${found} found` },
  fixed: (wanted: unknown): Text => ({
    ja: `値は ${brief(wanted)} ときまっています。`,
    en: `must be ${brief(wanted)}`,
  }),
  type: (found: string, wanted: string[]): Text => ({
    ja: `型は ${wanted.join('、')} のどれかです (いまは ${found})。`,
    en: `must be of type ${wanted.join(' or ')}, not ${found}`,
  }),
  binding: (code: string, valueSet: string): Text => ({
    ja: `コード ${code} は、使えるコードの一覧 ${valueSet} にありません。`,
    en: `code ${code} is not in ${valueSet}`,
  }),
  bindingMissing: (valueSet: string): Text => ({
    ja: `使えるコードの一覧 ${valueSet} からのコードがいります。`,
    en: `needs a code from ${valueSet}`,
  }),
  bindingUnknown: (valueSet: string): Text => ({
    ja: `コードの一覧 ${valueSet} の中身がここにないので、コードをたしかめていません。`,
    en: `the codes of ${valueSet} are not at hand, so the code was not checked`,
  }),
  invariant: (human: string): Text => ({ ja: `きまりに合っていません: ${human}`, en: human }),
  invariantUnknown: (reason: string): Text => ({
    ja: `このきまりは調べられませんでした (${reason})。`,
    en: `this rule could not be evaluated (${reason})`,
  }),
  closed: (): Text => ({ ja: 'きめられた種類のどれにも当てはまりません。', en: 'matches none of the slices, and the slicing is closed' }),
  order: (): Text => ({ ja: '並ぶ順番がきまりと違います。', en: 'is not in the order of the slices' }),
  target: (found: string, wanted: string[]): Text => ({
    ja: `参照先は ${wanted.join('、')} のどれかです (いまは ${found})。`,
    en: `must refer to ${wanted.join(' or ')}, not ${found}`,
  }),
  unresolved: (reference: string): Text => ({
    ja: `参照先 ${reference} がこの文書の中にありません。`,
    en: `${reference} is not in this document`,
  }),
  profile: (profile: string): Text => ({
    ja: `プロファイル ${profile} に合っていません。`,
    en: `does not conform to ${profile}`,
  }),
  unknownProfile: (profile: string): Text => ({
    ja: `プロファイル ${profile} の定義がここにないので、たしかめていません。`,
    en: `the profile ${profile} is not known here, so it was not checked`,
  }),
  context: (wanted: string[]): Text => ({
    ja: `この拡張がおけるのは ${wanted.join('、')} だけです。`,
    en: `this extension belongs on ${wanted.join(' or ')} only`,
  }),
  bound: (limit: string): Text => ({ ja: `${limit} の範囲をこえています。`, en: `is beyond the limit ${limit}` }),
} as const;

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
