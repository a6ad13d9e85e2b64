// What the bodies of MQTT 3.1.1 packets must not hold: CONNECT, the filters of SUBSCRIBE and UNSUBSCRIBE, topics and texts.
import { isUtf8 } from 'node:buffer';

/** What ends a connection. */
export interface Violation {
  /** In words, with the standard's number. */
  what: string;
  /** Sent before the connection is closed: CONNACK with a return code. */
  answer?: Buffer;
}

/** CONNACK with return code 1, unacceptable protocol level. */
const LEVEL_REFUSED = Buffer.from([0x20, 2, 0, 1]);
const HASH = 0x23;
const PLUS = 0x2b;

export function checkConnect(body: Buffer): Violation | null {
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

export function checkFilters(body: Buffer, withQos: boolean): Violation | null {
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

export function topicFault(topic: Buffer): Violation | null {
  if (!topic.length) return { what: 'an empty topic (MQTT-4.7.3-1)' };
  if (topic.includes(HASH) || topic.includes(PLUS)) return { what: 'a wildcard in a topic name (MQTT-3.3.2-2)' };
  return textFault(topic);
}

function textFault(text: Buffer): Violation | null {
  if (!isUtf8(text)) return { what: 'ill-formed UTF-8 (MQTT-1.5.3-1)' };
  return text.includes(0) ? { what: 'U+0000 in a text (MQTT-1.5.3-2)' } : null;
}

/** Reads fields one after the other; past the end it reads NaN and null and is no longer `atEnd`. */
export class Reader {
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
