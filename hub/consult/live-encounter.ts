// The Encounter of a live room: what happens in the room is written to the record, status by status.
import type { WithId } from '@medplum/core';
import type { Encounter } from '@medplum/fhirtypes';
import type { Logger } from 'pino';
import { type Person, service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { changeEncounter } from './consultations.ts';
import type { EncounterStatus } from './contract.ts';
import { statusOf, withPresence, withStatus } from './encounter-resource.ts';

const ORDER: readonly EncounterStatus[] = ['planned', 'arrived', 'in-progress', 'finished', 'cancelled'];
const reached = (encounter: Encounter, status: EncounterStatus) => ORDER.indexOf(statusOf(encounter)) >= ORDER.indexOf(status);

export class LiveEncounter {
  readonly #records: Records;
  readonly #log: Logger;
  #current: WithId<Encounter>;

  constructor(records: Records, log: Logger, encounter: WithId<Encounter>) {
    this.#records = records;
    this.#log = log;
    this.#current = encounter;
  }

  /** As last known here. */
  get current(): WithId<Encounter> {
    return this.#current;
  }
  get status(): EncounterStatus {
    return statusOf(this.#current);
  }
  get over(): boolean {
    return this.status === 'finished' || this.status === 'cancelled';
  }

  /** Statuses only go forward. */
  async reach(status: 'arrived' | 'in-progress'): Promise<void> {
    if (reached(this.#current, status)) return;
    await this.#change(current => (reached(current, status) ? current : withStatus(current, status, new Date().toISOString())));
  }

  /** Notes a practitioner's first moment in the room. */
  async entered(reference: string): Promise<void> {
    const own = this.#current.participant?.find(each => each.individual?.reference === reference);
    if (own && !own.period) await this.#change(current => withPresence(current, reference, { start: new Date().toISOString() }));
  }

  /** Finishes it in the name of who ended it: the period and those of all who took part are closed. @throws Problem 403, 409 */
  async finish(by: Person): Promise<void> {
    const end = new Date().toISOString();
    this.#current = await changeEncounter(this.#records.as(by), this.#current.id, current => {
      if (reached(current, 'finished')) return current;
      const took = (current.participant ?? []).filter(each => each.period?.start && !each.period.end);
      return took.reduce(
        (each, { individual }) => withPresence(each, individual?.reference ?? '', { end }),
        withStatus(current, 'finished', end),
      );
    });
  }

  /** Reads it again after it was changed elsewhere. */
  async reload(): Promise<void> {
    this.#current = await this.#records.as(service('consult')).read('Encounter', this.#current.id);
  }

  /** A change that people need not wait for: when the record is away they meet all the same, and the next one in tries again. */
  async #change(change: (current: WithId<Encounter>) => WithId<Encounter>): Promise<void> {
    try {
      this.#current = await changeEncounter(this.#records.as(service('consult')), this.#current.id, change);
    } catch (error) {
      this.#log.warn({ encounter: this.#current.id, err: error }, 'the state of a consultation could not be written to the record');
    }
  }
}
