// Conformance runs live on socket.io /live: who follows a run gets its view on each change, whichever process makes it.
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { notAllowed, Problem } from '../http/problem.ts';
import { checked } from '../http/request.ts';
import type { Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { FollowRun } from './contract.ts';
import { runUnknown } from './problems.ts';
import { keepsDevicesOf } from './routes.ts';
import { RUN_CHANNEL, type RunStore } from './store.ts';

const room = (run: string) => `bench-run ${run}`;

/** Serves `check:watch` and `check:unwatch`; emits `check`. Returns the way to stop. */
export async function attachRuns({
  namespace,
  database,
  store,
  log,
}: {
  /** `socket.data.actor` is the `Person`. */
  namespace: Namespace;
  database: Pick<Database, 'listen'>;
  store: RunStore;
  log: Logger;
}): Promise<() => Promise<void>> {
  const serve = (socket: Socket) => {
    const actor: Person = socket.data.actor;
    socket.on('check:watch', async (message: unknown, answer?: unknown) => {
      const say = (body: object) => typeof answer === 'function' && answer(body);
      try {
        const { run } = checked(FollowRun, message);
        const view = await store.of(run);
        if (!view) throw runUnknown();
        if (!keepsDevicesOf(actor, view.facility)) throw notAllowed();
        await socket.join(room(run));
        say({ ok: true });
        socket.emit('check', view);
      } catch (error) {
        if (!(error instanceof Problem)) log.error({ err: error }, 'a run could not be followed');
        say({ ok: false, ...(error instanceof Problem ? error : runUnknown()).body() });
      }
    });
    socket.on('check:unwatch', (message: unknown) => {
      const parsed = FollowRun.safeParse(message);
      if (parsed.success) void socket.leave(room(parsed.data.run));
    });
  };
  namespace.on('connection', serve);
  const stop = await database.listen(RUN_CHANNEL, async payload => {
    const { run, stop: asked } = (payload ?? {}) as { run?: string; stop?: boolean };
    if (run === undefined || asked || !namespace.adapter.rooms.has(room(run))) return;
    try {
      const view = await store.of(run);
      if (view) namespace.local.to(room(run)).emit('check', view);
    } catch (error) {
      log.warn({ err: error }, 'followers of a run could not be told');
    }
  });
  return async () => {
    namespace.off('connection', serve);
    await stop();
  };
}
