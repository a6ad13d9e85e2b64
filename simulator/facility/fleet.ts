// The facility's devices as real MQTT clients. Connections are opened a few hundred a second, as they would be after a power cut, not all at once.
import type { DeviceClientCounts } from '../../devices/index.ts';
import { FAULT_KINDS, type Fault, type Faults } from './faults.ts';
import { Member } from './member.ts';
import { type PlannedDevice, quantitiesByProfile } from './plan.ts';

export interface FleetOptions {
  facility: string;
  brokerUrl: string;
  devices: PlannedDevice[];
  /** PEM of the authority that the broker is trusted by, for `mqtts://`. */
  ca?: string;
  faults: Faults;
  /** Packs each device may hold while it cannot send. */
  bufferPacks: number;
  /** Connections opened a second. Default 200. */
  connectRate?: number;
  /** Makes what faults draw another; the same seed gives the same. */
  seed?: string;
  onFault(device: string, reason: string): void;
}

const OPENING = 50;

export class Fleet {
  readonly #members = new Map<string, Member>();
  readonly #opening: NodeJS.Timeout;

  /** @throws Error for a device with an unknown profile or a wrong user name. */
  constructor({ facility, brokerUrl, devices, ca, faults, bufferPacks, connectRate = 200, seed = '', onFault }: FleetOptions) {
    const quantities = quantitiesByProfile();
    for (const { device, profile, username, secret, certificate } of devices) {
      const known = quantities.get(profile);
      if (!known) throw new Error(`The device ${device} has the profile "${profile}", which is not known`);
      if (username !== undefined && username !== `${facility}/${device}`)
        throw new Error(`The device ${device} signs in as "${facility}/${device}", not "${username}"`);
      if (this.#members.has(device)) throw new Error(`The device ${device} is in the plan twice`);
      if (!secret && !certificate) throw new Error(`The device ${device} has neither a secret nor a certificate`);
      const options = {
        ...{ url: brokerUrl, facility, device, bufferPacks },
        // Not all at the same moment, when the broker comes back.
        reconnectMilliseconds: 1000 + ((this.#members.size * 37) % 1000),
        ...(certificate ? { cert: certificate.pem, key: certificate.key } : { secret }),
        ...(ca ? { ca } : {}),
        onFault: (error: Error) => onFault(device, error.message),
        onRefused: (payload: Buffer) => onFault(device, `refused: ${payload.toString('utf8').slice(0, 300)}`),
      };
      this.#members.set(device, new Member(profile, options, { quantities: known, always: faults, seed }));
    }
    const waiting = [...this.#members.values()];
    let opened = 0;
    const began = Date.now();
    const open = () => {
      const due = Math.min(waiting.length, Math.ceil(((Date.now() - began + OPENING) * connectRate) / 1000));
      for (; opened < due; opened++) waiting[opened]!.open(Date.now());
      if (opened === waiting.length) clearInterval(this.#opening);
    };
    this.#opening = setInterval(open, OPENING);
    open();
  }

  /** @throws Error when a fault names no device and no profile of this fleet. */
  check(faults: readonly Pick<Fault, 'kind' | 'target'>[]): void {
    for (const { kind, target } of faults) {
      if ([...this.#members.values()].some(member => concerns(target, member))) continue;
      const profiles = [...new Set([...this.#members.values()].map(({ profile }) => profile))];
      throw new Error(
        `The fault ${kind} names "${target}", which is no device of this facility and none of its profiles (${profiles.join(', ')})`,
      );
    }
  }

  /** Faults from now on, in place of those ordered before. */
  order(faults: readonly Fault[]): void {
    this.check(faults);
    for (const member of this.#members.values()) member.order(faults.filter(({ target }) => concerns(target, member)));
  }

  /** One pack of a device. `now` is the wall clock; 0 for the past. */
  send(device: string, samples: { time: number; values: Record<string, number> }[], now: number): void {
    this.#members.get(device)!.send(samples, now);
  }

  /** To be called a few times a second. */
  beat(now: number): void {
    for (const member of this.#members.values()) member.beat(now);
  }

  /** To be called about once a second. */
  weather(now: number): void {
    for (const member of this.#members.values()) member.weather(now);
  }

  counts(): DeviceClientCounts & { devices: number; connected: number } {
    const sum = { devices: this.#members.size, connected: 0, queued: 0, inFlight: 0, acknowledged: 0, dropped: 0 };
    for (const member of this.#members.values()) {
      const counts = member.counts();
      sum.connected += Number(member.connected);
      sum.queued += counts.queued;
      sum.inFlight += counts.inFlight;
      sum.acknowledged += counts.acknowledged;
      sum.dropped += counts.dropped;
    }
    return sum;
  }

  async flushed(): Promise<void> {
    await Promise.all([...this.#members.values()].map(member => member.flushed()));
  }

  async close(): Promise<void> {
    clearInterval(this.#opening);
    await Promise.all([...this.#members.values()].map(member => member.close()));
  }
}

const concerns = (target: string, { device, profile }: Member) => target === '*' || target === device || target === profile;

/** One line a fault, for --help. */
export const faultHelp = (): string =>
  Object.entries(FAULT_KINDS)
    .map(([kind, { says }]) => `    ${kind.padEnd(15)}${says}`)
    .join('\n');
