// The floor of one facility, loaded once and then kept up by live events; used by the floor page and by the alert banner.
import { api } from '../../shared/api.ts';
import type { AlertView, FloorView, ResidentTile, RiskState } from '../../shared/hub.ts';
import { now } from '../../shared/i18n.svelte.ts';
import { follow } from '../../shared/live.svelte.ts';
import { Resource } from '../../shared/resource.svelte.ts';
import { sayProblem } from '../../shared/toast.svelte.ts';
import { byUrgency, stateOfKind } from './kinds.ts';

/** Make one inside a component. */
export class FloorFeed {
  readonly facility: string;
  readonly floor: Resource<FloorView>;
  /** Alert events by alert id, newer than what the floor had when it was loaded. */
  #alerts = $state.raw<ReadonlyMap<string, AlertView>>(new Map());

  constructor(facility: string, onAlert: (alert: AlertView) => void = () => {}) {
    this.facility = facility;
    this.floor = new Resource(signal => api.get<FloorView>(`/api/alerts/floor?facility=${encodeURIComponent(facility)}`, signal));
    $effect(() =>
      follow(
        'floor:follow',
        { facility },
        {
          'floor:changed': payload => {
            if (payload.facility === facility) void this.floor.refresh();
          },
          tiles: payload => payload.facility === facility && this.#take(payload.tiles, payload.predictedAt, payload.places),
          alert: alert => {
            if (alert.facility !== facility) return;
            this.take(alert);
            onAlert(alert);
          },
        },
        { onProblem: sayProblem, onReturn: () => void this.floor.refresh() },
      ),
    );
  }

  /** An alert as the hub has just answered or sent it. */
  take(alert: AlertView): void {
    this.#alerts = new Map(this.#alerts).set(alert.id, alert);
  }

  #take(tiles: ResidentTile[], predictedAt: string | null, places?: AlertView[]): void {
    const known = this.floor.value;
    if (!known) return;
    const changed = new Map(tiles.map(tile => [tile.patient, tile]));
    this.floor.value = {
      ...known,
      places: places ?? known.places,
      predictedAt: predictedAt ?? known.predictedAt,
      floors: known.floors.map(floor => ({ ...floor, residents: floor.residents.map(tile => changed.get(tile.patient) ?? tile) })),
    };
    this.floor.loadedAt = Date.now();
  }

  get tiles(): ResidentTile[] {
    return this.floor.value?.floors.flatMap(floor => floor.residents) ?? [];
  }

  /** All that is known of a resident's alerts, the most pressing first: the tile's own and later events. */
  #of(tile: ResidentTile): AlertView[] {
    return this.#newest(tile.alerts, tile.patient);
  }

  #newest(alerts: AlertView[], patient: string | null): AlertView[] {
    const found = new Map(alerts.map(alert => [alert.id, alert]));
    for (const live of this.#alerts.values()) {
      if (live.patient !== patient) continue;
      const known = found.get(live.id);
      // An alert that was opened again is newer, though it has gone back a step.
      if (!known || live.raisedAt > known.raisedAt || (live.raisedAt === known.raisedAt && progress(live) >= progress(known)))
        found.set(live.id, live);
    }
    return [...found.values()].sort(byUrgency);
  }

  /** Alerts that concern no resident and are not closed, the most pressing first. */
  get places(): AlertView[] {
    return this.#newest(this.floor.value?.places ?? [], null).filter(alert => alert.state !== 'resolved');
  }

  /** A tile's most pressing alert; one that was just closed when there is no other. */
  alertOf(tile: ResidentTile): AlertView | null {
    return this.#of(tile)[0] ?? null;
  }

  /** The state to show: an alert that was just raised or resolved counts at once, before its tile arrives. */
  stateOf(tile: ResidentTile): RiskState {
    const alert = this.alertOf(tile);
    if (alert && alert.state !== 'resolved') return stateOfKind(alert.kind);
    return tile.state === 'act' && alert?.state === 'resolved' ? 'watch' : tile.state;
  }

  /** Alerts nobody has taken yet, the most pressing first. A silent device is shown on its tile and calls nobody. */
  get open(): AlertView[] {
    const found = new Map<string, AlertView>();
    const placed = new Set<string>();
    for (const tile of this.tiles) {
      for (const alert of this.#of(tile)) {
        placed.add(alert.id);
        if (alert.state === 'open') found.set(alert.id, alert);
      }
    }
    for (const alert of this.#newest(this.floor.value?.places ?? [], null)) {
      placed.add(alert.id);
      if (alert.state === 'open') found.set(alert.id, alert);
    }
    // Events may come before the floor is loaded.
    for (const alert of this.#alerts.values()) if (alert.state === 'open' && !placed.has(alert.id)) found.set(alert.id, alert);
    return [...found.values()].filter(alert => alert.tier !== 'watch').sort(byUrgency);
  }

  /** Since when predictions are missing (ISO), or null while they come as they should. */
  get stoppedSince(): string | null {
    const floor = this.floor.value;
    if (!floor?.predictedAt) return null;
    const late = now() - new Date(floor.predictedAt).getTime();
    return late > Math.max(3 * floor.everySeconds, 90) * 1000 ? floor.predictedAt : null;
  }
}

const progress = (alert: AlertView): number => ['open', 'acknowledged', 'resolved'].indexOf(alert.state);
