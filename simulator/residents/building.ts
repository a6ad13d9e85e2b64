// The facility around the rooms: weather, daylight, heating, and how its make of sensors reads. A function of time alone, so any start works.
import { Random } from './random.ts';
import { DAY, HOUR, hourOfDay, yearPhase } from './time.ts';

export interface Building {
  /** Degrees Celsius outside. */
  outdoors(time: number): number;
  /** 0 (night) … 1 (noon of a clear summer day). */
  daylight(time: number): number;
  /** hPa */
  pressure(time: number): number;
  /** Share of the outdoor difference that gets in, 0 … 1. */
  leak: number;
  /** Air changes an hour with closed doors. */
  ventilation: number;
  /** Sound of the house itself, dB by night. */
  quiet: number;
  /** Hours at which carers look in by night. */
  rounds: number[];
  /** Factors and offsets of this facility's make of sensors. */
  sensors: { movement: number; sound: number; light: number; hrv: number; temperature: number };
}

export function drawBuilding(seed: string | number): Building {
  const random = new Random(`building ${seed}`);
  const waves = [3.1 * DAY, 5.7 * DAY, 11.3 * DAY].map(period => ({
    period,
    phase: random.range(0, 2 * Math.PI),
    size: random.range(0.5, 1),
  }));
  const weather = (time: number) =>
    waves.reduce((sum, wave) => sum + wave.size * Math.sin((2 * Math.PI * time) / wave.period + wave.phase), 0);
  const mildness = random.range(13, 18);
  const height = random.range(0, 25);
  const season = (time: number) => -Math.cos(2 * Math.PI * (yearPhase(time) - 0.07));
  return {
    outdoors: time => mildness + 11 * season(time) + 4 * Math.cos((2 * Math.PI * (hourOfDay(time) - 14)) / 24) + 1.8 * weather(time),
    daylight: time => {
      const length = 12 + 2.4 * season(time - 35 * DAY);
      const angle = (hourOfDay(time) - 12) / (length / 2);
      return Math.abs(angle) >= 1 ? 0 : Math.cos((Math.PI / 2) * angle) * (0.75 + 0.12 * weather(time + 7 * HOUR));
    },
    pressure: time => 1013 - height / 8 + 5 * weather(time + DAY),
    leak: random.range(0.03, 0.12),
    ventilation: random.range(0.5, 1.3),
    quiet: random.range(28, 33),
    rounds: random.chance(0.5) ? [22, 0, 2, 4] : [21.5, 23.5, 1.5, 3.5, 5],
    sensors: {
      movement: random.range(0.85, 1.15),
      sound: random.normal(0, 1.5),
      light: random.range(0.7, 1.3),
      hrv: random.range(0.9, 1.1),
      temperature: random.normal(0, 0.3),
    },
  };
}
