// Tells open coverage pages over socket.io (/live) that a device of their facility does better or worse: they then ask for it again.
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import { notAllowed, Problem } from '../http/problem.ts';
import { checked } from '../http/request.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { FollowCoverage } from './contract.ts';
import { REGISTRY_CHANNEL } from './credentials.ts';
import { HEALTH_CHANNEL } from './health-store.ts';

const Notice = z.object({ facility: z.string() });
const roomOf = (facility: string) => `coverage:${facility}`;

/** Serves `coverage:follow` and `coverage:leave`; emits `coverage:changed`, which holds no one's data. Returns the way to stop. */
export async function attachCoverage({
  namespace,
  database,
  log,
}: {
  namespace: Namespace;
  database: Database;
  log: Logger;
}): Promise<() => Promise<void>> {
  // Each care process listens and tells its own sockets.
  const tell = (payload: unknown) => {
    const notice = Notice.safeParse(payload);
    if (notice.success) namespace.local.to(roomOf(notice.data.facility)).emit('coverage:changed', { facility: notice.data.facility });
  };
  const missed = () => {
    for (const room of namespace.adapter.rooms.keys()) if (room.startsWith('coverage:')) tell({ facility: room.slice('coverage:'.length) });
  };
  const stops = await Promise.all([database.listen(HEALTH_CHANNEL, tell, missed), database.listen(REGISTRY_CHANNEL, tell, missed)]);

  const serve = (socket: Socket) => {
    const on = (event: string, work: (facility: string) => void | Promise<void>) =>
      socket.on(event, async (...given: unknown[]) => {
        const reply = given.at(-1);
        const answer = typeof reply === 'function' ? (reply as (body: object) => void) : () => undefined;
        try {
          await work(checked(FollowCoverage, given[0]).facility);
          answer({ ok: true });
        } catch (error) {
          if (!(error instanceof Problem)) log.error({ err: error }, 'coverage could not be followed');
          answer({ ok: false, ...(error instanceof Problem ? error : notAllowed()).body() });
        }
      });
    on('coverage:follow', facility => {
      const actor: Person = socket.data.actor;
      if (!hasRole(actor, ['administrator']) && !hasRole(actor, ['manager', 'maker'], facility)) throw notAllowed();
      return socket.join(roomOf(facility));
    });
    on('coverage:leave', facility => socket.leave(roomOf(facility)));
  };
  namespace.on('connection', serve);
  return async () => {
    namespace.off('connection', serve);
    for (const stop of stops) await stop();
  };
}
