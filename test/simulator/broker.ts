// A real broker that takes everything, for the simulator's tests: what arrives is decoded and kept.
import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { decodePack, type Pack, parseTopic } from '../../devices/index.ts';

export interface ListeningBroker {
  url: string;
  port: number;
  packs: (Pack & { at: number })[];
  /** Of each device, in order. */
  states: { device: string; state: string; battery?: number }[];
  close(): Promise<void>;
}

export async function listeningBroker(): Promise<ListeningBroker> {
  const packs: ListeningBroker['packs'] = [];
  const states: ListeningBroker['states'] = [];
  const aedes = await Aedes.createBroker({
    authorizePublish(_client, packet, done) {
      const topic = parseTopic(packet.topic);
      const payload = packet.payload as Buffer;
      if (topic?.kind === 'device' && topic.channel === 'state')
        states.push({ device: topic.device, ...(JSON.parse(payload.toString()) as { state: string }) });
      else if (topic?.kind === 'device' && topic.channel === 'cbor')
        packs.push({ ...decodePack(payload, 'cbor', Date.now()), at: Date.now() });
      done();
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    ...{ url: `mqtt://127.0.0.1:${port}`, port, packs, states },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      await new Promise(resolve => server.close(resolve));
    },
  };
}
