// Words of exports for the audit trail, and the purposes an administrator can export for.
import type { Text } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';

/** Of v3-ActReason: what a consent can speak of by name. */
export const PURPOSES = ['HOPERAT', 'HRESCH'] as const;
const PURPOSE_WORDS: Record<(typeof PURPOSES)[number], Text> = {
  HOPERAT: { ja: '病院の運営のため', en: 'for health care operations' },
  HRESCH: { ja: '研究のため', en: 'for research' },
};
const STEPS = {
  asked: { ja: 'まとめて取り出すことを求めた', en: 'asked for a bulk export' },
  made: { ja: 'まとめて取り出した', en: 'bulk export made' },
  taken: { ja: 'まとめて取り出したものを受け取った', en: 'took a file of a bulk export' },
  cancelled: { ja: 'まとめて取り出すことをやめた', en: 'gave a bulk export up' },
} as const;

/** What was done, and for an administrator why. */
export function wordsOf({ actor }: { actor: Person }, step: keyof typeof STEPS): Text {
  const { ja, en } = STEPS[step];
  const why = actor.purpose && PURPOSE_WORDS[actor.purpose];
  return why ? { ja: `${ja} (${why.ja})`, en: `${en} (${why.en})` } : { ja, en };
}
