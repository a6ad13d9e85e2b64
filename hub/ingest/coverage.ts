// Which devices deliver and which residents are watched. Pure: registered devices and a clock in, views out.
import type { Profile } from '../../devices/index.ts';
import type { Resident } from '../records/records.ts';
import type { CoverageView, DeviceView } from './contract.ts';
import { silenceOf } from './ledger.ts';
import type { RegisteredDevice } from './registry.ts';

/** Profiles that watch a person closely enough to count as covered. */
const COVERING = new Set(['bed', 'wrist']);

type Profiles = ReadonlyMap<string, Profile>;

/**
 * `online`: as expected. `late`: nothing for two intervals and a half minute. `silent`: nothing for three intervals (at least 5 minutes).
 * A device that is used now and then is never late or silent.
 */
export function stateOf(device: RegisteredDevice, profiles: Profiles, now: number): DeviceView['state'] {
  if (!device.lastSample) return 'never';
  const profile = profiles.get(device.profile);
  if (profile?.occasional) return 'online';
  const age = now - device.lastSample.getTime();
  if (age > silenceOf(profile)) return 'silent';
  return age > 2000 * (profile?.intervalSeconds ?? 600) + 30_000 ? 'late' : 'online';
}

/** Whether samples should be coming and do not. A thermometer that nobody has used yet is not missed. */
const isMissed = (device: RegisteredDevice, profiles: Profiles, now: number) =>
  !profiles.get(device.profile)?.occasional && ['silent', 'never'].includes(stateOf(device, profiles, now));

/** @param subjectName Names of subjects that the asking person may see. */
export function deviceView(
  device: RegisteredDevice,
  profiles: Profiles,
  subjectName: (subject: string) => string | null,
  now: number,
): DeviceView {
  return {
    device: device.device,
    facility: device.facility,
    profile: device.profile,
    profileName: profiles.get(device.profile)?.name ?? { ja: device.profile, en: device.profile },
    subject: device.subject,
    subjectName: device.subject && subjectName(device.subject),
    state: stateOf(device, profiles, now),
    lastSample: device.lastSample?.toISOString() ?? null,
    accepted: device.accepted,
    refused: device.refused,
    createdAt: device.created.toISOString(),
    revokedAt: device.revoked?.toISOString() ?? null,
  };
}

/**
 * A resident is covered while at least one device of a covering profile delivers. `notCoveredSince` is the last such sample's time, or when
 * the first device was assigned; both are null for a resident who was never given one.
 */
export function coverageOf(residents: Resident[], devices: RegisteredDevice[], profiles: Profiles, now: number): CoverageView['residents'] {
  return residents.map(resident => {
    const own = devices.filter(device => device.subject === `Patient/${resident.patient}` && !device.revoked);
    const covering = own.filter(device => COVERING.has(device.profile));
    const assigned = (device: RegisteredDevice) => device.assignedFrom?.getTime() ?? device.created.getTime();
    // What the device sent before it was assigned here says nothing of this resident.
    const lastOf = (device: RegisteredDevice) =>
      device.lastSample && device.lastSample.getTime() >= assigned(device) ? device.lastSample.getTime() : null;
    const delivering = covering.filter(device => {
      const last = lastOf(device);
      return last !== null && now - last <= silenceOf(profiles.get(device.profile));
    });
    const since = delivering.map(device => Math.max(device.deliveringSince?.getTime() ?? 0, assigned(device)));
    const ended = covering.map(device => lastOf(device) ?? assigned(device));
    return {
      patient: resident.patient,
      name: resident.name,
      room: resident.room?.name ?? '',
      devices: own.length,
      silent: own.filter(device => isMissed(device, profiles, now)).length,
      coveredSince: since.length ? new Date(Math.min(...since)).toISOString() : null,
      notCoveredSince: since.length || !ended.length ? null : new Date(Math.max(...ended)).toISOString(),
    };
  });
}
