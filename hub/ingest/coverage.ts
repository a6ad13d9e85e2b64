// Which devices deliver and which residents are watched. Pure: registered devices and a clock in, views out.
import type { Profile } from '../../devices/index.ts';
import type { Resident } from '../records/records.ts';
import type { CoverageView, DeviceView } from './contract.ts';
import { healthOf } from './health.ts';
import type { HealthRow } from './health-store.ts';
import { silenceOf } from './ledger.ts';
import type { RegisteredDevice } from './registry.ts';

/** Whether a device of this profile watches a person closely enough to count as covered: vital signs all the time (bed, wrist). */
export const covers = (profile: Profile | undefined): boolean =>
  profile !== undefined && !profile.occasional && profile.quantities.some(({ category }) => category === 'vital-signs');

/** Nothing for two intervals and a half minute is late. Milliseconds. */
export const lateAfter = (profile: Pick<Profile, 'intervalSeconds'> | undefined): number =>
  2000 * (profile?.intervalSeconds ?? 600) + 30_000;

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
  return age > lateAfter(profile) ? 'late' : 'online';
}

/** Whether samples should be coming and do not. A thermometer that nobody has used yet is not missed. */
const isMissed = (device: RegisteredDevice, profiles: Profiles, now: number) =>
  !profiles.get(device.profile)?.occasional && ['silent', 'never'].includes(stateOf(device, profiles, now));

/** When the state of one of the devices changes if nothing comes, ms since 1970; null when none does. */
export function nextChange(devices: RegisteredDevice[], profiles: Profiles, now: number): number | null {
  const ahead = devices.flatMap(({ profile: id, lastSample, revoked }) => {
    const profile = profiles.get(id);
    if (!lastSample || revoked || profile?.occasional) return [];
    return [lateAfter(profile), silenceOf(profile)].map(after => lastSample.getTime() + after).filter(at => at > now);
  });
  return ahead.length ? Math.min(...ahead) : null;
}

/**
 * @param subjectName Names of subjects that the asking person may see.
 * @param row What is noted of the device's health.
 */
export function deviceView(
  device: RegisteredDevice,
  profiles: Profiles,
  subjectName: (subject: string) => string | null,
  now: number,
  row: HealthRow | null = null,
): DeviceView {
  const state = stateOf(device, profiles, now);
  const since = device.assignedFrom ?? device.created;
  const known = { state, profile: profiles.get(device.profile), lastSample: device.lastSample, since };
  return {
    device: device.device,
    facility: device.facility,
    profile: device.profile,
    profileName: profiles.get(device.profile)?.name ?? { ja: device.profile, en: device.profile },
    subject: device.subject,
    subjectName: device.subject && subjectName(device.subject),
    state,
    lastSample: device.lastSample?.toISOString() ?? null,
    accepted: device.accepted,
    refused: device.refused,
    createdAt: device.created.toISOString(),
    revokedAt: device.revoked?.toISOString() ?? null,
    credential: device.credential,
    certificateEnds: device.certificateEnds?.toISOString() ?? null,
    renewAsked: device.renewAsked,
    formerUntil: device.formerUntil?.toISOString() ?? null,
    health: device.revoked ? null : healthOf(known, row, now),
  };
}

/**
 * A resident is covered while at least one device of a covering profile delivers. `notCoveredSince` is the last such sample's time, or when
 * the first device was assigned; both are null for a resident who was never given one.
 */
export function coverageOf(residents: Resident[], devices: RegisteredDevice[], profiles: Profiles, now: number): CoverageView['residents'] {
  return residents.map(resident => {
    const own = devices.filter(device => device.subject === `Patient/${resident.patient}` && !device.revoked);
    const covering = own.filter(device => covers(profiles.get(device.profile)));
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
