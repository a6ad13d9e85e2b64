// Requests and events of namespace /consult over one socket.io connection.
import { io, type Socket } from 'socket.io-client';
import type { Acknowledged, ConsultEvents, ConsumerAnswer, JoinAnswer, PointerView, Source, TransportAnswer } from './hub.ts';
import { ANSWER_WITHIN, SOCKET } from './reconnect-policy.ts';

/** What each request carries and answers (see Signal in the hub's contract). */
export interface Requests {
  join: [{ encounter: string; client: string }, JoinAnswer];
  admit: [{ reference: string }, object];
  leave: [object, object];
  end: [object, object];
  chat: [{ text: string }, object];
  openTransport: [{ direction: 'send' | 'receive' }, TransportAnswer];
  connectTransport: [{ transport: string; dtlsParameters: unknown }, object];
  restartIce: [{ transport: string }, { iceParameters: TransportAnswer['iceParameters'] }];
  produce: [{ transport: string; kind: string; rtpParameters: unknown; source: string }, { producer: string }];
  closeProducer: [{ producer: string }, object];
  pauseProducer: [{ producer: string; paused: boolean }, object];
  consume: [{ transport: string; producer: string; rtpCapabilities: unknown }, ConsumerAnswer];
  resumeConsumer: [{ consumer: string }, object];
  showConsumer: [{ consumer: string; layer: number | null }, object];
  askStill: [{ reference: string; source: Source }, { still: string }];
  point: [{ at: PointerView['at'] }, object];
}

/** A request that the hub refused, with its words; `no-answer` when the connection was lost on the way. */
export class SignalError extends Error {
  readonly code: string;
  readonly text: { ja: string; en: string };
  constructor(code: string, text: { ja: string; en: string }, cause?: unknown) {
    super(`${code}: ${text.en}`, { cause });
    this.name = 'SignalError';
    this.code = code;
    this.text = text;
  }
}

/** Refusals that trying again does not change. */
const FINAL = new Set(['not-invited', 'not-allowed', 'not-signed-in', 'encounter-unknown', 'not-found', 'encounter-ended', 'bad-message']);
export const isFinal = (error: unknown): error is SignalError => error instanceof SignalError && FINAL.has(error.code);

type ServerEvents = ConsultEvents;

export class Signalling {
  readonly #socket: Socket;

  /** `url` is the hub's origin; the page's own if missing. */
  constructor(url = '') {
    this.#socket = io(`${url}/consult`, {
      autoConnect: false,
      forceNew: true,
      // Straight to WebSocket where it works: one round trip less on a poor line; polling where a proxy forbids it.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      withCredentials: true,
      reconnectionDelay: SOCKET.first,
      reconnectionDelayMax: SOCKET.most,
      randomizationFactor: SOCKET.spread,
    });
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** Opens the connection; `onConnect` runs for the first and every later one. */
  open(on: { connect(): void; disconnect(): void; refused(error: Error): void }): void {
    this.#socket.on('connect', on.connect);
    this.#socket.on('disconnect', reason => {
      on.disconnect();
      // The server's own disconnect is not followed by socket.io's reconnection; a hub that restarts does just that.
      if (reason === 'io server disconnect') setTimeout(() => this.#wanted && this.#socket.connect(), SOCKET.first);
    });
    this.#socket.on('connect_error', error => {
      on.refused(error);
      // Refused by the hub rather than unreachable: socket.io would not try again.
      if (!this.#socket.active) setTimeout(() => this.#wanted && this.#socket.connect(), SOCKET.most);
    });
    this.#wanted = true;
    this.#socket.connect();
  }
  #wanted = false;

  on<E extends keyof ServerEvents>(event: E, listener: ServerEvents[E]): void {
    this.#socket.on(event as string, listener as (...args: unknown[]) => void);
  }

  /** @throws SignalError */
  async request<Name extends keyof Requests>(name: Name, message: Requests[Name][0]): Promise<Requests[Name][1]> {
    let answer: Acknowledged<Requests[Name][1]>;
    try {
      if (!this.#socket.connected) throw new Error('not connected');
      answer = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck(name, message);
    } catch (cause) {
      throw new SignalError('no-answer', NO_ANSWER, cause);
    }
    if (!answer.ok) throw new SignalError(answer.error.code, { ja: answer.error.ja, en: answer.error.en });
    return answer;
  }

  /** Cuts the connection under the socket, as a lost network does; it comes back by itself. For tests. */
  cut(): void {
    this.#socket.io.engine.close();
  }

  close(): void {
    this.#wanted = false;
    this.#socket.removeAllListeners();
    this.#socket.disconnect();
  }
}

const NO_ANSWER = {
  ja: '接続が切れました。自動でもう一度つなぎます。',
  en: 'The connection was lost. It is tried again by itself.',
};
