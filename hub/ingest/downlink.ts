// What the hub tells gateways and devices by retained messages, anew whenever the registry changes: a gateway the list of its facility's
// devices, each device and gateway its configuration.
import {
  type AlarmLimits,
  deviceTopic,
  GATEWAY,
  gatewayDevicesTopic,
  gatewayTopic,
  gatewayUsername,
  parseUsername,
} from '../../devices/index.ts';
import { type FacilityDirectory, subjectAt } from './directory.ts';
import type { Publish } from './intake.ts';
import type { PlacesOf } from './places.ts';

/** An entry of the retained list at `care/1/<facility>/gateway/devices`: enough for the gateway to admit the device by itself. */
export interface DownlinkDevice {
  device: string;
  profile: string;
  /** Hex SHA-256 of the device's secret; missing for a device that signs in by certificate only. */
  secretSha256?: string;
  /** Of the secret before, during a rotation: good until the device signs in with the new one. */
  formerSecretSha256?: string;
  /** Hex SHA-256 of its certificates (DER) in force, the newest last. */
  certificates?: string[];
  /** The room or place where it is, in the facility's words; never a person's name. */
  place?: string;
  /** The watched resident's own limits of the profile's alarms, by rule. */
  limits?: AlarmLimits;
}

/** Own limits of these patients, by patient id; who has none is left out. */
export type LimitsOf = (patients: string[]) => Promise<ReadonlyMap<string, AlarmLimits>>;

/** How soon limits and places that could not be read are asked for again, ms. */
const AGAIN = 5000;
/** Rooms of a facility are asked for again after so long, ms; a resident's move is told at once. */
const PLACES_FOR = 600_000;
/** Moves within so long are looked at together, ms. */
const GATHER = 100;

export interface Downlink {
  /** Says what is other than it was said last. */
  tell(directory: FacilityDirectory): void;
  /** These residents may have moved (patient ids); without them, anyone. */
  moved(patients?: string[]): void;
  close(): void;
}

export function downlinkOf(
  directory: FacilityDirectory,
  limits: ReadonlyMap<string, AlarmLimits> = new Map(),
  places: ReadonlyMap<string, string> = new Map(),
): DownlinkDevice[] {
  const list: DownlinkDevice[] = [];
  const now = Date.now();
  for (const [username, held] of directory.credentials) {
    const login = parseUsername(username);
    const device = login?.kind === 'device' && directory.devices.get(login.device);
    const good = held.filter(({ until }) => until > now);
    const [secretSha256, formerSecretSha256] = good.flatMap(each => each.secretSha256 ?? []).reverse();
    const certificates = good.flatMap(each => each.fingerprint ?? []);
    if (!device || !good.length) continue;
    const entry: DownlinkDevice = { device: device.device, profile: device.profileId };
    if (secretSha256) entry.secretSha256 = secretSha256;
    if (formerSecretSha256) entry.formerSecretSha256 = formerSecretSha256;
    if (certificates.length) entry.certificates = certificates;
    const subject = subjectAt(device, now) ?? '';
    const place = places.get(subject);
    if (place) entry.place = place;
    const patient = subject.split('/')[1] ?? '';
    const rules = new Set(device.profile?.alarms.map(({ id }) => id));
    const own = Object.entries(limits.get(patient) ?? {}).filter(([rule]) => rules.has(rule));
    if (own.length) entry.limits = Object.fromEntries(own);
    list.push(entry);
  }
  return list.sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** Publishes what a facility is to be told, where it is not what was published last. */
export function openDownlink({
  publish,
  limitsOf = async () => new Map(),
  placesOf = async () => new Map(),
  failed,
}: {
  publish: Publish;
  limitsOf?: LimitsOf;
  placesOf?: PlacesOf;
  failed?: (error: unknown) => void;
}): Downlink {
  const sent = new Map<string, string>();
  const configured = new Map<string, Set<string>>();
  const tell = (topic: string, payload: string) => {
    if (sent.get(topic) === payload) return;
    sent.set(topic, payload);
    publish(topic, payload, { retain: true });
  };
  const places = new Map<string, { names: ReadonlyMap<string, string>; until: number }>();
  /** Only for who has a gateway to show them, and again for a device that watches whom nobody knew of. */
  async function placesFor({ facility, credentials }: FacilityDirectory, subjects: string[]): Promise<ReadonlyMap<string, string>> {
    if (!credentials.has(gatewayUsername(facility))) return new Map();
    const known = places.get(facility);
    if (known && known.until > Date.now() && subjects.every(subject => known.names.has(subject))) return known.names;
    const names = await placesOf(facility);
    places.set(facility, { names, until: Date.now() + PLACES_FOR });
    return names;
  }
  let last: Promise<void> = Promise.resolve();
  let closed = false;
  const newest = new Map<string, FacilityDirectory>();
  /** One list after the other; of several that wait for one facility, only the newest is told. */
  const tellDevices = (directory: FacilityDirectory) => {
    newest.set(directory.facility, directory);
    last = last.then(async () => {
      if (closed || newest.get(directory.facility) !== directory) return;
      const subjects = watchedNow(directory);
      const patients = subjects.flatMap(subject => /^Patient\/(.+)$/.exec(subject)?.[1] ?? []);
      try {
        const [limits, names] = await Promise.all([limitsOf(patients), placesFor(directory, subjects)]);
        tell(gatewayDevicesTopic(directory.facility), JSON.stringify(downlinkOf(directory, limits, names)));
      } catch (error) {
        failed?.(error);
        setTimeout(() => newest.get(directory.facility) === directory && tellDevices(directory), AGAIN).unref();
      }
    });
  };
  let moving: Set<string> | 'anyone' | undefined;
  const look = () => {
    const who = moving;
    moving = undefined;
    for (const directory of newest.values()) {
      const touched = who === 'anyone' || watchedNow(directory).some(subject => who?.has(subject));
      if (closed || !touched || !directory.credentials.has(gatewayUsername(directory.facility))) continue;
      places.delete(directory.facility);
      tellDevices(directory);
    }
  };
  return {
    tell(directory) {
      const { facility, configs } = directory;
      tellDevices(directory);
      const before = configured.get(facility) ?? new Set();
      configured.set(facility, new Set(configs.keys()));
      for (const [device, config] of configs) tell(configTopic(facility, device), JSON.stringify(config));
      // Nothing is kept for who is configured no more: an empty retained message ends it (MQTT 3.1.1 section 3.3.1.3).
      for (const device of before) if (!configs.has(device)) tell(configTopic(facility, device), '');
    },
    moved(patients) {
      if (!moving) setTimeout(look, GATHER).unref();
      if (!patients || moving === 'anyone') moving = 'anyone';
      else moving = new Set([...(moving ?? []), ...patients.map(patient => `Patient/${patient}`)]);
    },
    close() {
      closed = true;
    },
  };
}

/** Whom or what the facility's devices watch now. */
const watchedNow = ({ devices }: FacilityDirectory): string[] => [
  ...new Set([...devices.values()].flatMap(device => subjectAt(device, Date.now()) ?? [])),
];

const configTopic = (facility: string, device: string) =>
  device === GATEWAY ? gatewayTopic(facility, 'config') : deviceTopic(facility, device, 'config');
