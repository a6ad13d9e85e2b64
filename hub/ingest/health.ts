// How a device is doing, in words for those who care for people: what is wrong and what to do about it. Pure.
import { isDrifting, type Profile } from '../../devices/index.ts';
import type { Text } from '../http/problem.ts';
import type { DeviceHealth, DeviceView, HealthSign, HealthSignName } from './contract.ts';
import { type HealthRow, LOW_BATTERY } from './health-store.ts';
import { silenceOf } from './ledger.ts';
import { missingPacks } from './sequence.ts';
import { gapsOf, SPANS_FOR } from './spans.ts';

/** A missing number may still be on its way for so long, ms. */
const ON_ITS_WAY = 60_000;
/** A refusal is a sign for so long, ms. */
const REFUSED_FOR = 3_600_000;

interface Known {
  state: DeviceView['state'];
  profile: Profile | undefined;
  lastSample: Date | null;
  /** When the present assignment, or else the device, began. */
  since: Date;
}

/** @param row null for a device of which nothing is noted yet. Revoked devices have no health: do not ask. */
export function healthOf({ state, profile, lastSample, since }: Known, row: HealthRow | null, now: number): DeviceHealth {
  const signs: HealthSign[] = [];
  const say = (sign: HealthSignName, at: Date | number | null = null, text: Partial<Text> = {}) =>
    signs.push({ sign, ...WORDS[sign], text: { ...WORDS[sign].text, ...text }, since: at === null ? null : new Date(at).toISOString() });

  if (state === 'silent') say('silent', lastSample);
  // A thermometer that nobody has used yet is not missed.
  if (state === 'never' && !profile?.occasional) say('never', since);
  if (row?.connected === false && state !== 'silent' && state !== 'never' && !profile?.occasional) say('offline', row.connected_since);
  if (row?.battery != null && row.battery < LOW_BATTERY) say('battery-low', row.battery_at, battery(row.battery));
  const sequence = row?.sequence ?? null;
  const losing =
    sequence && [...sequence.run.missing, ...(sequence.former?.missing ?? [])].filter(({ noticed }) => noticed > now - SPANS_FOR);
  const missed = losing?.filter(({ noticed }) => noticed <= now - ON_ITS_WAY) ?? [];
  if (missed[0]) say('losing', missed[0].noticed, lost(missed.reduce((sum, { from, to }) => sum + to - from + 1, 0)));
  if (state === 'late') say('late', lastSample);
  const offset = row?.clock_offset ?? null;
  if (offset !== null && isDrifting(offset * 1000)) say('drifting', null, clock(offset));
  if (row?.last_refused && now - row.last_refused.getTime() < REFUSED_FOR) say('refused', row.last_refused);

  const gaps = profile?.occasional ? [] : gapsOf(row?.spans ?? [], { allowed: silenceOf(profile), since: since.getTime(), now });
  return {
    worst: signs.some(({ level }) => level === 'bad') ? 'bad' : signs.length ? 'attention' : 'good',
    signs,
    connected: row?.connected ?? null,
    battery: row?.battery ?? null,
    clockOffsetSeconds: offset,
    sequence: sequence && { missing: missingPacks(sequence), late: sequence.late, resets: sequence.resets },
    gaps: gaps.map(([from, to]) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })),
  };
}

const battery = (charge: number): Text => ({
  ja: `電池がのこりすくないです（${Math.round(charge * 100)}％）。`,
  en: `The battery is low (${Math.round(charge * 100)} %).`,
});
const lost = (packs: number): Text => ({
  ja: `とちゅうのデータが ${packs.toLocaleString('ja')} 回ぶん、ぬけています。`,
  en: `${packs.toLocaleString('en')} ${packs === 1 ? 'message is' : 'messages are'} missing in between.`,
});
const clock = (offset: number): Text => {
  const seconds = Math.round(Math.abs(offset));
  return {
    ja: `機器の時計が ${seconds} 秒${offset > 0 ? 'おくれて' : 'すすんで'}います。`,
    en: `The device’s clock is ${seconds} s ${offset > 0 ? 'slow' : 'fast'}.`,
  };
};

/** What each sign says and asks for, in plain words. */
const WORDS: Record<HealthSignName, { level: HealthSign['level']; text: Text; action: Text }> = {
  silent: {
    level: 'bad',
    text: { ja: 'データが届いていません。', en: 'No data arrives.' },
    action: {
      ja: '電源とケーブルをたしかめてください。なおらなければ、電池をかえるか、電源を入れなおしてください。',
      en: 'Check the power and the cable. If that does not help, change the battery or turn it off and on again.',
    },
  },
  never: {
    level: 'bad',
    text: { ja: 'まだ一度も届いていません。', en: 'Nothing was ever heard from it.' },
    action: {
      ja: '機器に鍵を入れて、電源を入れてください。',
      en: 'Put its credentials into the device and switch it on.',
    },
  },
  offline: {
    level: 'attention',
    text: { ja: '機器がネットワークからはなれています。', en: 'The device has left the network.' },
    action: {
      ja: 'すこし待ってください。もどらなければ、電源と Wi-Fi をたしかめてください。',
      en: 'Wait a little. If it does not come back, check its power and the Wi-Fi.',
    },
  },
  'battery-low': {
    level: 'attention',
    text: { ja: '電池がのこりすくないです。', en: 'The battery is low.' },
    action: { ja: '電池をかえるか、充電してください。', en: 'Change or charge it.' },
  },
  losing: {
    level: 'attention',
    text: { ja: 'とちゅうのデータがぬけています。', en: 'Messages are missing in between.' },
    action: {
      ja: 'あとから届くことがあります。つづくときは、機器とゲートウェイのあいだの電波をたしかめてください。',
      en: 'They may still arrive. If it goes on, check the radio between the device and the gateway.',
    },
  },
  late: {
    level: 'attention',
    text: { ja: 'データがおくれています。', en: 'Data is late.' },
    action: { ja: 'すこし待ってください。', en: 'Wait a little.' },
  },
  drifting: {
    level: 'attention',
    text: { ja: '機器の時計がずれています。', en: 'The device’s clock is off.' },
    action: {
      ja: '機器の時計を合わせてください（設定の「時刻」）。わからないときは機器の会社にきいてください。',
      en: 'Set the device’s clock. If you do not know how, ask its maker.',
    },
  },
  refused: {
    level: 'attention',
    text: { ja: '受け取れないデータがありました。', en: 'Some of its data was refused.' },
    action: {
      ja: '下の「断られた理由」を機器の会社に見せてください。',
      en: 'Show the reasons below to the device’s maker.',
    },
  },
};
