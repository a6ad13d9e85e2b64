// Who may publish and subscribe what at the broker. Pure: a login and a topic in, a decision out.
import { GATEWAY, isId, type Login, type PackFormat, parseTopic, type Refusal } from '../../devices/index.ts';

export type Publication =
  /** Samples of a device. */
  | { kind: 'pack'; facility: string; device: string; format: PackFormat }
  | { kind: 'state'; facility: string; device: string }
  /** A request for a certificate, by the device or gateway itself, or `passedOn` for a device by the gateway that it speaks to. */
  | { kind: 'csr'; login: Exclude<Login, { kind: 'hub' }>; passedOn: false }
  | { kind: 'csr'; login: Extract<Login, { kind: 'device' }>; passedOn: true }
  /** A gateway's word that the device has signed in there, and with what. */
  | { kind: 'credential'; facility: string; device: string }
  /** Passed on to subscribers as it is (the hub's own roles). */
  | { kind: 'forward' }
  | { kind: 'refused'; refusal: Refusal };

/** What a message of this login on this topic is. */
export function publicationOf(login: Login, text: string): Publication {
  const topic = parseTopic(text);
  if (topic?.kind === 'device' && (topic.channel === 'json' || topic.channel === 'cbor' || topic.channel === 'state')) {
    const { facility, device, channel } = topic;
    const own = login.kind === 'hub' || (login.facility === facility && (login.kind === 'gateway' || login.device === device));
    if (!own) return { kind: 'refused', refusal: foreign(login) };
    return channel === 'state' ? { kind: 'state', facility, device } : { kind: 'pack', facility, device, format: channel };
  }
  // Nobody asks for another, and not an outside broker, behind which nobody can be told apart; a gateway passes on what its devices ask.
  if (topic && 'channel' in topic && topic.channel === 'csr') {
    if (isOwn(login, topic)) return { kind: 'csr', login, passedOn: false };
    if (topic.kind === 'device' && isGatewayOf(login, topic.facility))
      return { kind: 'csr', login: { kind: 'device', facility: topic.facility, device: topic.device }, passedOn: true };
    return { kind: 'refused', refusal: foreign(login) };
  }
  if (topic?.kind === 'device' && topic.channel === 'credential' && isGatewayOf(login, topic.facility))
    return { kind: 'credential', facility: topic.facility, device: topic.device };
  if (login.kind === 'hub') return { kind: 'forward' };
  return { kind: 'refused', refusal: topic ? foreign(login) : unknown };
}

const isGatewayOf = (login: Login, facility: string) => login.kind === 'gateway' && login.facility === facility;

function isOwn(
  login: Login,
  topic: { kind: 'device'; facility: string; device: string } | { kind: 'gateway'; facility: string },
): login is Exclude<Login, { kind: 'hub' }> {
  if (login.kind === 'hub' || login.facility !== topic.facility) return false;
  return topic.kind === 'gateway' ? login.kind === 'gateway' : login.kind === 'device' && login.device === topic.device;
}

/** Whether the login may receive what the topic filter names. */
export function maySubscribe(login: Login, filter: string): boolean {
  if (login.kind === 'hub') return true;
  const [root, version, facility, device = '', channel, ...more] = filter.split('/');
  if (root !== 'care' || version !== '1' || facility !== login.facility || more.length) return false;
  const fromHub = channel === 'config' || channel === 'refused';
  if (login.kind === 'device') return device === login.device && (fromHub || channel === 'certificate');
  if (device === GATEWAY) return fromHub || channel === 'devices' || channel === 'certificate';
  return (device === '+' || isId(device)) && (fromHub || channel === 'certificate');
}

const unknown: Refusal = {
  reason: 'topic-unknown',
  text: {
    ja: 'このトピックはありません。care/1/<施設>/<機器>/json または …/cbor、状態は …/state に送ってください。',
    en: 'There is no such topic. Send to care/1/<facility>/<device>/json or …/cbor, and the state to …/state.',
  },
};

const foreign = (login: Login): Refusal => ({
  reason: 'topic-unknown',
  text:
    login.kind === 'device'
      ? {
          ja: `この機器が送れるのは自分のトピックだけです: care/1/${login.facility}/${login.device}/…`,
          en: `This device may send to its own topics only: care/1/${login.facility}/${login.device}/…`,
        }
      : {
          ja: 'このゲートウェイが送れるのは自分の施設の機器のトピックだけです。',
          en: 'This gateway may send to the topics of its own facility’s devices only.',
        },
});
