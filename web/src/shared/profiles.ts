// The device profiles of the hub, and examples to copy of what such a device sends.
import { api } from './api.ts';
import type { ProfileView } from './hub.ts';

export const loadProfiles = (signal?: AbortSignal): Promise<ProfileView[]> => api.get<ProfileView[]>('/api/devices/profiles', signal);

/** A SenML pack (RFC 8428) of this profile, as an example to copy. @param at ms since 1970 */
export function examplePack(profile: ProfileView, device: string, at: number): string {
  const records = profile.quantities.map((quantity, index) => ({
    ...(index === 0 ? { bn: `${device}:`, bt: Math.floor(at / 1000) } : {}),
    n: quantity.name,
    ...(quantity.kind === 'boolean'
      ? { vb: true }
      : { u: quantity.senmlUnit, v: EXAMPLES[quantity.name] ?? (quantity.minimum + quantity.maximum) / 2 }),
  }));
  const lines = [...records, { n: 'seq', v: 1 }].map(record => `  ${JSON.stringify(record)}`);
  return `[\n${lines.join(',\n')}\n]`;
}
/** Everyday values, in the unit a device sends; another quantity shows the middle of its range. */
const EXAMPLES: Record<string, number> = {
  heart_rate: 64,
  respiration_rate: 15,
  movement: 0.1,
  pulse_rate: 66,
  hrv_rmssd: 32,
  skin_temperature: 33.1,
  steps: 4,
  temperature: 23.4,
  humidity: 48,
  illuminance: 120,
  sound_level: 38,
  co2: 640,
  pressure: 1013.2,
  systolic: 160,
  diastolic: 107,
  body_temperature: 36.6,
  spo2: 97,
  body_weight: 52.4,
  body_fat: 28,
  battery: 80,
};
