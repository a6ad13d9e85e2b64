// The contract's numbers and reasons as data, for the page that explains it: what it says is what the code does.
import { AGE_LIMIT, FUTURE_LIMIT } from './check.ts';
import type { RefusalReason, Text } from './refusal.ts';
import { MAX_PACK_BYTES, MAX_PACK_RECORDS } from './senml.ts';

/** Limits of the contract, in the unit of their name. */
export const CONTRACT_LIMITS = {
  packBytes: MAX_PACK_BYTES,
  packRecords: MAX_PACK_RECORDS,
  futureSeconds: FUTURE_LIMIT / 1000,
  ageDays: AGE_LIMIT / 86_400_000,
  /** Times below this many seconds count from the moment of receipt (RFC 8428 section 4.5.3). */
  relativeBelow: 2 ** 28,
  /** Longest id of a facility or device, characters. */
  idLength: 64,
} as const;

/** What to do about each reason of a refusal. The message itself says what was wrong with what. */
export const WHAT_TO_DO: Readonly<Record<RefusalReason, Text>> = {
  'topic-unknown': {
    ja: 'トピックのつづりと、施設・機器の ID を確かめてください。自分の機器のトピックにだけ送れます。',
    en: 'Check the topic’s spelling and the ids in it. A device may publish below its own topic only.',
  },
  'packet-too-large': { ja: 'パックを分けて送ってください。', en: 'Send the pack in parts.' },
  'not-senml': {
    ja: '届いた内容（excerpt）を「パック」の例と比べてください。JSON の書き方と、名前が「機器:」で始まることが多い原因です。',
    en: 'Compare the excerpt with the example of a pack. Usually it is the JSON, or names that do not begin with the device and a colon.',
  },
  'unit-wrong': { ja: '単位（u）を、機器の種類の表のとおりにしてください。', en: 'Use the unit (u) that the profile names.' },
  'quantity-unknown': {
    ja: '項目の名前（n）を機器の種類の表と比べてください。登録した機器の種類が違うこともあります。',
    en: 'Compare the name (n) with the profile. Perhaps the device was registered with another profile.',
  },
  'out-of-range': {
    ja: '値を確かめてください。測れなかったときは、0 や -1 ではなく、その項目を送らないでください。',
    en: 'Check the value. What could not be measured is left out, not sent as 0 or −1.',
  },
  'time-implausible': {
    ja: '機器の時計を合わせてください（NTP）。時計がない機器は時刻（bt, t）を省けます。',
    en: 'Set the device’s clock (NTP). A device without one leaves the times (bt, t) out.',
  },
  'not-assigned': {
    ja: 'その時刻に、機器がだれにも割り当てられていません。施設の管理者に割り当てを頼んでください。',
    en: 'At that time the device was assigned to nobody. Ask the manager of the facility to assign it.',
  },
  'profile-unknown': {
    ja: 'ハブがこの機器の種類を知りません。ハブの管理者に知らせてください。',
    en: 'The hub does not know the device’s profile. Tell the administrator of the hub.',
  },
  'rate-exceeded': {
    ja: '送る間隔を延ばすか、測定をまとめて 1 つのパックにしてください。ゆっくり受け取るだけで、失われません。',
    en: 'Send less often, or several readings in one pack. They are only read more slowly; none is lost.',
  },
  'csr-refused': {
    ja: '証明書の要求（CSR）を、P-256 の鍵と SHA-256 で作り直してください。1 時間に何度も送らないでください。',
    en: 'Make the certificate request (CSR) again, with a P-256 key and SHA-256, and not many times an hour.',
  },
};
