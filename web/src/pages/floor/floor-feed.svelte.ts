// The floor of one facility, loaded once and then kept up by live events; used by the floor page and by the alert banner.
import { api } from '../../shared/api.ts';
import type { AlertView, FloorView, ResidentTile, RiskState } from '../../shared/hub.ts';
import { now } from '../../shared/i18n.svelte.ts';
import { follow } from '../../shared/live.svelte.ts';
import { Resource } from '../../shared/resource.svelte.ts';
import { sayProblem } from '../../shared/toast.svelte.ts';

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
          tiles: payload => payload.facility === facility && this.#take(payload.tiles, payload.predictedAt),
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

  #take(tiles: ResidentTile[], predictedAt: string | null): void {
    const known = this.floor.value;
    if (!known) return;
    const changed = new Map(tiles.map(tile => [tile.patient, tile]));
    this.floor.value = {
      ...known,
      predictedAt: predictedAt ?? known.predictedAt,
      floors: known.floors.map(floor => ({ ...floor, residents: floor.residents.map(tile => changed.get(tile.patient) ?? tile) })),
    };
    this.floor.loadedAt = Date.now();
  }

  get tiles(): ResidentTile[] {
    return this.floor.value?.floors.flatMap(floor => floor.residents) ?? [];
  }

  /** The newest word on a tile's alert: the tile's own or a later event. */
  alertOf(tile: ResidentTile): AlertView | null {
    const live = [...this.#alerts.values()].filter(alert => alert.patient === tile.patient).at(-1);
    if (!live) return tile.alert;
    if (!tile.alert || tile.alert.id !== live.id) return live.raisedAt >= (tile.alert?.raisedAt ?? '') ? live : tile.alert;
    return progress(live) >= progress(tile.alert) ? live : tile.alert;
  }

  /** The state to show: an alert that was just raised or resolved counts at once, before its tile arrives. */
  stateOf(tile: ResidentTile): RiskState {
    const alert = this.alertOf(tile);
    if (alert && alert.state !== 'resolved') return 'act';
    return tile.state === 'act' && alert?.state === 'resolved' ? 'watch' : tile.state;
  }

  /** Alerts nobody has taken yet, oldest first. */
  get open(): AlertView[] {
    const found = new Map<string, AlertView>();
    for (const tile of this.tiles) {
      const alert = this.alertOf(tile);
      if (alert?.state === 'open') found.set(alert.id, alert);
    }
    // Events may come before the floor is loaded.
    for (const alert of this.#alerts.values()) if (alert.state === 'open') found.set(alert.id, alert);
    return [...found.values()].sort((a, b) => a.raisedAt.localeCompare(b.raisedAt));
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
