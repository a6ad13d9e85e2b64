// Holds the bytes of one connection against MQTT 3.1.1 before the broker parses them: aedes lets through some of what section 4.8 says
// must end the connection (ill-formed UTF-8, U+0000, identifier 0, empty subscriptions), and answers an unknown level with silence.
import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';

/** What ends a connection. */
export interface Violation {
  /** In words, with the standard's number. */
  what: string;
  /** Sent before the connection is closed: CONNACK with a return code. */
  answer?: Buffer;
}

const [CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT] = [1, 3, 4, 5, 6, 7, 8, 10, 12, 14];
/** Flags of the first byte, table 2.2. PUBLISH has its own. */
const FLAGS = new Map([
  ...[CONNECT, PUBACK, PUBREC, PUBCOMP, PINGREQ, DISCONNECT].map(type => [type, 0] as const),
  ...[PUBREL, SUBSCRIBE, UNSUBSCRIBE].map(type => [type, 2] as const),
]);
/** CONNACK with return code 1, unacceptable protocol level. */
const LEVEL_REFUSED = Buffer.from([0x20, 2, 0, 1]);
const EMPTY = Buffer.alloc(0);
const HASH = 0x23;
const PLUS = 0x2b;

/** Follows one connection from its first byte. */
export class ProtocolGuard {
  readonly #published: (() => void) | undefined;
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

  /** @param published Called for each PUBLISH that may pass. */
  constructor(published?: () => void) {
    this.#published = published;
  }

  /** @returns null, or what is wrong and where in `chunk` that packet begins (0 when it began before). Do not go on after that. */
  scan(chunk: Buffer): { start: number; violation: Violation } | null {
    let at = 0;
    let start = 0;
    while (at < chunk.length) {
      if (this.#unread) {
        const step = Math.min(this.#unread, chunk.length - at);
        this.#unread -= step;
        at += step;
        continue;
      }
      if (!this.#wanted) {
        if (this.#header === 0) start = at;
        const violation = this.#readHeader(chunk[at++]!);
        if (violation) return { start, violation };
        continue;
      }
      const piece = chunk.subarray(at, at + this.#wanted - this.#head.length);
      at += piece.length;
      this.#head = this.#head.length ? Buffer.concat([this.#head, piece]) : piece;
      // A PUBLISH says in its first two bytes how long its topic is.
      if (this.#type === PUBLISH && this.#wanted === 2 && this.#head.length === 2 && this.#length > 2) {
        const before = 2 + this.#head.readUInt16BE(0) + (this.#flags & 6 ? 2 : 0);
        if (before > this.#length) return { start, violation: { what: 'a topic is longer than its packet' } };
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
      if (violation) return { start, violation };
      this.#unread = this.#length - this.#wanted;
      this.#wanted = 0;
      this.#head = EMPTY;
    }
    return null;
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
    if (this.#flags & 6 && !reader.number()) return { what: 'no packet identifier (MQTT-2.3.1-1)' };
    this.#published?.();
    return null;
  }
}

function checkConnect(body: Buffer): Violation | null {
  const reader = new Reader(body);
  const name = reader.text()?.toString('latin1');
  if (name !== 'MQTT' && name !== 'MQIsdp') return { what: 'another protocol name (MQTT-3.1.2-1)' };
  const level = reader.byte();
  if (level !== (name === 'MQTT' ? 4 : 3)) return { what: 'another protocol level (MQTT-3.1.2-2)', answer: LEVEL_REFUSED };
  const flags = reader.byte();
  const [username, password, willRetain, will] = [flags & 0x80, flags & 0x40, flags & 0x20, flags & 0x04];
  const willQos = (flags >> 3) & 3;
  if (flags & 1) return { what: 'reserved connect flag (MQTT-3.1.2-3)' };
  if (willQos === 3 || (!will && (willQos || willRetain))) return { what: 'wrong will flags (MQTT-3.1.2-11, -14)' };
  if (password && !username) return { what: 'a password without a username (MQTT-3.1.2-22)' };
  reader.number();
  const texts = [reader.text()];
  if (will) {
    const topic = reader.text();
    const fault = topic && topicFault(topic);
    if (fault) return fault;
    texts.push(topic);
    reader.skipText();
  }
  if (username) texts.push(reader.text());
  if (password) reader.skipText();
  if (!reader.atEnd) return { what: 'a CONNECT that is too short or too long (3.1.3)' };
  return texts.map(text => text && textFault(text)).find(fault => fault) || null;
}

function checkFilters(body: Buffer, withQos: boolean): Violation | null {
  const reader = new Reader(body);
  if (!reader.number()) return { what: 'no packet identifier (MQTT-2.3.1-1)' };
  if (reader.atEnd) return { what: 'no topic filter (MQTT-3.8.3-3, MQTT-3.10.3-2)' };
  while (!reader.atEnd) {
    const filter = reader.text();
    if (!filter?.length) return { what: 'an empty or cut topic filter (MQTT-4.7.3-1)' };
    const fault = textFault(filter);
    if (fault) return fault;
    if (withQos && reader.byte() > 2) return { what: 'a requested QoS above 2 (MQTT-3-8.3-4)' };
  }
  return null;
}

function topicFault(topic: Buffer): Violation | null {
  if (!topic.length) return { what: 'an empty topic (MQTT-4.7.3-1)' };
  if (topic.includes(HASH) || topic.includes(PLUS)) return { what: 'a wildcard in a topic name (MQTT-3.3.2-2)' };
  return textFault(topic);
}

function textFault(text: Buffer): Violation | null {
  if (!isUtf8(text)) return { what: 'ill-formed UTF-8 (MQTT-1.5.3-1)' };
  return text.includes(0) ? { what: 'U+0000 in a text (MQTT-1.5.3-2)' } : null;
}

/** Reads fields one after the other; past the end it reads NaN and null and is no longer `atEnd`. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
  byte(): number {
    return this.#bytes[this.#at++] ?? Number.NaN;
  }
  number(): number {
    return this.byte() * 256 + this.byte();
  }
  /** Bytes of a text with its length in front, not checked. */
  text(): Buffer | null {
    const length = this.number();
    const from = this.#at;
    this.#at += length;
    return this.#at <= this.#bytes.length ? this.#bytes.subarray(from, this.#at) : null;
  }
  skipText(): void {
    this.text();
  }
}

/**
 * Puts the guard before a socket that is read by `readable` and `read()`: on the first violation nothing more is read, `violated` is told
 * and the connection is closed.
 */
export function guardSocket(
  socket: Socket,
  { published, violated }: { published?: () => void; violated: (violation: Violation) => void },
): void {
  const guard = new ProtocolGuard(published);
  const read = socket.read.bind(socket);
  let ended = false;
  socket.read = (size?: number) => {
    if (ended) return size === 0 ? read(0) : null;
    const chunk: Buffer | null = read(size);
    const found = chunk && guard.scan(chunk);
    if (!chunk || !found) return chunk;
    ended = true;
    const { start, violation } = found;
    violated(violation);
    setImmediate(() => {
      if (violation.answer) socket.end(violation.answer, () => socket.destroy());
      else socket.destroy(new Error(violation.what));
    });
    return start > 0 ? chunk.subarray(0, start) : null;
  };
}
