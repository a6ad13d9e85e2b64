// The one socket.io connection of a tab to namespace /live: what a page follows is asked for again after each reconnection.
import { io, type Socket } from 'socket.io-client';
import type { ApiError } from './api.ts';
import { readProblem } from './api.ts';
import type { LiveEvents } from './hub.ts';
import { loadSession } from './session.svelte.ts';

/** What can be followed, with its message (see the areas' contracts). */
export interface Follow {
  'floor:follow': { facility: string };
  'vitals:watch': { patient: string };
  'rights:follow': { patient: string };
  'coverage:follow': { facility: string };
  'bench:watch': { device: string };
  'check:watch': { run: string };
}
type Answer = { ok: true } | { ok: false; error: { code: string; ja: string; en: string } };

const state = $state<{ connection: 'idle' | 'connecting' | 'online' | 'offline'; lostAt: number | null }>({
  connection: 'idle',
  lostAt: null,
});
/** `online` also before anything is followed, so that a page does not warn without reason. */
export const liveState = (): 'idle' | 'connecting' | 'online' | 'offline' => state.connection;
/** When the connection was lost (ms since 1970); null while it holds. */
export const liveLostAt = (): number | null => state.lostAt;

/** How each is let go. */
const LEAVE: Record<keyof Follow, string> = {
  'floor:follow': 'floor:leave',
  'vitals:watch': 'vitals:unwatch',
  'rights:follow': 'rights:leave',
  'coverage:follow': 'coverage:leave',
  'bench:watch': 'bench:unwatch',
  'check:watch': 'check:unwatch',
};

const COME_BACK_MS = 1_000;
let socket: Socket<LiveEvents> | null = null;
/** How many parts of the page follow the same thing. */
const followed = new Map<string, number>();

function open(): Socket<LiveEvents> {
  if (socket) return socket;
  state.connection = 'connecting';
  const made: Socket<LiveEvents> = io('/live', { reconnectionDelay: 500, reconnectionDelayMax: 5_000 });
  made.on('connect', () => {
    state.connection = 'online';
    state.lostAt = null;
  });
  // socket.io comes back by itself after a lost network, but not when the hub closed the connection or refused it.
  const lost = () => {
    state.connection = 'offline';
    state.lostAt ??= Date.now();
    if (made.active) return;
    setTimeout(() => {
      if (socket !== made || made.active) return;
      // Refused for want of a session: the page learns it here and goes to sign-in.
      loadSession().then(
        view => view && socket === made && made.connect(),
        () => socket === made && made.connect(),
      );
    }, COME_BACK_MS);
  };
  made.on('disconnect', lost);
  made.on('connect_error', lost);
  socket = made;
  return made;
}

/**
 * Follows something live until the returned function is called.
 * @param handlers called for every event of that name; check that it is about what you follow
 * @param options.onProblem the hub refused, in words; `onReturn` the connection is back after a gap, so load what was missed
 */
export function follow<Name extends keyof Follow>(
  name: Name,
  message: Follow[Name],
  handlers: Partial<LiveEvents>,
  options: { onProblem?: (problem: ApiError) => void; onReturn?: () => void } = {},
): () => void {
  const live = open();
  const key = `${name} ${JSON.stringify(message)}`;
  followed.set(key, (followed.get(key) ?? 0) + 1);
  let asked = false;
  const ask = () => {
    if (asked) options.onReturn?.();
    asked = true;
    // The names of messages are the areas' own; the typed part is `Follow`.
    (live as unknown as Socket).emit(name, message, (answer?: Answer) => {
      if (answer && !answer.ok) options.onProblem?.(readProblem(403, answer));
    });
  };
  live.on('connect', ask);
  if (live.connected) ask();
  for (const [event, handler] of Object.entries(handlers)) (live as unknown as Socket).on(event, handler);
  return () => {
    live.off('connect', ask);
    for (const [event, handler] of Object.entries(handlers)) (live as unknown as Socket).off(event, handler);
    const left = (followed.get(key) ?? 1) - 1;
    if (left > 0) return void followed.set(key, left);
    followed.delete(key);
    if (live.connected) (live as unknown as Socket).emit(LEAVE[name], message);
    // A page that follows something next keeps the connection.
    setTimeout(() => {
      if (followed.size > 0 || socket !== live) return;
      live.disconnect();
      socket = null;
      state.connection = 'idle';
      state.lostAt = null;
    }, 2_000);
  };
}
