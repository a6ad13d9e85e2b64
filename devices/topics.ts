// MQTT topics of the hub, made and read in this one place. Grammar in README.md, "Topics".

/** Format of a pack, as the last level of its topic says. */
export type PackFormat = 'json' | 'cbor';
/**
 * Last level of a device's topic. `state`, `json`, `cbor`, `csr` go to the hub; `config`, `refused`, `certificate` come from it. `credential` is
 * the gateway's: `{"used":"<hexadecimal SHA-256 of the secret or the certificate>"}` once the device has signed in there with it (QoS 1).
 */
export type DeviceChannel = PackFormat | 'state' | 'config' | 'refused' | 'csr' | 'certificate' | 'credential';
/** Last level of the gateway's own topic, beside `devices`: `csr` goes to the hub, the others come from it. */
export type GatewayChannel = 'config' | 'refused' | 'csr' | 'certificate';

const ID = /^[A-Za-z0-9-]{1,64}$/;
const SUBJECT_TYPES = ['Patient', 'Location'] as const;
export type SubjectType = (typeof SUBJECT_TYPES)[number];
const GATEWAY_CHANNELS: readonly string[] = ['config', 'refused', 'csr', 'certificate'];
const CHANNELS: readonly string[] = ['json', 'cbor', 'state', 'credential', ...GATEWAY_CHANNELS];

/** Ids of facilities and devices: 1 to 64 letters, digits and hyphens. */
export const isId = (text: string): boolean => ID.test(text);

/** Device name that stands for the facility's gateway in `gatewayDevicesTopic`; no device may carry it. */
export const GATEWAY = 'gateway';

export type Topic =
  | { kind: 'device'; facility: string; device: string; channel: DeviceChannel }
  | { kind: 'gateway-devices'; facility: string }
  | { kind: 'gateway'; facility: string; channel: GatewayChannel }
  | { kind: 'gateway-alarm'; facility: string; alarm: string }
  | { kind: 'stored'; facility: string; subjectType: SubjectType; subject: string }
  | { kind: 'bench'; facility: string; device: string };

/** Reads a topic; null for one outside the grammar. */
export function parseTopic(topic: string): Topic | null {
  const [root, version, ...levels] = topic.split('/');
  if (version !== '1') return null;
  if (root === 'care') return parseCare(levels);
  return root === 'hub' ? parseInternal(levels) : null;
}

function parseCare([facility = '', device = '', channel = '', ...more]: string[]): Topic | null {
  const [alarm = '', ...beyond] = more;
  if (device === GATEWAY && channel === 'alarms' && isId(facility) && isId(alarm) && !beyond.length)
    return { kind: 'gateway-alarm', facility, alarm };
  if (more.length || !isId(facility) || !isId(device)) return null;
  if (device === GATEWAY) {
    if (channel === 'devices') return { kind: 'gateway-devices', facility };
    return GATEWAY_CHANNELS.includes(channel) ? { kind: 'gateway', facility, channel: channel as GatewayChannel } : null;
  }
  return CHANNELS.includes(channel) ? { kind: 'device', facility, device, channel: channel as DeviceChannel } : null;
}

function parseInternal([what, facility = '', third = '', fourth = '', ...more]: string[]): Topic | null {
  if (more.length || !isId(facility)) return null;
  if (what === 'bench' && isId(third) && fourth === '') return { kind: 'bench', facility, device: third };
  if (what === 'stored' && (SUBJECT_TYPES as readonly string[]).includes(third) && /^[A-Za-z0-9.-]{1,64}$/.test(fourth))
    return { kind: 'stored', facility, subjectType: third as SubjectType, subject: fourth };
  return null;
}

/** @throws Error for an id outside `[A-Za-z0-9-]{1,64}`: it would change the topic's meaning. */
function id(text: string): string {
  if (!isId(text)) throw new Error(`"${text.slice(0, 80)}" is no id for a topic: 1 to 64 letters, digits and hyphens`);
  return text;
}

/** `care/1/<facility>/<device>/<channel>` */
export function deviceTopic(facility: string, device: string, channel: DeviceChannel): string {
  if (device === GATEWAY) throw new Error(`"${GATEWAY}" is no name for a device`);
  return `care/1/${id(facility)}/${id(device)}/${channel}`;
}
/** Retained list of the facility's devices for its gateway (hub → edge). */
export const gatewayDevicesTopic = (facility: string) => `care/1/${id(facility)}/${GATEWAY}/devices`;
/** `care/1/<facility>/gateway/<channel>`: what concerns the gateway itself. */
export const gatewayTopic = (facility: string, channel: GatewayChannel) => `care/1/${id(facility)}/${GATEWAY}/${channel}`;
/** Retained on the gateway's own broker while an alarm is open; `+` for `alarm` is the filter of all. Never at the hub. */
export const gatewayAlarmTopic = (facility: string, alarm: string) =>
  `care/1/${id(facility)}/${GATEWAY}/alarms/${alarm === '+' ? alarm : id(alarm)}`;
/** Batches that InfluxDB has taken, for the hub's own roles. `subject` is `Patient/…` or `Location/…`. */
export function storedTopic(facility: string, subject: string): string {
  const topic = `hub/1/stored/${id(facility)}/${subject}`;
  if (parseTopic(topic) === null) throw new Error(`"${subject.slice(0, 80)}" is no subject: Patient/… or Location/…`);
  return topic;
}
/** Verdict on each message of a device, for the maker's bench. */
export const benchTopic = (facility: string, device: string) => `hub/1/bench/${id(facility)}/${id(device)}`;

/** Whose credentials a username carries. `<facility>/<device>`, `gateway/<facility>`, or `hub`. */
export type Login = { kind: 'device'; facility: string; device: string } | { kind: 'gateway'; facility: string } | { kind: 'hub' };

/** Reads a username; null for one outside the grammar. */
export function parseUsername(username: string): Login | null {
  if (username === 'hub') return { kind: 'hub' };
  const [first = '', second = '', ...rest] = username.split('/');
  if (rest.length || !isId(first) || !isId(second) || second === GATEWAY) return null;
  return first === GATEWAY ? { kind: 'gateway', facility: second } : { kind: 'device', facility: first, device: second };
}
/** How a certificate names its holder, in the subject alternative name (RFC 5280, section 4.2.1.6): the username is its common name. */
export const identityUri = (login: Exclude<Login, { kind: 'hub' }>): string =>
  login.kind === 'gateway' ? `urn:hub:gateway:${id(login.facility)}` : `urn:hub:device:${id(login.facility)}:${id(login.device)}`;
/** Reads what `identityUri` made; null for anything else. */
export function loginOfUri(uri: string): Exclude<Login, { kind: 'hub' }> | null {
  const [scheme, space, kind, facility = '', device = '', ...more] = uri.split(':');
  if (scheme !== 'urn' || space !== 'hub' || more.length || !isId(facility) || facility === GATEWAY) return null;
  if (kind === 'gateway' && device === '') return { kind, facility };
  return kind === 'device' && isId(device) && device !== GATEWAY ? { kind, facility, device } : null;
}
/** The username of a device or a gateway. */
export const usernameOf = (login: Exclude<Login, { kind: 'hub' }>): string =>
  login.kind === 'gateway' ? gatewayUsername(login.facility) : deviceUsername(login.facility, login.device);
export const deviceUsername = (facility: string, device: string) => `${id(facility)}/${id(device)}`;
export const gatewayUsername = (facility: string) => `${GATEWAY}/${id(facility)}`;
