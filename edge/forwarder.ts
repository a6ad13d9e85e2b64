// Sends packs on to the hub with QoS 1. Two lanes: what comes in while connected goes at once; what had to wait follows at a limited
// rate, oldest first. Each lane keeps the order of arrival; only packs that raised an alarm go before the backlog. A pack goes from disk
// after the hub's PUBACK.
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { deviceTopic, gatewayDevicesTopic, gatewayTopic, gatewayUsername, parseTopic } from '../devices/index.ts';
import type { GatewayIdentity } from './identity.ts';
import type { PackQueue, StoredPack } from './queue.ts';

/** Packs under way at one time, and how many of them may be backlog: live ones always find a place. */
const WINDOW = 256;
const BACKLOG_WINDOW = 128;
/** Live packs in memory; above it they join the backlog on disk. */
const LIVE_LIMIT = 2000;
/** Packs that raised an alarm while the hub was away, sent first when it is back; the others of them come with the backlog. */
const URGENT_LIMIT = 200;
/** With packs under way and no PUBACK for so long, the connection is made anew: the hub may have let one fall. Milliseconds. */
const STALL = 120_000;
/** The backlog's rate is dealt out in steps. */
const STEP = 50;
/** Whether the certificate is to be renewed is looked at so often, ms. */
const RENEWAL_LOOK = 3_600_000;

export interface ForwarderOptions {
  hubUrl: string;
  facility: string;
  secret: string | null;
  identity: GatewayIdentity | null;
  /** PEM. */
  ca: string | null;
  queue: PackQueue;
  /** Packs a second. */
  backlogRate: number;
  log: Logger;
  /** The hub's list of devices. */
  onDevices(payload: Buffer): void;
  /** Configuration, refusal or certificate for a device. */
  onDownlink(topic: string, payload: Buffer, retain: boolean): void;
  /** The connection came or went, or packs were delivered. */
  changed(): void;
}

export interface ForwarderStatus {
  connected: boolean;
  /** Milliseconds since 1970 of the last change. */
  since: number;
  delivered: number;
  inFlight: number;
  lastError: string | null;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #client: MqttClient;
  readonly #states = new Map<string, Buffer>();
  /** What each device signed in with last, until the hub has taken it; and what the hub knows. */
  readonly #used = new Map<string, string>();
  readonly #usedKnown = new Map<string, string>();
  /** Sent or acknowledged, and still on disk. */
  readonly #busy = new Set<number>();
  readonly #timers: NodeJS.Timeout[];
  #live: StoredPack[] = [];
  #backlog: StoredPack[] = [];
  /** The backlog is what lies on disk up to here; it was read up to `#cursor`. */
  #boundary: number;
  #cursor = 0;
  #tokens = 0;
  #inFlight = 0;
  #backlogInFlight = 0;
  #lastProgress = Date.now();
  #status: ForwarderStatus = { connected: false, since: Date.now(), delivered: 0, inFlight: 0, lastError: null };
  #closed = false;
  /** Of the last error, until the connection has ended. */
  #code: string | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#boundary = options.queue.lastId;
    const { facility, identity } = options;
    this.#client = connect(options.hubUrl, {
      clientId: `gateway-${facility}`,
      username: gatewayUsername(facility),
      ...(options.secret === null ? {} : { password: options.secret }),
      ...(options.ca === null ? {} : { ca: options.ca }),
      ...(identity ? { key: identity.offered.key, cert: identity.offered.cert } : {}),
      clean: true,
      keepalive: 20,
      reconnectPeriod: 1000,
      reconnectOnConnackError: true,
      queueQoSZero: false,
      resubscribe: false,
    });
    this.#client.on('connect', () => this.#connected());
    this.#client.on('close', () => this.#lost());
    this.#client.on('error', error => {
      this.#code = 'code' in error ? String(error.code) : undefined;
      if (this.#status.lastError !== error.message) options.log.warn({ reason: error.message }, 'the hub cannot be reached');
      this.#status.lastError = error.message;
    });
    this.#client.on('message', (topic, payload, packet) => {
      const parsed = parseTopic(topic);
      if (parsed?.kind === 'gateway-devices') options.onDevices(payload);
      else if (parsed?.kind === 'gateway') this.#own(parsed.channel, payload);
      else if (parsed?.kind === 'device') options.onDownlink(topic, payload, parsed.channel === 'config' || packet.retain);
    });
    this.#timers = [setInterval(() => this.#tick(), STEP), setInterval(() => void this.#renew(), RENEWAL_LOOK)];
  }

  status(): ForwarderStatus {
    return { ...this.#status, inFlight: this.#inFlight };
  }

  /** A pack that has just come to disk. */
  offer(pack: StoredPack): void {
    if (pack.id <= this.#boundary) return;
    if (!this.#client.connected || this.#closed) {
      this.#boundary = pack.id;
      return;
    }
    this.#live.push(pack);
    if (this.#live.length > LIVE_LIMIT) this.#spill();
    this.#pump();
  }

  /** A device's state; the newest of each topic is said again after every reconnect. */
  state(topic: string, payload: Buffer): void {
    this.#states.set(topic, payload);
    if (this.#client.connected) this.#client.publish(topic, payload, { qos: 1, retain: true }, () => {});
  }

  /**
   * A device signed in here with the credential of this hex SHA-256. The hub is told once: it ends the one before, as after a sign-in there.
   */
  used(device: string, sha256: string): void {
    if (this.#usedKnown.get(device) === sha256) return;
    this.#used.set(device, sha256);
    if (this.#client.connected) this.#sayUsed(device, sha256);
  }

  #sayUsed(device: string, sha256: string) {
    const topic = deviceTopic(this.#options.facility, device, 'credential');
    this.#client.publish(topic, JSON.stringify({ used: sha256 }), { qos: 1 }, error => {
      if (error || this.#used.get(device) !== sha256) return;
      this.#used.delete(device);
      this.#usedKnown.set(device, sha256);
    });
  }

  /** Passes on a device's request for a certificate; the answer comes by `onDownlink`. False while the hub is away. */
  request(topic: string, payload: Buffer): boolean {
    if (!this.#client.connected || this.#closed) return false;
    const { log } = this.#options;
    this.#client.publish(topic, payload, { qos: 1 }, error => error && log.warn({ err: error }, 'a device’s request failed'));
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#client.endAsync(true);
  }

  #connected() {
    const { facility, queue, log, identity, changed } = this.#options;
    this.#status = { ...this.#status, connected: true, since: Date.now(), lastError: null };
    this.#lastProgress = Date.now();
    log.info({ backlog: queue.length }, 'connected to the hub');
    const topics = [
      gatewayDevicesTopic(facility),
      ...['config', 'refused', 'certificate'].map(channel => `care/1/${facility}/+/${channel}`),
    ];
    this.#client.subscribe(topics, { qos: 1 }, error => {
      if (error) log.warn({ err: error }, 'the hub’s messages cannot be subscribed');
      // Not before its answer can come.
      void this.#renew();
    });
    for (const [topic, payload] of this.#states) this.#client.publish(topic, payload, { qos: 1, retain: true }, () => {});
    for (const [device, sha256] of this.#used) this.#sayUsed(device, sha256);
    if (identity)
      this.#safely(() => {
        identity.connected();
        return true;
      });
    changed();
    for (const pack of queue.urgent(URGENT_LIMIT)) if (!this.#busy.has(pack.id)) this.#send(pack, false);
    this.#pump();
  }

  /** What the hub says to the gateway itself. */
  #own(channel: string, payload: Buffer) {
    const { identity, log } = this.#options;
    if (!identity) return;
    if (channel === 'certificate' && this.#safely(() => identity.take(payload.toString('utf8')))) {
      log.info({}, 'a new certificate came from the hub; connecting with it');
      this.#client.stream.destroy();
    }
    if (channel === 'config' && asksRenewal(payload)) {
      identity.ask();
      void this.#renew();
    }
  }

  /** A disk that takes nothing costs the new certificate, not the gateway. */
  #safely(act: () => boolean): boolean {
    try {
      return act();
    } catch (error) {
      this.#options.log.error({ err: error }, 'a certificate could not be kept on disk');
      return false;
    }
  }

  async #renew() {
    const { identity, facility, log } = this.#options;
    if (!identity || !this.#client.connected || this.#closed) return;
    const request = await identity.request();
    if (!request || this.#closed) return;
    log.info({}, 'a new certificate is asked for');
    this.#client.publish(
      gatewayTopic(facility, 'csr'),
      request,
      { qos: 1 },
      error => error && log.warn({ err: error }, 'the request failed'),
    );
  }

  #lost() {
    const { identity } = this.#options;
    if (identity) {
      // mqtt.js takes these for its next connection.
      if (!this.#status.connected) identity.failed(this.#code);
      Object.assign(this.#client.options, { key: identity.offered.key, cert: identity.offered.cert });
    }
    this.#code = undefined;
    if (this.#status.connected) {
      this.#status = { ...this.#status, connected: false, since: Date.now() };
      this.#options.changed();
      if (!this.#closed) this.#options.log.warn({}, 'the connection to the hub is lost; packs are kept');
    }
    // What is under way stays with mqtt.js, which sends it again first. The rest is backlog from now on.
    this.#spill();
  }

  /** Everything on disk that is not under way becomes backlog, read from the beginning. */
  #spill() {
    this.#live = [];
    this.#backlog = [];
    this.#cursor = 0;
    this.#boundary = this.#options.queue.lastId;
  }

  #tick() {
    const { backlogRate } = this.#options;
    this.#tokens = Math.min(backlogRate / 4 + 1, this.#tokens + (backlogRate * STEP) / 1000);
    if (this.#client.connected && this.#inFlight && Date.now() - this.#lastProgress > STALL) {
      this.#options.log.warn({ inFlight: this.#inFlight }, 'the hub acknowledges nothing; connecting anew');
      this.#lastProgress = Date.now();
      this.#client.stream.destroy();
      return;
    }
    this.#pump();
  }

  #pump() {
    if (!this.#client.connected || this.#closed) return;
    while (this.#live.length && this.#inFlight < WINDOW) this.#send(this.#live.shift()!, false);
    while (this.#tokens >= 1 && this.#backlogInFlight < BACKLOG_WINDOW && this.#inFlight < WINDOW) {
      const pack = this.#nextOfBacklog();
      if (!pack) break;
      this.#tokens--;
      this.#send(pack, true);
    }
  }

  #nextOfBacklog(): StoredPack | undefined {
    while (true) {
      const pack = this.#backlog.shift();
      if (pack) {
        if (!this.#busy.has(pack.id)) return pack;
        continue;
      }
      if (this.#cursor >= this.#boundary) return undefined;
      this.#backlog = this.#options.queue.read(this.#cursor, this.#boundary, 200);
      this.#cursor = this.#backlog.at(-1)?.id ?? this.#boundary;
    }
  }

  #send({ id, topic, payload }: StoredPack, backlog: boolean) {
    if (!this.#inFlight) this.#lastProgress = Date.now();
    this.#busy.add(id);
    this.#inFlight++;
    if (backlog) this.#backlogInFlight++;
    this.#client.publish(topic, Buffer.from(payload), { qos: 1 }, error => {
      this.#inFlight--;
      if (backlog) this.#backlogInFlight--;
      if (this.#closed) return;
      if (error) {
        // Not under way any more: it is read from disk again after the reconnect.
        this.#busy.delete(id);
        this.#boundary = Math.max(this.#boundary, id);
        this.#cursor = Math.min(this.#cursor, id - 1);
        this.#backlog = [];
        return;
      }
      this.#lastProgress = Date.now();
      this.#status.delivered++;
      this.#options.changed();
      this.#options.queue.settle(id, () => this.#busy.delete(id));
      this.#pump();
    });
  }
}

/** `{"renew":true}` in the retained configuration. */
function asksRenewal(payload: Buffer): boolean {
  try {
    return (JSON.parse(payload.toString('utf8')) as { renew?: unknown } | null)?.renew === true;
  } catch {
    return false;
  }
}
