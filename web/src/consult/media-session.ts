// The media of one stay in the room: sends what the person has switched on, receives what the others send.
import { Device, type types } from 'mediasoup-client';
import { encodingsOf } from './encodings.ts';
import { Events } from './events.ts';
import type { JoinAnswer, ProducerView, Source } from './hub.ts';
import type { LocalMedia } from './local-media.ts';
import { RemoteMedia, type RemoteTrack } from './remote-media.ts';
import { SignalError, type Signalling } from './signalling.ts';
import { type HealedTransport, openTransport } from './transport.ts';

const START_KBPS = 600;
const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen', 'camera2'];

/** What the page shows of each picture (see `pictureKey`): a layer 0 … 2, null when it is not to be seen; all of it when missing. */
export type Shown = ReadonlyMap<string, number | null>;
export const pictureKey = ({ reference, source }: { reference: string; source: Source }): string => `${reference} ${source}`;

export class MediaSession extends Events<{ tracks: RemoteTrack[]; lost: undefined }> {
  readonly #signalling: Signalling;
  readonly #local: LocalMedia;
  readonly #device: Device;
  readonly #remote = new RemoteMedia();
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #producers = new Map<Source, types.Producer>();
  readonly #shown: Shown;
  /** Producers that are being taken in, so that no one is taken twice. */
  readonly #wanted = new Map<string, ProducerView>();
  #send: HealedTransport | undefined;
  #receive: HealedTransport | undefined;
  #sending: Promise<unknown> = Promise.resolve();
  #stopListening: () => void = () => undefined;
  #closed = false;

  private constructor(signalling: Signalling, local: LocalMedia, shown: Shown, device: Device) {
    super();
    this.#shown = shown;
    this.#signalling = signalling;
    this.#local = local;
    this.#device = device;
  }

  /** Sets up both directions and begins to send and receive. @throws SignalError, or mediasoup-client's UnsupportedError */
  static async open(
    signalling: Signalling,
    local: LocalMedia,
    shown: Shown,
    joined: JoinAnswer,
    listener: (session: MediaSession) => void,
  ): Promise<MediaSession> {
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: joined.routerRtpCapabilities as types.RtpCapabilities });
    const session = new MediaSession(signalling, local, shown, device);
    listener(session);
    try {
      await session.#open(joined.producers);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  get closed(): boolean {
    return this.#closed;
  }
  get transports(): types.Transport[] {
    return [this.#send?.transport, this.#receive?.transport].filter(transport => transport !== undefined);
  }

  /** After a cut: heals the transports and takes in what came and went meanwhile. */
  async reconcile(producers: ProducerView[]): Promise<void> {
    const now = new Set(producers.map(view => view.producer));
    for (const producer of [...this.#wanted.keys()]) if (!now.has(producer)) this.producerClosed(producer);
    await Promise.all(producers.map(view => this.producer(view)));
    for (const source of SOURCES) this.#offer(source);
    this.#send?.heal();
    this.#receive?.heal();
  }

  heal(): void {
    this.#send?.heal();
    this.#receive?.heal();
  }

  /** Somebody sends something new, or paused or resumed what they send. */
  async producer(view: ProducerView): Promise<void> {
    if (this.#wanted.has(view.producer)) {
      this.#wanted.set(view.producer, view);
      if (this.#remote.pause(view)) this.#tellTracks();
      return;
    }
    this.#wanted.set(view.producer, view);
    const receive = this.#receive?.transport;
    if (!receive) return;
    try {
      const answer = await this.#signalling.request('consume', {
        transport: receive.id,
        producer: view.producer,
        rtpCapabilities: this.#device.recvRtpCapabilities,
      });
      const consumer = await receive.consume({
        id: answer.consumer,
        producerId: answer.producer,
        kind: answer.kind,
        rtpParameters: answer.rtpParameters as types.RtpParameters,
        // Sound and picture of one person in one stream keep in step; a screen has no lips. SDP allows no space in it.
        streamId: `${view.reference}-${view.source === 'microphone' ? 'camera' : view.source}`.replace('/', '-'),
      });
      const latest = this.#wanted.get(view.producer);
      if (this.#closed || !latest) return consumer.close();
      this.#consumers.set(view.producer, consumer);
      // Before anybody plays it: the key frame that resuming brings is then the first that is shown.
      await this.#signalling.request('resumeConsumer', { consumer: consumer.id });
      await this.#show(view);
      this.#remote.set(latest, consumer.track);
      this.#tellTracks();
    } catch (error) {
      this.#wanted.delete(view.producer);
      this.#consumers.get(view.producer)?.close();
      this.#consumers.delete(view.producer);
      if (error instanceof SignalError && error.code === 'not-yours') this.tell('lost', undefined);
      // Else gone in the meantime, or the connection was cut: the next join brings the list again.
      console.debug('a producer could not be received', error);
    }
  }

  /** What the page shows of this picture has changed. */
  async show(key: string): Promise<void> {
    for (const view of this.#wanted.values()) if (pictureKey(view) === key) await this.#show(view);
  }

  async #show(view: ProducerView): Promise<void> {
    const consumer = this.#consumers.get(view.producer);
    const layer = this.#shown.get(pictureKey(view));
    if (!consumer || layer === undefined) return;
    // Without an answer: gone in the meantime, or the connection was cut, and the next join begins anew.
    await this.#signalling.request('showConsumer', { consumer: consumer.id, layer }).catch(() => undefined);
  }

  producerClosed(producer: string): void {
    this.#wanted.delete(producer);
    this.#consumers.get(producer)?.close();
    this.#consumers.delete(producer);
    if (this.#remote.remove(producer)) this.#tellTracks();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    this.#send?.close();
    this.#receive?.close();
    this.#remote.clear();
  }

  async #open(producers: ProducerView[]): Promise<void> {
    const lost = () => {
      if (!this.#closed) this.tell('lost', undefined);
    };
    this.#receive = await openTransport(this.#signalling, this.#device, 'receive', lost);
    this.#send = await openTransport(this.#signalling, this.#device, 'send', lost);
    if (this.#closed) return;
    this.#stopListening = this.#local.on('change', source => this.#offer(source));
    for (const source of SOURCES) this.#offer(source);
    // What was announced since the join is in `wanted` already.
    const early = [...this.#wanted.values()];
    this.#wanted.clear();
    await Promise.all([...producers, ...early].map(view => this.producer(view)));
  }

  /** Brings what is sent of a source in line with its state. One change at a time: mediasoup-client's producers are not for two hands. */
  #offer(source: Source): void {
    this.#sending = this.#sending
      .then(() => (this.#closed ? undefined : this.#bring(source)))
      .catch(error => console.debug('a device could not be sent', error));
  }

  async #bring(source: Source): Promise<void> {
    const { track, on } = this.#local.state(source);
    const producer = this.#producers.get(source);
    if (producer && (producer.closed || !track)) {
      this.#producers.delete(source);
      producer.close();
      await this.#signalling.request('closeProducer', { producer: producer.id }).catch(() => undefined);
    }
    if (!track) return;
    if (!producer || producer.closed) return this.#produce(source, track, on);
    if (producer.track !== track) await producer.replaceTrack({ track });
    if (producer.paused === on) {
      if (on) producer.resume();
      else producer.pause();
      await this.#signalling.request('pauseProducer', { producer: producer.id, paused: !on });
    }
  }

  async #produce(source: Source, track: MediaStreamTrack, on: boolean): Promise<void> {
    const kind = source === 'microphone' ? 'audio' : 'video';
    const send = this.#send?.transport;
    if (!send || !this.#device.canProduce(kind)) return;
    const producer = await send.produce({
      track,
      stopTracks: false,
      disableTrackOnPause: false,
      ...(source === 'microphone'
        ? { codecOptions: { opusFec: true, opusDtx: true } }
        : { encodings: encodingsOf(source, track), codecOptions: { videoGoogleStartBitrate: START_KBPS } }),
      appData: { source },
    });
    this.#producers.set(source, producer);
    if (!on) {
      producer.pause();
      await this.#signalling.request('pauseProducer', { producer: producer.id, paused: true });
    }
  }

  #tellTracks(): void {
    this.tell('tracks', this.#remote.list());
  }
}
