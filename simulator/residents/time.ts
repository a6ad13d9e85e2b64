// Story time: milliseconds since 1970 UTC; the day's course follows Japan's clock (UTC+9, no summer time).

export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
const JAPAN = 9 * HOUR;

/** Step of the simulation. */
export const TICK = 30_000;

/** Hour of the day in Japan, 0 ≤ h < 24. */
export const hourOfDay = (time: number) => ((time + JAPAN) % DAY) / HOUR;
/** Number of the day in Japan since 1970. */
export const dayNumber = (time: number) => Math.floor((time + JAPAN) / DAY);
/** 0 … 1 through the year, 0 at 1 January (times after 1970). */
export const yearPhase = (time: number) => ((time / DAY) % 365.25) / 365.25;
