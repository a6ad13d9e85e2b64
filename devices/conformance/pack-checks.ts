// Checks of what a device sends: QoS, topics, packs, units, range, interval, sequence numbers, clock, and what it sends again.
import { checkReadings } from '../check.ts';
import type { Profile } from '../profiles.ts';
import type { RefusalReason } from '../refusal.ts';
import { parseTopic } from '../topics.ts';
import { time } from './connection-checks.ts';
import type { Message, Observed } from './observed.ts';
import { isSame, median, newest, packsOf, resends, type SeenPack } from './packs.ts';
import { excerpt, fail, missing, notApplicable, notSeen, pass, type Verdict } from './verdict.ts';

/** A device's clock may be so far off, ms. */
export const CLOCK_LIMIT = 60_000;
/** It may gain or lose so much, ms per s (a minute and a half a day), once enough was seen to tell. */
const DRIFT_LIMIT = 1;
/** Drift is told from at least so long an observation, ms. */
const DRIFT_SPAN = 5 * 60_000;

const noPacks = () => notSeen('パックが届きませんでした。', 'No pack came.');
const line = ({ at, topic, payload }: Message) => `${time(at)} ${topic.split('/').at(-1)} ${excerpt(payload)}`;

export function qualityOfService({ messages }: Observed): Verdict {
  if (!messages.length) return notSeen('何も届きませんでした。', 'Nothing was published.');
  const wrong = messages.filter(({ qos }) => qos !== 1);
  if (!wrong.length) return pass('すべて QoS 1 です。', 'Everything came with QoS 1.');
  return fail(
    'QoS 1 で送ってください。QoS 0 では、保存されたかどうかが機器に分かりません。',
    'Publish with QoS 1. With QoS 0 the device cannot know whether a pack was stored.',
    wrong.map(message => `${time(message.at)} ${message.topic} QoS ${message.qos}`),
  );
}

export function topics({ messages, connections, facility, device }: Observed): Verdict {
  if (!messages.length) return notSeen('何も届きませんでした。', 'Nothing was published.');
  const wrong = messages.filter(message => {
    const topic = parseTopic(message.topic);
    const own = topic?.kind === 'device' && topic.facility === facility && topic.device === device;
    return !own || !['json', 'cbor', 'state', 'csr'].includes(topic.channel);
  });
  const asked = connections.flatMap(connection => connection.refusedSubscriptions);
  if (!wrong.length && !asked.length) return pass('自分のトピックだけを使っています。', 'It uses its own topics only.');
  return fail(
    `送るのは care/1/${facility}/${device}/ の json, cbor, state, csr、購読は config, refused, certificate だけです。`,
    `Publish to json, cbor, state and csr below care/1/${facility}/${device}/ and subscribe to config, refused and certificate there, nothing else.`,
    [...wrong.map(({ at, topic }) => `${time(at)} PUBLISH ${topic}`), ...asked.map(topic => `SUBSCRIBE ${topic}: refused`)],
  );
}

export function packFormat({ messages, connections, device }: Observed): Verdict {
  const packs = packsOf(messages);
  if (!packs.length)
    return connections.some(connection => connection.signIn === 'accepted')
      ? missing('接続しましたが、パックが一つも届きませんでした。', 'It signed in, but no pack came.')
      : noPacks();
  const broken = packs.find(({ refusal }) => refusal);
  if (broken?.refusal) {
    const { text, path } = broken.refusal;
    const place = path && ` (${path})`;
    return fail(`${text.ja}${place}`, `${text.en}${place}`, [line(broken.message)]);
  }
  const foreign = packs.filter(({ pack }) => pack?.device !== device);
  if (foreign.length)
    return fail(
      `名前（bn）は「${device}:」で始めてください。`,
      `The names (bn) must begin with "${device}:".`,
      foreign.map(seen => line(seen.message)),
    );
  return pass(`${packs.length} パックを読めました。`, `${packs.length} packs could be read.`, [line(packs[0]!.message)]);
}

/** Readings that the profile refuses for these reasons. */
function refused(observed: Observed, profile: Profile, reasons: RefusalReason[], good: [ja: string, en: string]): Verdict {
  const readable = packsOf(observed.messages).filter(seen => seen.pack !== null);
  if (!readable.length) return noPacks();
  const found = readable.flatMap(({ pack, message }) =>
    checkReadings(profile, pack!, { receivedAt: message.at })
      .refusals.filter(({ reason }) => reasons.includes(reason))
      .map(refusal => ({ refusal, message })),
  );
  const [first] = found;
  return first
    ? fail(
        first.refusal.text.ja,
        first.refusal.text.en,
        found.map(({ message }) => line(message)),
      )
    : pass(...good);
}

export const quantities = (observed: Observed, profile: Profile): Verdict =>
  refused(observed, profile, ['quantity-unknown'], ['項目はすべて機器の種類にあるものです。', 'Every quantity is one of the profile.']);
export const units = (observed: Observed, profile: Profile): Verdict =>
  refused(observed, profile, ['unit-wrong'], ['単位はすべて正しいです。', 'Every unit is right.']);
export const range = (observed: Observed, profile: Profile): Verdict =>
  refused(observed, profile, ['out-of-range'], ['値はすべて範囲内です。', 'Every value is plausible.']);

/** Gaps between sample times while the run let the device be, ms. */
function gapsOf(messages: readonly Message[]): number[] {
  const undisturbed = packsOf(messages).filter(seen => seen.message.undisturbed);
  const times = new Set(undisturbed.flatMap(({ pack }) => pack?.readings.map(reading => reading.time) ?? []));
  const sorted = [...times].sort((a, b) => a - b);
  return sorted.slice(1).map((at, index) => at - sorted[index]!);
}

/** Only while the run let the device be. More often than the profile says is no fault. */
export function interval({ messages }: Observed, profile: Profile): Verdict {
  if (profile.occasional)
    return notApplicable('ときどき使う機器なので、間隔は決まっていません。', 'A device that is used now and then has no interval.');
  const gaps = gapsOf(messages);
  const expected = profile.intervalSeconds;
  if (gaps.length < 2)
    return notSeen(
      `間隔（${expected} 秒）を見るには測定が足りません。--minutes を長くしてください。`,
      `Too few samples to tell the interval (${expected} s). Observe longer (--minutes).`,
    );
  const [usual, longest] = [median(gaps) / 1000, Math.max(...gaps) / 1000];
  const seen = `${usual.toFixed(1)} s (median of ${gaps.length}), longest ${longest.toFixed(1)} s`;
  // As the hub: silent after three intervals.
  if (usual > 1.5 * expected || longest > 3 * expected)
    return fail(
      `${expected} 秒ごとのはずが、中央値 ${usual.toFixed(1)} 秒、最長 ${longest.toFixed(1)} 秒です。`,
      `Expected every ${expected} s; the median is ${usual.toFixed(1)} s, the longest gap ${longest.toFixed(1)} s.`,
      [seen],
    );
  return pass(
    `${expected} 秒ごと（実際は中央値 ${usual.toFixed(1)} 秒）。`,
    `Expected every ${expected} s; the median is ${usual.toFixed(1)} s.`,
    [seen],
  );
}

export function sequence({ messages }: Observed): Verdict {
  const packs = packsOf(messages).filter(seen => seen.pack !== null);
  if (!packs.length) return noPacks();
  const numbered = packs.filter(({ pack }) => pack!.sequence !== null);
  if (!numbered.length)
    return notSeen(
      '番号（seq）がありません。なくても使えますが、欠けた測定に気づけません。',
      'There is no sequence number (seq). It is optional, but without it nobody sees a missing pack.',
    );
  const bare = packs.filter(({ pack }) => pack!.sequence === null);
  if (bare.length)
    return fail(
      '番号（seq）のないパックがあります。',
      'Some packs have no sequence number (seq).',
      bare.map(seen => line(seen.message)),
    );
  const first = new Map<number, SeenPack>();
  const reused: SeenPack[] = [];
  let again = 0;
  for (const seen of numbered) {
    const before = first.get(seen.pack!.sequence!);
    if (!before) first.set(seen.pack!.sequence!, seen);
    else if (isSame(before, seen)) again++;
    else reused.push(seen);
  }
  if (reused.length)
    return fail(
      '同じ番号（seq）を違うパックに使いました（番号が最初に戻ったなど）。',
      'A sequence number was used for two different packs (the numbers began anew?).',
      reused.map(seen => line(seen.message)),
    );
  const numbers = [...first.keys()].sort((a, b) => a - b);
  const gaps = numbers.slice(1).flatMap((number, index) => {
    const before = numbers[index]!;
    if (number === before + 1 || wentWithTheLine(first.get(before)!, first.get(number)!)) return [];
    return [number === before + 2 ? `${before + 1}` : `${before + 1}–${number - 1}`];
  });
  if (gaps.length)
    return fail(
      `番号（seq）が欠けています: ${gaps.slice(0, 5).join(', ')}`,
      `Sequence numbers are missing: ${gaps.slice(0, 5).join(', ')}.`,
      gaps,
    );
  const counted = `${numbers[0]}–${numbers.at(-1)}`;
  return pass(`欠けていません（${counted}、再送 ${again}）。`, `None is missing (${counted}; ${again} sent again).`);
}

/** What is sent with QoS 0 while the line breaks is gone; that is the fault of its QoS. */
const wentWithTheLine = ({ message: before }: SeenPack, { message: after }: SeenPack) =>
  before.qos === 0 && before.connection !== after.connection;

export function clock({ messages }: Observed, profile: Profile): Verdict {
  const all = packsOf(messages).filter(seen => seen.pack !== null);
  if (!all.length) return noPacks();
  // A `clock` record is the device's own clock when it sent the pack; without one its newest sample comes closest to that.
  const dated = all.filter(seen => seen.pack!.clock !== null || !seen.relative);
  if (!dated.length)
    return notApplicable(
      '時刻は受信時刻からの相対で、clock もありません。時計は使われません。',
      'Times are relative to receipt and there is no clock record: the device’s clock is not used.',
    );
  const live = dated.filter(({ message }) => message.undisturbed);
  const seen = (live.length ? live : dated).map(({ pack, message }) => ({
    at: message.at,
    offset: (pack!.clock ?? newest(pack!)) - message.at,
  }));
  const offset = median(seen.map(pack => pack.offset));
  const drift = driftOf(seen);
  const told = `${(offset / 1000).toFixed(1)} s${drift === null ? '' : `, ${(drift * 1000).toFixed(0)} ppm`}`;
  const implausible = refused({ messages } as Observed, profile, ['time-implausible'], ['', '']);
  if (Math.abs(offset) > CLOCK_LIMIT || implausible.status === 'fail')
    return fail(
      `機器の時計が ${Math.round(Math.abs(offset) / 1000)} 秒${offset > 0 ? '進んで' : '遅れて'}います（上限 ${CLOCK_LIMIT / 1000} 秒）。`,
      `The device's clock is ${Math.round(Math.abs(offset) / 1000)} s ${offset > 0 ? 'ahead' : 'behind'} (limit ${CLOCK_LIMIT / 1000} s).`,
      [told, ...implausible.evidence],
    );
  if (drift !== null && Math.abs(drift) > DRIFT_LIMIT)
    return fail(`機器の時計の速さが違います（${told}）。`, `The device's clock runs at the wrong rate (${told}).`, [told]);
  return pass(`ずれは ${(offset / 1000).toFixed(1)} 秒です。`, `It is ${(offset / 1000).toFixed(1)} s off.`, [told]);
}

/** Slope of the offset, ms per s, by least squares; null when too little was seen to tell it from the network's delay. */
function driftOf(seen: { at: number; offset: number }[]): number | null {
  const [first, last] = [seen[0], seen.at(-1)];
  if (!first || !last || last.at - first.at < DRIFT_SPAN || seen.length < 5) return null;
  const mean = (pick: (pack: { at: number; offset: number }) => number) => seen.reduce((sum, pack) => sum + pick(pack), 0) / seen.length;
  const [x, y] = [mean(pack => pack.at), mean(pack => pack.offset)];
  const covariance = mean(pack => (pack.at - x) * (pack.offset - y));
  return (covariance / mean(pack => (pack.at - x) ** 2)) * 1000;
}

/** Readings of the time without a network follow when it is back. */
export function backlog({ messages, outage }: Observed, profile: Profile): Verdict {
  if (!outage || outage.returnedAt === null)
    return notSeen('ネットワークを切る段階まで進みませんでした。', 'The run did not get to an outage and back.');
  const later = packsOf(messages).filter(seen => seen.pack !== null && seen.message.at >= outage.openAt);
  const before = packsOf(messages).filter(seen => seen.pack !== null && seen.message.at < outage.cutAt);
  if (!later.length && !before.length) return noPacks();
  // In the device's own time, whatever its clock says.
  const offset = before.length ? median(before.map(({ pack, message }) => newest(pack!) - message.at)) : 0;
  const within = new Set(
    later.flatMap(({ pack }) => pack!.readings.map(reading => reading.time - offset).filter(at => at > outage.cutAt && at < outage.openAt)),
  );
  const seconds = Math.round((outage.openAt - outage.cutAt) / 1000);
  const gaps = gapsOf(messages);
  // By the device's own pace: that it is too slow is said elsewhere.
  const pace = Math.max(profile.intervalSeconds * 1000, gaps.length ? median(gaps) : 0);
  const expected = profile.event || profile.occasional ? 0 : Math.floor((outage.openAt - outage.cutAt) / pace);
  const evidence = [`${time(outage.cutAt)} – ${time(outage.openAt)}: ${within.size} of about ${expected} samples`];
  if (within.size && within.size >= Math.floor(expected / 2))
    return pass(
      `切れていた ${seconds} 秒の測定 ${within.size} 件が後から届きました。`,
      `${within.size} samples of the ${seconds} s without a network followed.`,
      evidence,
    );
  if (!expected) return notSeen('ネットワークがない間に測定がありませんでした。', 'Nothing was measured while the network was away.');
  if (before.some(seen => seen.relative))
    return notSeen(
      '相対時刻の機器なので、いつの測定か分かりません。',
      'Times are relative to receipt: which readings are of the outage cannot be told.',
    );
  return missing(
    `切れていた ${seconds} 秒の測定が届きません（約 ${expected} 件のうち ${within.size} 件）。機器にためてから送ってください。`,
    `Readings of the ${seconds} s without a network are missing (${within.size} of about ${expected} came). Keep them and send them later.`,
    evidence,
  );
}

/** What got no PUBACK comes again on the next connection, in the order in which it was sent. */
export function resend({ messages, withholding }: Observed): Verdict {
  const held = messages.filter(message => message.withheld);
  if (!withholding || !held.length)
    return notSeen('受信確認を止めている間に QoS 1 のパックが届きませんでした。', 'No QoS 1 pack came while PUBACKs were withheld.');
  if (withholding.returnedAt === null) return notSeen('機器が戻りませんでした。', 'The device did not come back.');
  const places = resends(held, messages);
  const lost = held.filter((_message, index) => places[index] === null);
  if (lost.length)
    return fail(
      `受信確認（PUBACK）のなかった ${held.length} パックのうち ${lost.length} パックを送り直しませんでした。PUBACK が届くまで保存してください。`,
      `${lost.length} of ${held.length} packs without a PUBACK were not sent again. Keep a pack until its PUBACK comes.`,
      lost.map(line),
    );
  if (places.some((place, index) => index > 0 && place! < places[index - 1]!))
    return fail('送り直しの順番が元と違います。', 'Packs were sent again in another order.', held.map(line));
  return pass(
    `受信確認のなかった ${held.length} パックを順番どおりに送り直しました。`,
    `All ${held.length} packs without a PUBACK were sent again, in order.`,
  );
}
