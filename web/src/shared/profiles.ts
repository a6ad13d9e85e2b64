// The device profiles a hub knows. It tells them at /api/devices/profiles; a hub that does not yet, accepts these.
import { api } from './api.ts';
import type { Text } from './hub.ts';

export interface ProfileQuantity {
  name: string;
  label?: Text;
  /** `boolean` travels as `vb`. */
  kind: 'number' | 'boolean' | 'count';
  /** Unit in a SenML record. */
  senmlUnit: string;
  minimum?: number;
  maximum?: number;
}
export interface ProfileView {
  id: string;
  name: Text;
  intervalSeconds: number | null;
  quantities: ProfileQuantity[];
}

const one = (id: string, ja: string, en: string, intervalSeconds: number, units: Record<string, string>): ProfileView => ({
  id,
  name: { ja, en },
  intervalSeconds,
  quantities: Object.entries(units).map(([name, senmlUnit]) => ({
    name,
    senmlUnit,
    kind: senmlUnit === '/' && name !== 'movement' ? 'boolean' : 'number',
  })),
});
const known: ProfileView[] = [
  one('bed', 'ベッドセンサー', 'Bed sensor', 30, { heart_rate: 'beat/min', respiration_rate: '1/min', movement: '/', in_bed: '/' }),
  one('wrist', '腕時計型センサー', 'Wrist sensor', 60, {
    pulse_rate: 'beat/min',
    hrv_rmssd: 'ms',
    skin_temperature: 'Cel',
    steps: 'count',
  }),
  one('room', '室内環境センサー', 'Room sensor', 60, {
    temperature: 'Cel',
    humidity: '%RH',
    illuminance: 'lx',
    sound_level: 'dB',
    co2: 'ppm',
    pressure: 'hPa',
  }),
  one('door', 'ドアセンサー', 'Door sensor', 600, { open: '/' }),
  one('toilet', 'トイレセンサー', 'Toilet sensor', 600, { occupied: '/' }),
  one('presence', '人感センサー', 'Presence sensor', 600, { present: '/' }),
];

/** The hub's profiles as far as its answer can be read, else the ones known here. */
export async function loadProfiles(signal?: AbortSignal): Promise<ProfileView[]> {
  try {
    const answer = await api.get<unknown>('/api/devices/profiles', signal);
    const list = Array.isArray(answer) ? answer.map(read).filter(found => found !== null) : [];
    return list.length ? list : known;
  } catch (error) {
    if (signal?.aborted) throw error;
    return known;
  }
}

function read(value: unknown): ProfileView | null {
  const raw = value as { id?: unknown; name?: unknown; intervalSeconds?: unknown; quantities?: unknown } | null;
  if (typeof raw?.id !== 'string') return null;
  const before = known.find(profile => profile.id === raw.id);
  const quantities = Array.isArray(raw.quantities)
    ? raw.quantities.filter((quantity): quantity is ProfileQuantity => typeof (quantity as ProfileQuantity | null)?.name === 'string')
    : (before?.quantities ?? []);
  return {
    id: raw.id,
    name: isText(raw.name) ? raw.name : (before?.name ?? { ja: raw.id, en: raw.id }),
    intervalSeconds: typeof raw.intervalSeconds === 'number' ? raw.intervalSeconds : (before?.intervalSeconds ?? null),
    quantities,
  };
}
const isText = (value: unknown): value is Text =>
  typeof (value as Text | null)?.ja === 'string' && typeof (value as Text | null)?.en === 'string';

/** A SenML pack (RFC 8428) of this profile, as an example to copy. @param at ms since 1970 */
export function examplePack(profile: ProfileView, device: string, at: number): string {
  const records = profile.quantities.map((quantity, index) => ({
    ...(index === 0 ? { bn: `${device}:`, bt: Math.floor(at / 1000) } : {}),
    n: quantity.name,
    ...(quantity.kind === 'boolean' ? { vb: true } : { u: quantity.senmlUnit, v: EXAMPLES[quantity.name] ?? 1 }),
  }));
  const lines = [...records, { n: 'seq', v: 1 }].map(record => `  ${JSON.stringify(record)}`);
  return `[\n${lines.join(',\n')}\n]`;
}
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
};
