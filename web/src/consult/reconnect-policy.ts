// How long to wait before what is tried again. Tables, so that they can be read and tested.

export interface Delays {
  /** ms before try n (0 is the first); undefined: give up this way and take the next stronger one. */
  delay(attempt: number): number | undefined;
}

const table = (delays: readonly number[], forever: boolean): Delays => ({
  delay: attempt => delays[attempt] ?? (forever ? delays.at(-1) : undefined),
});

/** Joining again after a refusal that may pass (the hub is starting, no media worker): never given up while the page is open. */
export const JOIN_AGAIN: Delays = table([200, 500, 1000, 2000, 4000, 8000], true);

/**
 * ICE restarts of a transport that is `disconnected`: the network often comes back within the first second by itself. After the last,
 * the transport is given up and everything is set up anew.
 */
export const ICE_RESTART: Delays = table([1200, 2500, 5000], false);
/** The same once the browser says `failed`: nothing to wait for. */
export const ICE_RESTART_FAILED: Delays = table([0, 2500, 5000], false);

/** Connecting the socket, ms; a random half of it is added so that a room does not come back all at once. */
export const SOCKET = { first: 300, most: 4000, spread: 0.5 } as const;
/** A request without an answer for so long has failed, ms. */
export const ANSWER_WITHIN = 10_000;
