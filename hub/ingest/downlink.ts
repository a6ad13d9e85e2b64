// What the hub tells gateways: the list of their facility's devices, retained, anew whenever the registry changes.
import { gatewayDevicesTopic, parseUsername } from '../../devices/index.ts';
import type { FacilityDirectory } from './directory.ts';
import type { Publish } from './intake.ts';

/** An entry of the retained list at `care/1/<facility>/gateway/devices`: enough for the gateway to admit the device by itself. */
export interface DownlinkDevice {
  device: string;
  profile: string;
  /** Hex SHA-256 of the device's secret. */
  secretSha256: string;
}

export function downlinkOf(directory: FacilityDirectory): DownlinkDevice[] {
  const list: DownlinkDevice[] = [];
  for (const [username, secretSha256] of directory.credentials) {
    const login = parseUsername(username);
    const device = login?.kind === 'device' && directory.devices.get(login.device);
    if (device) list.push({ device: device.device, profile: device.profileId, secretSha256 });
  }
  return list.sort((a, b) => (a.device < b.device ? -1 : 1));
}

/** Publishes a facility's list when it is not the one that was published last. */
export function openDownlink(publish: Publish): (directory: FacilityDirectory) => void {
  const sent = new Map<string, string>();
  return directory => {
    const payload = JSON.stringify(downlinkOf(directory));
    if (sent.get(directory.facility) === payload) return;
    sent.set(directory.facility, payload);
    publish(gatewayDevicesTopic(directory.facility), payload, { retain: true });
  };
}
