// The senders of the ingest bench, a process of its own: devices over raw TCP with packs that were encoded beforehand, so that sending
// costs as little as it can and what is measured is the other side. The same process sends to the hub and to what it is compared with.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deviceTopic, encodePack } from '../../../devices/index.ts';
import { connectPacket, packet, text } from '../../ingest/raw-client.ts';
import { type BenchDevice, beatsAt, FACILITY, SAMPLES, timeOf } from './points.ts';

export interface Load {
  port: number;
  devices: BenchDevice[];
  /** First pack's number, so that no round overwrites another's samples. */
  first: number;
  /** Packs of each device, fewer than 65,535: a packet identifier is used once. */
  packs: number;
  /** Packs of one device that may be under way. */
  window: number;
  /** Packs a second of each device, whatever is acknowledged; without it as many as `window` allows. */
  pace?: number;
}
export interface LoadResult {
  /** Packs acknowledged, by device. They are the first ones of each: answers come in order. */
  acknowledged: number[];
  /** ms from sending to PUBACK. */
  delays: Float64Array;
  /** From the first PUBLISH to the last PUBACK. */
  seconds: number;
  /** When the first was sent, ms since 1970. */
  begun: number;
}

/** Without any PUBACK for so long the senders give up, ms. */
const PATIENCE = 30_000;

process.once('message', async message => {
  const load = message as Load;
  const senders = load.devices.map(device => new Sender(device, load));
  await Promise.all(senders.map(sender => sender.connected));
  process.send!('ready');
  await once(process, 'message');
  const result = await run(senders, load);
  process.send!(result, () => process.exit(0));
});

async function run(senders: Sender[], load: Load): Promise<LoadResult> {
  const begun = Date.now();
  const from = performance.now();
  for (const [index, sender] of senders.entries()) sender.begin((index / senders.length) * (load.pace ? 1000 / load.pace : 0));
  let acknowledged = 0;
  let progress = from;
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, 50));
    const count = senders.reduce((sum, sender) => sum + sender.acknowledged, 0);
    if (count === senders.length * load.packs) break;
    if (count > acknowledged) progress = performance.now();
    else if (performance.now() - progress > PATIENCE) break;
    acknowledged = count;
  }
  for (const sender of senders) sender.socket.destroy();
  return {
    acknowledged: senders.map(sender => sender.acknowledged),
    delays: Float64Array.from(senders.flatMap(sender => [...sender.delays.subarray(0, sender.acknowledged)])),
    seconds: (Math.max(...senders.map(sender => sender.last)) - from) / 1000,
    begun,
  };
}

class Sender {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  readonly delays: Float64Array;
  acknowledged = 0;
  /** When the last PUBACK came, `performance.now()`. */
  last = 0;
  readonly #load: Load;
  readonly #packets: Buffer;
  /** Where each packet begins in `#packets`. */
  readonly #starts: Uint32Array;
  readonly #sent: Float64Array;
  #next = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(device: BenchDevice, load: Load) {
    this.#load = load;
    this.delays = new Float64Array(load.packs);
    this.#sent = new Float64Array(load.packs);
    this.#starts = new Uint32Array(load.packs + 1);
    const packets = Array.from({ length: load.packs }, (_, index) => publication(device, load.first + index, index + 1));
    for (const [index, bytes] of packets.entries()) this.#starts[index + 1] = this.#starts[index]! + bytes.length;
    this.#packets = Buffer.concat(packets);
    this.socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
    this.socket.write(connectPacket({ clientId: device.device, username: device.username, secret: device.secret }));
    this.connected = once(this.socket, 'data').then(([connack]) => {
      if ((connack as Buffer).toString('hex') !== '20020000') throw new Error(`a sender was not let in: ${connack.toString('hex')}`);
      this.socket.on('data', chunk => this.#read(chunk));
    });
  }

  begin(delay: number) {
    const { window, pace, packs } = this.#load;
    if (!pace) return this.#send(Math.min(window, packs));
    const from = performance.now() + delay;
    const timer = setInterval(
      () => {
        const due = Math.min(packs, Math.floor(((performance.now() - from) * pace) / 1000) + 1);
        if (due > this.#next) this.#send(due - this.#next);
        if (this.#next === packs) clearInterval(timer);
      },
      Math.min(50, 250 / pace),
    );
  }

  #send(count: number) {
    const until = Math.min(this.#next + count, this.#load.packs);
    if (until === this.#next) return;
    this.#sent.fill(performance.now(), this.#next, until);
    this.socket.write(this.#packets.subarray(this.#starts[this.#next], this.#starts[until]));
    this.#next = until;
  }

  #read(chunk: Buffer) {
    const bytes = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    const now = performance.now();
    // PUBACK is four bytes (MQTT 3.1.1 section 3.4); nothing else comes.
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40) throw new Error(`a sender got a packet ${bytes.subarray(at, at + 4).toString('hex')}`);
      const index = bytes.readUInt16BE(at + 2) - 1;
      this.delays[index] = now - this.#sent[index]!;
      this.acknowledged++;
    }
    this.#rest = bytes.subarray(at);
    this.last = now;
    if (!this.#load.pace) this.#send(at / 4);
  }
}

function publication({ device }: BenchDevice, sequence: number, id: number): Buffer {
  const readings = Array.from({ length: SAMPLES }, (_, index) => timeOf(sequence, index)).flatMap(time => [
    { name: 'heart_rate', unit: 'beat/min', value: beatsAt(time), time },
    { name: 'respiration_rate', unit: '1/min', value: 14, time },
    { name: 'movement', unit: '/', value: 0.1, time },
    { name: 'in_bed', unit: '/', value: true, time },
  ]);
  const payload = Buffer.from(encodePack({ device, sequence, readings } as Parameters<typeof encodePack>[0], 'json'));
  return packet(0x32, text(deviceTopic(FACILITY, device, 'json')), [id >> 8, id & 255], payload);
}
