// The socket's side of a consultation: every message is known, valid, within the rate, from somebody inside, and acknowledged.
import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import type { z } from 'zod';
import { notSignedIn, Problem } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import { Signal, type SignalName } from './contract.ts';
import { COST, type Limits, TokenBucket } from './limits.ts';
import { badMessage, notInRoom, tooMany, unexpected, unknownMessage } from './problems.ts';
import type { Room } from './room.ts';
import type { Stills } from './stills.ts';

interface Caller {
  socket: Socket;
  actor: Person;
  /** The consultation this connection joined. @throws Problem 409 */
  room(): Room;
}
type Handlers = { [N in SignalName]: (caller: Caller, message: z.output<(typeof Signal)[N]>) => Promise<object> };

export interface SignallingDeps {
  namespace: Namespace;
  limits: Limits;
  log: Logger;
  /** The live room of an Encounter. @throws Problem 404 */
  open(encounter: string): Promise<Room>;
  askStill: Stills['ask'];
}

/** Attaches the handlers to the namespace. Returns the count of refused messages by code. */
export function attachSignalling({ namespace, limits, log, open, askStill }: SignallingDeps): Record<string, number> {
  const refusals: Record<string, number> = {};
  const rooms = new WeakMap<Socket, Room>();

  const handlers: Handlers = {
    async join({ socket, actor }, { encounter, client }) {
      const room = await open(encounter);
      const answer = await room.join(socket, actor, client ?? null);
      const former = rooms.get(socket);
      if (former && former !== room && !former.closed) await former.leave(socket).catch(() => undefined);
      rooms.set(socket, room);
      // The connection may have been lost while it was let in.
      if (socket.disconnected) room.lost(socket);
      return answer;
    },
    async admit({ actor, room }, { reference }) {
      await room().admit(actor, reference);
      return {};
    },
    async leave({ socket, room }) {
      await room().leave(socket);
      rooms.delete(socket);
      return {};
    },
    async end({ actor, room }) {
      await room().end(actor);
      return {};
    },
    async chat({ socket, room }, { text }) {
      return { message: await room().say(room().inside(socket).here, text) };
    },
    async openTransport({ socket, room }, { direction }) {
      const { reference } = room().inside(socket);
      return (await room().media()).openTransport(reference, direction);
    },
    async connectTransport({ socket, room }, { transport, dtlsParameters }) {
      const { reference } = room().inside(socket);
      await (await room().media()).connectTransport(reference, transport, dtlsParameters as types.DtlsParameters);
      return {};
    },
    async restartIce({ socket, room }, { transport }) {
      const { reference } = room().inside(socket);
      return { iceParameters: await (await room().media()).restartIce(reference, transport) };
    },
    async produce({ socket, room }, { rtpParameters, ...asked }) {
      const { reference } = room().inside(socket);
      const view = await (await room().media()).produce(reference, { ...asked, rtpParameters: rtpParameters as types.RtpParameters });
      room().tellInside(reference, 'producer', view);
      return { producer: view.producer };
    },
    async closeProducer({ socket, room }, { producer }) {
      const { reference } = room().inside(socket);
      (await room().media()).closeProducer(reference, producer);
      return {};
    },
    async pauseProducer({ socket, room }, { producer, paused }) {
      const { reference } = room().inside(socket);
      room().tellInside(reference, 'producer', await (await room().media()).pauseProducer(reference, producer, paused));
      return {};
    },
    async consume({ socket, room }, { rtpCapabilities, ...asked }) {
      const { reference } = room().inside(socket);
      return (await room().media()).consume(reference, { ...asked, rtpCapabilities: rtpCapabilities as types.RtpCapabilities });
    },
    async resumeConsumer({ socket, room }, { consumer }) {
      const { reference } = room().inside(socket);
      await (await room().media()).resumeConsumer(reference, consumer);
      return {};
    },
    async showConsumer({ socket, room }, { consumer, layer }) {
      const { reference } = room().inside(socket);
      await (await room().media()).showConsumer(reference, consumer, layer);
      return {};
    },
    async askStill({ socket, room }, of) {
      return { still: askStill(room(), room().inside(socket).here, of) };
    },
    async point({ socket, room }, { at }) {
      const { here, reference } = room().inside(socket);
      room().point(here, { reference, at });
      return {};
    },
  };

  async function answer(caller: Caller, bucket: TokenBucket, name: string, payload: unknown): Promise<object> {
    if (!bucket.take(isSignal(name) ? (COST[name] ?? 1) : 1)) throw tooMany();
    if (!isSignal(name)) throw unknownMessage();
    const parsed = Signal[name].safeParse(payload);
    if (!parsed.success) throw badMessage(parsed.error.issues.map(issue => ({ path: issue.path.join('.'), message: issue.message })));
    // The schema of this name made the message of this name's handler.
    return (handlers[name] as (caller: Caller, message: unknown) => Promise<object>)(caller, parsed.data);
  }

  namespace.on('connection', socket => {
    const actor = socket.data.actor as Person | undefined;
    const bucket = new TokenBucket(limits.burst, limits.perSecond);
    socket.onAny(async (name: string, ...sent: unknown[]) => {
      const reply = typeof sent.at(-1) === 'function' ? (sent.at(-1) as (answer: object) => void) : () => undefined;
      try {
        if (!actor) throw notSignedIn();
        const caller: Caller = {
          socket,
          actor,
          room() {
            const room = rooms.get(socket);
            if (!room || room.closed) throw notInRoom();
            return room;
          },
        };
        const payload = typeof sent[0] === 'function' ? {} : sent[0];
        reply({ ok: true, ...(await answer(caller, bucket, name, payload)) });
      } catch (cause) {
        const problem = cause instanceof Problem ? cause : unexpected(cause);
        refusals[problem.code] = (refusals[problem.code] ?? 0) + 1;
        if (!(cause instanceof Problem))
          log.error({ message: isSignal(name) ? name : 'unknown', err: cause }, 'a signalling message failed');
        reply({ ok: false, ...problem.body() });
      }
    });
    socket.on('disconnect', () => rooms.get(socket)?.lost(socket));
  });
  return refusals;
}

const isSignal = (name: string): name is SignalName => Object.hasOwn(Signal, name);
