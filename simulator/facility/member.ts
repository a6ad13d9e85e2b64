// One device of the fleet: its MQTT client, and what the ordered faults make of its packs, its clock, its battery and its network.
import { DeviceClient, type DeviceClientCounts, type DeviceClientOptions, type Quantity, type Reading } from '../../devices/index.ts';
import { MINUTE, Random } from '../residents/index.ts';
import { clockError, distort, type Fault, type Faults, onAt, spoil } from './faults.ts';
import { batteryOf, drained } from './power.ts';

/** Quantity in which some devices say their battery, %; the others say it in their state. */
const BATTERY = 'battery';

interface Numbered {
  readings: Reading[];
  sequence: number;
}

export class Member {
  readonly device: string;
  readonly profile: string;
  readonly #quantities: ReadonlyMap<string, Quantity>;
  readonly #options: DeviceClientOptions;
  readonly #always: Faults;
  readonly #random: Random;
  readonly #weather: Random;
  readonly #battery: (now: number) => number | undefined;
  readonly #frozen = new Map<string, Reading['value']>();
  #faults: Fault[] = [];
  #client: DeviceClient | null = null;
  /** Packs from before the connection was opened. */
  #early: Reading[][] = [];
  /** Packs that are about to change places. */
  #shuffled: Numbered[] = [];
  #last: Reading[] = [];
  #awayUntil = 0;
  #suspended = false;
  #charge: number | undefined;
  #flooded = 0;

  constructor(
    profile: string,
    options: DeviceClientOptions,
    { quantities, always, seed }: { quantities: ReadonlyMap<string, Quantity>; always: Faults; seed: string },
  ) {
    this.device = options.device;
    this.profile = profile;
    this.#quantities = quantities;
    this.#always = always;
    this.#options = { ...options, now: () => Date.now() + clockError(this.#faults, Date.now()) };
    this.#random = new Random(`fleet ${seed}${options.device}`);
    this.#weather = new Random(`weather ${seed}${options.device}`);
    this.#battery = batteryOf(options.device, profile);
  }

  /** Opens the connection. */
  open(now: number): void {
    this.#charge = this.#stateCharge(now);
    this.#client = new DeviceClient({ ...this.#options, battery: this.#charge });
    for (const readings of this.#early.splice(0)) this.#client.publish(readings);
  }

  /** Faults ordered for this device from now on. */
  order(faults: Fault[]): void {
    this.#faults = faults;
  }

  /** One pack. `now` is the wall clock; 0 while the past is sent, which no ordered fault touches. */
  send(samples: { time: number; values: Record<string, number> }[], now: number): void {
    const readings = samples.flatMap(({ time, values }) => this.#readings(time, values));
    if (drained(this.#faults, now) === 0) return;
    this.#last = readings;
    const shown = this.#withBattery(distort(readings, this.#faults, now, this.#distortion()), now);
    if (!this.#client) {
      for (const pack of spoil(shown, this.#always, [], now, this.#random)) this.#early.push(pack);
      return;
    }
    const sequence = this.#client.nextSequence();
    for (const pack of spoil(shown, this.#always, this.#faults, now, this.#random)) this.#reorder({ readings: pack, sequence }, now);
  }

  /** To be called a few times a second: network, battery and floods follow their faults. */
  beat(now: number): void {
    const client = this.#client;
    if (!client) return;
    const away = now < this.#awayUntil || onAt(this.#faults, 'drop-out', now) !== undefined || drained(this.#faults, now) === 0;
    if (away !== this.#suspended) {
      this.#suspended = away;
      if (away) client.suspend();
      else client.resume();
    }
    if (this.#shuffled.length && !onAt(this.#faults, 'reorder', now)) this.#release();
    const charge = this.#stateCharge(now);
    if (charge !== this.#charge) {
      this.#charge = charge;
      client.sendState(charge);
    }
    const flood = onAt(this.#faults, 'flood', now);
    if (!flood) this.#flooded = 0;
    if (!flood || !this.#last.length) return;
    const due = Math.floor(((now - flood.from) * flood.amount) / 1000);
    // At most as many as a second holds, after a pause of the process.
    const fresh = Math.min(due - this.#flooded, flood.amount);
    this.#flooded = due;
    for (let index = 0; index < fresh; index++) {
      const time = now - fresh + index;
      client.publish(this.#last.map(reading => ({ ...reading, time })));
    }
  }

  /** To be called once a second: with `--drop-out`, networks go away by chance for some minutes. */
  weather(now: number): void {
    if (now >= this.#awayUntil && this.#weather.chance(this.#always.dropOut / 3600))
      this.#awayUntil = now + this.#weather.range(1, 5) * MINUTE;
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  counts(): DeviceClientCounts {
    const counts = this.#client?.counts() ?? { queued: 0, inFlight: 0, acknowledged: 0, dropped: 0 };
    return { ...counts, queued: counts.queued + this.#early.length + this.#shuffled.length };
  }

  async flushed(): Promise<void> {
    await this.#client?.flushed();
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  #reorder(pack: Numbered, now: number) {
    const reorder = onAt(this.#faults, 'reorder', now);
    if (!reorder) {
      this.#client!.publish(pack.readings, pack.sequence);
      return;
    }
    this.#shuffled.push(pack);
    if (this.#shuffled.length >= reorder.amount) this.#release();
  }

  /** The packs that were held back, in another order. */
  #release() {
    const packs = this.#shuffled.splice(0);
    for (let index = packs.length - 1; index > 0; index--) {
      // Each changes its place (Sattolo): never the order in which they were made.
      const other = Math.floor(this.#random.uniform() * index);
      [packs[index], packs[other]] = [packs[other]!, packs[index]!];
    }
    for (const { readings, sequence } of packs) this.#client!.publish(readings, sequence);
  }

  #distortion() {
    return { quantities: this.#quantities, random: this.#random, frozen: this.#frozen };
  }

  #stateCharge(now: number): number | undefined {
    const charge = this.#quantities.has(BATTERY) ? undefined : this.#battery(now);
    return charge === undefined ? undefined : Math.round(100 * charge * drained(this.#faults, now)) / 100;
  }

  #withBattery(readings: Reading[], now: number): Reading[] {
    const left = drained(this.#faults, now);
    if (left === 1 || !this.#quantities.has(BATTERY)) return readings;
    return readings.map(reading => (reading.name === BATTERY ? { ...reading, value: Math.round(Number(reading.value) * left) } : reading));
  }

  #readings(time: number, values: Record<string, number>): Reading[] {
    return Object.entries(values).map(([name, value]) => {
      const quantity = this.#quantities.get(name);
      if (!quantity) throw new Error(`the profile ${this.profile} has no quantity ${name}`);
      return quantity.kind === 'boolean' ? { name, unit: '', value: value !== 0, time } : { name, unit: quantity.senmlUnit, value, time };
    });
  }
}
