// The facility's devices as real MQTT clients: samples become SenML readings, held back while a device's network is away.
import { DeviceClient, type DeviceClientCounts, type Reading } from '../../devices/index.ts';
import { MINUTE, Random } from '../residents/index.ts';
import { type Faults, spoil } from './faults.ts';
import { type PlannedDevice, quantitiesByProfile } from './plan.ts';

interface Member {
  client: DeviceClient;
  profile: string;
  random: Random;
  /** While away: what waits, and until when (wall ms). */
  awayUntil: number;
  held: Reading[][];
}

export interface FleetOptions {
  facility: string;
  brokerUrl: string;
  devices: PlannedDevice[];
  faults: Faults;
  /** Packs each device may hold while it cannot send. */
  bufferPacks: number;
  onFault(device: string, reason: string): void;
}

export class Fleet {
  readonly #members = new Map<string, Member>();
  readonly #faults: Faults;
  readonly #quantities = quantitiesByProfile();

  constructor({ facility, brokerUrl, devices, faults, bufferPacks, onFault }: FleetOptions) {
    this.#faults = faults;
    for (const { device, profile, username, secret } of devices) {
      if (!this.#quantities.has(profile)) throw new Error(`The device ${device} has the profile "${profile}", which is not known`);
      if (username !== undefined && username !== `${facility}/${device}`)
        throw new Error(`The device ${device} signs in as "${facility}/${device}", not "${username}"`);
      const client = new DeviceClient({
        url: brokerUrl,
        facility,
        device,
        secret,
        bufferPacks,
        reconnectMilliseconds: 1000,
        onFault: error => onFault(device, error.message),
        onRefused: payload => onFault(device, `refused: ${payload.toString('utf8').slice(0, 300)}`),
      });
      this.#members.set(device, { client, profile, random: new Random(`fleet ${device}`), awayUntil: 0, held: [] });
    }
  }

  /** One pack of a device. `now` is the wall clock. */
  send(device: string, samples: { time: number; values: Record<string, number> }[], now: number): void {
    const member = this.#members.get(device)!;
    const readings = samples.flatMap(({ time, values }) => this.#readings(member.profile, time, values));
    for (const pack of spoil(readings, this.#faults, member.random)) {
      if (now < member.awayUntil) member.held.push(pack);
      else member.client.publish(pack);
    }
  }

  /** To be called about once a second: networks go away and come back. */
  weather(now: number): void {
    for (const member of this.#members.values()) {
      if (member.awayUntil && now >= member.awayUntil) {
        member.awayUntil = 0;
        for (const pack of member.held.splice(0)) member.client.publish(pack);
      }
      if (!member.awayUntil && member.random.chance(this.#faults.dropOut / 3600)) {
        member.awayUntil = now + member.random.range(1, 5) * MINUTE;
        member.client.dropConnection();
      }
    }
  }

  counts(): DeviceClientCounts & { devices: number; connected: number } {
    const sum = { devices: this.#members.size, connected: 0, queued: 0, inFlight: 0, acknowledged: 0, dropped: 0 };
    for (const { client } of this.#members.values()) {
      const counts = client.counts();
      sum.connected += Number(client.connected);
      sum.queued += counts.queued;
      sum.inFlight += counts.inFlight;
      sum.acknowledged += counts.acknowledged;
      sum.dropped += counts.dropped;
    }
    return sum;
  }

  async flushed(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ client }) => client.flushed()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ client }) => client.close()));
  }

  #readings(profile: string, time: number, values: Record<string, number>): Reading[] {
    const quantities = this.#quantities.get(profile)!;
    return Object.entries(values).map(([name, value]) => {
      const quantity = quantities.get(name);
      if (!quantity) throw new Error(`the profile ${profile} has no quantity ${name}`);
      return quantity.kind === 'boolean' ? { name, unit: '', value: value !== 0, time } : { name, unit: quantity.senmlUnit, value, time };
    });
  }
}
