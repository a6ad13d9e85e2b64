// What can go wrong with the registry, in words for the person who caused it.
import { Problem } from '../http/problem.ts';

export const deviceUnknown = () =>
  new Problem(404, 'device-unknown', { ja: 'この機器は登録されていません。', en: 'There is no such device in the registry.' });

export const deviceTaken = () =>
  new Problem(409, 'device-taken', {
    ja: 'この施設には同じ名前の機器がもうあります。別の名前にしてください。',
    en: 'The facility has a device of this name already. Choose another name.',
  });

export const deviceRevoked = () =>
  new Problem(409, 'device-revoked', {
    ja: 'この機器はもう使えません（登録が取り消されています）。新しく登録してください。',
    en: 'This device was revoked. Register it anew.',
  });

export const nameReserved = () =>
  new Problem(422, 'name-reserved', { ja: '「gateway」という名前は使えません。', en: 'The name "gateway" is reserved.' });

export const profileUnknown = (known: Iterable<string>) =>
  new Problem(422, 'profile-unknown', {
    ja: `この機器の種類はありません。使える種類: ${[...known].join(', ')}`,
    en: `There is no such device profile. There are: ${[...known].join(', ')}`,
  });

export const historyTaken = () =>
  new Problem(409, 'assignment-in-the-past', {
    ja: 'その時刻には、この機器はもう別の人や部屋を見ていました。今の割り当てより後の時刻にしてください。',
    en: 'At that time the device already watched someone or something else. Choose a time after the present assignment began.',
  });

export const subjectElsewhere = () =>
  new Problem(422, 'subject-not-here', {
    ja: 'この施設に住んでいる人、またはこの施設の場所だけを割り当てられます。',
    en: 'Only residents and locations of this facility can be assigned.',
  });

export const certificatesOff = () =>
  new Problem(503, 'certificates-off', {
    ja: 'このハブは証明書を発行できません。秘密の鍵を使ってください。',
    en: 'This hub issues no certificates. Use a secret.',
  });

export const certificateNone = () =>
  new Problem(409, 'certificate-none', {
    ja: 'この機器は証明書を使っていません。「新しい鍵」で証明書を発行してください。',
    en: 'This device uses no certificate. Issue one by “New key”.',
  });

export const gatewayUnknown = () =>
  new Problem(404, 'gateway-unknown', {
    ja: 'この施設のゲートウェイは登録されていません。',
    en: 'The facility has no gateway in the registry.',
  });

export const configTooLarge = (bytes: number) =>
  new Problem(422, 'config-too-large', {
    ja: `設定が大きすぎます。${bytes} バイトまでにしてください。`,
    en: `The configuration is too large. The limit is ${bytes} bytes.`,
  });

export const configReserved = () =>
  new Problem(422, 'config-reserved', {
    ja: '「renew」はハブが使う名前です。ほかの名前にしてください。',
    en: 'The name “renew” belongs to the hub. Choose another.',
  });

export const deviceAmbiguous = () =>
  new Problem(409, 'device-ambiguous', {
    ja: '同じ名前の機器がいくつかの施設にあります。施設を指定してください。',
    en: 'Several facilities have a device of this name. Name the facility (?facility=…).',
  });
