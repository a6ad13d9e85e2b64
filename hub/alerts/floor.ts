// The floor: one tile for each resident, calm, watch, act or not covered, and since when.
import type { LatestPrediction } from '../predict/index.ts';
import { type AlertView, byUrgency, type FloorView, type ResidentTile, TIER_OF } from './contract.ts';
import type { ResidentCard } from './people.ts';
import type { AlertRow } from './store.ts';

/** Of an alert that concerns no resident, `placeViews` adds the place's name. */
export function alertView(row: AlertRow, card: ResidentCard | undefined): AlertView {
  return {
    id: row.id,
    patient: row.patient,
    residentName: card?.name ?? '',
    room: card?.room ?? '',
    placeName: null,
    facility: row.facility,
    kind: row.kind,
    tier: TIER_OF[row.kind],
    raisedAt: row.raised_at.toISOString(),
    prediction: row.prediction,
    detail: row.detail,
    state: row.state,
    paged: row.paged,
    forgotten: row.forgotten_by && row.forgotten_at ? { by: row.forgotten_by, at: row.forgotten_at.toISOString() } : null,
    acknowledgedBy: row.acknowledged_by,
    acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    outcome: row.outcome,
    onset: row.onset?.toISOString() ?? null,
    comment: row.comment,
    resolvedBy: row.resolved_by,
    resolvedAt: row.resolved_at?.toISOString() ?? null,
    riskFellAt: row.fell_at?.toISOString() ?? null,
    consultation: row.consultation,
    careHint: card?.careHint ?? null,
  };
}

/** `now` in ms: a prediction that no longer stands counts as not covered, for nobody is watching then. */
export function tileOf(card: ResidentCard, latest: LatestPrediction | undefined, unresolved: AlertRow[], now: number): ResidentTile {
  const base = { patient: card.patient, name: card.name, room: card.room };
  const standing = latest && latest.standsUntil.getTime() > now ? latest : undefined;
  const alerts = unresolved.map(row => alertView(row, card)).sort(byUrgency);
  const [alert = null] = alerts;
  const shown = { prediction: standing?.view ?? null, alert, alerts };
  // A resident nobody watches is not one to run to: the tile is hatched, and says since when.
  if (alert) return { ...base, ...shown, state: alert.kind === 'uncovered' ? 'not-covered' : 'act', since: alert.raisedAt };
  if (standing) return { ...base, ...shown, state: standing.level, since: standing.levelSince.toISOString() };
  return { ...base, ...shown, state: 'not-covered', since: (latest?.standsUntil ?? new Date(now)).toISOString() };
}

/** Tiles by floor, in the order of the cards. */
export function byFloor(cards: ResidentCard[], tiles: Map<string, ResidentTile>): FloorView['floors'] {
  const floors = new Map<string, ResidentTile[]>();
  for (const card of cards) {
    const tile = tiles.get(card.patient);
    if (!tile) continue;
    const own = floors.get(card.floor);
    if (own) own.push(tile);
    else floors.set(card.floor, [tile]);
  }
  return [...floors].map(([name, residents]) => ({ name, residents }));
}
