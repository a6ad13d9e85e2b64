// The floor: one tile for each resident, calm, watch, act or not covered, and since when.
import type { LatestPrediction } from '../predict/index.ts';
import type { AlertView, FloorView, ResidentTile } from './contract.ts';
import type { ResidentCard } from './people.ts';
import type { AlertRow } from './store.ts';

export function alertView(row: AlertRow, card: ResidentCard | undefined): AlertView {
  return {
    id: row.id,
    patient: row.patient,
    residentName: card?.name ?? '',
    room: card?.room ?? '',
    facility: row.facility,
    raisedAt: row.raised_at.toISOString(),
    prediction: row.prediction,
    state: row.state,
    acknowledgedBy: row.acknowledged_by,
    acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    outcome: row.outcome,
    onset: row.onset?.toISOString() ?? null,
    comment: row.comment,
    resolvedBy: row.resolved_by,
    resolvedAt: row.resolved_at?.toISOString() ?? null,
    riskFellAt: row.fell_at?.toISOString() ?? null,
    careHint: card?.careHint ?? null,
  };
}

/** `now` in ms: a prediction that no longer stands counts as not covered, for nobody is watching then. */
export function tileOf(card: ResidentCard, latest: LatestPrediction | undefined, alert: AlertRow | undefined, now: number): ResidentTile {
  const base = { patient: card.patient, name: card.name, room: card.room };
  const standing = latest && latest.standsUntil.getTime() > now ? latest : undefined;
  const shown = { prediction: standing?.view ?? null, alert: alert ? alertView(alert, card) : null };
  if (alert) return { ...base, ...shown, state: 'act', since: alert.raised_at.toISOString() };
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
