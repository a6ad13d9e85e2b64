// Something a page loads: its value, how fresh it is, and what went wrong in words; tries again by itself when that may help.
import { type ApiError, asProblem } from './api.ts';
import { forgetSession } from './session.svelte.ts';

const RETRY_SECONDS = 30;

/** Make one per page part inside a component; it loads at once and stops with the component. */
export class Resource<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<ApiError | null>(null);
  loading = $state(false);
  /** ms since 1970 of the last good answer. */
  loadedAt = $state<number | null>(null);
  /** ms since 1970 of the next try, after a problem that may pass. */
  retryAt = $state<number | null>(null);
  readonly #fetch: (signal: AbortSignal) => Promise<T>;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options.everySeconds loads again that often, where nothing tells the page of a change */
  constructor(fetch: (signal: AbortSignal) => Promise<T>, options: { everySeconds?: number } = {}) {
    this.#fetch = fetch;
    $effect(() => {
      void this.refresh();
      const again = options.everySeconds
        ? setInterval(() => document.visibilityState === 'visible' && !this.problem && void this.refresh(), options.everySeconds * 1000)
        : undefined;
      const online = () => void (this.problem && this.refresh());
      addEventListener('online', online);
      return () => {
        removeEventListener('online', online);
        clearInterval(again);
        clearTimeout(this.#timer);
        this.#abort?.abort();
      };
    });
  }

  /** Loads again; keeps the old value on the page until the new one is there. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    this.retryAt = null;
    try {
      const value = await this.#fetch(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
      this.problem = null;
      this.loadedAt = Date.now();
    } catch (error) {
      if (abort.signal.aborted) return;
      this.problem = asProblem(error);
      if (this.problem.status === 401) forgetSession();
      // What may no longer be seen does not stay on the page.
      if (this.problem.status === 403) this.value = null;
      if (this.problem.passing) {
        this.retryAt = Date.now() + RETRY_SECONDS * 1000;
        this.#timer = setTimeout(() => void this.refresh(), RETRY_SECONDS * 1000);
      }
    } finally {
      if (this.#abort === abort) this.loading = false;
    }
  }
}
