// An outside MQTT broker (Mosquitto, EMQX …) in place of the embedded one. It signs devices in and keeps their topics apart;
// ingest nodes share one subscription and acknowledge by hand, after the store.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Broker } from './broker.ts';
import type { Intake } from './intake.ts';

/**
 * mqtt.js handles one message after the other and waits for each one's acknowledgement; so many connections let so many messages share a
 * batch. Each is a member of the shared subscription.
 */
const CONNECTIONS = 16;
const SHARED = '$share/hub/care/1/#';

/** Keeps this node's name, so that it finds its sessions at the broker again. */
const NODE_FILE = 'ingest-node';

/**
 * With `dataDirectory` the sessions at the broker are kept: what the node had not acknowledged when it was killed, and what came while it
 * was away, waits there for it (Mosquitto: as far as `max_queued_messages` allows; set it to 0, and `persistent_client_expiration` so that
 * a node that is gone for good is forgotten). Without it the sessions end with the connection.
 * Revocation is the outside broker's to do: nothing is cut here.
 * @param url With user and password when the broker wants them.
 * @throws Error when the broker cannot be reached at the start; later it reconnects by itself.
 */
export async function openOutsideBroker({
  url,
  dataDirectory,
  intake,
  log,
}: {
  url: string;
  dataDirectory?: string;
  intake: Intake;
  log: Logger;
}): Promise<Broker> {
  const kept = dataDirectory !== undefined;
  const name = `hub-ingest-${kept ? nodeName(dataDirectory) : randomBytes(4).toString('hex')}`;
  const clients: MqttClient[] = [];
  let stopped = false;
  try {
    for (let index = 0; index < CONNECTIONS; index++) {
      const client = connect(url, { clientId: `${name}-${index}`, clean: !kept, resubscribe: true, manualConnect: true });
      clients.push(client);
      // Set before the connection stands: a kept session delivers right behind CONNACK.
      // mqtt.js sends the PUBACK when this calls back. (Its `customHandleAcks` is for MQTT 5 only and silently ignored below it.)
      client.handleMessage = ({ topic, payload }, done) => {
        // Not acknowledged, so it comes again.
        if (stopped) return;
        intake.take({ login: { kind: 'hub' }, topic, payload: Buffer.from(payload) }, outcome => {
          // Its session keeps the message for the next connection.
          if (outcome === 'failed') client.stream.destroy();
          else done();
        });
      };
      await connected(client);
      client.on('error', error => log.warn({ err: error }, 'connection to the MQTT broker failed'));
      const [granted] = await client.subscribeAsync(SHARED, { qos: 1 });
      if (granted?.qos === 128) throw new Error(`the MQTT broker refuses the subscription ${SHARED}`);
    }
  } catch (error) {
    await Promise.allSettled(clients.map(client => client.endAsync(true)));
    throw new Error(`The MQTT broker at ${new URL(url).host} cannot be used`, { cause: error });
  }
  const [first] = clients;
  return {
    port: Number(new URL(url).port) || 1883,
    tlsPort: null,
    publish: (topic, payload, { retain = false } = {}) => {
      first?.publish(
        topic,
        payload,
        { qos: 0, retain },
        error => error && log.warn({ err: error, topic }, 'a message could not be published'),
      );
    },
    benchWatched: () => !stopped,
    storedWatched: () => !stopped,
    cutRevoked: () => undefined,
    cutDevice: () => undefined,
    onRoom: () => undefined,
    stats: () => ({
      connections: clients.filter(client => client.connected).length,
      oversized: 0,
      refusedSignIns: 0,
      protocolFaults: 0,
      heldBack: 0,
    }),
    async stopReading() {
      stopped = true;
      // A kept session goes on collecting for this node.
      if (kept) return;
      await Promise.allSettled(clients.map(client => client.connected && client.unsubscribeAsync(SHARED)));
    },
    async close() {
      await Promise.allSettled(clients.map(client => client.endAsync()));
    },
  };
}

/** Resolves when the first connection stands; later it reconnects by itself. */
const connected = (client: MqttClient) =>
  new Promise<void>((resolve, reject) => {
    client.once('connect', () => {
      client.off('error', reject);
      resolve();
    });
    client.once('error', reject);
    client.connect();
  });

function nodeName(directory: string): string {
  const file = path.join(directory, NODE_FILE);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const made = randomBytes(6).toString('hex');
    writeFileSync(file, `${made}\n`);
    return made;
  }
}
