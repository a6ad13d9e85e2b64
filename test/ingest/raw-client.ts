// An MQTT client that sends bytes as they are and shows what comes back, for what no library would send.
import { connect, type Socket } from 'node:net';

export interface Packet {
  /** Table 2.1: 2 CONNACK, 3 PUBLISH, 4 PUBACK … */
  type: number;
  flags: number;
  body: Buffer;
}

export const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

/** A packet with its remaining length; `first` is the whole first byte. */
export function packet(first: number, ...parts: (Buffer | number[])[]): Buffer {
  const body = Buffer.concat(parts.map(part => Buffer.from(part as Buffer)));
  const header = [first];
  let length = body.length;
  do {
    header.push((length & 127) | (length > 127 ? 128 : 0));
    length >>= 7;
  } while (length);
  return Buffer.concat([Buffer.from(header), body]);
}

export interface ConnectFields {
  name?: string | Buffer;
  level?: number;
  flags?: number;
  keepAlive?: number;
  clientId?: string | Buffer;
  will?: { topic: string | Buffer; payload: string };
  username?: string | Buffer;
  secret?: string;
}

/** CONNECT with username, password and clean session, unless `flags` says otherwise. */
export function connectPacket({ name = 'MQTT', level = 4, flags, keepAlive = 60, clientId = '', will, username, secret }: ConnectFields) {
  const wanted = 2 + (will ? 0x2c : 0) + (username === undefined ? 0 : 0x80) + (secret === undefined ? 0 : 0x40);
  return packet(
    0x10,
    text(name),
    [level, flags ?? wanted, keepAlive >> 8, keepAlive & 255],
    text(clientId),
    ...(will ? [text(will.topic), text(will.payload)] : []),
    ...(username === undefined ? [] : [text(username)]),
    ...(secret === undefined ? [] : [text(secret)]),
  );
}

export const publish = (topic: string | Buffer, payload: string | Buffer, { qos = 0, id = 1, first = 0x30 } = {}): Buffer =>
  packet(first | (qos << 1), text(topic), qos ? [id >> 8, id & 255] : [], Buffer.from(payload as string));

export const subscribe = (filters: [string | Buffer, number][], id = 1): Buffer =>
  packet(0x82, [id >> 8, id & 255], ...filters.flatMap(([filter, qos]) => [text(filter), [qos]]));

export const PING = packet(0xc0);

export class RawClient {
  readonly socket: Socket;
  readonly packets: Packet[] = [];
  /** Resolves when the broker ended the connection, with the ms since it was made. */
  readonly closed: Promise<number>;
  isClosed = false;
  #rest = Buffer.alloc(0);

  constructor(port: number) {
    const begun = performance.now();
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', chunk => this.#read(chunk));
    this.socket.on('error', () => {});
    this.closed = new Promise(resolve =>
      this.socket.once('close', () => {
        this.isClosed = true;
        resolve(performance.now() - begun);
      }),
    );
  }

  send(...packets: Buffer[]): void {
    this.socket.write(Buffer.concat(packets));
  }
  /** Resolves when something came or the connection ended, at the latest after so many ms. */
  change(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        this.socket.off('data', done).off('close', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.socket.once('data', done).once('close', done);
      if (this.isClosed) done();
    });
  }
  ofType = (type: number): Packet[] => this.packets.filter(packet => packet.type === type);

  #read(chunk: Buffer) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      let [length, at] = [0, 1];
      for (; at < this.#rest.length; at++) {
        length += (this.#rest[at]! & 127) * 128 ** (at - 1);
        if (this.#rest[at]! < 128) break;
      }
      if (at >= this.#rest.length || this.#rest.length < at + 1 + length) return;
      this.packets.push({ type: this.#rest[0]! >> 4, flags: this.#rest[0]! & 15, body: this.#rest.subarray(at + 1, at + 1 + length) });
      this.#rest = this.#rest.subarray(at + 1 + length);
    }
  }
}
