// Breaking Japanese text into lines: anywhere between two characters, but not before a closing mark nor after an opening one (JIS X 4051, kinsoku).

/** May not begin a line. */
const NOT_FIRST = new Set('、。，．,.:;：；?!？！)）]］}｝」』】〉》〕”’ゝゞ々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ・%％℃°');
/** May not end a line. */
const NOT_LAST = new Set('(（[［{｛「『【〈《〔“‘');
/** Latin words and numbers stay together. */
const WORD = /^[\p{Script=Latin}\p{Nd}._+/:@#&'’^~=-]$/u;

/** The pieces of a text between which a line may end. */
function pieces(text: string): string[] {
  const found: string[] = [];
  for (const character of text) {
    const last = found.at(-1);
    const joined =
      last !== undefined &&
      (NOT_FIRST.has(character) || NOT_LAST.has([...last].at(-1)!) || (WORD.test(character) && WORD.test([...last].at(-1)!)));
    if (joined) found[found.length - 1] = last + character;
    else found.push(character);
  }
  return found;
}

/**
 * Lines of `text` that are at most `width` wide, as `widthOf` measures. A word longer than a line is cut; line breaks in the text stay.
 */
export function linesOf(text: string, width: number, widthOf: (text: string) => number): string[] {
  return text.split(/\r?\n/).flatMap(paragraph => {
    const lines: string[] = [];
    let line = '';
    for (const piece of pieces(paragraph)) {
      if (widthOf(line + piece) <= width) {
        line += piece;
        continue;
      }
      if (line) lines.push(line.trimEnd());
      line = piece.trimStart();
      while (widthOf(line) > width) {
        const characters = [...line];
        let fits = characters.length - 1;
        while (fits > 1 && widthOf(characters.slice(0, fits).join('')) > width) fits--;
        lines.push(characters.slice(0, fits).join(''));
        line = characters.slice(fits).join('');
      }
    }
    lines.push(line.trimEnd());
    return lines;
  });
}
