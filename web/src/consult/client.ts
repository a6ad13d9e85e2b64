// A person's side of a consultation: joins, stays through cuts and restarts, and tells the page what it should show.
import { Events } from './events.ts';
import type { ChatMessage, EncounterView, JoinAnswer, PointerView, ProducerView, Source, StillView } from './hub.ts';
import type { LocalMedia } from './local-media.ts';
import { MediaSession, pictureKey } from './media-session.ts';
import { type Quality, QualityMeter } from './quality.ts';
import { JOIN_AGAIN } from './reconnect-policy.ts';
import type { RemoteTrack } from './remote-media.ts';
import { isFinal, type SignalError, Signalling } from './signalling.ts';
import { sendStill, takeStill } from './still.ts';

/**
 * connecting: not yet known where we are. waiting: in the waiting room. in-room. reconnecting: was in one of both, and is coming back by
 * itself. ended, left, replaced (joined elsewhere), refused: over.
 */
export type Phase = 'connecting' | 'waiting' | 'in-room' | 'reconnecting' | 'ended' | 'left' | 'replaced' | 'refused';
const OVER: readonly Phase[] = ['ended', 'left', 'replaced', 'refused'];

export interface ConsultClientEvents {
  phase: Phase;
  encounter: EncounterView;
  chat: ChatMessage[];
  tracks: RemoteTrack[];
  quality: Quality;
  /** Somebody else points, or no longer. */
  pointer: PointerView;
  /** A still was taken and kept. */
  still: StillView;
  refused: SignalError;
}

const MEASURE_EVERY = 2000;

export class ConsultClient extends Events<ConsultClientEvents> {
  readonly #encounter: string;
  readonly #local: LocalMedia;
  readonly #origin: string;
  readonly #signalling: Signalling;
  /** Names this page to the hub: after a cut it finds its transports again, another page of the same person does not. */
  readonly #client = crypto.randomUUID();
  #phase: Phase = 'connecting';
  #session: MediaSession | undefined;
  #chat: ChatMessage[] = [];
  readonly #shown = new Map<string, number | null>();
  #joining: Promise<void> | undefined;
  #again = false;
  #attempt = 0;
  #meter = new QualityMeter();
  #measuring: ReturnType<typeof setInterval> | undefined;

  /** `url` is the hub's origin, the page's own if missing. */
  constructor(options: { encounter: string; local: LocalMedia; url?: string }) {
    super();
    this.#encounter = options.encounter;
    this.#local = options.local;
    this.#origin = options.url ?? '';
    this.#signalling = new Signalling(options.url);
  }

  get phase(): Phase {
    return this.#phase;
  }

  start(): void {
    const { on } = this.#bound();
    on('admitted', () => this.#join());
    on('mediaLost', () => {
      this.#dropSession();
      this.#join();
    });
    on('encounter', view => this.tell('encounter', view));
    on('producer', (view: ProducerView) => void this.#session?.producer(view));
    on('producerClosed', ({ producer }) => this.#session?.producerClosed(producer));
    on('chat', message => this.#takeChat([...this.#chat, message]));
    on('pointer', pointer => this.tell('pointer', pointer));
    on('still', still => this.tell('still', still));
    on('stillWanted', wanted => void this.#giveStill(wanted));
    on('ended', () => this.#finish('ended'));
    on('replaced', () => this.#finish('replaced'));
    addEventListener('online', this.#onOnline);
    this.#measuring = setInterval(() => void this.#measure(), MEASURE_EVERY);
    this.#signalling.open({
      connect: () => this.#join(),
      disconnect: () => this.#interrupted(),
      refused: () => this.#interrupted(),
    });
  }

  admit(reference: string): Promise<object> {
    return this.#signalling.request('admit', { reference });
  }
  say(text: string): Promise<object> {
    return this.#signalling.request('chat', { text });
  }
  /** Shows the others where one points; null takes the pointer away. What does not arrive is not said again: the next move follows. */
  async point(at: PointerView['at']): Promise<void> {
    if (this.#phase === 'in-room') await this.#signalling.request('point', { at }).catch(() => undefined);
  }
  /** Asks for a still of somebody's picture, also one's own; the event `still` follows. @throws SignalError */
  askStill(reference: string, source: Source): Promise<object> {
    return this.#signalling.request('askStill', { reference, source });
  }
  async #giveStill({ still, source }: { still: string; source: Source }): Promise<void> {
    const { track } = this.#local.state(source);
    if (!track) return;
    try {
      await sendStill(`${this.#origin}/api/consult/stills/${this.#encounter}/${still}`, await takeStill(track));
    } catch (error) {
      // Who asked for it sees that it does not come, and asks again.
      console.debug('a still could not be sent', error);
    }
  }
  /** How large the page shows a picture: layer 0 … 2, or null when it is not to be seen. The hub sends no more than that. */
  async show(reference: string, source: Source, layer: number | null): Promise<void> {
    const key = pictureKey({ reference, source });
    if (this.#shown.get(key) === layer) return;
    this.#shown.set(key, layer);
    await this.#session?.show(key);
  }
  /** Ends the consultation for all; `ended` follows. @throws SignalError */
  async end(): Promise<void> {
    try {
      await this.#signalling.request('end', {});
    } catch (error) {
      // `ended` reaches everybody, and may come before the answer: then the connection is closed already.
      if (this.#phase !== 'ended') throw error;
    }
  }
  async leave(): Promise<void> {
    await this.#signalling.request('leave', {}).catch(() => undefined);
    this.#finish('left');
  }
  /** The page goes away without leaving the consultation. */
  close(): void {
    this.#finish(this.#phase);
  }
  /** State of each WebRTC transport, in the words of mediasoup-client. */
  connectionStates(): string[] {
    return (this.#session?.transports ?? []).map(transport => transport.connectionState);
  }
  /** What has arrived since the media was set up, by kind: packets, and decoded frames of video. */
  async received(): Promise<{ audioPackets: number; videoPackets: number; framesDecoded: number }> {
    const sum = { audioPackets: 0, videoPackets: 0, framesDecoded: 0 };
    for (const transport of this.#session?.transports ?? []) {
      for (const stat of (await transport.getStats()).values() as Iterable<RTCInboundRtpStreamStats>) {
        if (stat.type !== 'inbound-rtp') continue;
        sum[stat.kind === 'audio' ? 'audioPackets' : 'videoPackets'] += stat.packetsReceived ?? 0;
        sum.framesDecoded += stat.framesDecoded ?? 0;
      }
    }
    return sum;
  }
  /** For tests: cuts the socket's connection, as a lost network does. */
  cut(): void {
    this.#signalling.cut();
  }

  readonly #onOnline = () => this.#session?.heal();
  #bound() {
    return { on: this.#signalling.on.bind(this.#signalling) as Signalling['on'] };
  }

  /** One join at a time; one that is asked for meanwhile follows. */
  #join(): void {
    if (OVER.includes(this.#phase)) return;
    if (this.#joining) {
      this.#again = true;
      return;
    }
    this.#joining = this.#joinNow().finally(() => {
      this.#joining = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#join();
    });
  }

  async #joinNow(): Promise<void> {
    try {
      const answer = await this.#signalling.request('join', { encounter: this.#encounter, client: this.#client });
      if (OVER.includes(this.#phase)) return;
      this.tell('encounter', answer.encounter);
      if (answer.state === 'waiting') {
        this.#dropSession();
        this.#setPhase('waiting');
      } else {
        this.#takeChat(answer.chat);
        await this.#enter(answer);
        this.#setPhase('in-room');
      }
      this.#attempt = 0;
    } catch (error) {
      if (isFinal(error)) {
        if (error.code === 'encounter-ended') return this.#finish('ended');
        this.#finish('refused');
        return this.tell('refused', error);
      }
      this.#dropSession();
      this.#interrupted();
      // Without a socket, its next connection joins.
      if (this.#signalling.connected) setTimeout(() => this.#join(), JOIN_AGAIN.delay(this.#attempt++));
    }
  }

  async #enter(answer: JoinAnswer): Promise<void> {
    if (this.#session && !this.#session.closed && answer.mediaKept) return this.#session.reconcile(answer.producers);
    this.#dropSession();
    this.#meter = new QualityMeter();
    await MediaSession.open(this.#signalling, this.#local, this.#shown, answer, session => {
      this.#session = session;
      session.on('tracks', tracks => this.tell('tracks', tracks));
      session.on('lost', () => {
        if (this.#session !== session) return;
        this.#dropSession();
        this.#interrupted();
        this.#join();
      });
    });
    if (OVER.includes(this.#phase)) this.#dropSession();
  }

  #dropSession(): void {
    if (!this.#session) return;
    this.#session.close();
    this.#session = undefined;
    this.tell('tracks', []);
  }

  /** The picture goes on while only the socket is away; the page says that it is coming back. */
  #interrupted(): void {
    if (this.#phase === 'waiting' || this.#phase === 'in-room') this.#setPhase('reconnecting');
  }

  #takeChat(messages: ChatMessage[]): void {
    const seen = new Map(messages.map(message => [message.id, message]));
    this.#chat = [...seen.values()];
    this.tell('chat', this.#chat);
  }

  async #measure(): Promise<void> {
    const session = this.#session;
    if (!session) return;
    try {
      const reports = await Promise.all(session.transports.filter(each => !each.closed).map(each => each.getStats()));
      const quality = this.#meter.measure(
        reports.map(report => report.values()),
        performance.now(),
      );
      const connected = session.transports.every(each => ['connected', 'new'].includes(each.connectionState));
      this.tell('quality', connected ? quality : { ...quality, grade: 'lost' });
    } catch {
      // A transport was closed while it was asked.
    }
  }

  #setPhase(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.tell('phase', phase);
  }

  #finish(phase: Phase): void {
    clearInterval(this.#measuring);
    removeEventListener('online', this.#onOnline);
    this.#dropSession();
    this.#signalling.close();
    this.#setPhase(phase);
  }
}
