// Holds the bytes of one connection against MQTT 3.1.1 before the broker parses them: aedes lets through some of what section 4.8 says
// must end the connection (ill-formed UTF-8, U+0000, identifier 0, empty subscriptions), and answers an unknown level with silence.
import type { Socket } from 'node:net';
import { checkConnect, checkFilters, Reader, topicFault, type Violation } from './packet-checks.ts';

const [CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT] = [1, 3, 4, 5, 6, 7, 8, 10, 12, 14];
/** Flags of the first byte, table 2.2. PUBLISH has its own. */
const FLAGS = new Map([
  ...[CONNECT, PUBACK, PUBREC, PUBCOMP, PINGREQ, DISCONNECT].map(type => [type, 0] as const),
  ...[PUBREL, SUBSCRIBE, UNSUBSCRIBE].map(type => [type, 2] as const),
]);
const EMPTY = Buffer.alloc(0);

/** Follows one connection from its first byte. */
export class ProtocolGuard {
  readonly #published: ((id: number) => void) | undefined;
  #connected = false;
  /** Bytes of the fixed header read so far; 0 before a packet. */
  #header = 0;
  #type = 0;
  #flags = 0;
  #length = 0;
  /** Bytes of the body's part that is checked, and those that have come. Of a PUBLISH it is what stands before the payload. */
  #wanted = 0;
  #head: Buffer = EMPTY;
  /** Bytes of the packet still to come that nobody checks. */
  #unread = 0;

  /** @param published Called for each PUBLISH that may pass, with its packet identifier; 0 for QoS 0. */
  constructor(published?: (id: number) => void) {
    this.#published = published;
  }

  /** Whether the next byte begins a packet. */
  get isBetween(): boolean {
    return !this.#header && !this.#wanted && !this.#unread;
  }

  /**
   * Follows `chunk` from `at` to the end of one packet, or its own end.
   * @returns Where that is, and what is wrong: do not go on after that.
   */
  scan(chunk: Buffer, from = 0): { end: number; violation: Violation | null } {
    let at = from;
    while (at < chunk.length) {
      if (this.#unread) {
        const step = Math.min(this.#unread, chunk.length - at);
        this.#unread -= step;
        at += step;
        if (!this.#unread) return { end: at, violation: null };
        continue;
      }
      if (!this.#wanted) {
        const violation = this.#readHeader(chunk[at++]!);
        if (violation || this.isBetween) return { end: at, violation };
        continue;
      }
      const piece = chunk.subarray(at, at + this.#wanted - this.#head.length);
      at += piece.length;
      this.#head = this.#head.length ? Buffer.concat([this.#head, piece]) : piece;
      // A PUBLISH says in its first two bytes how long its topic is.
      if (this.#type === PUBLISH && this.#wanted === 2 && this.#head.length === 2 && this.#length > 2) {
        const before = 2 + this.#head.readUInt16BE(0) + (this.#flags & 6 ? 2 : 0);
        if (before > this.#length) return { end: at, violation: { what: 'a topic is longer than its packet' } };
        this.#wanted = before;
        if (before > 2) {
          this.#keep(chunk, at);
          continue;
        }
      }
      if (this.#head.length < this.#wanted) {
        this.#keep(chunk, at);
        continue;
      }
      const violation = this.#check(this.#head);
      this.#unread = this.#length - this.#wanted;
      this.#wanted = 0;
      this.#head = EMPTY;
      if (violation || !this.#unread) return { end: at, violation };
    }
    return { end: at, violation: null };
  }

  /** The chunk's memory must not be held for a few bytes. */
  #keep(chunk: Buffer, at: number) {
    if (at >= chunk.length) this.#head = Buffer.from(this.#head);
  }

  #readHeader(byte: number): Violation | null {
    if (this.#header++ === 0) {
      this.#type = byte >> 4;
      this.#flags = byte & 15;
      this.#length = 0;
      return this.#checkFirst();
    }
    this.#length += (byte & 127) * 128 ** (this.#header - 2);
    if (byte & 128) return this.#header > 4 ? { what: 'the remaining length has more than four bytes (2.2.3)' } : null;
    this.#header = 0;
    this.#wanted = this.#type === PUBLISH ? Math.min(this.#length, 2) : this.#length;
    return this.#wanted ? null : this.#check(EMPTY);
  }

  #checkFirst(): Violation | null {
    if (!this.#connected && this.#type !== CONNECT) return { what: 'a packet before CONNECT (MQTT-3.1.0-1)' };
    if (this.#type === PUBLISH) {
      const qos = (this.#flags >> 1) & 3;
      if (qos === 3) return { what: 'QoS 3 (MQTT-3.3.1-4)' };
      return qos === 0 && this.#flags & 8 ? { what: 'DUP with QoS 0 (MQTT-3.3.1-2)' } : null;
    }
    const flags = FLAGS.get(this.#type);
    if (flags === undefined) return { what: `a packet of type ${this.#type} from a client (2.2.1)` };
    if (flags !== this.#flags) return { what: 'reserved flags (MQTT-2.2.2-2)' };
    if (this.#type === CONNECT && this.#connected) return { what: 'a second CONNECT (MQTT-3.1.0-2)' };
    return null;
  }

  /** @param body The whole body; of a PUBLISH what stands before its payload. */
  #check(body: Buffer): Violation | null {
    switch (this.#type) {
      case CONNECT:
        this.#connected = true;
        return checkConnect(body);
      case PUBLISH:
        return this.#checkPublish(body);
      case SUBSCRIBE:
      case UNSUBSCRIBE:
        return checkFilters(body, this.#type === SUBSCRIBE);
      case PINGREQ:
      case DISCONNECT:
        return body.length ? { what: 'a body where there is none (3.12, 3.14)' } : null;
      default:
        return body.length === 2 && body.readUInt16BE(0) ? null : { what: 'no packet identifier (MQTT-2.3.1-1)' };
    }
  }

  #checkPublish(head: Buffer): Violation | null {
    const reader = new Reader(head);
    const topic = reader.text();
    const violation = topic && topicFault(topic);
    if (!topic || violation) return violation || { what: 'no topic (3.3.2.1)' };
    const id = this.#flags & 6 ? reader.number() : 0;
    if (this.#flags & 6 && !id) return { what: 'no packet identifier (MQTT-2.3.1-1)' };
    this.#published?.(id);
    return null;
  }
}

/** A PUBLISH with QoS 0 or 1 that is not to be retained and lies whole in what was read. */
export interface WholePublish {
  topic: string;
  /** Packet identifier; 0 with QoS 0. */
  id: number;
  payload: Buffer;
}

/** QoS 0, QoS 1, QoS 1 sent again; not retained (section 3.3.1). */
const PLAIN_PUBLISH = new Set([0x30, 0x32, 0x3a]);

/**
 * The PUBLISH that begins at `at`.
 * @returns null when another packet begins there or this one has a fault; `'cut'` when its end has not come yet.
 */
function wholePublish(chunk: Buffer, at: number): { publish: WholePublish; end: number } | 'cut' | null {
  if (!PLAIN_PUBLISH.has(chunk[at]!)) return null;
  let length = 0;
  let body = at + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = chunk[body++];
    if (byte === undefined) return 'cut';
    length += (byte & 127) << shift;
    if (byte < 128) break;
    if (shift === 21) return null;
  }
  const end = body + length;
  if (length < 4) return null;
  if (end > chunk.length) return 'cut';
  const text = body + 2;
  const rest = text + chunk.readUInt16BE(body);
  const withId = chunk[at] !== 0x30;
  const payload = rest + (withId ? 2 : 0);
  if (payload > end) return null;
  const id = withId ? chunk.readUInt16BE(rest) : 0;
  if (withId && !id) return null;
  // Whoever takes it knows the whole topic, so it need not be checked for UTF-8 here.
  return { publish: { topic: chunk.toString('latin1', text, rest), id, payload: chunk.subarray(payload, end) }, end };
}

export interface GuardOptions {
  /** Called for each PUBLISH that is passed on, with its packet identifier; 0 for QoS 0. */
  published?: (id: number) => void;
  violated: (violation: Violation) => void;
  /**
   * Takes messages that need nothing of the broker but their acknowledgement: the broker never sees them. False leaves the message to the
   * broker. Only asked with topics as they came; a topic that is not ASCII looks different here.
   */
  take?: (message: WholePublish) => boolean;
}

/**
 * Puts the guard before a socket that is read by `readable` and `read()`: on the first violation nothing more is read, `violated` is told
 * and the connection is closed.
 */
export function guardSocket(socket: Socket, { published, violated, take }: GuardOptions): void {
  const guard = new ProtocolGuard(published);
  const read = socket.read.bind(socket);
  let ended = false;
  /** The beginning of a message whose end has not come. Each is waited for once: who sends byte by byte must not make us copy without end. */
  let cut: Buffer | null = null;

  /** @param waited Bytes of a message in front that has been waited for. */
  function passed(chunk: Buffer, waited: boolean): Buffer | null {
    const parts: Buffer[] = [];
    let from = 0;
    let at = 0;
    const pass = (until: number) => {
      if (until > from) parts.push(chunk.subarray(from, until));
    };
    while (at < chunk.length) {
      const found = take && guard.isBetween ? wholePublish(chunk, at) : null;
      if (found === 'cut' && !(waited && at === 0)) {
        pass(at);
        cut = Buffer.from(chunk.subarray(at));
        return joined(parts);
      }
      if (found && found !== 'cut' && take?.(found.publish)) {
        pass(at);
        from = at = found.end;
        continue;
      }
      const start = guard.isBetween ? at : from;
      const { end, violation } = guard.scan(chunk, at);
      if (violation) {
        ended = true;
        pass(start);
        violated(violation);
        setImmediate(() => {
          if (violation.answer) socket.end(violation.answer, () => socket.destroy());
          else socket.destroy(new Error(violation.what));
        });
        return joined(parts);
      }
      at = end;
    }
    pass(at);
    return joined(parts);
  }

  socket.read = (size?: number) => {
    if (ended) return size === 0 ? read(0) : null;
    const chunk: Buffer | null = read(size);
    if (!chunk) return chunk;
    const waited = cut;
    cut = null;
    return passed(waited ? Buffer.concat([waited, chunk]) : chunk, waited !== null);
  };
}

const joined = (parts: Buffer[]): Buffer | null => (parts.length > 1 ? Buffer.concat(parts) : (parts[0] ?? null));
