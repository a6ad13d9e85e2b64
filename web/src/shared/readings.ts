// Readings of the words that patients and carers meet on their pages, for furigana.

const readings: Record<string, string> = {
  今日: 'きょう',
  明日: 'あす',
  昨日: 'きのう',
  診察: 'しんさつ',
  診察室: 'しんさつしつ',
  準備: 'じゅんび',
  先生: 'せんせい',
  医師: 'いし',
  専門医: 'せんもんい',
  病院: 'びょういん',
  施設: 'しせつ',
  記録: 'きろく',
  私: 'わたし',
  共有: 'きょうゆう',
  相手: 'あいて',
  見守り: 'みまもり',
  見守れて: 'みまもれて',
  介護: 'かいご',
  対応: 'たいおう',
  対応済: 'たいおうず',
  申し送り: 'もうしおくり',
  入居者: 'にゅうきょしゃ',
  部屋: 'へや',
  号室: 'ごうしつ',
  階: 'かい',
  様子: 'ようす',
  予測: 'よそく',
  理由: 'りゆう',
  気: 'き',
  落ち着かなく: 'おちつかなく',
  落ち着く: 'おちつく',
  音: 'おと',
  鳴らす: 'ならす',
  確かめて: 'たしかめて',
  確かめる: 'たしかめる',
  話し: 'はなし',
  話します: 'はなします',
  待って: 'まって',
  始まります: 'はじまります',
  終わりました: 'おわりました',
  予定: 'よてい',
  時間: 'じかん',
  電話: 'でんわ',
  機器: 'きき',
  心拍: 'しんぱく',
  脈拍: 'みゃくはく',
  呼吸: 'こきゅう',
  体動: 'たいどう',
  室温: 'しつおん',
  湿度: 'しつど',
  情報: 'じょうほう',
  見る: 'みる',
  見た: 'みた',
  人: 'ひと',
  薬: 'くすり',
  結果: 'けっか',
  文書: 'ぶんしょ',
  紹介状: 'しょうかいじょう',
  声: 'こえ',
  押して: 'おして',
  役: 'やく',
  立つ: 'たつ',
  近く: 'ちかく',
};
const words = Object.keys(readings).sort((a, b) => b.length - a.length);
// Whole words only: 人 in 老人 is read otherwise.
const pattern = new RegExp(`(?<!\\p{Script=Han})(?:${words.join('|')})(?!\\p{Script=Han})`, 'gu');
const KANJI = /^(\p{Script=Han}+)(.*)$/u;

export interface Piece {
  text: string;
  /** Reading above `text`; null where none is needed. */
  reading: string | null;
}

/** Cuts a text into pieces with and without furigana; kana endings stay outside of the ruby. */
export function withReadings(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > from) pieces.push({ text: text.slice(from, found.index), reading: null });
    const reading = readings[found[0]] ?? '';
    const [, kanji = '', kana = ''] = KANJI.exec(found[0]) ?? [];
    if (kana && !/\p{Script=Han}/u.test(kana) && reading.endsWith(kana)) {
      pieces.push({ text: kanji, reading: reading.slice(0, reading.length - kana.length) }, { text: kana, reading: null });
    } else {
      pieces.push({ text: found[0], reading });
    }
    from = found.index + found[0].length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), reading: null });
  return pieces;
}
