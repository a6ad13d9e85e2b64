// What arrives from the others: one track per person and source, and whether its sender has paused it.
import type { ProducerView, Source } from './hub.ts';

export interface RemoteTrack {
  reference: string;
  source: Source;
  track: MediaStreamTrack;
  paused: boolean;
}

/** Tracks by `reference source`; a change makes a new array, so that a page sees it. */
export class RemoteMedia {
  readonly #tracks = new Map<string, RemoteTrack & { producer: string }>();

  set(view: ProducerView, track: MediaStreamTrack): void {
    const { reference, source, paused, producer } = view;
    this.#tracks.set(`${reference} ${source}`, { reference, source, paused, producer, track });
  }
  /** @returns whether anything changed */
  pause(view: ProducerView): boolean {
    const known = this.#tracks.get(`${view.reference} ${view.source}`);
    if (!known || known.producer !== view.producer || known.paused === view.paused) return false;
    this.#tracks.set(`${view.reference} ${view.source}`, { ...known, paused: view.paused });
    return true;
  }
  /** @returns whether anything changed */
  remove(producer: string): boolean {
    for (const [key, track] of this.#tracks) if (track.producer === producer) return this.#tracks.delete(key);
    return false;
  }
  clear(): void {
    this.#tracks.clear();
  }
  list(): RemoteTrack[] {
    return [...this.#tracks.values()];
  }
}
