// The gateway in a facility: takes packs from devices on the local network, keeps them on disk and passes them on to the hub.
import path from 'node:path';
import type { Logger } from 'pino';
import { openBroker } from './broker.ts';
import type { EdgeConfig } from './config.ts';
import { Forwarder } from './forwarder.ts';
import { PackQueue } from './queue.ts';
import { Roster } from './roster.ts';
import { type EdgeStatus, openStatusPage } from './status.ts';

export { type EdgeConfig, readEdgeConfig } from './config.ts';
export type { EdgeStatus } from './status.ts';

export interface Edge {
  /** Of the local broker and of the status page. */
  port: number;
  statusPort: number;
  status(): EdgeStatus;
  close(): Promise<void>;
}

/**
 * Starts the gateway. It works without the hub from its second start on: the list of devices is on disk.
 * @throws Error when a port is taken or the data folder cannot be written.
 */
export async function startEdge({ config, log }: { config: EdgeConfig; log: Logger }): Promise<Edge> {
  const queue = new PackQueue(path.join(config.dataDirectory, 'queue.sqlite'), { maxPacks: config.maxPacks });
  const roster = new Roster(path.join(config.dataDirectory, 'devices.json'));
  const broker = await openBroker({
    host: config.host,
    port: config.port,
    facility: config.facility,
    roster,
    log,
    store: async (topic, payload) => forwarder.offer(await queue.append(topic, payload)),
    state: (topic, payload) => forwarder.state(topic, payload),
  }).catch(error => {
    queue.close();
    throw error;
  });
  const forwarder = new Forwarder({
    hubUrl: config.hubUrl,
    facility: config.facility,
    secret: config.secret,
    queue,
    backlogRate: config.backlogRate,
    log,
    onDevices(payload) {
      try {
        roster.replace(payload);
        broker.cutRevoked();
        log.info({ devices: roster.devices.length }, 'the list of devices came from the hub');
      } catch (error) {
        log.error({ err: error }, 'the hub’s list of devices cannot be used; the old one stays');
      }
    },
    onDownlink: (topic, payload, retain) => broker.deliver(topic, payload, retain),
  });

  function status(): EdgeStatus {
    const hub = forwarder.status();
    return {
      facility: config.facility,
      now: new Date().toISOString(),
      hub: { connected: hub.connected, since: new Date(hub.since).toISOString(), lastError: hub.lastError },
      queue: {
        packs: queue.length,
        limit: config.maxPacks,
        full: queue.full,
        heldBack: queue.held,
        inFlight: hub.inFlight,
        delivered: hub.delivered,
      },
      listKnown: roster.known,
      devices: roster.devices.map(({ device, profile }) => {
        const seen = broker.seen.get(device);
        return {
          device,
          profile,
          connected: seen?.connected ?? false,
          lastPack: seen?.lastPack ? new Date(seen.lastPack).toISOString() : null,
          packs: seen?.packs ?? 0,
          refused: seen?.refused ?? 0,
        };
      }),
    };
  }
  const page = await openStatusPage({ host: config.host, port: config.statusPort }, status).catch(async error => {
    await Promise.all([broker.close(), forwarder.close()]);
    queue.close();
    throw error;
  });
  log.info({ port: broker.port, statusPort: page.port, waiting: queue.length }, 'the gateway takes packs');

  return {
    port: broker.port,
    statusPort: page.port,
    status,
    async close() {
      await Promise.all([page.close(), broker.close()]);
      await forwarder.close();
      queue.close();
      log.info({ waiting: queue.length }, 'the gateway has ended');
    },
  };
}
