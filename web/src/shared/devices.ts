// How a device is called on pages: names that the hub made begin with the facility's id, which everyone there knows.
import type { DeviceView } from './hub.ts';

export const shortName = ({ device, facility }: Pick<DeviceView, 'device' | 'facility'>): string =>
  device.startsWith(`${facility}-`) ? device.slice(facility.length + 1) : device;
