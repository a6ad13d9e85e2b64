// The refusals of a consultation, in the words of the people in it.
import { Problem } from '../http/problem.ts';

export const notInvited = () =>
  new Problem(403, 'not-invited', {
    ja: 'この診察には招待されていません。担当の医師に、招待してもらってください。',
    en: 'You are not invited to this consultation. Ask the doctor in charge to invite you.',
  });
export const encounterUnknown = () =>
  new Problem(404, 'encounter-unknown', {
    ja: 'この診察は見つかりません。リンクを確かめてください。',
    en: 'There is no such consultation. Check the link.',
  });
export const encounterEnded = () =>
  new Problem(409, 'encounter-ended', { ja: 'この診察は終わりました。', en: 'This consultation has ended.' });
export const notInRoom = () =>
  new Problem(409, 'not-in-room', {
    ja: 'まだ診察室に入っていません。ページを開き直してください。',
    en: 'You are not in the room. Open the page again.',
  });
export const hostsOnly = () =>
  new Problem(403, 'doctors-only', {
    ja: 'これは担当の医師だけができます。',
    en: 'Only the doctor in charge can do this.',
  });
export const cannotPoint = () =>
  new Problem(403, 'cannot-point', { ja: '指し示せるのは医療者だけです。', en: 'Only the clinicians and carers in the room can point.' });
export const nobodyWaits = () =>
  new Problem(404, 'not-waiting', { ja: 'その人は待合室にいません。', en: 'That person is not in the waiting room.' });
export const roomFull = (most: number) =>
  new Problem(409, 'room-full', {
    ja: `診察室に入れるのは${most}人までです。`,
    en: `No more than ${most} people fit in a room.`,
  });
export const notYours = () =>
  new Problem(403, 'not-yours', {
    ja: 'この接続はあなたのものではありません。ページを開き直してください。',
    en: 'This transport, producer or consumer is not yours. Open the page again.',
  });
export const mediaRefused = (cause: unknown) =>
  new Problem(
    400,
    'media-refused',
    {
      ja: 'この端末の映像や音声の形式は使えません。別のブラウザーで試してください。',
      en: `The media parameters were refused: ${cause instanceof Error ? cause.message : 'unknown reason'}`,
    },
    { cause },
  );
export const mediaAway = (cause?: unknown) =>
  new Problem(
    503,
    'media-unavailable',
    {
      ja: '映像と音声の準備ができていません。自動でもう一度つなぎます。',
      en: 'Video and sound are not available right now. The connection is tried again by itself.',
    },
    { cause },
  );
export const unknownMessage = () =>
  new Problem(400, 'unknown-message', {
    ja: 'このメッセージは使えません。ページを開き直してください。',
    en: 'There is no such message. Open the page again.',
  });
export const badMessage = (details: { path: string; message: string }[]) =>
  new Problem(
    400,
    'bad-message',
    {
      ja: 'メッセージの形が正しくありません。ページを開き直してください。',
      en: `The message is not valid: ${details[0]?.path || 'payload'}: ${details[0]?.message ?? 'wrong'}`,
    },
    { details },
  );
export const tooMany = () =>
  new Problem(429, 'rate-exceeded', {
    ja: '短い時間に送りすぎました。少し待ってください。',
    en: 'Too many messages in a short time. Wait a moment.',
  });
export const unexpected = (cause: unknown) =>
  new Problem(
    500,
    'failed',
    { ja: 'うまくいきませんでした。自動でもう一度試します。', en: 'That did not work. It is tried again by itself.' },
    { cause },
  );
export const practitionerUnknown = () =>
  new Problem(422, 'practitioner-unknown', {
    ja: 'この人は招待できません。一覧から選んでください。',
    en: 'This person cannot be invited. Choose from the list.',
  });
