// What the hub tells gateways and devices by retained messages, anew whenever the registry changes: a gateway the list of its facility's
// devices, each device and gateway its configuration.
import { type AlarmLimits, deviceTopic, GATEWAY, gatewayDevicesTopic, gatewayTopic, parseUsername } from '../../devices/index.ts';
import { type FacilityDirectory, subjectAt } from './directory.ts';
import type { Publish } from './intake.ts';

/** An entry of the retained list at `care/1/<facility>/gateway/devices`: enough for the gateway to admit the device by itself. */
export interface DownlinkDevice {
  device: string;
  profile: string;
  /** Hex SHA-256 of the device's secret. */
  secretSha256: string;
  /** Of the secret before, during a rotation: good until the device signs in with the new one. */
  formerSecretSha256?: string;
  /** The watched resident's own limits of the profile's alarms, by rule. */
  limits?: AlarmLimits;
}

/** Own limits of these patients, by patient id; who has none is left out. */
export type LimitsOf = (patients: string[]) => Promise<ReadonlyMap<string, AlarmLimits>>;

/** How soon limits that could not be read are asked for again, ms. */
const AGAIN = 5000;

export function downlinkOf(directory: FacilityDirectory, limits: ReadonlyMap<string, AlarmLimits> = new Map()): DownlinkDevice[] {
  const list: DownlinkDevice[] = [];
  for (const [username, held] of directory.credentials) {
    const login = parseUsername(username);
    const device = login?.kind === 'device' && directory.devices.get(login.device);
    const [secretSha256, formerSecretSha256] = held.flatMap(each => each.secretSha256 ?? []).reverse();
    if (!device || !secretSha256) continue;
    const entry: DownlinkDevice = { device: device.device, profile: device.profileId, secretSha256 };
    if (formerSecretSha256) entry.formerSecretSha256 = formerSecretSha256;
    const patient = subjectAt(device, Date.now())?.split('/')[1] ?? '';
    const rules = new Set(device.profile?.alarms.map(({ id }) => id));
    const own = Object.entries(limits.get(patient) ?? {}).filter(([rule]) => rules.has(rule));
    if (own.length) entry.limits = Object.fromEntries(own);
    list.push(entry);
  }
  return list.sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** Publishes what a facility is to be told, where it is not what was published last. */
export function openDownlink(
  publish: Publish,
  limitsOf?: LimitsOf,
  failed?: (error: unknown) => void,
): (directory: FacilityDirectory) => void {
  const sent = new Map<string, string>();
  const configured = new Map<string, Set<string>>();
  const tell = (topic: string, payload: string) => {
    if (sent.get(topic) === payload) return;
    sent.set(topic, payload);
    publish(topic, payload, { retain: true });
  };
  let last: Promise<void> = Promise.resolve();
  const newest = new Map<string, FacilityDirectory>();
  /** One list after the other; of several that wait for one facility, only the newest is told. */
  const tellDevices = (directory: FacilityDirectory) => {
    const topic = gatewayDevicesTopic(directory.facility);
    if (!limitsOf) return tell(topic, JSON.stringify(downlinkOf(directory)));
    newest.set(directory.facility, directory);
    last = last.then(async () => {
      if (newest.get(directory.facility) !== directory) return;
      const patients = [...directory.devices.values()].flatMap(
        device => subjectAt(device, Date.now())?.match(/^Patient\/(.+)$/)?.[1] ?? [],
      );
      try {
        tell(topic, JSON.stringify(downlinkOf(directory, await limitsOf([...new Set(patients)]))));
      } catch (error) {
        failed?.(error);
        setTimeout(() => newest.get(directory.facility) === directory && tellDevices(directory), AGAIN).unref();
      }
    });
  };
  return directory => {
    const { facility, configs } = directory;
    tellDevices(directory);
    const before = configured.get(facility) ?? new Set();
    configured.set(facility, new Set(configs.keys()));
    for (const [device, config] of configs) tell(configTopic(facility, device), JSON.stringify(config));
    // Nothing is kept for who is configured no more: an empty retained message ends it (MQTT 3.1.1 section 3.3.1.3).
    for (const device of before) if (!configs.has(device)) tell(configTopic(facility, device), '');
  };
}

const configTopic = (facility: string, device: string) =>
  device === GATEWAY ? gatewayTopic(facility, 'config') : deviceTopic(facility, device, 'config');
