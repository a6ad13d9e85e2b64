// Alerts and the floor for people: each call names who asks, is decided by the record's rules and audited.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { notAllowed, notFound, Problem } from '../http/problem.ts';
import { type Actor, hasRole, type Person, service } from '../identity/actor.ts';
import { currentModel, latestPredictions } from '../predict/index.ts';
import type { Action, Records } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import { causeRaiser } from './causes.ts';
import { changing } from './changing.ts';
import {
  type AlertRaiser,
  type AlertView,
  byUrgency,
  type CauseRaiser,
  type FloorView,
  type Happening,
  mayEndAs,
  type Outcome,
  type ResidentTile,
} from './contract.ts';
import { alertView, byFloor, tileOf } from './floor.ts';
import { happenings } from './happenings.ts';
import { facilityName, type ResidentCard, readHint, residentCards, writeHint } from './people.ts';
import { caresAt, placeViews, requireCare } from './places.ts';
import { alertRaiser } from './raising.ts';
import { type AlertRow, alertById, alertsOfFacility, alertsOfPatient, unresolvedOf, unresolvedOfPlaces } from './store.ts';

const READ = { ja: 'BPSD の予測と通知を見る', en: 'see predictions and alerts of BPSD' };
const CARERS = ['caregiver', 'manager'] as const;

export interface Alerts extends AlertRaiser, CauseRaiser {
  /** @throws Problem 403, 404. An alert that is acknowledged already stays as it is. */
  acknowledge(actor: Person, id: string): Promise<AlertView>;
  /** Closes the alert with what happened; once more corrects it. @throws Problem 403, 404, 422 (onset in the future, or no answer for such an alert) */
  recordOutcome(actor: Person, id: string, outcome: { outcome: Outcome; onset: string | null; comment: string }): Promise<AlertView>;
  /** @throws Problem 403, 404 */
  read(actor: Person, id: string): Promise<AlertView>;
  /** What happened with an alert, in order of time. @throws Problem 403, 404 */
  history(actor: Person, id: string): Promise<Happening[]>;
  /** Newest first; those of residents whom the actor may not see are left out. @throws Problem 403 */
  list(actor: Person, facility: string, states: AlertView['state'][]): Promise<AlertView[]>;
  /** A patient's alerts in a span (Date, ISO text or ms). The caller has passed `records.require(…, 'risk', 'read', …)`. */
  of(patient: string, from: Date | string | number, to: Date | string | number): Promise<AlertView[]>;
  /** @throws Problem 403 when the actor may see nobody there */
  floor(actor: Person, facility: string, everySeconds: number): Promise<FloorView>;
  careHint(actor: Person, patient: string): Promise<string>;
  setCareHint(actor: Person, patient: string, text: string): Promise<void>;
  /** For the live floor, which decides itself who gets what: cards of all residents of a facility. */
  cards(facility: string): Promise<ResidentCard[]>;
  /** For the live floor: tiles of these residents as things stand now. */
  tiles(cards: ResidentCard[]): Promise<{ tiles: ResidentTile[]; predictedAt: string | null }>;
  /** For the live floor: alerts of the facility that concern no resident and are not closed. Only for those who care there. */
  places(facility: string): Promise<AlertView[]>;
  /** For the live floor: patients of the facility whom the actor may follow. @throws Problem 403 when there is none */
  followable(actor: Person, facility: string): Promise<Set<string>>;
  /** For the live floor. null when there is no such alert. */
  alertFor(id: string, cards: ResidentCard[]): Promise<AlertView | null>;
}

export interface AlertDeps {
  database: Database;
  records: Records;
  log: Logger;
  /** ms since 1970 */
  now?: () => number;
}

export function openAlerts({ database, records, log, now = Date.now }: AlertDeps): Alerts {
  const connection = database.kysely;

  /** The alert, when the actor may do `action` with its resident's risk. An unknown id and one of elsewhere look alike only to the audit. */
  async function permitted(actor: Person, id: string, action: Action, what: { ja: string; en: string }): Promise<AlertRow> {
    const row = await alertById(connection, id);
    if (!row) throw notFound();
    if (row.patient === null) {
      await requireCare(records, actor, row.facility, action, what);
      return row;
    }
    await records.require(actor, row.patient, 'risk', action, what);
    if (action === 'update' && !hasRole(actor, CARERS, row.facility)) throw notAllowed();
    return row;
  }
  const seenBy = async (actor: Actor, row: AlertRow): Promise<AlertView> => {
    if (row.patient === null) return (await placeViews(records, actor, [row]))[0]!;
    const cards = await residentCards(records, actor, row.facility);
    return alertView(
      row,
      cards.find(card => card.patient === row.patient),
    );
  };

  async function tiles(cards: ResidentCard[]) {
    const ids = cards.map(card => card.patient);
    const [latest, open] = await Promise.all([latestPredictions(database, ids), unresolvedOf(connection, ids)]);
    const at = now();
    const newest = Math.max(0, ...[...latest.values()].map(one => one.madeAt.getTime()));
    return {
      tiles: cards.map(card => tileOf(card, latest.get(card.patient), open.get(card.patient) ?? [], at)),
      predictedAt: newest ? new Date(newest).toISOString() : null,
    };
  }

  const places = async (actor: Actor, facility: string) =>
    (await placeViews(records, actor, await unresolvedOfPlaces(connection, facility))).sort(byUrgency);

  /** The residents whom the actor may see with their risk. Someone with no role there and nobody to see is turned away. */
  async function visible(actor: Person, facility: string) {
    const cards = await residentCards(records, actor, facility);
    const allowed = await records.allowed(
      actor,
      cards.map(card => card.patient),
      'risk',
      'read',
      READ,
    );
    if (!allowed.size && !hasRole(actor, CARERS, facility)) throw notAllowed();
    return cards.filter(card => allowed.has(card.patient));
  }

  return {
    ...alertRaiser({ database, log, now }),
    ...causeRaiser({ database, log, now }),
    async acknowledge(actor, id) {
      const row = await permitted(actor, id, 'update', { ja: '通知を確認する', en: 'acknowledge an alert' });
      const [changed] = await changing(database, new Date(now()), async transaction => {
        const { rows } = await sql<AlertRow>`
          update alerts set state = 'acknowledged', acknowledged_by = ${actor.name}, acknowledged_reference = ${actor.reference},
            acknowledged_at = ${new Date(now())}
          where id = ${id}::uuid and state = 'open' returning *`.execute(transaction);
        return rows;
      });
      return seenBy(actor, changed ?? (await alertById(connection, id)) ?? row);
    },
    async recordOutcome(actor, id, { outcome, onset, comment }) {
      const before = await permitted(actor, id, 'update', { ja: '通知の結果を記録する', en: 'record the outcome of an alert' });
      if (!mayEndAs(before, outcome))
        throw new Problem(422, 'other-outcome', {
          ja: 'このお知らせには、その結果は選べません。画面を新しくして、選び直してください。',
          en: 'An alert of this kind cannot end so. Reload the page and choose again.',
        });
      const at = new Date(now());
      if (onset && new Date(onset) > at)
        throw new Problem(422, 'onset-in-future', {
          ja: '始まった時刻が未来になっています。時刻を確かめてください。',
          en: 'The onset lies in the future. Check the time.',
        });
      const [changed] = await changing(database, at, async transaction => {
        const { rows } = await sql<AlertRow>`
          update alerts set state = 'resolved', outcome = ${outcome}, onset = ${outcome === 'episode' && onset ? new Date(onset) : null},
            comment = ${comment || null}, resolved_by = ${actor.name}, resolved_reference = ${actor.reference}, resolved_at = ${at}
          where id = ${id}::uuid returning *`.execute(transaction);
        return rows;
      });
      if (!changed) throw notFound();
      return seenBy(actor, changed);
    },
    async read(actor, id) {
      return seenBy(actor, await permitted(actor, id, 'read', READ));
    },
    async history(actor, id) {
      await permitted(actor, id, 'read', READ);
      return happenings(connection, [id], new Date(0));
    },
    async list(actor, facility, states) {
      const cards = new Map((await visible(actor, facility)).map(card => [card.patient, card]));
      const rows = await alertsOfFacility(connection, facility, states);
      const placed = caresAt(actor, facility) ? rows.filter(row => row.patient === null) : [];
      const places = new Map((await placeViews(records, actor, placed)).map(view => [view.id, view]));
      return rows.flatMap(row => {
        const card = row.patient === null ? undefined : cards.get(row.patient);
        return card ? alertView(row, card) : (places.get(row.id) ?? []);
      });
    },
    async of(patient, from, to) {
      const rows = await alertsOfPatient(connection, patient, new Date(from), new Date(to));
      const facilities = [...new Set(rows.map(row => row.facility))];
      const cards = (await Promise.all(facilities.map(facility => residentCards(records, service('alerts'), facility)))).flat();
      return rows.map(row =>
        alertView(
          row,
          cards.find(card => card.patient === patient),
        ),
      );
    },
    async floor(actor, facility, everySeconds) {
      const cards = await visible(actor, facility);
      const [{ tiles: found, predictedAt }, placed, name, model] = await Promise.all([
        tiles(cards),
        caresAt(actor, facility) ? places(actor, facility) : [],
        facilityName(records, actor, facility),
        currentModel(database),
      ]);
      const floors = byFloor(cards, new Map(found.map(tile => [tile.patient, tile])));
      return { facility, facilityName: name, floors, places: placed, predictedAt, everySeconds, model };
    },
    careHint: (actor, patient) => readHint(records, actor, patient),
    setCareHint: (actor, patient, text) => writeHint(records, actor, patient, text),
    cards: facility => residentCards(records, service('alerts'), facility),
    tiles,
    places: facility => places(service('alerts'), facility),
    async followable(actor, facility) {
      return new Set((await visible(actor, facility)).map(card => card.patient));
    },
    async alertFor(id, cards) {
      const row = await alertById(connection, id);
      if (row?.patient === null) return (await placeViews(records, service('alerts'), [row]))[0]!;
      return (
        row &&
        alertView(
          row,
          cards.find(card => card.patient === row.patient),
        )
      );
    },
  };
}
