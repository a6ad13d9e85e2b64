// Who may see a patient may change at any moment, by a word or by the clock: open pages hear of it and ask again.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import { resourceId } from '../http/request.ts';
import type { Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { allowedPatients } from './access/access.ts';
import type { OpenRecords } from './open.ts';
import { CATEGORIES, RIGHTS_CHANNEL } from './records.ts';

const Follow = z.object({ patient: resourceId });
const Notice = z.object({ patient: z.string() });
const CLOCK_MS = 1000;
/** What one socket may follow. */
const MOST = 64;

export interface RightsDeps {
  /** Namespace /live; `socket.data.actor` is the `Person`. */
  namespace: Namespace;
  database: Pick<Database, 'listen'>;
  records: OpenRecords;
  log: Logger;
}

/**
 * Serves `rights:follow` and `rights:leave`; emits `rights:changed` to those who follow the patient. It says only that the page should ask
 * again; who may see nothing of a patient cannot follow. Returns the way to stop.
 */
export async function attachRights({ namespace, database, records, log }: RightsDeps): Promise<() => Promise<void>> {
  const followers = new Map<string, Set<Socket>>();
  const tell = (patient: string) => {
    for (const socket of followers.get(patient) ?? []) socket.emit('rights:changed', { patient });
  };
  const leave = (socket: Socket, patient: string) => {
    const sockets = followers.get(patient);
    sockets?.delete(socket);
    if (sockets?.size === 0) followers.delete(patient);
  };
  const sees = async (actor: Person, patient: string) => {
    const { connection, now } = records.context;
    for (const category of CATEGORIES) if ((await allowedPatients(connection, actor, [patient], category, 'read', now())).size) return true;
    return false;
  };
  const serve = (socket: Socket) => {
    const actor = socket.data.actor as Person;
    socket.on('rights:follow', async (sent: unknown, reply: unknown) => {
      const asked = Follow.safeParse(sent);
      const own = [...followers.values()].filter(sockets => sockets.has(socket)).length;
      const taken = asked.success && own < MOST && (await sees(actor, asked.data.patient).catch(() => false));
      if (taken && socket.connected) followers.set(asked.data.patient, (followers.get(asked.data.patient) ?? new Set()).add(socket));
      // A page that may see nothing has nothing to blank.
      if (typeof reply === 'function') reply({ ok: true });
    });
    socket.on('rights:leave', (sent: unknown) => {
      const asked = Follow.safeParse(sent);
      if (asked.success) leave(socket, asked.data.patient);
    });
    socket.on('disconnect', () => {
      for (const patient of [...followers.keys()]) leave(socket, patient);
    });
  };
  namespace.on('connection', serve);
  const stop = await database.listen(
    RIGHTS_CHANNEL,
    payload => {
      const notice = Notice.safeParse(payload);
      if (notice.success) tell(notice.data.patient);
    },
    () => {
      for (const patient of followers.keys()) tell(patient);
    },
  );

  let last = records.context.now();
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    const now = records.context.now();
    begunOrOver(records, last, now)
      .then(() => {
        last = now;
      })
      .catch(error => log.warn({ problem: (error as Error).message }, 'rights that began or ended could not be looked for'))
      .finally(() => {
        looking = false;
      });
  }, CLOCK_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    namespace.off('connection', serve);
    await stop();
  };
}

/** Tells of every patient for whom a decision or a relation began or ended in this time. */
export async function begunOrOver({ context: { connection } }: OpenRecords, after: Date, until: Date): Promise<void> {
  await sql`select pg_notify(${RIGHTS_CHANNEL}, json_build_object('patient', patient)::text) from (
    select patient from patient_provisions where since > ${after} and since <= ${until}
    union select patient from patient_provisions where until > ${after} and until <= ${until}
    union select patient from patient_relations where until > ${after} and until <= ${until}) changed`.execute(connection);
}
