// Which sockets follow which topic. A socket that is too slow loses messages instead of filling the memory.
import type { Socket } from 'socket.io';

/** Messages a socket may have waiting before further ones are dropped for it. */
const WAITING_MOST = 100;

export interface Watchers {
  emit(event: string, payload: unknown): void;
}

/** Follows a topic while at least one socket watches it. */
export class Watches {
  readonly #topics = new Map<string, Set<Socket>>();
  readonly #sockets = new Map<Socket, { topics: Set<string>; outbox: Outbox }>();
  readonly #follow: (topic: string) => void;
  readonly #leave: (topic: string) => void;

  constructor({ follow, leave }: { follow: (topic: string) => void; leave: (topic: string) => void }) {
    this.#follow = follow;
    this.#leave = leave;
  }

  countOf = (socket: Socket) => this.#sockets.get(socket)?.topics.size ?? 0;

  /** Those who watch the topic; undefined when nobody does. */
  of(topic: string): Watchers | undefined {
    const sockets = this.#topics.get(topic);
    if (!sockets) return undefined;
    return {
      emit: (event, payload) => {
        for (const socket of sockets) this.#sockets.get(socket)?.outbox.emit(event, payload);
      },
    };
  }

  /** Topics that somebody watches. */
  topics = (): string[] => [...this.#topics.keys()];
  socketsOf = (topic: string): Socket[] => [...(this.#topics.get(topic) ?? [])];

  add(topic: string, socket: Socket) {
    let entry = this.#sockets.get(socket);
    if (!entry) {
      entry = { topics: new Set(), outbox: new Outbox(socket) };
      this.#sockets.set(socket, entry);
    }
    entry.topics.add(topic);
    const watching = this.#topics.get(topic);
    if (watching) watching.add(socket);
    else {
      this.#topics.set(topic, new Set([socket]));
      this.#follow(topic);
    }
  }

  remove(topic: string, socket: Socket) {
    const entry = this.#sockets.get(socket);
    if (!entry?.topics.delete(topic)) return;
    if (!entry.topics.size) {
      entry.outbox.close();
      this.#sockets.delete(socket);
    }
    const watching = this.#topics.get(topic);
    watching?.delete(socket);
    if (watching?.size === 0) {
      this.#topics.delete(topic);
      this.#leave(topic);
    }
  }

  removeAll(socket: Socket) {
    for (const topic of this.#sockets.get(socket)?.topics ?? []) this.remove(topic, socket);
  }

  clear() {
    for (const socket of this.#sockets.keys()) this.removeAll(socket);
  }
}

/** Emits to one socket while its connection takes what it is given. */
class Outbox {
  readonly #socket: Socket;
  #waiting = 0;
  readonly #drained = () => {
    this.#waiting = 0;
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    // engine.io says `drain` whenever it has handed its buffer to the connection.
    socket.conn.on('drain', this.#drained);
  }

  emit(event: string, payload: unknown) {
    if (this.#waiting >= WAITING_MOST) return;
    this.#waiting++;
    this.#socket.emit(event, payload);
  }

  close() {
    this.#socket.conn.off('drain', this.#drained);
  }
}
