// Consultations by video: encounters, rooms with a waiting room, signalling, media.
import { hostname } from 'node:os';
import type { Hono } from 'hono';
import type { Logger } from 'pino';
import type { Namespace } from 'socket.io';
import type { Config } from '../config.ts';
import type { HubEnv } from '../http/server-types.ts';
import { type Person, service } from '../identity/actor.ts';
import { licenceOf } from '../identity/index.ts';
import { type Records, RIGHTS_CHANNEL } from '../records/records.ts';
import type { Database, FileStore } from '../store/index.ts';
import { Consultations, type NoteState } from './consultations.ts';
import { patientOf, patternOf } from './encounter-resource.ts';
import { LIMITS, type Limits } from './limits.ts';
import { startWorkers } from './media/workers.ts';
import { encounterUnknown } from './problems.ts';
import { requestConsultation } from './requested.ts';
import { Room } from './room.ts';
import { consultRoutes } from './routes.ts';
import { openSeats } from './seats.ts';
import { attachSignalling } from './signalling.ts';
import { openStills } from './stills.ts';

export type { NoteState } from './consultations.ts';
export type { Limits } from './limits.ts';
export { STILL_BYTES } from './stills.ts';

export interface ConsultDeps {
  config: Config;
  database: Database;
  records: Records;
  /** socket.io namespace /consult; `socket.data.actor` is the signed-in person. */
  namespace: Namespace;
  log: Logger;
  /** Keeps images of consultations. */
  files: FileStore;
  /** Where consultation notes stand; without it no consultation shows one. */
  notes?(encounters: string[]): Promise<Map<string, NoteState>>;
  limits?: Partial<Limits>;
}

export interface Consult {
  /** Mounted at /api/consult. */
  routes: Hono<HubEnv>;
  /** Media workers that are alive, with their rooms. */
  workers(): { pid: number; rooms: number }[];
  /** The Encounter or its note changed elsewhere: whoever is in its room is told. */
  changed(encounter: string): Promise<void>;
  /** A carer asks the treating doctors for a consultation; answers the Encounter's id. @throws Problem 403, 404, 409 */
  request(actor: Person, asked: { patient: string; reason: string; alert: string }): Promise<string>;
  /** Refused signalling messages by code, since the start. */
  refusals(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** Starts the media workers and answers on the namespace. @throws Error when a media port is taken or the worker does not run */
export async function startConsult(deps: ConsultDeps): Promise<Consult> {
  const { config, database, records, namespace, log } = deps;
  const limits = { ...LIMITS, ...deps.limits };
  const workers = await startWorkers({ ...config.media, count: config.media.workers, log });
  const seats = openSeats(database);
  const live = new Map<string, Promise<Room>>();
  const open = new Map<string, Room>();
  const consultations = new Consultations({
    records,
    seats,
    publicUrl: config.http.publicUrl,
    participants: limits.participants,
    notes: async encounters => (await deps.notes?.(encounters)) ?? new Map(),
    presence: (encounter, seat) => open.get(encounter)?.presence(seat) ?? (seat.admitted ? 'away' : 'invited'),
  });

  async function make(id: string): Promise<Room> {
    const encounter = await records.as(service('consult')).read('Encounter', id);
    if (!patternOf(encounter)) throw encounterUnknown();
    const patient = patientOf(encounter);
    const [places, facts, note] = await Promise.all([
      consultations.seatsOf(encounter),
      consultations.patients(service('consult'), [patient]),
      consultations.noteOf(id),
    ]);
    const room = new Room(
      {
        records,
        seats,
        consultations,
        workers,
        limits,
        node: hostname(),
        log,
        onEmpty() {
          live.delete(id);
          open.delete(id);
        },
      },
      { encounter, seats: places, patient: facts.get(patient), note },
    );
    open.set(id, room);
    return room;
  }
  function roomOf(id: string): Promise<Room> {
    let room = live.get(id);
    if (!room) {
      room = make(id);
      live.set(id, room);
      room.catch(() => live.delete(id));
    }
    return room;
  }
  const changed = async (encounter: string) => {
    await open.get(encounter)?.refresh();
  };

  const recheck = (concerns: (room: Room) => boolean) => {
    for (const room of open.values())
      if (concerns(room)) void room.recheck().catch(error => log.error({ err: error }, 'rights in a room could not be asked for again'));
  };
  const stopListening = await database.listen(
    RIGHTS_CHANNEL,
    payload => recheck(room => room.patient === (payload as { patient?: unknown } | null)?.patient),
    () => recheck(() => true),
  );

  const stills = openStills({
    ...{ records, consultations, files: deps.files, publicUrl: config.http.publicUrl },
    room: encounter => open.get(encounter),
  });
  const refusals = attachSignalling({ namespace, limits, log, open: roomOf, askStill: stills.ask });
  return {
    routes: consultRoutes({ consultations, records, changed, licenceOf: reference => licenceOf(database, reference) }).route(
      '/stills',
      stills.routes,
    ),
    workers: workers.list,
    changed,
    request: (actor, asked) => requestConsultation(records, actor, asked, new Date()),
    refusals: () => ({ ...refusals }),
    async close() {
      await stopListening();
      await Promise.all([...open.values()].map(room => room.close()));
      workers.close();
      namespace.disconnectSockets(true);
    },
  };
}
