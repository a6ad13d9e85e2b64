// One live consultation: who is connected, who waits, and the media of those inside. Its places are in `seats`, its facts in the record.
import type { WithId } from '@medplum/core';
import type { Encounter } from '@medplum/fhirtypes';
import type { Logger } from 'pino';
import type { Socket } from 'socket.io';
import { type Person, service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { chatOf, sendChat } from './chat.ts';
import { CONSULTATION, type Consultations, type NoteState, type PatientFacts } from './consultations.ts';
import type { ConsultEvents, EncounterView, JoinAnswer, ParticipantView, PointerView } from './contract.ts';
import { patientOf } from './encounter-resource.ts';
import type { Limits } from './limits.ts';
import { LiveEncounter } from './live-encounter.ts';
import { RoomMedia } from './media/room-media.ts';
import type { MediaWorkers } from './media/workers.ts';
import { cannotPoint, encounterEnded, hostsOnly, nobodyWaits, notInRoom, notInvited, roomFull } from './problems.ts';
import type { Seat, Seats } from './seats.ts';

/** A person's connection to the room. One per person: a second takes the place of the first. */
export interface Here {
  socket: Socket;
  actor: Person;
  /** The page, as it named itself. */
  client: string | null;
  inRoom: boolean;
}

export interface RoomDeps {
  records: Records;
  seats: Seats;
  consultations: Consultations;
  workers: MediaWorkers;
  limits: Limits;
  node: string;
  log: Logger;
  /** Nobody has been here for a while, or it has ended: forget this room. */
  onEmpty(room: Room): void;
}

export class Room {
  readonly id: string;
  readonly #deps: RoomDeps;
  readonly #here = new Map<string, Here>();
  readonly #graces = new Map<string, NodeJS.Timeout>();
  readonly #encounter: LiveEncounter;
  #seats: Seat[];
  #patient: PatientFacts | undefined;
  #note: NoteState;
  #media: Promise<RoomMedia> | null = null;
  #emptyTimer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(deps: RoomDeps, known: { encounter: WithId<Encounter>; seats: Seat[]; patient: PatientFacts | undefined; note: NoteState }) {
    this.#deps = deps;
    this.id = known.encounter.id;
    this.#encounter = new LiveEncounter(deps.records, deps.log, known.encounter);
    this.#seats = known.seats;
    this.#patient = known.patient;
    this.#note = known.note;
    this.#watchEmpty();
  }

  get closed(): boolean {
    return this.#closed;
  }
  get patient(): string {
    return patientOf(this.#encounter.current);
  }

  presence(seat: Seat): ParticipantView['presence'] {
    const here = this.#here.get(seat.reference);
    if (here) return here.inRoom ? 'present' : 'waiting';
    return seat.admitted ? 'away' : 'invited';
  }

  /** Takes a person's connection in, to the room or to the waiting room. @throws Problem 403 not-invited, 409 encounter-ended */
  async join(socket: Socket, actor: Person, client: string | null): Promise<JoinAnswer> {
    clearTimeout(this.#emptyTimer);
    try {
      return await this.#takeIn(socket, actor, client);
    } finally {
      this.#watchEmpty();
    }
  }

  async #takeIn(socket: Socket, actor: Person, client: string | null): Promise<JoinAnswer> {
    const reference = actor.reference ?? '';
    const invited = this.#seats.find(each => each.reference === reference);
    if (!invited) {
      await this.#deps.records.audit({ actor, action: 'join', what: CONSULTATION, patient: this.patient, allowed: false });
      throw notInvited();
    }
    await this.#deps.records.require(actor, this.patient, 'consultation', 'join', CONSULTATION);
    return this.#exclusively(async () => {
      if (this.#closed || this.#encounter.over) throw encounterEnded();
      const seat = this.#seat(reference);
      const inRoom = seat.admitted || seat.role !== 'patient';
      if (inRoom && this.#inRoom().filter(here => here.actor.reference !== reference).length >= this.#deps.limits.participants)
        throw roomFull(this.#deps.limits.participants);
      this.#replace(reference, socket, client);
      this.#here.set(reference, { socket, actor, client, inRoom });
      clearTimeout(this.#graces.get(reference));
      if (!inRoom) {
        await this.#setState(seat, 'waiting');
        await this.#encounter.reach('arrived');
        this.tell();
        return {
          state: 'waiting',
          self: reference,
          encounter: this.view(),
          chat: [],
          mediaKept: false,
          routerRtpCapabilities: null,
          producers: [],
        };
      }
      await this.#setState(seat, 'admitted');
      const media = await this.media();
      const mediaKept = media.enter(reference, client);
      if (seat.role === 'patient' || this.#inRoom().length > 1) await this.#encounter.reach('in-progress');
      await this.#encounter.entered(reference);
      this.tell();
      return {
        state: 'in-room',
        self: reference,
        encounter: this.view(),
        chat: await chatOf(this.#deps.records.as(actor), this.id, this.#deps.limits.chatHistory),
        mediaKept,
        routerRtpCapabilities: media.rtpCapabilities,
        producers: media.producers(reference),
      };
    });
  }

  /** Lets a waiting person in, also one whose connection is lost for the moment. @throws Problem 403 unless a host, 404 */
  admit(by: Person, reference: string): Promise<void> {
    return this.#exclusively(async () => {
      this.#requireHost(by);
      const seat = this.#seats.find(each => each.reference === reference);
      if (!seat || (seat.state !== 'waiting' && !seat.admitted)) throw nobodyWaits();
      await this.#setState(seat, 'admitted');
      const here = this.#here.get(reference);
      if (here && !here.inRoom) this.#emit(here, 'admitted');
      this.tell();
    });
  }

  /** A person leaves by their own will: the place stays theirs, the media ends. */
  leave(socket: Socket): Promise<void> {
    return this.#exclusively(async () => {
      const [reference, here] = this.#entry(socket);
      this.#here.delete(reference);
      const seat = this.#seat(reference);
      await this.#setState(seat, seat.admitted ? 'left' : 'invited');
      if (here.inRoom) await this.#dropMedia(reference);
      await this.#deps.records.audit({ actor: here.actor, action: 'leave', what: CONSULTATION, patient: this.patient, allowed: true });
      this.tell();
      this.#watchEmpty();
    });
  }

  /** A connection was lost: the others see it at once, the media is kept for the grace time. */
  lost(socket: Socket): void {
    const entry = [...this.#here].find(([, here]) => here.socket === socket);
    if (!entry) return;
    const [reference] = entry;
    this.#here.delete(reference);
    clearTimeout(this.#graces.get(reference));
    const grace = setTimeout(() => {
      this.#graces.delete(reference);
      if (!this.#here.has(reference)) void this.#dropMedia(reference);
    }, this.#deps.limits.graceMs);
    grace.unref();
    this.#graces.set(reference, grace);
    this.tell();
    this.#watchEmpty();
  }

  /** Ends the consultation for all. @throws Problem 403 unless a host */
  end(by: Person): Promise<void> {
    return this.#exclusively(async () => {
      this.#requireHost(by);
      await this.#encounter.finish(by);
      await this.#deps.seats.closed(this.id);
      this.tell();
      for (const here of this.#here.values()) this.#emit(here, 'ended');
      await this.close();
    });
  }

  async say(here: Here, text: string) {
    // Who was let in may speak; a patient has no right of their own to write into the record, so the room writes it down.
    const message = await sendChat(this.#deps.records.as(service('consult')), {
      encounter: this.id,
      patient: this.patient,
      sender: here.actor,
      text,
    });
    for (const each of this.#inRoom()) this.#emit(each, 'chat', message);
    return message;
  }

  /** Patients watch. @throws Problem 403 */
  mayPoint(here: Here): void {
    if (this.#seat(here.actor.reference ?? '').role === 'patient') throw cannotPoint();
  }

  /** Shows the others where somebody points. @throws Problem 403 */
  point(here: Here, pointer: PointerView): void {
    this.mayPoint(here);
    for (const each of this.#inRoom()) if (each !== here) each.socket.volatile.emit('pointer', pointer);
  }

  /** The connection of somebody who is inside. @throws Problem 409 */
  inside(socket: Socket): { here: Here; reference: string } {
    const [reference, here] = this.#entry(socket);
    if (!here.inRoom) throw notInRoom();
    return { here, reference };
  }

  /** The room's media; a router is made when there is none. @throws Problem 503 */
  media(): Promise<RoomMedia> {
    this.#media ??= this.#openMedia();
    return this.#media;
  }

  /** Tells all who are inside, but not the person it is about. */
  tellInside<E extends keyof ConsultEvents>(except: string, event: E, ...payload: Parameters<ConsultEvents[E]>): void {
    for (const here of this.#inRoom()) if (here.actor.reference !== except) this.#emit(here, event, ...payload);
  }

  /** Tells one who is inside; false when they are not. */
  tellOne<E extends keyof ConsultEvents>(reference: string, event: E, ...payload: Parameters<ConsultEvents[E]>): boolean {
    const here = this.#here.get(reference);
    if (!here?.inRoom) return false;
    this.#emit(here, event, ...payload);
    return true;
  }

  /** Reads the record again (somebody was invited, the note was signed) and tells everybody. */
  refresh(): Promise<void> {
    return this.#exclusively(async () => {
      await this.#encounter.reload();
      this.#seats = await this.#deps.consultations.seatsOf(this.#encounter.current);
      this.#note = await this.#deps.consultations.noteOf(this.id);
      this.tell();
    });
  }

  /** The patient's consent or the record may have changed: who may no longer take part is let go. */
  recheck(): Promise<void> {
    return this.#exclusively(async () => {
      for (const [reference, here] of [...this.#here]) {
        const allowed = await this.#deps.records.allowed(here.actor, [this.patient], 'consultation', 'join', CONSULTATION);
        if (allowed.has(this.patient)) continue;
        this.#here.delete(reference);
        this.#emit(here, 'ended');
        await this.#dropMedia(reference);
        this.tell();
      }
      this.#watchEmpty();
    });
  }

  view(): EncounterView {
    return this.#deps.consultations.viewOf(this.#encounter.current, this.#seats, this.#patient, this.#note);
  }

  tell(): void {
    const view = this.view();
    for (const here of this.#here.values()) this.#emit(here, 'encounter', view);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#emptyTimer);
    for (const grace of this.#graces.values()) clearTimeout(grace);
    this.#here.clear();
    this.#deps.onEmpty(this);
    const media = await this.#media?.catch(() => undefined);
    media?.close();
    this.#media = null;
  }

  async #openMedia(): Promise<RoomMedia> {
    try {
      const media: RoomMedia = new RoomMedia(await this.#deps.workers.openRouter(), {
        consumersPerPerson: this.#deps.limits.consumersPerPerson,
        onProducerClosed: producer => {
          for (const here of this.#inRoom()) this.#emit(here, 'producerClosed', { producer });
        },
        onLost: () => {
          this.#media = null;
          this.#deps.log.warn({ encounter: this.id }, 'a room lost its media worker; it gets another');
          for (const here of this.#inRoom()) this.#emit(here, 'mediaLost');
        },
      });
      await this.#deps.seats.opened(this.id, this.#deps.node);
      return media;
    } catch (error) {
      this.#media = null;
      throw error;
    }
  }

  /** A place is one person's: a connection from elsewhere is told and let go; one that only came back is let go quietly. */
  #replace(reference: string, socket: Socket, client: string | null): void {
    const former = this.#here.get(reference);
    if (!former || former.socket === socket) return;
    this.#here.delete(reference);
    if (client === null || former.client !== client) this.#emit(former, 'replaced');
    former.socket.disconnect();
  }

  async #setState(seat: Seat, state: Seat['state']): Promise<void> {
    if (seat.state === state) return;
    await this.#deps.seats.setState(this.id, seat.reference, state);
    seat.state = state;
    if (state === 'admitted') seat.admitted = true;
  }

  async #dropMedia(reference: string): Promise<void> {
    const media = await this.#media?.catch(() => undefined);
    media?.drop(reference);
  }

  #watchEmpty(): void {
    clearTimeout(this.#emptyTimer);
    if (this.#here.size || this.#closed) return;
    this.#emptyTimer = setTimeout(() => void this.close(), this.#deps.limits.emptyMs);
    this.#emptyTimer.unref();
  }

  #requireHost(by: Person): void {
    if (!this.#seats.some(seat => seat.reference === by.reference && seat.host)) throw hostsOnly();
  }
  #seat(reference: string): Seat {
    const seat = this.#seats.find(each => each.reference === reference);
    if (!seat) throw notInvited();
    return seat;
  }
  #entry(socket: Socket): [string, Here] {
    for (const entry of this.#here) if (entry[1].socket === socket) return entry;
    throw notInRoom();
  }
  #inRoom(): Here[] {
    return [...this.#here.values()].filter(here => here.inRoom);
  }
  #emit<E extends keyof ConsultEvents>(here: Here, event: E, ...payload: Parameters<ConsultEvents[E]>): void {
    here.socket.emit(event, ...payload);
  }

  /** One change of places at a time. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
