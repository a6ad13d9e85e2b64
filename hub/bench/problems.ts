// Why a conformance run cannot be made, or did not come to its end, in words for the maker.
import type { Text } from '../http/problem.ts';
import { Problem } from '../http/problem.ts';

export const deviceUnknown = () =>
  new Problem(404, 'device-unknown', {
    ja: 'この機器は登録されていません。先に登録してください。',
    en: 'There is no such device in the registry. Register it first.',
  });

export const deviceRevoked = () =>
  new Problem(409, 'device-revoked', {
    ja: 'この機器はもう使えません（登録が取り消されています）。新しく登録してください。',
    en: 'This device was revoked. Register it anew.',
  });

export const watchesPerson = () =>
  new Problem(409, 'device-in-use', {
    ja: 'この機器は入居者を見守っています。検査の間は見守りが途切れるので、先に割り当てを外してください。',
    en: 'This device watches a resident, and the check interrupts it. Take it off the resident first.',
  });

export const runGoesOn = () =>
  new Problem(409, 'run-goes-on', {
    ja: 'この機器の検査は、もう始まっています。終わるまで待つか、止めてください。',
    en: 'A check of this device is already under way. Wait for its end, or stop it.',
  });

export const outsideBroker = () =>
  new Problem(409, 'outside-broker', {
    ja: 'このハブは外の MQTT ブローカーを使っているため、ここでは検査できません。コマンド（npm run conformance -- --listen …）で検査してください。',
    en: 'This hub uses an outside MQTT broker, where it cannot observe a device. Use the command: npm run conformance -- --listen …',
  });

export const brokerAway = () =>
  new Problem(503, 'broker-away', {
    ja: 'ハブの MQTT ブローカーにつながりません。少し待ってから始めてください。',
    en: 'The hub’s MQTT broker cannot be reached. Wait a little and start again.',
  });

export const tooManyRuns = () =>
  new Problem(429, 'too-many-runs', {
    ja: '今はほかの検査がたくさん動いています。少し待ってから始めてください。',
    en: 'Many other checks are under way. Wait a little and start again.',
  });

export const runUnknown = () => new Problem(404, 'run-unknown', { ja: 'この検査はありません。', en: 'There is no such check.' });

export const noReport = () =>
  new Problem(404, 'no-report', {
    ja: 'この検査の報告はありません（終わっていないか、途中で終わりました）。',
    en: 'This check has no report: it has not ended yet, or was aborted.',
  });

/** Why a run was aborted. */
export const ABORTED = {
  stopped: { ja: '検査を止めました。', en: 'The check was stopped.' },
  restarted: {
    ja: 'ハブが再起動したため、検査は途中で終わりました。もう一度始めてください。',
    en: 'The hub was restarted in the middle of the check. Start it again.',
  },
  broker: {
    ja: 'ハブと MQTT ブローカーの接続が切れたため、検査は途中で終わりました。もう一度始めてください。',
    en: 'The hub lost its connection to the MQTT broker in the middle of the check. Start it again.',
  },
  assigned: {
    ja: '機器が入居者に割り当てられたか、登録が取り消されたため、検査を終えました。',
    en: 'The device was assigned to a resident or revoked, so the check ended.',
  },
  tooMuch: {
    ja: '機器が送るものが多すぎるため、検査を終えました（5,000 件または 16 MB まで）。間隔を確かめてください。',
    en: 'The device sends too much for a check (5,000 messages or 16 MB at most). Look at its interval.',
  },
  failed: {
    ja: 'ハブの中の問題で、検査は途中で終わりました。もう一度始めてください。',
    en: 'Something failed in the hub. Start the check again.',
  },
} satisfies Record<string, Text>;
