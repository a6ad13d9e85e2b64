// Typed events: a listener that throws breaks neither the others nor the one who tells.

export class Events<Map extends { [Name in keyof Map]: unknown }> {
  readonly #listeners = new globalThis.Map<keyof Map, Set<(payload: never) => void>>();

  /** Returns the way to stop listening. */
  on<Name extends keyof Map>(name: Name, listener: (payload: Map[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  tell<Name extends keyof Map>(name: Name, payload: Map[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: Map[Name]) => void)(payload);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
