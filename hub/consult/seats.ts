// Everyone's place in a consultation, in PostgreSQL: a killed care process comes back knowing who was invited, waiting and admitted.
import type { Generated, Insertable, Kysely, Selectable } from 'kysely';
import type { PersonRole } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';

type RoomRow = {
  encounter: string;
  patient: string;
  /** Care node that holds the room's media. */
  node: string | null;
  opened_at: Date | null;
  closed_at: Date | null;
};
type ParticipantRow = {
  encounter: string;
  reference: string;
  name: string;
  role: string;
  organization: string;
  organization_name: string;
  host: boolean;
  state: string;
  waiting_at: Date | null;
  admitted_at: Date | null;
  left_at: Date | null;
};
type Tables = {
  rooms: RoomRow;
  room_participants: ParticipantRow & { invited_at: Generated<Date> };
};

export type SeatState = 'invited' | 'waiting' | 'admitted' | 'left';

/** A person's place. Name, role and facility are as they were when the person was invited: what the others in the room were shown. */
export interface Seat {
  reference: string;
  name: string;
  role: PersonRole;
  /** Organization id, `''` for a patient. */
  organization: string;
  organizationName: string;
  /** May admit and end. */
  host: boolean;
  state: SeatState;
  /** Was let in once: comes in without a new admission. */
  admitted: boolean;
}
export type NewSeat = Omit<Seat, 'state' | 'admitted'>;

export interface Seats {
  /** Makes the room and its seats; what is there stays as it is. */
  create(encounter: string, patient: string, seats: NewSeat[]): Promise<void>;
  /** Seats by encounter, in the order of invitation. Encounters without a room are missing. */
  of(encounters: string[]): Promise<Map<string, Seat[]>>;
  add(encounter: string, seat: NewSeat): Promise<void>;
  setState(encounter: string, reference: string, state: SeatState): Promise<void>;
  opened(encounter: string, node: string): Promise<void>;
  closed(encounter: string): Promise<void>;
}

export function openSeats(database: Database): Seats {
  const kysely: Kysely<Tables> = database.kysely.withTables<Tables>();
  const row = (encounter: string, seat: NewSeat): Insertable<Tables['room_participants']> => ({
    encounter,
    reference: seat.reference,
    name: seat.name,
    role: seat.role,
    organization: seat.organization,
    organization_name: seat.organizationName,
    host: seat.host,
    state: 'invited',
  });
  return {
    async create(encounter, patient, seats) {
      await kysely.transaction().execute(async transaction => {
        await transaction
          .insertInto('rooms')
          .values({ encounter, patient })
          .onConflict(conflict => conflict.doNothing())
          .execute();
        if (!seats.length) return;
        await transaction
          .insertInto('room_participants')
          .values(seats.map(seat => row(encounter, seat)))
          .onConflict(conflict => conflict.doNothing())
          .execute();
      });
    },
    async of(encounters) {
      const found = new Map<string, Seat[]>();
      if (!encounters.length) return found;
      const [rooms, rows] = await Promise.all([
        kysely.selectFrom('rooms').select('encounter').where('encounter', 'in', encounters).execute(),
        kysely
          .selectFrom('room_participants')
          .selectAll()
          .where('encounter', 'in', encounters)
          .orderBy('invited_at')
          .orderBy('host', 'desc')
          .orderBy('reference')
          .execute(),
      ]);
      for (const { encounter } of rooms) found.set(encounter, []);
      for (const each of rows) found.get(each.encounter)?.push(seatOf(each));
      return found;
    },
    async add(encounter, seat) {
      await kysely
        .insertInto('room_participants')
        .values(row(encounter, seat))
        .onConflict(conflict => conflict.doNothing())
        .execute();
    },
    async setState(encounter, reference, state) {
      const now = new Date();
      const times: Partial<ParticipantRow> =
        state === 'waiting' ? { waiting_at: now } : state === 'admitted' ? { admitted_at: now } : state === 'left' ? { left_at: now } : {};
      await kysely
        .updateTable('room_participants')
        .set({ state, ...times })
        .where('encounter', '=', encounter)
        .where('reference', '=', reference)
        .execute();
    },
    async opened(encounter, node) {
      await kysely.updateTable('rooms').set({ node, opened_at: new Date() }).where('encounter', '=', encounter).execute();
    },
    async closed(encounter) {
      await kysely.updateTable('rooms').set({ node: null, closed_at: new Date() }).where('encounter', '=', encounter).execute();
    },
  };
}

const seatOf = (row: Selectable<Tables['room_participants']>): Seat => ({
  reference: row.reference,
  name: row.name,
  role: row.role as PersonRole,
  organization: row.organization,
  organizationName: row.organization_name,
  host: row.host,
  state: row.state as SeatState,
  admitted: row.admitted_at !== null,
});
