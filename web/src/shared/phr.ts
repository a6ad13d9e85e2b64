// What a patient brings along and shares, in words: categories, file sizes, states.
import type { ImportView, ShareView, Text } from './hub.ts';

/** What a link can open. */
export const shareCategories: Record<string, Text> = {
  summary: { ja: '薬・アレルギー・病気', en: 'Medicines, allergies, conditions' },
  consultation: { ja: '診察', en: 'Consultations' },
  document: { ja: '文書・検査の報告', en: 'Documents and reports' },
  vitals: { ja: '体の測定 (血圧・体温など)', en: 'Measurements (blood pressure, temperature …)' },
  risk: { ja: '見守りの予測', en: 'Predictions of watching over' },
  phr: { ja: '自分で取り込んだ記録', en: 'What I brought along' },
};

export const importStates: Record<ImportView['state'], Text> = {
  uploading: { ja: '送っています', en: 'Sending' },
  checking: { ja: '中を見ています', en: 'Looking through the file' },
  ready: { ja: '確かめてください', en: 'Please check' },
  taking: { ja: '取り込んでいます', en: 'Taking over' },
  done: { ja: '取り込みました', en: 'Taken over' },
  refused: { ja: '取り込めませんでした', en: 'Could not be taken over' },
  stopping: { ja: 'やめています', en: 'Stopping' },
  stopped: { ja: 'やめました', en: 'Stopped' },
  undoing: { ja: '消しています', en: 'Taking back' },
  undone: { ja: '消しました', en: 'Taken back' },
};
export const shareStates: Record<ShareView['state'], Text> = {
  open: { ja: '今、見られます', en: 'Open now' },
  over: { ja: '時間が終わりました', en: 'Its time is over' },
  ended: { ja: 'やめました', en: 'Ended' },
  locked: { ja: 'あんしょう番号のまちがいが多く、止まりました', en: 'Locked after too many wrong PINs' },
};

/** `1.2 MB` */
export function size(bytes: number): string {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, 'KB'] : bytes < 1e9 ? [bytes / 1e6, 'MB'] : [bytes / 1e9, 'GB'];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
