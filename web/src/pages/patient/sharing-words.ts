// What a decision about sharing means, in plain words.
import type { Category, SharingRule, Text } from '../../shared/hub.ts';
import { farDay, t } from '../../shared/i18n.svelte.ts';

export const categoryName: Record<Category, Text> = {
  demographics: { ja: '名前や住所', en: 'name and address' },
  summary: { ja: '薬・アレルギー・病気', en: 'medicine, allergies, diseases' },
  consultation: { ja: '診察の記録', en: 'consultations' },
  document: { ja: '文書', en: 'documents' },
  vitals: { ja: 'センサーの値', en: 'sensor values' },
  risk: { ja: '予測とお知らせ', en: 'predictions and alerts' },
  sharing: { ja: '共有の決まり', en: 'rules of sharing' },
  phr: { ja: '自分で入れた記録', en: 'what you brought along' },
};

const purposeName: Record<string, Text> = {
  TREAT: { ja: '診察や介護のため', en: 'for care' },
  ETREAT: { ja: '救急のため', en: 'in an emergency' },
  HRESCH: { ja: '研究のため', en: 'for research' },
  PATRQT: { ja: '代わりの人のため', en: 'for those who act for you' },
  HOPERAT: { ja: 'システムの運営のため', en: 'to run the system' },
};

const listed = (names: string[]) => names.join(t({ ja: '、', en: ', ' }));

export const categoriesIn = (categories: Category[] | null): string =>
  categories === null
    ? t({ ja: 'あなたの記録ぜんぶ', en: 'your whole record' })
    : listed(categories.map(category => t(categoryName[category])));

/** One sentence: until when, who, for what, may or may not see what. */
export function sentence(rule: Omit<SharingRule, 'consent' | 'decidedAt' | 'standing'>): string {
  const who = rule.name ?? t({ ja: 'だれも', en: 'nobody' });
  const what = categoriesIn(rule.categories);
  const purposes = rule.purposes?.map(code => t(purposeName[code] ?? { ja: code, en: code })) ?? [];
  const ja = [
    rule.from ? `${farDay(rule.from)}から、` : '',
    rule.until ? `${farDay(rule.until)}まで、` : '',
    rule.effect === 'deny'
      ? `${rule.name === null ? 'あなたのほかは、だれも' : `${who}は`}`
      : `${rule.name === null ? 'どの病院の先生も' : `${who}は`}`,
    purposes.length ? `${listed(purposes)}に` : '',
    `「${what}」を`,
    rule.effect === 'deny' ? '見ることができません。' : '見ることができます。',
  ];
  const en = [
    rule.from ? `From ${farDay(rule.from)},` : '',
    rule.until ? `until ${farDay(rule.until)},` : '',
    rule.name === null ? (rule.effect === 'deny' ? 'nobody but you' : 'every doctor') : who,
    rule.effect === 'deny' ? 'cannot see' : 'can see',
    what,
    listed(purposes),
  ];
  return t({ ja: ja.join(''), en: `${en.filter(Boolean).join(' ')}.` });
}

/** What the decision does not touch: said beside it, so that nobody takes it for more than it is. */
export function meaning(rule: Pick<SharingRule, 'effect' | 'categories' | 'purposes'>): string[] {
  const lines: Text[] = [];
  if (rule.effect === 'deny') {
    lines.push({ ja: '今すぐ、開いている画面や通話でも見えなくなります。', en: 'It counts at once, also on open pages and in calls.' });
    if (rule.categories) lines.push({ ja: 'ほかの情報は、今までどおりです。', en: 'Everything else stays as it was.' });
    if (!rule.purposes)
      lines.push({
        ja: '救急のときだけは、先生が薬・アレルギー・病気を見ることがあります。見たら、かならずお知らせします。',
        en: 'In an emergency a doctor may still see medicine, allergies and diseases; you are always told.',
      });
    if (rule.purposes?.includes('ETREAT'))
      lines.push({
        ja: '救急のときも、先生は薬やアレルギーを知ることができません。',
        en: 'Even in an emergency doctors cannot learn of medicine and allergies.',
      });
    lines.push({
      ja: '診察で困ることがあるかもしれません。いつでも元にもどせます。',
      en: 'Care may become harder. You can take it back at any time.',
    });
  } else {
    lines.push({ ja: '見るだけです。書きかえることはできません。', en: 'They can look, not change anything.' });
    lines.push({ ja: 'だれが見たかは、いつでも確かめられます。', en: 'You can always see who has looked.' });
  }
  return lines.map(line => t(line));
}
