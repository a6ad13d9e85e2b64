// Refusals of the note editor, in words.
import { Problem } from '../http/problem.ts';

export const noteSigned = () =>
  new Problem(409, 'note-signed', {
    ja: 'この記録は確定しているので、変えられません。訂正は新しい版として書く必要がありますが、この版のシステムではまだできません。',
    en: 'This note is signed and cannot change. A correction has to be a new linked version, which this release cannot write yet.',
  });

export const draftChanged = (current: number) =>
  new Problem(409, 'note-conflict', {
    ja: `ほかの人が先にこの記録を変えました (版 ${current})。新しい内容を読み込んでください。`,
    en: `Somebody changed this note meanwhile (version ${current}). Load it again.`,
  });
