// The alarm budget in words that people count in.
import type { LevelPoint, Text } from '../../shared/hub.ts';

/** Alerts that one caregiver gets in one shift. */
export const perShift = (point: LevelPoint, residents: number, caregivers: number, shiftsADay: number): number =>
  (point.alertsPerResidentWeek * residents) / (7 * shiftsADay * caregivers);

/** `1つの勤務に約2回`; rarer than one a shift: `5つの勤務に約1回`. */
export function everyShifts(alerts: number): Text {
  if (alerts >= 0.95) {
    const count = alerts >= 3 ? Math.round(alerts) : Math.round(alerts * 2) / 2;
    return { ja: `1人1回の勤務に、約${count}回`, en: `about ${count} in a caregiver’s shift` };
  }
  const shifts = Math.max(2, Math.round(1 / Math.max(alerts, 0.001)));
  return { ja: `1人${shifts}回の勤務に、約1回`, en: `about 1 in ${shifts} shifts of a caregiver` };
}

/** A share (0 … 1) as so many of ten; halves where ten is too coarse. */
export const outOfTen = (share: number): string => {
  const tens = Math.round(share * 20) / 2;
  return Number.isInteger(tens) ? String(tens) : tens.toFixed(1);
};
