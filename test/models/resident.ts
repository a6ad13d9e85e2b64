// A resident's samples for tests of the models: a quiet night with small changes from sample to sample, as a person has them.
import type { Sample } from '../../models/index.ts';
import { seeded } from '../../models/random.ts';

export const START = Date.parse('2025-10-01T00:00:00+09:00');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export interface QuietOptions {
  from?: number;
  hours: number;
  seed?: number;
  /** Added to the heart rate at a time. */
  heart?: (time: number) => number;
  /** 0 … 1: how agitated at a time; shows in heart, its variability, breathing, movement and sound. */
  agitation?: (time: number) => number;
}

/** Bed, wrist, room, door and toilet of one resident in order of time. */
export function quiet({ from = START, hours, seed = 1, heart = () => 0, agitation = () => 0 }: QuietOptions): Sample[] {
  const random = seeded(seed);
  const noise = (size: number) => (random() + random() - 1) * size;
  const samples: Sample[] = [];
  for (let time = from; time < from + hours * HOUR; time += MINUTE / 2) {
    const level = agitation(time);
    samples.push({
      profile: 'bed',
      time: time + 200,
      values: {
        heart_rate: 62 + heart(time) + 20 * level + noise(3),
        respiration_rate: 14 + 5 * level + noise(1),
        movement: Math.max(0, 0.05 + 0.5 * level + noise(0.05)),
        in_bed: 1,
      },
    });
    if (time % MINUTE === 0) {
      samples.push(
        {
          profile: 'wrist',
          time: time + 300,
          values: {
            pulse_rate: 63 + heart(time) + 20 * level + noise(3),
            hrv_rmssd: 32 - 14 * level + noise(4),
            skin_temperature: 33 + noise(0.3),
            steps: 0,
          },
        },
        {
          profile: 'room',
          time: time + 400,
          values: {
            temperature: 23 + noise(0.2),
            illuminance: 2 + noise(1),
            sound_level: 33 + 18 * level + noise(2),
            co2: 700 + noise(20),
          },
        },
      );
    }
    if ((time - from) % (10 * MINUTE) === 0)
      samples.push(
        { profile: 'door', time: time + 500, values: { open: 0 } },
        { profile: 'toilet', time: time + 600, values: { occupied: 0 } },
      );
  }
  return samples;
}
