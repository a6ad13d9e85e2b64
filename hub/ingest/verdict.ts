// Judges one message: which samples of it are stored for whom, and what is refused and why. Pure.
import { checkReadings, clockObservation, decodeTimedPack, type PackFormat, PackRefusal, type Refusal } from '../../devices/index.ts';
import type { SamplePoint } from '../store/index.ts';
import { type FacilityDirectory, subjectAt } from './directory.ts';
import type { PackNote } from './health-ledger.ts';
import type { DeviceState } from './health-store.ts';

export interface Verdict {
  points: SamplePoint[];
  refusals: Refusal[];
  /** What the pack says of its device; missing when it is none of the device's. */
  note?: PackNote;
}

/**
 * Times stay as the device (or its gateway) gave them, whatever its clock is thought to be off: the same pack sent again must land on the same
 * points, and by then the estimate may be another. A sample from too far ahead is refused.
 * @param receivedAt Milliseconds since 1970; `ageLimit` in milliseconds: how old a reading may be.
 * @param message `byGateway`: its arrival says nothing of the device's clock, which the gateway has measured.
 */
export function judgePack(
  directory: FacilityDirectory,
  message: { device: string; format: PackFormat; payload: Uint8Array; byGateway?: boolean },
  receivedAt: number,
  ageLimit?: number,
): Verdict {
  const device = directory.devices.get(message.device);
  if (!device) return { points: [], refusals: [notRegistered(message.device)] };
  if (!device.profile) return { points: [], refusals: [noProfile(device.profileId)] };
  let decoded: ReturnType<typeof decodeTimedPack>;
  try {
    decoded = decodeTimedPack(message.payload, message.format, receivedAt);
  } catch (error) {
    if (!(error instanceof PackRefusal)) throw error;
    return { points: [], refusals: [{ reason: error.reason, text: error.text }] };
  }
  const { pack, relative } = decoded;
  if (pack.device !== message.device) return { points: [], refusals: [otherDevice(pack.device, message.device)] };
  const checked = checkReadings(device.profile, pack, { receivedAt, ageLimit });
  const points: SamplePoint[] = [];
  const refusals = [...checked.refusals];
  let unassigned = 0;
  for (const { time, values } of checked.points) {
    const subject = subjectAt(device, time);
    if (subject) points.push({ profile: device.profile.id, facility: directory.facility, device: device.device, subject, time, values });
    else unassigned++;
  }
  if (unassigned) refusals.push(notAssigned(unassigned));
  const newest = pack.readings.reduce((latest, { time }) => Math.max(latest, time), 0);
  const note: PackNote = { sequence: pack.sequence, newest };
  if (message.byGateway) note.corrected = pack.clockCorrection;
  else note.observed = clockObservation(pack, { arrivedAt: receivedAt, relative, profile: device.profile }) ?? undefined;
  const battery = checked.points.at(-1)?.values.battery;
  // %EL, RFC 8428: the charge in percent.
  if (battery !== undefined) note.battery = battery / 100;
  return { points, refusals, note };
}

/** What a state that has no fault says. Charge outside 0 … 1 is left out. */
export function stateIn(payload: Uint8Array): DeviceState {
  if (payload.byteLength === 0) return {};
  const { state, battery } = JSON.parse(Buffer.from(payload).toString('utf8')) as { state: string; battery?: unknown };
  const charged = typeof battery === 'number' && battery >= 0 && battery <= 1;
  return { connected: state === 'online', ...(charged ? { battery } : {}) };
}

/** A device's state is a small JSON object; an empty message clears it. Returns what is wrong, or null. */
export function stateFault(payload: Uint8Array): Refusal | null {
  if (payload.byteLength === 0) return null;
  if (payload.byteLength <= 512) {
    try {
      const content: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
      if (
        typeof content === 'object' &&
        content !== null &&
        'state' in content &&
        (content.state === 'online' || content.state === 'offline')
      )
        return null;
    } catch {
      // Said below.
    }
  }
  return {
    reason: 'not-senml',
    text: {
      ja: '状態は {"state":"online"} または {"state":"offline"} の JSON（512 バイトまで）で送ってください。',
      en: 'The state is JSON, {"state":"online"} or {"state":"offline"}, at most 512 bytes.',
    },
  };
}

export const notRegistered = (device: string): Refusal => ({
  reason: 'not-assigned',
  text: { ja: `機器「${device}」はこの施設に登録されていません。`, en: `The device "${device}" is not registered at this facility.` },
});

const noProfile = (profile: string): Refusal => ({
  reason: 'profile-unknown',
  text: { ja: `機器の種類「${profile}」はこのハブにありません。`, en: `This hub has no device profile "${profile}".` },
});

const otherDevice = (named: string, device: string): Refusal => ({
  reason: 'not-senml',
  text: {
    ja: `SenML の bn「${named.slice(0, 64)}:」がトピックの機器「${device}」と違います。`,
    en: `The pack’s base name "${named.slice(0, 64)}:" is not the device of the topic, "${device}".`,
  },
});

const notAssigned = (samples: number): Refusal => ({
  reason: 'not-assigned',
  text: {
    ja: `この時刻に、この機器はだれにも、どこにも割り当てられていませんでした（${samples} 件）。施設の管理者が割り当てると受け取れます。`,
    en: `At that time the device was assigned to nobody and nothing (${samples} samples). The facility’s manager can assign it.`,
  },
});
