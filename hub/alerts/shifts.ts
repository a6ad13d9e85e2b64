// A facility's shifts: their names and hours, and which one runs at a time.
import { sql } from 'kysely';
import type { Shift } from './contract.ts';
import { inHours, spanAround } from './on-call.ts';
import type { Connection } from './store.ts';

export const DEFAULT_SHIFTS: Shift[] = [
  { name: '日勤', from: '09:00', to: '17:00' },
  { name: '夜勤', from: '17:00', to: '09:00' },
];
const DAY = 86_400_000;

export async function readShifts(connection: Connection, facility: string): Promise<Shift[]> {
  const { rows } = await sql<{ shifts: Shift[] }>`select shifts from alert_shifts where facility = ${facility}`.execute(connection);
  return rows[0]?.shifts ?? DEFAULT_SHIFTS;
}

export async function writeShifts(connection: Connection, facility: string, shifts: Shift[], by: string, at: Date): Promise<void> {
  await sql`
    insert into alert_shifts (facility, shifts, changed_by, changed_at) values (${facility}, ${JSON.stringify(shifts)}::jsonb, ${by}, ${at})
    on conflict (facility) do update set shifts = excluded.shifts, changed_by = excluded.changed_by, changed_at = excluded.changed_at`.execute(
    connection,
  );
}

/** The shift that runs at `at`, with its span in ms; where hours overlap the one that began last; in a gap, the day until then. */
export function shiftAt(shifts: Shift[], at: number): { name: string; from: number; to: number } {
  const running = shifts
    .filter(shift => inHours(shift, at))
    .map(shift => ({ name: shift.name, ...spanAround(shift, at) }))
    .sort((a, b) => b.from - a.from);
  return running[0] ?? { name: '', from: at - DAY, to: at };
}
