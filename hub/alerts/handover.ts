// Hand-over at the change of shift: what is open, what happened since the last one, and who has taken it over.
import { sql } from 'kysely';
import { Problem } from '../http/problem.ts';
import { hasRole, type Person, requireRole } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import type { Alerts } from './alerts.ts';
import type { HandoverView } from './contract.ts';
import { alertView } from './floor.ts';
import { happenings } from './happenings.ts';
import { readShifts, shiftAt } from './shifts.ts';
import type { AlertRow } from './store.ts';

const HOUR = 3_600_000;
/** A hand-over that is older says nothing about this shift any more. */
const LONGEST = 24 * HOUR;
/** Who comes to work in the first hour of a shift takes over from the one before. */
const CHANGE = HOUR;
const CARERS = ['caregiver', 'manager'] as const;

export interface Handovers {
  /** @throws Problem 403 */
  view(actor: Person, facility: string): Promise<HandoverView>;
  /** Takes over what was shown since `from`. @throws Problem 403, 409 when somebody else was faster */
  take(actor: Person, facility: string, from: string): Promise<HandoverView>;
}

interface TakenRow {
  began_at: Date;
  ended_at: Date;
  shift: string;
  taken_by: string;
}

export function openHandovers({ database, alerts, now = Date.now }: { database: Database; alerts: Alerts; now?: () => number }): Handovers {
  const connection = database.kysely;

  async function span(facility: string) {
    const { rows } = await sql<TakenRow>`
      select began_at, ended_at, shift, taken_by from alert_handovers where facility = ${facility} order by ended_at desc limit 10`.execute(
      connection,
    );
    const shifts = await readShifts(connection, facility);
    const [last] = rows;
    const running = shiftAt(shifts, now() - CHANGE);
    const from = last && last.ended_at.getTime() > now() - LONGEST ? last.ended_at.getTime() : running.from;
    return { from: new Date(from), shift: running.name, taken: rows };
  }

  async function view(actor: Person, facility: string): Promise<HandoverView> {
    requireRole(actor, CARERS, facility);
    const [{ from, shift, taken }, seen, cards] = await Promise.all([
      span(facility),
      alerts.followable(actor, facility),
      alerts.cards(facility),
    ]);
    const { rows } = await sql<AlertRow>`
      select * from alerts where facility = ${facility} and (patient is null or patient = any(${[...seen]}::text[]))
        and (state <> 'resolved' or raised_at >= ${from} or resolved_at >= ${from})
      order by raised_at desc limit 500`.execute(connection);
    const placed = rows.filter(({ patient }) => patient === null);
    const views = await Promise.all(placed.map(({ id }) => alerts.alertFor(id, cards)));
    const places = new Map(views.flatMap(one => (one ? [[one.id, one] as const] : [])));
    const happened = await happenings(
      connection,
      rows.map(row => row.id),
      from,
    );
    return {
      facility,
      shift,
      from: from.toISOString(),
      to: new Date(now()).toISOString(),
      alerts: rows.map(
        row =>
          places.get(row.id) ??
          alertView(
            row,
            cards.find(card => card.patient === row.patient),
          ),
      ),
      happened,
      taken: taken.map(one => ({
        shift: one.shift,
        from: one.began_at.toISOString(),
        at: one.ended_at.toISOString(),
        by: one.taken_by,
      })),
      mayTake: hasRole(actor, CARERS, facility),
    };
  }

  return {
    view,
    async take(actor, facility, from) {
      requireRole(actor, CARERS, facility);
      const { from: expected, shift } = await span(facility);
      const { rows } =
        expected.getTime() === Date.parse(from)
          ? await sql`
              insert into alert_handovers (facility, began_at, ended_at, shift, taken_by, taken_reference)
              values (${facility}, ${expected}, ${new Date(now())}, ${shift}, ${actor.name}, ${actor.reference})
              on conflict do nothing returning 1`.execute(connection)
          : { rows: [] };
      if (!rows.length)
        throw new Problem(409, 'taken-over', {
          ja: 'ほかの人が先に引き継ぎました。画面を新しくして、確かめてください。',
          en: 'Somebody else has taken over before you. Reload the page and look again.',
        });
      return view(actor, facility);
    },
  };
}
