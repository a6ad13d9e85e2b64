// The line of a run at the hub's own broker: the ingest role tells what the device does over MQTT, and disturbs its line by notification.
import type { MqttClient } from 'mqtt';
import type { Connection, Line, Message } from '../../devices/conformance/index.ts';
import { OBSERVATION_CHANNEL, type Observation, observationTopic, type Sight } from '../ingest/index.ts';
import type { Database } from '../store/index.ts';

/** The ingest role forgets a run that it hears nothing of: told again so often, ms. */
const REPEAT = 5000;
/** Longest wait for the ingest role to do what was asked, ms. */
const APPLIED_WITHIN = 5000;

export interface HubLineOptions {
  database: Pick<Database, 'notify'>;
  mqtt: MqttClient;
  facility: string;
  device: string;
  run: string;
  /** Where the device is to connect. */
  address: string;
  /** Asks the device for a new certificate by its configuration. */
  askRenewal: () => void;
  onEvent: () => void;
  /** The device sends more than a run looks at. */
  onTooMuch: () => void;
}

/** Cuts the device's present connection, so that its next sign-in is seen. @throws Error when the broker cannot be asked. */
export async function openHubLine(options: HubLineOptions): Promise<Line> {
  const { database, mqtt, facility, device, run, onEvent } = options;
  const topic = observationTopic(facility, device);
  const connections: Connection[] = [];
  const messages: Message[] = [];
  const byId = new Map<string, Connection>();
  const wanted: Observation = { facility, device, run, watch: true, away: false, withhold: false, cuts: 1, wish: 0 };
  let undisturbed = true;
  let current: Connection | null = null;

  // One after the other: two notifications must not overtake each other.
  let last: Promise<unknown> = Promise.resolve();
  const tell = () => {
    const now = { ...wanted };
    last = last.then(() => database.notify(OBSERVATION_CHANNEL, now)).catch(() => undefined);
    return last;
  };
  const waiting = new Map<number, () => void>();
  /** Resolves when the ingest role has done it; a broker that does not answer is found out by the run itself. */
  const apply = (change: Partial<Observation>) =>
    new Promise<void>(resolve => {
      Object.assign(wanted, change, { wish: wanted.wish + 1 });
      const { wish } = wanted;
      const timer = setTimeout(() => waiting.get(wish)?.(), APPLIED_WITHIN);
      waiting.set(wish, () => {
        clearTimeout(timer);
        waiting.delete(wish);
        resolve();
      });
      void tell();
    });

  function saw(sight: Sight) {
    if (sight.kind === 'too-much') return options.onTooMuch();
    if (sight.kind === 'applied') {
      for (const [wish, done] of [...waiting]) if (wish <= sight.wish) done();
      return;
    }
    if (sight.kind === 'connect') {
      const { kind: _, connection: id, will, ...connect } = sight;
      const connection: Connection = {
        ...connect,
        will: will && { ...will, payload: Buffer.from(will.payload, 'base64') },
        ...{ certificate: null, signIn: 'protocol', subscriptions: [], refusedSubscriptions: [], endedAt: null, end: null },
      };
      byId.set(id, connection);
      connections.push(connection);
      return;
    }
    const connection = byId.get(sight.connection);
    if (!connection) return;
    if (sight.kind === 'sign-in') {
      connection.signIn = sight.result;
      connection.certificate = sight.certificate;
      if (sight.result === 'accepted' && connection.endedAt === null) current = connection;
    } else if (sight.kind === 'subscribe') (sight.allowed ? connection.subscriptions : connection.refusedSubscriptions).push(sight.topic);
    else if (sight.kind === 'end') ended(connection, sight.end, sight.at);
    else {
      const { kind: _, connection: __, payload, ...publish } = sight;
      messages.push({ ...publish, connection, payload: Buffer.from(payload, 'base64'), undisturbed });
    }
  }
  function ended(connection: Connection, end: Connection['end'], at: number) {
    if (connection.endedAt === null) Object.assign(connection, { endedAt: at, end });
    if (current === connection) current = null;
  }

  const heard = (name: string, payload: Buffer) => {
    if (name !== topic) return;
    saw(JSON.parse(payload.toString()) as Sight);
    onEvent();
  };
  mqtt.on('message', heard);
  const repeat = setInterval(tell, REPEAT);
  const close = async () => {
    clearInterval(repeat);
    mqtt.off('message', heard);
    mqtt.unsubscribe(topic, () => undefined);
    Object.assign(wanted, { watch: false });
    await tell();
  };
  try {
    await mqtt.subscribeAsync(topic, { qos: 1 });
  } catch (error) {
    await close();
    throw error;
  }
  await apply({});

  return {
    address: options.address,
    connections,
    messages,
    live: () => current,
    undisturbed: value => {
      undisturbed = value;
    },
    withhold: withhold => apply({ withhold }),
    cut(away) {
      if (current) ended(current, 'run', Date.now());
      return apply({ away, cuts: wanted.cuts + 1 });
    },
    open: () => apply({ away: false }),
    // The registry takes the request back itself once the new certificate is there.
    renew: ask => ask && options.askRenewal(),
    close,
  };
}
