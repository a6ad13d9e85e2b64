// What the hub tells gateways and devices by retained messages, anew whenever the registry changes: a gateway the list of its facility's
// devices, each device and gateway its configuration.
import { deviceTopic, GATEWAY, gatewayDevicesTopic, gatewayTopic, parseUsername } from '../../devices/index.ts';
import type { FacilityDirectory } from './directory.ts';
import type { Publish } from './intake.ts';

/** An entry of the retained list at `care/1/<facility>/gateway/devices`: enough for the gateway to admit the device by itself. */
export interface DownlinkDevice {
  device: string;
  profile: string;
  /** Hex SHA-256 of the device's secret. */
  secretSha256: string;
  /** Of the secret before, during a rotation: good until the device signs in with the new one. */
  formerSecretSha256?: string;
}

export function downlinkOf(directory: FacilityDirectory): DownlinkDevice[] {
  const list: DownlinkDevice[] = [];
  for (const [username, held] of directory.credentials) {
    const login = parseUsername(username);
    const device = login?.kind === 'device' && directory.devices.get(login.device);
    const [secretSha256, formerSecretSha256] = held.flatMap(each => each.secretSha256 ?? []).reverse();
    if (!device || !secretSha256) continue;
    list.push({ device: device.device, profile: device.profileId, secretSha256, ...(formerSecretSha256 && { formerSecretSha256 }) });
  }
  return list.sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** Publishes what a facility is to be told, where it is not what was published last. */
export function openDownlink(publish: Publish): (directory: FacilityDirectory) => void {
  const sent = new Map<string, string>();
  const configured = new Map<string, Set<string>>();
  const tell = (topic: string, payload: string) => {
    if (sent.get(topic) === payload) return;
    sent.set(topic, payload);
    publish(topic, payload, { retain: true });
  };
  return directory => {
    const { facility, configs } = directory;
    tell(gatewayDevicesTopic(facility), JSON.stringify(downlinkOf(directory)));
    const before = configured.get(facility) ?? new Set();
    configured.set(facility, new Set(configs.keys()));
    for (const [device, config] of configs) tell(configTopic(facility, device), JSON.stringify(config));
    // Nothing is kept for who is configured no more: an empty retained message ends it (MQTT 3.1.1 section 3.3.1.3).
    for (const device of before) if (!configs.has(device)) tell(configTopic(facility, device), '');
  };
}

const configTopic = (facility: string, device: string) =>
  device === GATEWAY ? gatewayTopic(facility, 'config') : deviceTopic(facility, device, 'config');
