// What a carer does about an alert, with its words.
import { api } from '../../shared/api.ts';
import type { AlertView, Outcome, Text } from '../../shared/hub.ts';

export const outcomes: { id: Outcome; text: Text; hint: Text }[] = [
  {
    id: 'episode',
    text: { ja: '落ち着かなくなった', en: 'Became restless' },
    hint: { ja: '大きな声、歩き回るなど', en: 'Shouting, wandering and the like' },
  },
  {
    id: 'prevented',
    text: { ja: '対応して落ち着いた', en: 'Calmed by what I did' },
    hint: { ja: '始まりそうだったが、おさまった', en: 'It was about to begin and settled' },
  },
  { id: 'false', text: { ja: '何も起きなかった', en: 'Nothing happened' }, hint: { ja: 'ふだんどおりだった', en: 'All was as usual' } },
  { id: 'unknown', text: { ja: 'わからない', en: 'I cannot say' }, hint: { ja: '見ていない、眠っていたなど', en: 'Not seen, or asleep' } },
];

/** What may have become of an alert that concerns no resident. */
const placeOutcomes: typeof outcomes = [
  {
    id: 'handled',
    text: { ja: '対応した', en: 'Seen to' },
    hint: { ja: '行って、必要なことをした', en: 'I went and did what was needed' },
  },
  {
    id: 'false',
    text: { ja: '何もなかった', en: 'Nothing was there' },
    hint: { ja: 'だれもいなかった、まちがいだった', en: 'Nobody was there, or a mistake' },
  },
];
export const outcomesFor = (alert: AlertView): typeof outcomes => (alert.patient === null ? placeOutcomes : outcomes);

export const outcomeWord = (outcome: Outcome): Text =>
  [...outcomes, ...placeOutcomes].find(one => one.id === outcome)?.text ?? { ja: '', en: '' };

export const acknowledge = (alert: string): Promise<AlertView> => api.post<AlertView>(`/api/alerts/${alert}/acknowledge`);

/** The consultation with the doctor for this alert; asked twice, the same one. */
export const askDoctor = (alert: string): Promise<{ encounter: string }> => api.post<{ encounter: string }>(`/api/alerts/${alert}/consult`);

export const recordOutcome = (alert: string, outcome: Outcome, onset: string | null, comment: string): Promise<AlertView> =>
  api.post<AlertView>(`/api/alerts/${alert}/outcome`, { outcome, onset, comment });
