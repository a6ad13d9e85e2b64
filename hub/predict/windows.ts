// Each resident's window, fed from what ingest has stored; rebuilt from InfluxDB at the start and after a lost connection.
import { setImmediate as breathe } from 'node:timers/promises';
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { z } from 'zod';
import { FUTURE_LIMIT, loadProfiles, type Profile } from '../../devices/index.ts';
import { HOUR, ResidentWindow, type Sample, WATCHED, WATCHED_PROFILES } from '../../models/index.ts';
import type { SampleStore } from '../store/index.ts';

/** Past that baselines look at, and the late samples that a lost connection may have hidden, ms. */
const PAST = 25 * HOUR;
const LATE = HOUR;
const PORTION = 2 * HOUR;
const UNUSED = 26 * HOUR;

const StoredBatches = z.array(
  z.object({
    subject: z.string(),
    device: z.string(),
    profile: z.string(),
    samples: z.array(z.object({ time: z.number(), values: z.record(z.string(), z.number()) })),
  }),
);

interface Range {
  minimum: number;
  maximum: number;
}

export interface WindowsOptions {
  samples: Pick<SampleStore, 'readAll'>;
  mqttUrl: string;
  mqttInternal: string;
  clientId: string;
  now: () => number;
  log: Logger;
}

export class Windows {
  readonly #options: WindowsOptions;
  readonly #windows = new Map<string, ResidentWindow>();
  /** Plausible ranges of the device profiles, by profile and quantity. */
  readonly #ranges: ReadonlyMap<string, ReadonlyMap<string, Range>>;
  #client: MqttClient | undefined;
  #lostAt: number | null = null;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: WindowsOptions) {
    this.#options = options;
    const rangesOf = (profile: Profile) => new Map(profile.quantities.map(({ name, minimum, maximum }) => [name, { minimum, maximum }]));
    this.#ranges = new Map([...loadProfiles().values()].map(profile => [profile.id, rangesOf(profile)]));
  }

  /** Listens first and reads the past then, so that no sample falls between. The same sample twice does no harm. */
  async open(): Promise<void> {
    const { mqttUrl, mqttInternal, clientId, now, log } = this.#options;
    const client = connect(mqttUrl, {
      username: 'hub',
      password: mqttInternal,
      clientId,
      clean: true,
      reconnectPeriod: 500,
      connectTimeout: 5000,
      resubscribe: true,
    });
    this.#client = client;
    client.on('message', (_topic, payload) => this.#take(payload));
    client.on('error', error => log.warn({ problem: error.message }, 'the broker cannot be reached'));
    client.on('close', () => {
      this.#lostAt ??= now();
    });
    client.on('connect', () => {
      const lostAt = this.#lostAt;
      this.#lostAt = null;
      if (lostAt === null || this.#closed) return;
      log.info({ seconds: Math.round((now() - lostAt) / 1000) }, 'the broker is back; reading what was missed');
      this.#later(() => this.#read(lostAt - LATE));
    });
    // The broker may start later than this role; an error before the first connection is one more attempt, not an end.
    if (!client.connected) await new Promise<void>(resolve => client.once('connect', () => resolve()));
    await client.subscribeAsync('hub/1/stored/#', { qos: 1 });
    this.#later(() => this.#read(now() - PAST));
    await this.#reading;
  }

  /** The window of a patient; undefined before the first sample. */
  of(patient: string): ResidentWindow | undefined {
    return this.#windows.get(patient);
  }

  /** Resolves when a read that is under way has ended. */
  settled(): Promise<void> {
    return this.#reading;
  }

  /** Drops windows that nothing came into for more than a day, and what only past backlogs needed. */
  forgetUnused(): void {
    const before = this.#options.now() - UNUSED;
    for (const [patient, window] of this.#windows) {
      if (window.newest < before) this.#windows.delete(patient);
      else window.rest();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.endAsync(true);
    await this.#reading;
  }

  #take(payload: Buffer) {
    let batches: z.infer<typeof StoredBatches>;
    try {
      batches = StoredBatches.parse(JSON.parse(payload.toString()));
    } catch (error) {
      this.#options.log.error({ problem: (error as Error).message }, 'a message of stored samples cannot be read');
      return;
    }
    for (const { subject, device, profile, samples } of batches)
      for (const { time, values } of samples) this.#add(subject, { profile, device, time, values });
  }

  /** What ingest would refuse says nothing here either, whoever wrote it into the store: impossible values, and times ahead of now. */
  #add(subject: string, sample: Sample & { device: string; values: Record<string, number> }) {
    if (!subject.startsWith('Patient/') || !(sample.profile in WATCHED)) return;
    if (sample.time > this.#options.now() + FUTURE_LIMIT) return;
    const ranges = this.#ranges.get(sample.profile)!;
    for (const name in sample.values) {
      const range = ranges.get(name);
      if (range && !(sample.values[name]! >= range.minimum && sample.values[name]! <= range.maximum)) delete sample.values[name];
    }
    const patient = subject.slice('Patient/'.length);
    let window = this.#windows.get(patient);
    if (!window) {
      window = new ResidentWindow();
      this.#windows.set(patient, window);
    }
    window.add(sample);
  }

  /** One read after the other; one that fails is tried again until it is done. */
  #later(read: () => Promise<void>) {
    this.#reading = this.#reading.then(async () => {
      for (let wait = 200; !this.#closed; wait = Math.min(5000, wait * 2)) {
        try {
          return await read();
        } catch (error) {
          this.#options.log.warn({ problem: (error as Error).message }, 'the past samples cannot be read; trying again');
          await new Promise(resolve => setTimeout(resolve, wait));
        }
      }
    });
  }

  /** All subjects' samples since `from`, portion by portion, so that the past of many residents is never in memory at once. */
  async #read(from: number): Promise<void> {
    const { samples, now } = this.#options;
    const to = now() + 10 * 60_000;
    let count = 0;
    for (let start = Math.max(from, now() - PAST); start < to; start += PORTION) {
      for (const profile of WATCHED_PROFILES) {
        if (this.#closed) return;
        const points = await samples.readAll(profile, [...WATCHED[profile].quantities], start, Math.min(to, start + PORTION));
        for (const { subject, device, time, values } of points) this.#add(subject, { profile, device, time, values });
        count += points.length;
        await breathe();
      }
    }
    this.#options.log.info({ samples: count, residents: this.#windows.size }, 'windows read from the past');
  }
}
