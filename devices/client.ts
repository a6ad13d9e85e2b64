// A device's side of the contract: signs in, says its state, sends packs with QoS 1 and keeps a bounded buffer while the network is away;
// with a certificate it signs in over TLS and renews it by itself.
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { encodePack, type Reading } from './senml.ts';
import { deviceTopic, deviceUsername, type PackFormat } from './topics.ts';

export interface DeviceClientOptions {
  /** `mqtt://host:port` or `mqtts://…` of the edge's or the hub's broker. */
  url: string;
  facility: string;
  device: string;
  /** Shown when the device was registered. Not needed with a certificate. */
  secret?: string;
  /** PEM. `cert` and `key` sign in over `mqtts://`; `ca` is what the broker is trusted by (the hub's own authority), and needed for it. */
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  /**
   * A new certificate and its key (PEM) after `renewCertificate`: to be kept before the device relies on them. It goes over to them when this
   * has resolved. With it the device renews by itself when the hub asks (`{"renew":true}` in its configuration).
   */
  onCertificate?: (renewed: { cert: string; key: string; ca: string }) => void | Promise<void>;
  /** `cbor` is about half as long as `json`. Default `cbor`. */
  format?: PackFormat;
  /** Packs kept while they cannot be sent; then the oldest goes and is counted. Default 1,000. */
  bufferPacks?: number;
  /** Packs sent and not yet acknowledged at one time. Default 16. */
  window?: number;
  /** Number of the first pack; a device that keeps its number over a restart gives the next one. Default 0. */
  firstSequence?: number;
  /** 0 … 1; part of the state. */
  battery?: number;
  /** The device's own clock, ms since 1970; each pack says what it shows. Default `Date.now`. */
  now?: () => number;
  /** Milliseconds between attempts to connect. Default 2,000. */
  reconnectMilliseconds?: number;
  /** The hub's configuration for this device (retained JSON). */
  onConfig?: (payload: Buffer) => void;
  /** The hub's reason why a pack was not taken (JSON). */
  onRefused?: (payload: Buffer) => void;
  /** Connection faults, e.g. a wrong secret; the client goes on trying. */
  onFault?: (error: Error) => void;
}

export interface DeviceClientCounts {
  queued: number;
  inFlight: number;
  acknowledged: number;
  /** Packs that went lost because the buffer was full. */
  dropped: number;
}

/** How long the hub may take to answer a request for a certificate, ms. */
const ANSWER = 30_000;

/**
 * One device over MQTT 3.1.1.
 * @example
 * const bed = new DeviceClient({ url: 'mqtt://gateway:1884', facility: 'f1', device: 'bed-201', secret });
 * bed.publish([{ name: 'heart_rate', unit: 'beat/min', value: 64, time: Date.now() }]);
 * await bed.close();
 */
export class DeviceClient {
  readonly #options: DeviceClientOptions;
  readonly #client: MqttClient;
  readonly #queue: { readings: Reading[]; sequence: number }[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #period: number;
  #sequence: number;
  #battery: number | undefined;
  #suspended = false;
  #inFlight = 0;
  #acknowledged = 0;
  #dropped = 0;
  #closing = false;
  /** A request for a certificate that waits for its answer. */
  #renewal: { done: (answer: string) => void; failed: (error: Error) => void } | null = null;

  constructor(options: DeviceClientOptions) {
    this.#options = { ...options };
    this.#sequence = options.firstSequence ?? 0;
    this.#battery = options.battery;
    this.#period = options.reconnectMilliseconds ?? 2000;
    const { facility, device } = options;
    this.#client = connect(options.url, {
      clientId: device,
      username: deviceUsername(facility, device),
      ...signInBy(options),
      clean: true,
      keepalive: 30,
      reconnectPeriod: this.#period,
      reconnectOnConnackError: true,
      queueQoSZero: false,
      will: { topic: deviceTopic(facility, device, 'state'), payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
    });
    this.#client.on('connect', () => {
      if (this.#suspended) return this.dropConnection();
      this.sendState();
      const topics = (['config', 'refused', ...(options.cert ? (['certificate'] as const) : [])] as const).map(channel =>
        deviceTopic(facility, device, channel),
      );
      this.#client.subscribe(topics, { qos: 1 }, () => {});
      this.#pump();
    });
    this.#client.on('message', (topic, payload) => {
      if (topic.endsWith('/config')) {
        options.onConfig?.(payload);
        if (options.onCertificate && asksRenewal(payload)) this.renewCertificate().catch(error => options.onFault?.(error));
      } else if (topic.endsWith('/certificate')) this.#renewal?.done(payload.toString());
      else if (topic.endsWith('/refused')) {
        options.onRefused?.(payload);
        if (this.#renewal && payload.includes('"csr-refused"')) this.#renewal.failed(new Error(`the hub refused the request: ${payload}`));
      }
    });
    this.#client.on('error', error => options.onFault?.(error));
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  counts(): DeviceClientCounts {
    return { queued: this.#queue.length, inFlight: this.#inFlight, acknowledged: this.#acknowledged, dropped: this.#dropped };
  }

  /** Says the state anew, with the battery's charge (0 … 1) if it is another one now. Retained by the broker, said again after each sign-in. */
  sendState(battery = this.#battery): void {
    this.#battery = battery;
    if (!this.#client.connected) return;
    const payload = JSON.stringify({ state: 'online', ...(battery === undefined ? {} : { battery }) });
    this.#client.publish(deviceTopic(this.#options.facility, this.#options.device, 'state'), payload, { qos: 1, retain: true }, () => {});
  }

  /** Takes the next number of a pack. One that is taken and not sent is a gap to the hub. */
  nextSequence(): number {
    return this.#sequence++;
  }

  /**
   * Queues one pack. It counts as delivered when the broker has acknowledged it; see `counts` and `flushed`.
   * @param readings At most 998, within 64 KiB once encoded; times in ms since 1970.
   * @param sequence Its number; the next one if missing. So a pack that the buffer drops is a gap to the hub.
   */
  publish(readings: Reading[], sequence = this.nextSequence()): void {
    if (this.#closing) throw new Error(`device ${this.#options.device} is closed`);
    this.#queue.push({ readings, sequence });
    if (this.#queue.length > (this.#options.bufferPacks ?? 1000)) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#pump();
  }

  /** Resolves when every pack given so far was acknowledged. */
  async flushed(): Promise<void> {
    while (this.#queue.length || this.#inFlight) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  /**
   * Makes a new key in the device, asks the hub for a certificate for it, hands both to `onCertificate`, and connects anew with them; the
   * present certificate stays good until then. Packs in the buffer stay there.
   * @throws Error when the device is not connected, the hub refuses or does not answer, or a renewal is under way; nothing has changed then
   */
  async renewCertificate(): Promise<void> {
    const { url, facility, device, onCertificate } = this.#options;
    if (this.#renewal) throw new Error(`device ${device} is renewing its certificate already`);
    if (!this.#client.connected) throw new Error(`device ${device} is not connected`);
    if (!/^(mqtts|wss|tls|ssl):/.test(url))
      throw new Error(`a certificate needs TLS: ${device} is connected over ${new URL(url).protocol}`);
    const answer = Promise.withResolvers<string>();
    // Set before anything waits, so that a second request meanwhile is refused.
    this.#renewal = { done: answer.resolve, failed: answer.reject };
    const late = setTimeout(() => answer.reject(new Error('the hub did not answer the request for a certificate')), ANSWER);
    late.unref();
    try {
      // Loaded when it is needed: most devices never make a request.
      const { newRequest } = await import('./request.ts');
      const { csr, key } = await newRequest(deviceUsername(facility, device));
      // Subscribed here too: a device that goes over from a secret to a certificate has not done so yet.
      await this.#client.subscribeAsync(deviceTopic(facility, device, 'certificate'), { qos: 1 });
      await this.#client.publishAsync(deviceTopic(facility, device, 'csr'), csr, { qos: 1 });
      const [cert, ...authority] = (await answer.promise).split(/(?<=-----END CERTIFICATE-----\n?)(?=-----BEGIN)/);
      const renewed = { cert: cert ?? '', key, ca: authority.join('') };
      await onCertificate?.(renewed);
      Object.assign(this.#options, { ...renewed, ca: this.#options.ca ?? renewed.ca, secret: undefined });
      Object.assign(this.#client.options, { password: undefined, ...signInBy(this.#options) });
      if (!this.#closing) this.#client.stream.destroy();
    } finally {
      clearTimeout(late);
      this.#renewal = null;
    }
  }

  /** Says offline, ends the connection. Packs that could not be sent are lost with the process: call `flushed` first. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#client.connected) {
      const said = this.#client.publishAsync(deviceTopic(this.#options.facility, this.#options.device, 'state'), '{"state":"offline"}', {
        qos: 1,
        retain: true,
      });
      await Promise.race([said.catch(() => undefined), new Promise(resolve => setTimeout(resolve, 1000).unref())]);
    }
    await this.#client.endAsync(true);
    this.#inFlight = 0;
    this.#queue.length = 0;
    this.#settle();
  }

  /** Breaks the connection off as a lost network would; the client connects again by itself. */
  dropConnection(): void {
    this.#client.stream?.destroy();
  }

  /** As `dropConnection`, and stays away until `resume`: a network that is gone, an empty battery. Packs wait meanwhile. */
  suspend(): void {
    this.#suspended = true;
    // mqtt.js asks for the period when a connection has ended; 0 means not to come back.
    this.#client.options.reconnectPeriod = 0;
    this.dropConnection();
  }

  /** Connects again after `suspend`, at once; unacknowledged packs come again. */
  resume(): void {
    if (!this.#suspended || this.#closing) return;
    this.#suspended = false;
    const { incomingStore, outgoingStore } = this.#client;
    this.#client.options.reconnectPeriod = this.#period;
    if (!this.#client.connected && !this.#client.reconnecting) this.#client.reconnect({ incomingStore, outgoingStore });
  }

  #pump() {
    const { facility, device, format = 'cbor', window = 16, now = Date.now } = this.#options;
    while (this.#client.connected && this.#inFlight < window) {
      const next = this.#queue.shift();
      if (!next) break;
      const payload = encodePack({ device, ...next, clock: now() }, format);
      this.#inFlight++;
      // mqtt.js keeps a pack until its PUBACK and sends it again, in order, after a reconnect.
      this.#client.publish(deviceTopic(facility, device, format), Buffer.from(payload), { qos: 1 }, error => {
        if (this.#closing) return;
        this.#inFlight--;
        if (error) {
          this.#giveBack(next);
          this.#options.onFault?.(error);
        } else this.#acknowledged++;
        this.#pump();
        this.#settle();
      });
    }
  }

  /** mqtt.js lets go of a pack when the connection breaks while older ones are sent again: it goes back to its place in the buffer. */
  #giveBack(pack: { readings: Reading[]; sequence: number }) {
    const later = this.#queue.findIndex(({ sequence }) => sequence > pack.sequence);
    this.#queue.splice(later < 0 ? this.#queue.length : later, 0, pack);
    if (this.#queue.length <= (this.#options.bufferPacks ?? 1000)) return;
    this.#queue.shift();
    this.#dropped++;
  }

  #settle() {
    for (const done of this.#waiting.splice(0)) done();
  }
}

const signInBy = ({ secret, ca, cert, key }: DeviceClientOptions): IClientOptions => ({
  ...(secret === undefined ? {} : { password: secret }),
  ...(ca === undefined ? {} : { ca }),
  ...(cert === undefined ? {} : { cert, key }),
});

function asksRenewal(payload: Buffer): boolean {
  try {
    return (JSON.parse(payload.toString()) as { renew?: unknown } | null)?.renew === true;
  } catch {
    return false;
  }
}
