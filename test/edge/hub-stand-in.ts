// A real broker in the hub's place: takes the gateway's sign-in, keeps the list of devices, remembers every pack in order.
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { type AlarmLimits, decodePack, gatewayDevicesTopic, gatewayUsername, type Pack, parseTopic } from '../../devices/index.ts';

export const GATEWAY_SECRET = 'gateway-secret-gateway-secret-gateway';

export interface HubStandIn {
  port: number;
  url: string;
  packs: Pack[];
  states: Map<string, string>;
  /** What a device sent, by its running numbers, in order of arrival. */
  sequences(device: string): (number | null)[];
  /** While set, packs come in and are not acknowledged. */
  withhold: boolean;
  publish(topic: string, payload: string, retain?: boolean): void;
  close(): Promise<void>;
}

/** What the hub's list says of a device beside its secret. Profile `bed` unless said. */
export interface Listed {
  profile?: string;
  place?: string;
  limits?: AlarmLimits;
  formerSecretSha256?: string;
}

export async function startHubStandIn(
  facility: string,
  secrets: Record<string, string>,
  port = 0,
  listed: Record<string, Listed | undefined> = {},
): Promise<HubStandIn> {
  const packs: Pack[] = [];
  const states = new Map<string, string>();
  const hub = { withhold: false };
  const aedes = await Aedes.createBroker({
    authenticate: (_client, username, password, done) =>
      done(null, username === gatewayUsername(facility) && password?.toString() === GATEWAY_SECRET),
    authorizePublish(_client, packet, done) {
      const topic = parseTopic(packet.topic);
      if (topic?.kind !== 'device') return done(new Error('no such topic'));
      if (topic.channel === 'state') states.set(topic.device, packet.payload.toString());
      else if (hub.withhold) return;
      else if (topic.channel === 'json' || topic.channel === 'cbor')
        packs.push(decodePack(packet.payload as Buffer, topic.channel, Date.now()));
      done();
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  const publish = (topic: string, payload: string, retain = false) =>
    aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false }, () => {});
  publish(gatewayDevicesTopic(facility), rosterOf(secrets, listed), true);
  const address = server.address() as { port: number };
  return {
    port: address.port,
    url: `mqtt://127.0.0.1:${address.port}`,
    packs,
    states,
    sequences: device => packs.filter(pack => pack.device === device).map(pack => pack.sequence),
    get withhold() {
      return hub.withhold;
    },
    set withhold(value) {
      hub.withhold = value;
    },
    publish,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** The list as the hub keeps it for the gateway. */
export const rosterOf = (secrets: Record<string, string>, listed: Record<string, Listed | undefined> = {}) =>
  JSON.stringify(
    Object.entries(secrets).map(([device, secret]) => ({
      device,
      profile: 'bed',
      secretSha256: createHash('sha256').update(secret).digest('hex'),
      ...listed[device],
    })),
  );
