// Risk in words and natural frequencies, never as a bare percentage.
import type { PredictionView, Text } from './hub.ts';

/** `10回のうち3回`; rare ones out of 100. @param probability 0 … 1 */
export function frequency(probability: number): Text {
  const of = probability >= 0.1 ? 10 : 100;
  const count = Math.round(probability * of);
  if (probability > 0 && count === 0) return { ja: '100回のうち1回より少なく', en: 'fewer than 1 in 100' };
  if (count === of) return { ja: `${of}回のうち${of - 1}回より多く`, en: `more than ${of - 1} in ${of}` };
  return { ja: `${of}回のうち${count}回`, en: `${count} in ${of}` };
}

/** One sentence: how often it came to an episode in a state like this one. */
export function riskSentence(prediction: PredictionView): Text {
  if (prediction.probability === null) {
    return prediction.abstained ?? { ja: 'データが足りないため、予測していません。', en: 'Too little data for a prediction.' };
  }
  const often = frequency(prediction.probability);
  const within = prediction.horizonMinutes;
  return {
    ja: `似た状態の${often.ja}、${within}分以内に落ち着かなくなりました。`,
    en: `In states like this, ${often.en} became restless within ${within} minutes.`,
  };
}

/** How much of the expected data was there, in words. */
export function coverageWord(coverage: number): Text {
  if (coverage >= 0.9) return { ja: 'データはそろっています', en: 'The data is complete' };
  if (coverage >= 0.6) return { ja: 'データが一部足りません', en: 'Some data is missing' };
  return { ja: 'データが多く足りません', en: 'Much data is missing' };
}
