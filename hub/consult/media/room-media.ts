// One room's media: its router, and who owns which transport, producer and consumer. Nobody reaches another's.
import type { types } from 'mediasoup';
import type { ConsumerAnswer, ProducerView, Source, TransportAnswer } from '../contract.ts';
import { mediaRefused, notYours, tooMany } from '../problems.ts';
import type { RoomRouter } from './workers.ts';

export type Direction = 'send' | 'receive';

/** What one connected person has on the router. */
interface Owned {
  /** The page that opened it; another page of the same person starts anew. */
  client: string | null;
  transports: Map<Direction, types.WebRtcTransport>;
  producers: Map<string, types.Producer<ProducerData>>;
  consumers: Map<string, types.Consumer>;
}
interface ProducerData extends types.AppData {
  reference: string;
  source: Source;
}

export interface RoomMediaOptions {
  consumersPerPerson: number;
  /** A producer has ended: its owner left, closed it, or put another in its place. */
  onProducerClosed(producer: string): void;
  /** The router is gone with its worker. */
  onLost(): void;
}

/** First guess of what a viewer can take, bit/s; congestion control goes on from there. */
const FIRST_BITRATE = 1_000_000;
/** What a sender may send to the router in all, bit/s: camera, screen and second camera at their highest. */
const MOST_INCOMING_BITRATE = 14_000_000;

export class RoomMedia {
  readonly #room: RoomRouter;
  readonly #options: RoomMediaOptions;
  readonly #owned = new Map<string, Owned>();
  #closed = false;

  constructor(room: RoomRouter, options: RoomMediaOptions) {
    this.#room = room;
    this.#options = options;
    room.router.on('workerclose', () => {
      if (this.#closed) return;
      this.#closed = true;
      options.onLost();
    });
  }

  get closed(): boolean {
    return this.#closed || this.#room.router.closed;
  }
  get rtpCapabilities(): types.RtpCapabilities {
    return this.#room.router.rtpCapabilities;
  }

  /** Takes in a person's page. True when what this page had open is still there; another page's is closed. */
  enter(reference: string, client: string | null): boolean {
    const owned = this.#owned.get(reference);
    if (owned && client !== null && owned.client === client) return owned.transports.size > 0;
    this.drop(reference);
    this.#owned.set(reference, { client, transports: new Map(), producers: new Map(), consumers: new Map() });
    return false;
  }

  /** Closes all that a person has. */
  drop(reference: string): void {
    const owned = this.#owned.get(reference);
    this.#owned.delete(reference);
    if (!owned) return;
    for (const producer of owned.producers.values()) this.#closeProducer(owned, producer);
    for (const transport of owned.transports.values()) transport.close();
  }

  /** Opens a transport; the one of the same direction, if any, is closed with what was on it. */
  async openTransport(reference: string, direction: Direction): Promise<TransportAnswer> {
    const owned = this.#of(reference);
    const transport = await this.#room.router.createWebRtcTransport({
      webRtcServer: this.#room.webRtcServer,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate: FIRST_BITRATE,
    });
    if (this.#owned.get(reference) !== owned) {
      transport.close();
      throw notYours();
    }
    const former = owned.transports.get(direction);
    owned.transports.set(direction, transport);
    if (former) {
      if (direction === 'send') for (const producer of owned.producers.values()) this.#closeProducer(owned, producer);
      former.close();
    }
    if (direction === 'send') await transport.setMaxIncomingBitrate(MOST_INCOMING_BITRATE).catch(() => undefined);
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    return { transport: id, iceParameters, iceCandidates, dtlsParameters };
  }

  async connectTransport(reference: string, id: string, dtlsParameters: types.DtlsParameters): Promise<void> {
    const { transport } = this.#transport(reference, id);
    await transport.connect({ dtlsParameters }).catch(refused);
  }

  async restartIce(reference: string, id: string): Promise<types.IceParameters> {
    return this.#transport(reference, id).transport.restartIce();
  }

  /** A person sends one producer per source: a second one takes the first one's place. */
  async produce(
    reference: string,
    asked: { transport: string; kind: 'audio' | 'video'; rtpParameters: types.RtpParameters; source: Source },
  ): Promise<ProducerView> {
    const { owned, transport, direction } = this.#transport(reference, asked.transport);
    if (direction !== 'send') throw notYours();
    if ((asked.source === 'microphone') !== (asked.kind === 'audio'))
      throw mediaRefused(new Error(`${asked.source} cannot be ${asked.kind}`));
    const producer = await transport
      .produce<ProducerData>({ kind: asked.kind, rtpParameters: asked.rtpParameters, appData: { reference, source: asked.source } })
      .catch(refused);
    // Looked for only now: two requests for one source may have been under way together.
    for (const former of owned.producers.values()) if (former.appData.source === asked.source) this.#closeProducer(owned, former);
    owned.producers.set(producer.id, producer);
    return viewOf(producer);
  }

  closeProducer(reference: string, id: string): void {
    const owned = this.#of(reference);
    const producer = owned.producers.get(id);
    if (!producer) throw notYours();
    this.#closeProducer(owned, producer);
  }

  async pauseProducer(reference: string, id: string, paused: boolean): Promise<ProducerView> {
    const producer = this.#of(reference).producers.get(id);
    if (!producer) throw notYours();
    await (paused ? producer.pause() : producer.resume());
    return viewOf(producer);
  }

  /** Starts paused: the page resumes it when it has somewhere to show it, so that no key frame is lost. */
  async consume(
    reference: string,
    asked: { transport: string; producer: string; rtpCapabilities: types.RtpCapabilities },
  ): Promise<ConsumerAnswer> {
    const { owned, transport, direction } = this.#transport(reference, asked.transport);
    if (direction !== 'receive') throw notYours();
    if (owned.producers.has(asked.producer)) throw mediaRefused(new Error('a person does not receive themselves'));
    if (owned.consumers.size >= this.#options.consumersPerPerson) throw tooMany();
    const consumer = await transport
      .consume({ producerId: asked.producer, rtpCapabilities: asked.rtpCapabilities, paused: true })
      .catch(refused);
    owned.consumers.set(consumer.id, consumer);
    consumer.observer.once('close', () => owned.consumers.delete(consumer.id));
    return { consumer: consumer.id, producer: asked.producer, kind: consumer.kind, rtpParameters: consumer.rtpParameters };
  }

  async resumeConsumer(reference: string, id: string): Promise<void> {
    const consumer = this.#of(reference).consumers.get(id);
    if (!consumer) throw notYours();
    await consumer.resume();
  }

  /** Sends the viewer this layer at most, or nothing while the picture is not to be seen. */
  async showConsumer(reference: string, id: string, layer: number | null): Promise<void> {
    const consumer = this.#of(reference).consumers.get(id);
    if (!consumer) throw notYours();
    if (layer === null) return consumer.pause();
    if (consumer.type !== 'simple') await consumer.setPreferredLayers({ spatialLayer: layer });
    if (consumer.paused) await consumer.resume();
  }

  /** All producers but the asking person's own. */
  producers(except?: string): ProducerView[] {
    return [...this.#owned].flatMap(([reference, owned]) => (reference === except ? [] : [...owned.producers.values()].map(viewOf)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owned.clear();
    this.#room.router.close();
  }

  #of(reference: string): Owned {
    const owned = this.#owned.get(reference);
    if (!owned) throw notYours();
    return owned;
  }

  #transport(reference: string, id: string) {
    const owned = this.#of(reference);
    for (const [direction, transport] of owned.transports) if (transport.id === id) return { owned, transport, direction };
    throw notYours();
  }

  #closeProducer(owned: Owned, producer: types.Producer<ProducerData>): void {
    owned.producers.delete(producer.id);
    if (producer.closed) return;
    producer.close();
    this.#options.onProducerClosed(producer.id);
  }
}

const viewOf = (producer: types.Producer<ProducerData>): ProducerView => ({
  producer: producer.id,
  reference: producer.appData.reference,
  kind: producer.kind,
  source: producer.appData.source,
  paused: producer.paused,
});

const refused = (cause: unknown): never => {
  throw mediaRefused(cause);
};
