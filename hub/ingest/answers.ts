// In which order one connection's messages are acknowledged: PUBACK and PUBREC in the order in which the messages came (MQTT 3.1.1 section 4.6,
// MQTT-4.6.0-2, -3), whichever way each took and however long its samples took to be stored.

/** Messages of one connection that may wait for their acknowledgement; above it the connection is not read. */
const WAITING_LIMIT = 4096;

/** A message's place in the order. */
export interface Turn {
  /** Packet identifier. */
  readonly id: number;
  ready: boolean;
  /** Acknowledges it; without it a PUBACK is written here. */
  send: (() => void) | undefined;
}

export class Answers {
  readonly #write: (bytes: Buffer) => void;
  readonly #onRoom: () => void;
  #turns: Turn[] = [];
  /** Turns before this one are over. */
  #head = 0;
  #full = false;
  /** Those that the broker has not asked for yet, by packet identifier. */
  readonly #reserved = new Map<number, Turn[]>();
  /** Identifiers of PUBACKs to be written together. */
  #acknowledged: number[] = [];

  /** @param onRoom Called when the connection may be read again after `full`. */
  constructor(write: (bytes: Buffer) => void, onRoom: () => void) {
    this.#write = write;
    this.#onRoom = onRoom;
  }

  /** Whether so many messages wait that no more should be read. */
  get full(): boolean {
    return this.#full;
  }

  /** A message came. */
  begin(id: number): Turn {
    const turn: Turn = { id, ready: false, send: undefined };
    this.#turns.push(turn);
    if (this.#turns.length - this.#head >= WAITING_LIMIT) this.#full = true;
    return turn;
  }
  /** A message came that the broker will handle; it asks for its turn by `reserved`. */
  reserve(id: number): void {
    const turn = this.begin(id);
    const others = this.#reserved.get(id);
    if (others) others.push(turn);
    else this.#reserved.set(id, [turn]);
  }
  reserved(id: number | undefined): Turn | undefined {
    if (id === undefined) return undefined;
    const turns = this.#reserved.get(id);
    const turn = turns?.shift();
    if (turns && !turns.length) this.#reserved.delete(id);
    return turn;
  }

  /** The message may be acknowledged, when those before it are. */
  end(turn: Turn, send?: () => void): void {
    turn.ready = true;
    turn.send = send;
    for (let next = this.#turns[this.#head]; next?.ready; next = this.#turns[this.#head]) {
      this.#head++;
      if (next.send) {
        this.#flush();
        next.send();
      } else if (this.#acknowledged.push(next.id) === 1) queueMicrotask(() => this.#flush());
    }
    if (this.#head > 256 && this.#head > this.#turns.length / 2) {
      this.#turns = this.#turns.slice(this.#head);
      this.#head = 0;
    }
    if (!this.#full || this.#turns.length - this.#head > WAITING_LIMIT / 2) return;
    this.#full = false;
    this.#onRoom();
  }

  #flush() {
    const ids = this.#acknowledged;
    if (!ids.length) return;
    this.#acknowledged = [];
    const bytes = Buffer.allocUnsafe(ids.length * 4);
    // PUBACK, section 3.4: type 4, two bytes follow.
    for (const [index, id] of ids.entries()) bytes.writeUInt32BE(0x40020000 + id, index * 4);
    this.#write(bytes);
  }
}
