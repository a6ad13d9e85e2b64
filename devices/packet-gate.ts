// Stands between a TCP socket and the broker: looks at each MQTT packet's announced length before the broker takes memory for it,
// and holds reading back while there is no room, so that TCP slows the sender down.
import type { Socket } from 'node:net';

const PUBLISH = 3;

/** Beginning of a packet that announces more than the limit. */
export interface Oversized {
  /** Bytes announced (MQTT 3.1.1 section 2.2.3, remaining length). */
  bytes: number;
  /** Topic of a PUBLISH, as far as it had arrived. */
  topic: string | null;
  /** What had arrived of its payload. */
  beginning: Buffer;
}

/** Follows the packets' bounds through a stream of bytes, however it is cut. */
export class PacketScanner {
  readonly #limit: number;
  /** Bytes of the present packet still to come. */
  #body = 0;
  /** Bytes read of the present fixed header. */
  #header = 0;
  #type = 0;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns null, or where in `chunk` a packet over the limit begins (0 when it began before). Do not go on after that. */
  scan(chunk: Buffer): { start: number; oversized: Oversized } | null {
    let at = 0;
    let start = 0;
    while (at < chunk.length) {
      if (this.#body > 0) {
        const step = Math.min(this.#body, chunk.length - at);
        this.#body -= step;
        at += step;
        continue;
      }
      const byte = chunk[at++]!;
      if (this.#header === 0) {
        start = at - 1;
        this.#type = byte >> 4;
        this.#length = 0;
        this.#header = 1;
        continue;
      }
      this.#length += (byte & 127) * 128 ** (this.#header - 1);
      this.#header++;
      // A fifth length byte is no MQTT; the broker's parser says so better.
      if (byte & 128 && this.#header <= 4) continue;
      this.#header = 0;
      if (this.#length > this.#limit) return { start, oversized: beginningOf(this.#type, this.#length, chunk.subarray(at)) };
      this.#body = this.#length;
    }
    return null;
  }
}

function beginningOf(type: number, bytes: number, rest: Buffer): Oversized {
  if (type !== PUBLISH || rest.length < 2) return { bytes, topic: null, beginning: Buffer.alloc(0) };
  const topicLength = rest.readUInt16BE(0);
  const topic = rest.subarray(2, 2 + Math.min(topicLength, 200)).toString('utf8');
  return { bytes, topic, beginning: Buffer.from(rest.subarray(2 + topicLength, 2 + topicLength + 202)) };
}

/**
 * Puts the gate on a socket that is read by `readable` and `read()`, as aedes does. It replaces `read` on this one socket: a stream in
 * between would copy every byte.
 * @param hold Asked before each read: true leaves the bytes with TCP. Call the returned function when reading may go on.
 */
export function gateSocket(
  socket: Socket,
  { limit, oversized, hold }: { limit: number; oversized: (packet: Oversized) => void; hold: () => boolean },
): () => void {
  const scanner = new PacketScanner(limit);
  const read = socket.read.bind(socket);
  let ended = false;
  let held = false;
  socket.read = (size?: number) => {
    if (size === 0) return read(0);
    if (ended) return null;
    if (hold()) {
      held = true;
      return null;
    }
    const chunk: Buffer | null = read(size);
    const found = chunk && scanner.scan(chunk);
    if (!chunk || !found) return chunk;
    ended = true;
    oversized(found.oversized);
    setImmediate(() => socket.destroy(new Error(`a packet of ${found.oversized.bytes} bytes is over the limit`)));
    return found.start > 0 ? chunk.subarray(0, found.start) : null;
  };
  return () => {
    if (!held) return;
    held = false;
    socket.emit('readable');
  };
}
