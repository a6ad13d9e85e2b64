// Who lives in a facility, with floor and room: two queries however many there are.
import type { Location, Patient } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { Text } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';
import { kanjiName } from './names.ts';
import type { Action, Category, Resident } from './records.ts';
import { ENCOUNTER_TYPE_SYSTEM } from './systems.ts';
import type { Connection } from './tables.ts';

type Allowed = (actor: Actor, patients: string[], category: Category, action: Action, what: Text) => Promise<Set<string>>;

/** Residents of the facility (Organization id) whom the actor may see, by floor, room and name. */
export async function residentsOf(connection: Connection, allowed: Allowed, actor: Actor, facility: string): Promise<Resident[]> {
  const { rows } = await sql<{ patient: Patient; room: Location | null; floor: Location | null }>`
    select p.content as patient, room.content as room, floor.content as floor
    from search_reference s
    join resources e on e.row = s.row and not e.deleted and e.content ->> 'status' = 'in-progress'
    join search_token t on t.row = e.row and t.param = 'type' and t.system = ${ENCOUNTER_TYPE_SYSTEM} and t.code = 'residence'
    join resources p on p.type = 'Patient' and p.id = e.patients[1] and not p.deleted
    left join resources room on room.type = 'Location' and not room.deleted
      and 'Location/' || room.id = e.content #>> '{location,0,location,reference}'
    left join resources floor on floor.type = 'Location' and not floor.deleted
      and 'Location/' || floor.id = room.content #>> '{partOf,reference}'
    where s.type = 'Encounter' and s.param = 'service-provider' and s.target = ${`Organization/${facility}`}`.execute(connection);
  const ids = rows.map(row => row.patient.id!);
  const seen = await allowed(actor, ids, 'demographics', 'search', { ja: '入居者の一覧を見る', en: 'list residents' });
  const place = (location: Location | null) => (location ? { id: location.id!, name: location.name ?? location.id! } : null);
  return rows
    .filter(row => seen.has(row.patient.id!))
    .map(({ patient, room, floor }) => ({
      patient: patient.id!,
      name: kanjiName(patient.name),
      birthDate: patient.birthDate ?? null,
      room: place(room),
      floor: place(floor),
      facility,
    }))
    .sort((a, b) => order(a).localeCompare(order(b), 'ja', { numeric: true }));
}

const order = (resident: Resident) => `${resident.floor?.name ?? ''} ${resident.room?.name ?? ''} ${resident.name}`;
