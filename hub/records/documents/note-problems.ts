// Refusals of the note editor, in words.
import { Problem } from '../../http/problem.ts';

export const noteSigned = () =>
  new Problem(409, 'note-signed', {
    ja: 'この記録は確定しているので、変えられません。文書を開いて「訂正する」から、新しい版を書いてください。',
    en: 'This note is signed and cannot change. Open the document and choose “Correct” to write a new version.',
  });

export const draftChanged = (current: number) =>
  new Problem(409, 'note-conflict', {
    ja: `ほかの人が先にこの記録を変えました (版 ${current})。新しい内容を読み込んでください。`,
    en: `Somebody changed this note meanwhile (version ${current}). Load it again.`,
  });
