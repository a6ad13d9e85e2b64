// The gateway in a facility: takes packs from devices on the local network, raises alarms, keeps packs on disk and passes them on to the hub.
import path from 'node:path';
import type { Logger } from 'pino';
import { gatewayAlarmTopic, loadProfiles } from '../devices/index.ts';
import { AlarmBook, isOpen, type LocalAlarm } from './alarms.ts';
import { Arrivals } from './arrivals.ts';
import { openBroker } from './broker.ts';
import type { EdgeConfig } from './config.ts';
import { Forwarder } from './forwarder.ts';
import { GatewayIdentity } from './identity.ts';
import { PackQueue } from './queue.ts';
import { Roster } from './roster.ts';
import { type EdgeStatus, openStatusPage, type StatusPage } from './status.ts';

export type { LocalAlarm } from './alarms.ts';
export { type EdgeConfig, readEdgeConfig } from './config.ts';
export type { EdgeStatus } from './status.ts';

export interface Edge {
  /** Of the local broker (without and with TLS) and of the status page. */
  port: number;
  tlsPort: number | null;
  statusPort: number;
  status(): EdgeStatus;
  /** A person has seen to the alarm. False when there is none of this id. */
  acknowledge(id: string): boolean;
  close(): Promise<void>;
}

/**
 * Starts the gateway. It works without the hub from its second start on: the list of devices is on disk.
 * @param now ms since 1970.
 * @throws Error when a port is taken, the data folder cannot be written, or the certificate cannot be used.
 */
export async function startEdge({ config, log, now = Date.now }: { config: EdgeConfig; log: Logger; now?: () => number }): Promise<Edge> {
  const { dataDirectory, facility } = config;
  const file = (name: string) => path.join(dataDirectory, name);
  const identity = config.certificate && new GatewayIdentity({ ...config.certificate, dataDirectory, facility, log, now });
  const queue = new PackQueue(file('queue.sqlite'), { maxPacks: config.maxPacks, keepFreeBytes: config.keepFreeBytes });
  const profiles = loadProfiles();
  const roster = new Roster(file('devices.json'));
  const batteries = new Map<string, number>();
  let page: StatusPage | null = null;
  const changed = (atOnce = false) => page?.changed(atOnce);
  const alarms = new AlarmBook(file('alarms.sqlite'), {
    now,
    onChange(alarm) {
      publishAlarm(alarm);
      changed(true);
      const { id, device, rule, kind, ended, acknowledged } = alarm;
      log.info({ id, device, rule, kind, ended, acknowledged }, 'alarm');
    },
    onFault: error => log.error({ err: error }, 'an alarm could not be kept on disk'),
  });
  const arrivals = new Arrivals({ roster, profiles, queue, alarms });
  const closeStores = () => {
    queue.close();
    alarms.close();
  };

  const broker = await openBroker({
    host: config.host,
    port: config.port,
    tls: config.tls && { ...config.tls, ca: config.ca },
    facility,
    roster,
    log,
    now,
    async take({ topic, device, format, payload, receivedAt, connection }) {
      const arrived = arrivals.take(device, format, payload, receivedAt);
      if (arrived) forwarder.offer(await queue.append({ topic, device, at: receivedAt, owner: connection, ...arrived }));
    },
    gone: connection => queue.withdraw(connection),
    state(device, topic, payload) {
      const battery = batteryOf(payload);
      if (battery !== null) batteries.set(device, battery);
      forwarder.state(topic, payload);
      changed();
    },
    signedIn: (device, by) => forwarder.used(device, by.sha256),
    request: (topic, payload) => forwarder.request(topic, payload),
    changed,
  }).catch(error => {
    closeStores();
    throw error;
  });
  function publishAlarm(alarm: LocalAlarm) {
    // An empty retained message ends it (MQTT 3.1.1 section 3.3.1.3).
    broker.deliver(gatewayAlarmTopic(facility, alarm.id), Buffer.from(isOpen(alarm) ? JSON.stringify(alarm) : ''), true);
  }
  for (const alarm of alarms.open()) publishAlarm(alarm);

  const forwarder = new Forwarder({
    hubUrl: config.hubUrl,
    facility,
    secret: config.secret,
    identity,
    ca: config.ca,
    queue,
    backlogRate: config.backlogRate,
    log,
    onDevices(payload) {
      try {
        roster.replace(payload);
        broker.cutRevoked();
        changed();
        log.info({ devices: roster.devices.length }, 'the list of devices came from the hub');
      } catch (error) {
        log.error({ err: error }, 'the hub’s list of devices cannot be used; the old one stays');
      }
    },
    onDownlink: (topic, payload, retain) => broker.deliver(topic, payload, retain),
    changed,
  });

  function status(): EdgeStatus {
    const hub = forwarder.status();
    return {
      facility,
      now: iso(now()),
      hub: {
        connected: hub.connected,
        since: iso(hub.since),
        lastError: hub.lastError,
        certificateUntil: identity && iso(identity.notAfter),
      },
      queue: {
        packs: queue.length,
        limit: config.maxPacks,
        full: queue.full,
        heldBack: queue.held,
        inFlight: hub.inFlight,
        delivered: hub.delivered,
        oldest: queue.oldest === null ? null : iso(queue.oldest),
      },
      listKnown: roster.known,
      devices: roster.devices.map(({ device, profile, place = null }) => {
        const seen = broker.seen.get(device);
        const known = arrivals.of(device);
        return {
          device,
          profile,
          profileName: profiles.get(profile)?.name ?? null,
          place,
          connected: seen?.connected ?? false,
          lastPack: seen?.lastPack ? iso(seen.lastPack) : null,
          packs: seen?.packs ?? 0,
          refused: seen?.refused ?? 0,
          battery: known.battery ?? batteries.get(device) ?? null,
          clockOffset: known.offset === null ? null : known.offset / 1000,
          clockCorrection: known.correction / 1000,
        };
      }),
      alarms: alarms.list(),
      pin: config.statusPin !== null,
    };
  }
  const acknowledge = (id: string) => alarms.acknowledge(id) !== null;
  const opened = await openStatusPage({
    ...{ host: config.host, port: config.statusPort, names: config.statusNames, pin: config.statusPin },
    ...{ status, acknowledge },
  }).catch(async error => {
    await Promise.all([broker.close(), forwarder.close()]);
    closeStores();
    throw error;
  });
  page = opened;
  log.info({ port: broker.port, statusPort: opened.port, waiting: queue.length, kept: queue.durability }, 'the gateway takes packs');

  return {
    port: broker.port,
    tlsPort: broker.tlsPort,
    statusPort: opened.port,
    status,
    acknowledge,
    async close() {
      await Promise.all([opened.close(), broker.close()]);
      await forwarder.close();
      closeStores();
      log.info({ waiting: queue.length }, 'the gateway has ended');
    },
  };
}

const iso = (time: number) => new Date(time).toISOString();

/** The charge that a device says in its state, 0 … 1. */
function batteryOf(payload: Buffer): number | null {
  try {
    const battery = (JSON.parse(payload.toString('utf8')) as { battery?: unknown } | null)?.battery;
    return typeof battery === 'number' && battery >= 0 && battery <= 1 ? battery : null;
  } catch {
    return null;
  }
}
