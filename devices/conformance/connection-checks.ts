// Checks of how a device connects: version, client id, session, keep-alive, last will, state, and coming back after a lost connection.
import { deviceTopic, deviceUsername } from '../topics.ts';
import type { Connection, Message, Observed } from './observed.ts';
import { excerpt, fail, missing, notApplicable, notSeen, pass, type Verdict } from './verdict.ts';

/** Longest keep-alive, seconds: a dead device is known offline after one and a half of it. */
export const KEEP_ALIVE_LIMIT = 60;
/** The state must be said so soon after each sign-in, ms. */
const STATE_WITHIN = 10_000;

const notConnected = () => notSeen('機器が接続しませんでした。', 'The device did not connect.');
const signedIn = (observed: Observed) => observed.connections.filter(connection => connection.signIn === 'accepted');
const quoted = (text: string) => JSON.stringify(text.slice(0, 100));

export function signIn(observed: Observed): Verdict {
  const [first] = signedIn(observed);
  const username = deviceUsername(observed.facility, observed.device);
  const wrong = observed.connections.filter(connection => ['username', 'secret', 'certificate'].includes(connection.signIn));
  const evidence = wrong.map(
    connection => `${time(connection.at)} CONNECT username ${quoted(connection.username ?? '')}: ${connection.signIn}`,
  );
  if (first && !wrong.length) return pass(`「${username}」で接続しました。`, `Signed in as "${username}".`);
  if (wrong.length)
    return fail(
      `ユーザー名（${username}）か、パスワードまたは証明書が違う接続がありました。`,
      `There were sign-ins with another username than "${username}", or with a wrong secret or certificate.`,
      evidence,
    );
  return observed.connections.length
    ? notSeen(
        'バージョンかクライアント ID が違うため、確認に進めませんでした。',
        'Not reached: the version or client id was refused before.',
      )
    : missing(
        `機器が接続しませんでした。アドレスとポート、ユーザー名（${username}）、MQTT 3.1.1 で接続しているかを確かめてください。`,
        `The device did not connect. Check its address and port, its user name (${username}), and that it speaks MQTT 3.1.1.`,
      );
}

export function protocol({ connections }: Observed): Verdict {
  if (!connections.length) return notConnected();
  const wrong = connections.filter(connection => connection.protocol !== 'MQTT' || connection.level !== 4);
  if (!wrong.length) return pass('MQTT 3.1.1 です。', 'MQTT 3.1.1.');
  const evidence = wrong.map(connection => `${time(connection.at)} CONNECT ${connection.protocol} level ${connection.level}`);
  return fail('MQTT 3.1.1（MQTT、レベル 4）で接続してください。', 'Connect by MQTT 3.1.1 ("MQTT", level 4).', evidence);
}

export function clientId({ connections, device }: Observed): Verdict {
  if (!connections.length) return notConnected();
  const wrong = connections.filter(connection => connection.clientId !== device);
  if (!wrong.length) return pass(`「${device}」です。`, `It is "${device}".`);
  const evidence = wrong.map(connection => `${time(connection.at)} client id ${quoted(connection.clientId)}`);
  return fail(`クライアント ID は機器の ID「${device}」です。`, `The client id must be the device's id, "${device}".`, evidence);
}

/** The hub keeps no session (MQTT 3.1.1 section 3.1.2.4): what was subscribed must be subscribed again on each connection. */
export function session(observed: Observed): Verdict {
  const all = signedIn(observed);
  if (!all.length) return notConnected();
  const kept = all.filter(connection => !connection.clean);
  if (!kept.length) return pass('毎回新しいセッション（clean session）です。', 'Each connection is a clean session.');
  const first = all.findIndex(connection => connection.subscriptions.length);
  const relying = first < 0 ? [] : all.slice(first + 1).filter(connection => !connection.clean && !connection.subscriptions.length);
  if (relying.length)
    return fail(
      'ハブはセッションを保存しません（clean session = 0 でも）。再接続のたびに購読し直してください。',
      'The hub keeps no session, not even with clean session 0. Subscribe again on each connection.',
      relying.map(connection => `${time(connection.at)} CONNECT clean session 0, no SUBSCRIBE`),
    );
  return pass(
    'clean session = 0 ですが、セッションの保存に頼っていません（ハブは保存しません）。',
    'Clean session is 0, but nothing relies on a kept session (the hub keeps none).',
  );
}

export function keepAlive(observed: Observed): Verdict {
  const all = signedIn(observed);
  if (!all.length) return notConnected();
  const wrong = all.filter(connection => connection.keepAlive < 1 || connection.keepAlive > KEEP_ALIVE_LIMIT);
  if (wrong.length)
    return fail(
      `keep-alive は 1～${KEEP_ALIVE_LIMIT} 秒にしてください。`,
      `Keep-alive must be 1 to ${KEEP_ALIVE_LIMIT} s.`,
      wrong.map(connection => `${time(connection.at)} CONNECT keep-alive ${connection.keepAlive}`),
    );
  const silent = all.filter(connection => connection.end === 'keep-alive');
  if (silent.length)
    return fail(
      'keep-alive の 1.5 倍の間、何も届かない接続がありました。PINGREQ を送ってください。',
      'Nothing came for one and a half keep-alives. Send PINGREQ.',
      silent.map(connection => `${time(connection.at)} connected; nothing heard until ${time(connection.endedAt ?? 0)}`),
    );
  return pass(`${all[0]!.keepAlive} 秒です。`, `${all[0]!.keepAlive} s.`);
}

export function lastWill(observed: Observed): Verdict {
  const all = signedIn(observed);
  if (!all.length) return notConnected();
  const topic = deviceTopic(observed.facility, observed.device, 'state');
  const wrong = all.filter(
    ({ will }) => will?.topic !== topic || will.qos !== 1 || !will.retain || stateOf(will.payload)?.state !== 'offline',
  );
  if (!wrong.length) return pass('接続が切れると offline と伝わります。', 'A lost connection is told as offline.');
  return fail(
    `遺言（last will）は ${topic}、内容 {"state":"offline"}、QoS 1、retain です。`,
    `The last will goes to ${topic}: {"state":"offline"}, QoS 1, retained.`,
    wrong.map(({ at, will }) =>
      will
        ? `${time(at)} will ${will.topic} QoS ${will.qos} retain ${will.retain}: ${excerpt(will.payload)}`
        : `${time(at)} CONNECT without a will`,
    ),
  );
}

export function state(observed: Observed): Verdict {
  const all = signedIn(observed);
  if (!all.length) return notConnected();
  const topic = deviceTopic(observed.facility, observed.device, 'state');
  const said = observed.messages.filter(message => message.topic === topic);
  const wrong = said.filter(message => !message.retain || !isState(message.payload));
  if (wrong.length)
    return fail(
      '状態は {"state":"online"|"offline","battery":0..1} を retain で送ってください。',
      'The state is {"state":"online"|"offline","battery":0..1}, retained.',
      wrong.map(message => `${time(message.at)} retain ${message.retain}: ${excerpt(message.payload)}`),
    );
  const isOnline = (connection: Connection) => (message: Message) =>
    message.connection === connection && message.at - connection.at <= STATE_WITHIN && stateOf(message.payload)?.state === 'online';
  // A connection that was short says nothing.
  const silent = all.filter(
    connection => (connection.endedAt ?? observed.endedAt) - connection.at > STATE_WITHIN && !said.some(isOnline(connection)),
  );
  if (silent.length)
    return fail(
      `接続のたびに、10 秒以内に ${topic} へ {"state":"online"} を retain で送ってください。`,
      `After each sign-in, within 10 s, publish {"state":"online"} to ${topic}, retained.`,
      silent.map(connection => `${time(connection.at)} connected; no online state`),
    );
  if (!said.length) return notSeen('接続が短く、状態の通知を見られませんでした。', 'The connections were too short to see a state.');
  return pass('接続のたびに online と伝えました。', 'It said online after each sign-in.', [excerpt(said[0]!.payload)]);
}

/** Whether it comes back by itself after the network was away and after the withheld PUBACKs. */
export function reconnect(observed: Observed): Verdict {
  const breaks = [observed.outage, observed.withholding].filter(found => found !== null);
  if (!breaks.length)
    return notSeen('接続を切る段階まで進みませんでした。', 'The run did not get to the point of breaking the connection.');
  const seconds = Math.round(observed.returnLimit / 1000);
  const lost = breaks.filter(({ returnedAt }) => returnedAt === null);
  if (lost.length)
    return fail(
      `接続が切れた後、${seconds} 秒以内に戻りませんでした。`,
      `It did not come back within ${seconds} s of a lost connection.`,
      lost.map(({ cutAt, openAt }) => `${time(cutAt)} connection cut; reachable again from ${time(openAt)}`),
    );
  const took = breaks.map(({ openAt, returnedAt }) => ((returnedAt ?? 0) - openAt) / 1000);
  const longest = Math.max(...took).toFixed(1);
  return pass(`${longest} 秒以内に戻りました（上限 ${seconds} 秒）。`, `It came back within ${longest} s (limit ${seconds} s).`);
}

/** Whether the device requests a new certificate when it is asked to, and comes back with it. */
export function rotation({ connections, rotation }: Observed): Verdict {
  const accepted = connections.filter(connection => connection.signIn === 'accepted');
  if (accepted.length && accepted.every(connection => connection.certificate === null))
    return notApplicable(
      'この機器は鍵（パスワード）で接続します。鍵は人が入れ替えるので、機器が更新するものはありません。',
      'The device signs in by secret. A person enters a new one; there is nothing for the device to renew.',
    );
  if (!rotation) return notSeen('証明書の更新の段階まで進みませんでした。', 'The run did not get to the renewal of the certificate.');
  const { askedAt, requestedAt, returnedAt, limit } = rotation;
  const seconds = Math.round(limit / 1000);
  const evidence = [
    `${time(askedAt)} config {"renew":true}`,
    ...(requestedAt === null ? [] : [`${time(requestedAt)} csr`]),
    ...(returnedAt === null ? [] : [`${time(returnedAt)} CONNECT with the new certificate`]),
  ];
  if (requestedAt === null)
    return fail(
      `config で {"renew":true} を受け取ってから ${seconds} 秒以内に、新しい証明書の要求（CSR）を …/csr に送りませんでした。`,
      `It sent no certificate request (CSR) to …/csr within ${seconds} s of {"renew":true} on config.`,
      evidence,
    );
  if (returnedAt === null)
    return fail(
      `新しい証明書を …/certificate で受け取ってから ${seconds} 秒以内に、その証明書で接続し直しませんでした。`,
      `It did not sign in with the new certificate within ${seconds} s of its request. The certificate comes on …/certificate.`,
      evidence,
    );
  const took = ((returnedAt - askedAt) / 1000).toFixed(1);
  return pass(`${took} 秒で新しい証明書に替えました。`, `It changed to a new certificate within ${took} s.`, evidence);
}

function stateOf(payload: Buffer): { state?: unknown; battery?: unknown } | null {
  try {
    const content: unknown = JSON.parse(payload.toString('utf8'));
    return typeof content === 'object' && content !== null ? content : null;
  } catch {
    return null;
  }
}
function isState(payload: Buffer): boolean {
  const content = stateOf(payload);
  if (!content || !['online', 'offline'].includes(content.state as string)) return false;
  const { battery } = content;
  return battery === undefined || (typeof battery === 'number' && battery >= 0 && battery <= 1);
}

/** @param at ms since 1970 */
export const time = (at: number) => new Date(at).toISOString();
