// The ingest role: a broker in front, the sample store behind, and nothing acknowledged that is not stored.
import type { Logger } from 'pino';
import { loadProfiles } from '../../devices/index.ts';
import type { Config } from '../config.ts';
import type { Authority } from '../identity/index.ts';
import { type Records, RIGHTS_CHANNEL } from '../records/records.ts';
import type { Database, SampleStore } from '../store/index.ts';
import { type Broker, openBroker } from './broker.ts';
import { openCertifier } from './certifier.ts';
import { settleCredentials, takeIntoUse } from './credentials.ts';
import { openDirectory } from './directory.ts';
import { type LimitsOf, openDownlink } from './downlink.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { openLedger } from './ledger.ts';
import { openObserver } from './observer.ts';
import { openOutsideBroker } from './outside-broker.ts';
import type { PlacesOf } from './places.ts';
import { openPresence } from './presence.ts';
import { DEFAULT_RATES, type Rates } from './rate.ts';
import { openRegistry } from './registry.ts';

export interface IngestDependencies {
  config: { mqtt: Config['mqtt']; mqtts?: Config['mqtts']; dataDirectory?: string; rawDays?: number; mqttRates?: Rates };
  database: Database;
  samples: Pick<SampleStore, 'write'>;
  records: Records;
  /** Signs certificates of devices, gateways and the broker; without it there is plain MQTT only. */
  authority?: Authority;
  /** Residents’ own limits of alarms, for the gateways. */
  limitsOf?: LimitsOf;
  /** Rooms and places of devices, for the gateways' pages. */
  placesOf?: PlacesOf;
  /** Password of the hub's own roles at the broker. */
  mqttInternal: string;
  log: Logger;
  /** In place of `config.mqttRates`: messages a second that are read from one login. Default 200 from a device, 5,000 from a gateway. */
  rates?: Rates;
  /** For tests and measurements: sizes and pauses of the batches. */
  batch?: IntakeOptions['batch'];
  /** How long the last samples may take when the role ends, ms. Default 5,000. */
  lastWriteMilliseconds?: number;
  /** Pause between writings of counts and refusals, ms. Default 1,000. */
  ledgerMilliseconds?: number;
}

export interface Ingest {
  /** TCP port of the broker; the outside broker's when there is one. */
  port: number;
  /** TCP port of MQTT over TLS; null without it. */
  tlsPort: number | null;
  stats(): object;
  /** Takes no more, writes and acknowledges what waits, and ends. What could not be written was not acknowledged and comes again. */
  close(): Promise<void>;
}

/** Credentials that are over are ended, and renewals asked for, so often, ms. A sign-in looks at the times itself. */
const SETTLE_EVERY = 600_000;

/** Starts the role. @throws Error when the port is taken or the database cannot be reached. */
export async function startIngest(dependencies: IngestDependencies): Promise<Ingest> {
  const { config, database, samples, records, authority, mqttInternal, log, batch, lastWriteMilliseconds = 5000 } = dependencies;
  const rates = dependencies.rates ?? config.mqttRates ?? DEFAULT_RATES;
  let broker: Broker | undefined;
  const publish: IntakeOptions['publish'] = (topic, payload, options) => broker?.publish(topic, payload, options);
  const downlink = openDownlink({
    ...{ publish, limitsOf: dependencies.limitsOf, placesOf: dependencies.placesOf },
    failed: error =>
      log.warn({ err: error }, 'limits or rooms of residents could not be read; gateways keep what they have, and it is tried again'),
  });
  const ledger = openLedger({ database, log, everyMilliseconds: dependencies.ledgerMilliseconds });
  const directory = await openDirectory({
    database,
    profiles: loadProfiles(),
    changed: facility => {
      broker?.cutRevoked(facility);
      downlink.tell(facility);
    },
    failed: error => log.warn({ err: error }, 'the registry of devices could not be read; what was known stays in force'),
  });
  const intake = new Intake({
    ...{ store: samples, directory, ledger, publish, log, batch },
    // What the store no longer keeps raw must not be accepted: it would refuse it.
    ageLimit: config.rawDays ? config.rawDays * 86_400_000 : undefined,
    benchWatched: device => broker?.benchWatched(device) ?? false,
    storedWatched: () => broker?.storedWatched() ?? false,
    onRoom: () => broker?.onRoom(),
  });
  const stopFollowing = await database.listen(
    RIGHTS_CHANNEL,
    payload => {
      const patient = (payload as { patient?: unknown } | null)?.patient;
      if (typeof patient === 'string') downlink.moved([patient]);
    },
    () => downlink.moved(),
  );
  const observer = await openObserver({ database, publish, cut: (facility, device) => broker?.cutDevice(facility, device) });
  try {
    broker = config.mqtt.embedded
      ? await openBroker({
          host: config.mqtt.host,
          port: config.mqtt.port,
          mqttInternal,
          presence: openPresence((facility, device, connected) => ledger.state(facility, device, { connected })),
          directory,
          intake: () => intake,
          rates,
          observer,
          tls: authority && config.mqtts ? { ...config.mqtts, authority } : undefined,
          firstUse: (holder, credential) =>
            takeIntoUse(database, holder, credential).catch(error => log.warn({ err: error }, 'a credential could not be noted as used')),
          certifier: openCertifier({
            ...{ registry: openRegistry({ database, mqttUrl: config.mqtt.url, authority }), records, publish, log },
            refuse: (holder, topic, request, refusal) => intake.refuseOutright(holder, topic, request, refusal),
          }),
          log,
        })
      : await openOutsideBroker({ url: config.mqtt.url, dataDirectory: config.dataDirectory, intake, log });
    await settleCredentials(database);
    for (const facility of await directory.toldFacilities()) downlink.tell(await directory.of(facility));
  } catch (error) {
    downlink.close();
    await Promise.allSettled([broker?.close(), directory.close(), ledger.close(), observer.close(), stopFollowing()]);
    throw error;
  }
  const open = broker;
  const settling = setInterval(() => {
    // Rooms that got another name.
    downlink.moved();
    void settleCredentials(database).catch(error => log.warn({ err: error }, 'credentials that are over could not be ended; tried again'));
  }, SETTLE_EVERY);
  log.info({ port: open.port, embedded: config.mqtt.embedded }, 'ingest takes samples');
  return {
    port: open.port,
    tlsPort: open.tlsPort,
    stats: () => ({ ...intake.stats(), ...open.stats() }),
    async close() {
      clearInterval(settling);
      downlink.close();
      await stopFollowing();
      await open.stopReading();
      await intake.close(lastWriteMilliseconds);
      await open.close();
      await directory.close();
      await ledger.close();
      await observer.close();
      log.info('ingest has ended');
    },
  };
}
