// An outside MQTT broker (Mosquitto, EMQX …) in place of the embedded one. It signs devices in and keeps their topics apart;
// ingest nodes share one subscription and acknowledge by hand, after the store.
import { randomBytes } from 'node:crypto';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Broker } from './broker.ts';
import type { Intake } from './intake.ts';

/**
 * mqtt.js handles one message after the other and waits for each one's acknowledgement; so many connections let so many messages share a
 * batch. Each is a member of the shared subscription.
 */
const CONNECTIONS = 16;
const SHARED = '$share/hub/care/1/#';

/**
 * Revocation is the outside broker's to do: nothing is cut here.
 * @param url With user and password when the broker wants them.
 * @throws Error when the broker cannot be reached at the start; later it reconnects by itself.
 */
export async function openOutsideBroker({ url, intake, log }: { url: string; intake: Intake; log: Logger }): Promise<Broker> {
  const name = `hub-ingest-${randomBytes(4).toString('hex')}`;
  const clients: MqttClient[] = [];
  let stopped = false;
  try {
    for (let index = 0; index < CONNECTIONS; index++) {
      const client = await connectAsync(url, { clientId: `${name}-${index}`, clean: true, resubscribe: true });
      clients.push(client);
      // mqtt.js sends the PUBACK when this calls back. (Its `customHandleAcks` is for MQTT 5 only and silently ignored below it.)
      client.handleMessage = ({ topic, payload }, done) =>
        intake.take({ login: { kind: 'hub' }, topic, payload: Buffer.from(payload) }, () => done());
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
    publish: (topic, payload, { retain = false } = {}) => {
      first?.publish(
        topic,
        payload,
        { qos: 0, retain },
        error => error && log.warn({ err: error, topic }, 'a message could not be published'),
      );
    },
    benchWatched: () => !stopped,
    cutRevoked: () => undefined,
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
      await Promise.allSettled(clients.map(client => client.connected && client.unsubscribeAsync(SHARED)));
    },
    async close() {
      await Promise.allSettled(clients.map(client => client.endAsync()));
    },
  };
}
