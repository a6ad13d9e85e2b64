// Judges one message: which samples of it are stored for whom, and what is refused and why. Pure.
import { checkReadings, decodePack, type PackFormat, PackRefusal, type Refusal } from '../../devices/index.ts';
import type { SamplePoint } from '../store/index.ts';
import { type FacilityDirectory, subjectAt } from './directory.ts';

export interface Verdict {
  points: SamplePoint[];
  refusals: Refusal[];
}

/** @param receivedAt Milliseconds since 1970; `ageLimit` in milliseconds: how old a reading may be. */
export function judgePack(
  directory: FacilityDirectory,
  message: { device: string; format: PackFormat; payload: Uint8Array },
  receivedAt: number,
  ageLimit?: number,
): Verdict {
  const device = directory.devices.get(message.device);
  if (!device) return { points: [], refusals: [notRegistered(message.device)] };
  if (!device.profile) return { points: [], refusals: [noProfile(device.profileId)] };
  let pack: ReturnType<typeof decodePack>;
  try {
    pack = decodePack(message.payload, message.format, receivedAt);
  } catch (error) {
    if (!(error instanceof PackRefusal)) throw error;
    return { points: [], refusals: [{ reason: error.reason, text: error.text }] };
  }
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
  return { points, refusals };
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
