// What is one resident's own: resting values, habits, sleep, and how agitation shows in this person.
import type { Random } from './random.ts';

export interface Person {
  /** Beats a minute asleep, breaths a minute, RMSSD in ms at rest. */
  restingHeartRate: number;
  restingRespiration: number;
  restingHrv: number;
  skinTemperature: number;
  /** Hours of the day in Japan. */
  wakes: number;
  goesToBed: number;
  /** Minutes. */
  sleepBout: number;
  awakeBout: number;
  /** Minutes between visits to the toilet by day and by night. */
  toiletByDay: number;
  toiletByNight: number;
  /** 0 … 1: how often this person leaves the room, naps, watches television, walks. */
  sociable: number;
  naps: number;
  television: number;
  walks: number;
  /** Factor on movement in bed. */
  restless: number;
  /** Openings of the door an hour without a purpose. */
  wanders: number;
  /** Hour at which the wrist sensor is charged. */
  charges: number;
  /** Factors on how agitation shows, per signal; about 0.3 (hardly) to 1.3. */
  signs: { heart: number; hrv: number; respiration: number; movement: number; sound: number; door: number; bed: number; light: number };
  /** Episodes a day in neutral surroundings. */
  episodes: number;
  /** Hour around which they cluster. */
  worstHour: number;
}

export function drawPerson(random: Random): Person {
  const sign = () => Math.min(1.4, Math.max(0.2, random.normal(1, 0.28)));
  const wanders = random.chance(0.3);
  return {
    restingHeartRate: random.normal(62, 6),
    restingRespiration: random.normal(14.5, 1.5),
    restingHrv: Math.exp(random.normal(Math.log(30), 0.3)),
    skinTemperature: random.normal(33.2, 0.5),
    wakes: random.normal(6.3, 0.5),
    goesToBed: random.normal(20.6, 0.6),
    sleepBout: random.range(50, 120),
    awakeBout: random.range(3, 9),
    toiletByDay: random.range(100, 190),
    toiletByNight: random.range(140, 420),
    sociable: random.range(0.2, 0.8),
    naps: random.range(0.1, 0.8),
    television: random.range(0, 0.7),
    walks: random.range(0.2, 1),
    restless: random.range(0.6, 1.6),
    wanders: wanders ? random.range(0.4, 1.2) : random.range(0.02, 0.3),
    charges: random.range(9, 19),
    signs: {
      heart: sign(),
      hrv: sign(),
      respiration: sign(),
      movement: sign(),
      sound: sign(),
      door: sign(),
      bed: sign(),
      light: sign(),
    },
    episodes: random.chance(0.15) ? 0 : random.range(0.15, 0.9),
    worstHour: random.chance(0.7) ? random.normal(17.5, 1.2) : random.chance(0.6) ? random.normal(2.5, 1.5) : random.normal(10, 1.5),
  };
}
