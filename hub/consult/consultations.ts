// Consultations over their life in the record: made, listed, read, invited to. Rights and audit are the record's.
import type { WithId } from '@medplum/core';
import type { Encounter, Patient } from '@medplum/fhirtypes';
import { notAllowed, Problem } from '../http/problem.ts';
import { type Actor, type Person, requireRole, service } from '../identity/actor.ts';
import type { Records, Repository } from '../records/records.ts';
import type { EncounterView, Invite, NewEncounter, ParticipantView } from './contract.ts';
import { alertOf, encounterResource, isHost, participant, patientOf, patternOf, statusOf, tokyoDay } from './encounter-resource.ts';
import { humanName, type InvitablePerson, invitable } from './people.ts';
import { encounterEnded, encounterUnknown, practitionerUnknown, roomFull } from './problems.ts';
import type { NewSeat, Seat, Seats } from './seats.ts';

export type NoteState = EncounterView['note'];

export interface ConsultationDeps {
  records: Records;
  seats: Seats;
  publicUrl: string;
  /** Most people with a place in one room. */
  participants: number;
  /** Where the notes of these Encounters stand; those without a note are missing. */
  notes(encounters: string[]): Promise<Map<string, NoteState>>;
  /** Who is in the room now, as the live rooms know. */
  presence(encounter: string, seat: Seat): ParticipantView['presence'];
}

export interface PatientFacts {
  name: string;
  birthDate: string | null;
}

export class Consultations {
  readonly #deps: ConsultationDeps;
  constructor(deps: ConsultationDeps) {
    this.#deps = deps;
  }

  /** @throws Problem 403 unless the actor is a doctor or specialist with a right to the patient; 404, 422 */
  async create(actor: Person, asked: ReturnType<typeof NewEncounter.parse>): Promise<EncounterView> {
    requireRole(actor, ['doctor', 'specialist']);
    const repository = this.#deps.records.as(actor);
    const reference = actor.reference ?? '';
    const own = actor.roles.find(held => held.role === 'doctor') ?? actor.roles.find(held => held.role === 'specialist');
    if (!reference.startsWith('Practitioner/') || !own) throw notAllowed();
    const patient = await repository.read('Patient', asked.patient);
    const others = [...new Set(asked.invite)].filter(id => `Practitioner/${id}` !== reference);
    const invited: InvitablePerson[] = [];
    for (const id of others) {
      const person = await invitable(repository, id);
      if (!person) throw practitionerUnknown();
      invited.push(person);
    }
    const name = humanName(patient) ?? asked.patient;
    const encounter = await repository.create(
      encounterResource({
        pattern: asked.pattern,
        reason: asked.reason,
        start: asked.start ? new Date(asked.start).toISOString() : new Date().toISOString(),
        patient: { id: asked.patient, name },
        host: { reference, name: actor.name },
        invited: invited.map(person => ({ reference: `Practitioner/${person.practitioner}`, name: person.name })),
        provider: { id: own.organization, name: own.organizationName },
      }),
    );
    const host: NewSeat = { reference, name: actor.name, ...roleAt(own), host: true };
    await this.#deps.seats.create(encounter.id, asked.patient, [
      host,
      ...patientSeat(encounter, name),
      ...invited.map(person => seatOf(person, person.role === 'doctor')),
    ]);
    return this.view(actor, encounter.id);
  }

  /** The person's own consultations that are planned for a day (`YYYY-MM-DD`, Asia/Tokyo), by time. */
  async on(actor: Person, day: string): Promise<EncounterView[]> {
    if (!actor.reference) return [];
    const { from, to } = tokyoDay(day);
    const repository = this.#deps.records.as(actor);
    const mine = actor.reference.startsWith('Patient/') ? `patient=${actor.reference}` : `participant=${actor.reference}`;
    const found = await repository.search<Encounter>(`Encounter?${mine}&class=VR&date=ge${from}&date=lt${to}&_count=200`);
    const today = found.filter(encounter => {
      const start = Date.parse(encounter.period?.start ?? '');
      return patternOf(encounter) && start >= Date.parse(from) && start < Date.parse(to);
    });
    today.sort((a, b) => Date.parse(a.period?.start ?? '') - Date.parse(b.period?.start ?? ''));
    return this.#views(actor, today);
  }

  /** @throws Problem 404; 403 for anyone who is neither invited nor the patient */
  async view(actor: Person, id: string): Promise<EncounterView> {
    const encounter = await this.#deps.records.as(actor).read('Encounter', id);
    const seats = await this.seatsOf(encounter);
    const patient = patientOf(encounter);
    if (!seats.some(seat => seat.reference === actor.reference) && actor.reference !== `Patient/${patient}`) {
      await this.#deps.records.audit({ actor, action: 'read', what: CONSULTATION, patient, allowed: false });
      throw notAllowed();
    }
    const [view] = await this.#views(actor, [encounter]);
    if (!view) throw encounterUnknown();
    return view;
  }

  /** @throws Problem 403 unless the actor is a doctor or specialist in this consultation; 409 when it has ended or is full; 422 */
  async invite(actor: Person, id: string, { practitioner }: ReturnType<typeof Invite.parse>): Promise<void> {
    const repository = this.#deps.records.as(actor);
    const encounter = await repository.read('Encounter', id);
    const seats = await this.seatsOf(encounter);
    const own = seats.find(seat => seat.reference === actor.reference);
    if (!own || (own.role !== 'doctor' && own.role !== 'specialist')) throw notAllowed();
    if (statusOf(encounter) === 'finished' || statusOf(encounter) === 'cancelled') throw encounterEnded();
    const reference = `Practitioner/${practitioner}`;
    if (seats.some(seat => seat.reference === reference)) return;
    if (seats.length >= this.#deps.participants) throw roomFull(this.#deps.participants);
    const person = await invitable(repository, practitioner);
    if (!person) throw practitionerUnknown();
    await changeEncounter(repository, id, current =>
      current.participant?.some(each => each.individual?.reference === reference)
        ? current
        : { ...current, participant: [...(current.participant ?? []), participant({ reference, name: person.name }, false)] },
    );
    await this.#deps.seats.add(id, seatOf(person, person.role === 'doctor'));
  }

  /** The seats of a consultation; made from the Encounter when it came into the record another way. */
  async seatsOf(encounter: WithId<Encounter>): Promise<Seat[]> {
    const found = (await this.#deps.seats.of([encounter.id])).get(encounter.id);
    if (found) return found;
    if (!patternOf(encounter)) throw encounterUnknown();
    const repository = this.#deps.records.as(service('consult'));
    const seats: NewSeat[] = [];
    for (const each of encounter.participant ?? []) {
      const reference = each.individual?.reference ?? '';
      const person = await invitable(repository, reference.replace(/^Practitioner\//, ''));
      if (person) seats.push(seatOf(person, isHost(each) || person.role === 'doctor'));
    }
    await this.#deps.seats.create(encounter.id, patientOf(encounter), [
      ...seats,
      ...patientSeat(encounter, encounter.subject?.display ?? patientOf(encounter)),
    ]);
    return (await this.#deps.seats.of([encounter.id])).get(encounter.id) ?? [];
  }

  /** Name and birth date of the patients the actor may see. */
  async patients(actor: Actor, ids: string[]): Promise<Map<string, PatientFacts>> {
    if (!ids.length) return new Map();
    const wanted = [...new Set(ids)];
    const found = await this.#deps.records.as(actor).search<Patient>(`Patient?_id=${wanted.join(',')}&_count=${wanted.length}`);
    return new Map(found.map(each => [each.id, { name: humanName(each) ?? each.id, birthDate: each.birthDate ?? null }]));
  }

  viewOf(encounter: WithId<Encounter>, seats: readonly Seat[], patient: PatientFacts | undefined, note: NoteState): EncounterView {
    const id = patientOf(encounter);
    return {
      id: encounter.id,
      pattern: patternOf(encounter) ?? 'DtoP',
      status: statusOf(encounter),
      reason: encounter.reasonCode?.[0]?.text ?? '',
      start: encounter.period?.start ?? '',
      end: encounter.period?.end ?? null,
      patient: { id, name: patient?.name ?? encounter.subject?.display ?? '', birthDate: patient?.birthDate ?? null },
      participants: seats.map(seat => ({
        reference: seat.reference,
        name: seat.name,
        role: seat.role,
        organizationName: seat.organizationName,
        presence: this.#deps.presence(encounter.id, seat),
        host: seat.host,
      })),
      alert: alertOf(encounter),
      url: `${this.#deps.publicUrl}/room/${encounter.id}`,
      note,
    };
  }

  /** Where one consultation's note stands. */
  async noteOf(encounter: string): Promise<NoteState> {
    return (await this.#deps.notes([encounter])).get(encounter) ?? null;
  }

  async #views(actor: Person, encounters: WithId<Encounter>[]): Promise<EncounterView[]> {
    const ids = encounters.map(encounter => encounter.id);
    const [patients, notes, seats] = await Promise.all([
      this.patients(actor, encounters.map(patientOf)),
      this.#deps.notes(ids),
      Promise.all(encounters.map(encounter => this.seatsOf(encounter))),
    ]);
    return encounters.map((encounter, index) =>
      this.viewOf(encounter, seats[index] ?? [], patients.get(patientOf(encounter)), notes.get(encounter.id) ?? null),
    );
  }
}

export const CONSULTATION = { ja: 'オンライン診察', en: 'online consultation' };

const roleAt = (held: { role: Seat['role']; organization: string; organizationName: string }) => ({
  role: held.role,
  organization: held.organization,
  organizationName: held.organizationName,
});

const seatOf = (person: InvitablePerson, host: boolean): NewSeat => ({
  reference: `Practitioner/${person.practitioner}`,
  name: person.name,
  ...roleAt(person),
  host,
});

/** Between doctors (DtoD) the patient is spoken about and not there. */
function patientSeat(encounter: Encounter, name: string): NewSeat[] {
  if (patternOf(encounter) === 'DtoD') return [];
  return [{ reference: `Patient/${patientOf(encounter)}`, name, role: 'patient', organization: '', organizationName: '', host: false }];
}

/** Reads, changes and writes an Encounter; begins again when somebody else was faster. @throws Problem 403, 404, 409 after three tries */
export async function changeEncounter(
  repository: Repository,
  id: string,
  change: (current: WithId<Encounter>) => WithId<Encounter>,
): Promise<WithId<Encounter>> {
  for (let attempt = 1; ; attempt++) {
    const current = await repository.read('Encounter', id);
    const next = change(current);
    if (next === current) return current;
    try {
      return await repository.update(next);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 409 && attempt < 3)) throw error;
    }
  }
}
