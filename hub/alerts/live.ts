// The floor live on socket.io /live: followers of a facility get alerts and tiles as they come, each only of residents they may see.
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import { notSignedIn, Problem, type ProblemBody } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import { type Records, RIGHTS_CHANNEL } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import type { Alerts } from './alerts.ts';
import { FollowFloor } from './contract.ts';
import type { ResidentCard } from './people.ts';
import { caresAt } from './places.ts';

/** Rights and names are asked for again after this time, ms; an audit entry for each follower each time. */
const FRESH = 5 * 60_000;

const AlertNotice = z.object({ alert: z.string(), facility: z.string() });
const PredictionsNotice = z.object({ facility: z.string() });

interface Follower {
  socket: Socket;
  actor: Person;
  patients: Set<string>;
  until: number;
  /** Rights are being asked for: whoever sends meanwhile waits for the answer. */
  renewing?: Promise<void>;
}

export interface AttachAlerts {
  namespace: Namespace;
  alerts: Alerts;
  /** Rights are asked for through `alerts`. */
  records: Records;
  database: Database;
  log: Logger;
  now?: () => number;
}

/** Attaches `floor:follow` and `floor:leave`. Returns the way to stop listening. */
export async function attachAlerts({ namespace, alerts, database, log, now = Date.now }: AttachAlerts): Promise<() => Promise<void>> {
  const floors = new Map<string, Map<string, Follower>>();
  const cards = new Map<string, { cards: ResidentCard[]; until: number }>();
  const failed = (error: Error) => log.error({ problem: error.message }, 'followers of a floor could not be told');

  const cardsOf = async (facility: string): Promise<ResidentCard[]> => {
    const known = cards.get(facility);
    if (known && known.until > now()) return known.cards;
    const fresh = await alerts.cards(facility);
    cards.set(facility, { cards: fresh, until: now() + FRESH });
    return fresh;
  };

  /** This process's followers, with rights that are not older than FRESH. Who lost them is told and no longer follows. */
  const followersOf = async (facility: string): Promise<Follower[]> => {
    const followers = [...(floors.get(facility)?.values() ?? [])];
    await Promise.all(
      followers.map(follower => {
        if (follower.until <= now()) {
          follower.until = now() + FRESH;
          follower.renewing = renew(follower, facility);
        }
        return follower.renewing;
      }),
    );
    return [...(floors.get(facility)?.values() ?? [])];
  };

  const renew = async (follower: Follower, facility: string) => {
    const before = follower.patients;
    try {
      follower.patients = await alerts.followable(follower.actor, facility);
      if (before.symmetricDifference(follower.patients).size) follower.socket.emit('floor:changed', { facility });
    } catch (error) {
      leave(follower.socket, facility);
      follower.socket.emit('floor:changed', { facility });
      if (!(error instanceof Problem)) failed(error as Error);
    }
  };

  /** Rights may have changed: nobody is sent anything more before they were asked for anew. */
  const renewAll = () => {
    cards.clear();
    for (const followers of floors.values()) for (const follower of followers.values()) follower.until = 0;
    resend();
  };

  const leave = (socket: Socket, facility: string) => {
    const followers = floors.get(facility);
    followers?.delete(socket.id);
    if (followers && !followers.size) {
      floors.delete(facility);
      cards.delete(facility);
    }
    void socket.leave(`floor:${facility}`);
  };

  /** Tiles of the facility with what concerns no resident, or of one resident, to its followers. */
  const sendTiles = async (facility: string, patient?: string) => {
    if (!floors.has(facility)) return;
    const of = (await cardsOf(facility)).filter(card => patient === undefined || card.patient === patient);
    const [{ tiles, predictedAt }, placed] = await Promise.all([
      alerts.tiles(of),
      patient === undefined ? alerts.places(facility) : undefined,
    ]);
    for (const { socket, actor, patients } of await followersOf(facility)) {
      const own = tiles.filter(tile => patients.has(tile.patient));
      const places = caresAt(actor, facility) ? placed : undefined;
      if (own.length || places) socket.emit('tiles', { facility, tiles: own, ...(places ? { places } : {}), predictedAt });
    }
  };

  const sendAlert = async (facility: string, id: string) => {
    if (!floors.has(facility)) return;
    let known = await cardsOf(facility);
    let view = await alerts.alertFor(id, known);
    if (!view) return;
    if (view.patient === null) {
      for (const { socket, actor } of await followersOf(facility)) if (caresAt(actor, facility)) socket.emit('alert', view);
      return;
    }
    const patient = view.patient;
    if (!known.some(card => card.patient === patient)) {
      // Someone who moved in since the names were read.
      cards.delete(facility);
      known = await cardsOf(facility);
      view = (await alerts.alertFor(id, known)) ?? view;
    }
    for (const { socket, patients } of await followersOf(facility)) if (patients.has(patient)) socket.emit('alert', view);
    await sendTiles(facility, patient);
  };

  const resend = () => {
    for (const facility of floors.keys()) void sendTiles(facility).catch(failed);
  };

  const stops = await Promise.all([
    database.listen(
      'alerts',
      payload => {
        const notice = AlertNotice.safeParse(payload);
        if (notice.success) void sendAlert(notice.data.facility, notice.data.alert).catch(failed);
      },
      resend,
    ),
    database.listen('predictions', payload => {
      const notice = PredictionsNotice.safeParse(payload);
      if (notice.success) void sendTiles(notice.data.facility).catch(failed);
    }),
    database.listen('device-registry', () => cards.clear()),
    database.listen(RIGHTS_CHANNEL, renewAll, renewAll),
  ]);

  const follow = async (socket: Socket, sent: unknown) => {
    const actor = socket.data.actor as Person | undefined;
    if (!actor) throw notSignedIn();
    const facility = facilityIn(sent);
    const patients = await alerts.followable(actor, facility);
    if (socket.disconnected) return;
    await socket.join(`floor:${facility}`);
    const followers = floors.get(facility) ?? new Map<string, Follower>();
    floors.set(facility, followers);
    followers.set(socket.id, { socket, actor, patients, until: now() + FRESH });
    // What changed between the page's request and now.
    await sendTiles(facility).catch(failed);
  };

  namespace.on('connection', socket => {
    const acknowledged =
      (work: (sent: unknown) => Promise<void>) =>
      async (...given: unknown[]) => {
        const [sent, reply] = [given[0], given.at(-1)];
        const answer =
          typeof reply === 'function' ? (reply as (answer: { ok: true } | ({ ok: false } & ProblemBody)) => void) : () => undefined;
        try {
          await work(sent);
          answer({ ok: true });
        } catch (error) {
          if (!(error instanceof Problem)) log.error({ problem: (error as Error).message }, 'a floor could not be followed');
          answer({ ok: false, ...(error instanceof Problem ? error : unexpected()).body() });
        }
      };
    socket.on(
      'floor:follow',
      acknowledged(sent => follow(socket, sent)),
    );
    socket.on(
      'floor:leave',
      acknowledged(async sent => leave(socket, facilityIn(sent))),
    );
    socket.on('disconnect', () => {
      for (const facility of [...floors.keys()]) if (floors.get(facility)?.has(socket.id)) leave(socket, facility);
    });
  });

  return async () => {
    for (const stop of stops) await stop();
  };
}

/** @throws Problem 422 */
function facilityIn(sent: unknown): string {
  const parsed = FollowFloor.safeParse(sent);
  if (parsed.success) return parsed.data.facility;
  throw new Problem(422, 'invalid', { ja: '施設の指定が正しくありません。', en: 'The facility is not given rightly.' });
}

const unexpected = () =>
  new Problem(500, 'failed', {
    ja: 'うまくいきませんでした。少し待って、もう一度試してください。',
    en: 'That did not work. Wait a moment and try again.',
  });
