// What the ingest tests share: a running ingest role on a database of its own, registered devices, and MQTT clients.
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import pino from 'pino';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { type IngestDependencies, openRegistry, type Registry, startIngest } from '../../hub/ingest/index.ts';
import type { Records } from '../../hub/records/records.ts';
import type { Database, SamplePoint, SampleStore } from '../../hub/store/index.ts';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';

export const log = pino({ level: 'silent' });
export const mqttInternal = 'internal-secret-of-the-test';
/** Ingest asks the record for nothing; `audited` keeps what it writes there. */
export const audited: { en: string }[] = [];
export const noRecords = { audit: async ({ what }) => void audited.push(what) } as Pick<Records, 'audit'> as Records;

/** A store whose writes wait while the gate is closed, or fail while it is broken. */
export function gated(store: SampleStore) {
  let open: Promise<void> = Promise.resolve();
  let release = () => {};
  let fault: Error | null = null;
  const written: SamplePoint[][] = [];
  return {
    written,
    async write(points: SamplePoint[]) {
      await open;
      if (fault) throw fault;
      await store.write(points);
      written.push(points);
    },
    close() {
      open = new Promise(resolve => {
        release = resolve;
      });
    },
    open: () => release(),
    break: (error: Error) => {
      fault = error;
    },
    mend: () => {
      fault = null;
    },
  };
}

export interface Stand {
  database: Database;
  samples: SampleStore;
  store: ReturnType<typeof gated>;
  registry: Registry;
  port: number;
  /** MQTT over TLS, when the stand has an authority. */
  tlsPort: number | null;
  stats(): Record<string, number>;
  connect(credentials: Pick<Credentials, 'username' | 'secret' | 'device'>, options?: IClientOptions): Promise<MqttClient>;
  hub(): Promise<MqttClient>;
  stopIngest(): Promise<void>;
  startIngest(): Promise<void>;
  close(): Promise<void>;
}

export async function openStand({
  batch,
  lastWriteMilliseconds,
  rates,
  limitsOf,
  placesOf,
  authority,
  samples: given,
}: Pick<IngestDependencies, 'batch' | 'lastWriteMilliseconds' | 'rates' | 'authority' | 'limitsOf' | 'placesOf'> & {
  samples?: SampleStore;
} = {}): Promise<Stand> {
  const database = await freshDatabase();
  const samples = given ?? (await sampleStore());
  const store = gated(samples);
  const mqtt = { host: '127.0.0.1', port: 0, url: 'mqtt://127.0.0.1', embedded: true };
  const start = () =>
    startIngest({
      ...{ config: { mqtt, mqtts: { port: 0, hosts: ['localhost'], url: null } }, database, samples: store, records: noRecords },
      ...{ authority, mqttInternal, log, batch, lastWriteMilliseconds, rates, limitsOf, placesOf },
      ledgerMilliseconds: 20,
    });
  let ingest = await start();
  mqtt.port = ingest.port;
  const clients: MqttClient[] = [];
  const connectWith = async (options: IClientOptions) => {
    const client = await connectAsync(`mqtt://127.0.0.1:${mqtt.port}`, { reconnectPeriod: 0, ...options }, false);
    client.on('error', () => {});
    clients.push(client);
    return client;
  };
  return {
    database,
    samples,
    store,
    registry: openRegistry({ database, mqttUrl: `mqtt://127.0.0.1:${ingest.port}`, authority }),
    port: ingest.port,
    get tlsPort() {
      return ingest.tlsPort;
    },
    stats: () => ingest.stats() as Record<string, number>,
    connect: ({ username, secret, device }, options) => connectWith({ username, password: secret, clientId: device, ...options }),
    hub: () => connectWith({ username: 'hub', password: mqttInternal, clientId: unique('hub') }),
    stopIngest: () => ingest.close(),
    async startIngest() {
      ingest = await start();
    },
    async close() {
      await Promise.all(clients.map(client => client.endAsync(true)));
      store.open();
      await ingest.close();
      await database.close();
    },
  };
}

/** A SenML pack of a bed sensor: one heart rate per time (ms since 1970). */
export const bedPack = (device: string, times: number[], heartRate = 62, unit = 'beat/min'): string =>
  JSON.stringify(times.map(time => ({ bn: `${device}:`, bt: time / 1000, n: 'heart_rate', u: unit, v: heartRate })));

export const heartRates = (samples: SampleStore, subject: string, from: number, to: number) =>
  samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from, to });

/** A device of a new facility that watches a new patient, and a time at which it already did, rounded to a second. */
export async function newBed(stand: Stand, facility = unique('facility'), wish: { credential?: 'certificate'; csr?: string } = {}) {
  const subject = `Patient/${unique('patient')}`;
  const time = Math.floor(Date.now() / 1000) * 1000 - 5000;
  const credentials = await stand.registry.createDevice({ facility, profile: 'bed', subject, from: new Date(time - 86_400_000), ...wish });
  return { ...credentials, subject, time };
}
