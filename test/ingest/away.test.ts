// InfluxDB goes away in earnest (its connections are cut and refused): nothing is acknowledged, nothing is lost, memory stays bounded.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openSamples } from '../../hub/store/index.ts';
import { bedPack, heartRates, newBed, openStand, type Stand } from './bench-facility.ts';

/** A TCP relay before InfluxDB that can be shut. */
async function relay(target: URL) {
  const sockets = new Set<Socket>();
  const listening: Server = createServer(socket => {
    const onward = connect(Number(target.port), target.hostname);
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => {});
      end.once('close', () => {
        sockets.delete(end);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  });
  const open = (port: number) => new Promise<void>(resolve => listening.listen(port, '127.0.0.1', resolve));
  await open(0);
  const { port } = listening.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    async shut() {
      const closed = new Promise(resolve => listening.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open: () => open(port),
  };
}

const LIMIT = 200;
let influx: Awaited<ReturnType<typeof relay>>;
let stand: Stand;
beforeAll(async () => {
  influx = await relay(new URL(inject('influxUrl')));
  stand = await openStand({ batch: { waitingLimit: LIMIT, retryMilliseconds: [20, 100] }, samples: await openSamples(influx.url) });
});
afterAll(async () => {
  await stand.close();
  await influx.shut();
});

test('while InfluxDB is away nothing is acknowledged and senders are held back; once it is back all of it is stored', async () => {
  const beds = await Promise.all(Array.from({ length: 20 }, () => newBed(stand)));
  const clients = await Promise.all(beds.map(bed => stand.connect(bed)));
  await influx.shut();
  let acknowledged = 0;
  const count = 50;
  const all: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    for (const [index, { topic, device, time }] of beds.entries()) {
      const sent = clients[index]!.publishAsync(topic, bedPack(device, [time - n * 1000]), { qos: 1 });
      all.push(sent.then(() => void acknowledged++));
    }
    // In turns: of a single chunk the broker would not read on anyway.
    await nextTurn();
  }
  await expect.poll(() => stand.stats().waiting).toBeGreaterThanOrEqual(LIMIT);
  await expect.poll(() => stand.stats().failures).toBeGreaterThan(5);
  expect(stand.stats().waiting).toBeLessThan(LIMIT * 2);
  expect(acknowledged).toBe(0);
  expect((await stand.connect(await newBed(stand))).connected).toBe(true);
  await influx.open();
  await Promise.all(all);
  for (const { subject, time } of beds) expect(await heartRates(stand.samples, subject, time - count * 1000, time + 1)).toHaveLength(count);
  expect(stand.stats()).toMatchObject({ waiting: 0, storeAway: false });
});
