// A client that floods is read more slowly, loses nothing, is told so, and leaves its neighbour alone.
import { afterAll, expect, test } from 'vitest';
import type { RefusalView } from '../../hub/ingest/contract.ts';
import { Allowance, Allowances } from '../../hub/ingest/rate.ts';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, newBed, openStand } from './bench-facility.ts';

const stand = await openStand({ rates: { device: 50, gateway: 5000 } });
afterAll(() => stand.close());

test('a flooding device is held back and told so once, all it sent is stored, and its quiet neighbour does not wait', async () => {
  const facility = unique('facility');
  const [loud, quiet] = [await newBed(stand, facility), await newBed(stand, facility)];
  const [flood, neighbour] = [await stand.connect(loud), await stand.connect(quiet)];
  const told: RefusalView[] = [];
  flood.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString())));
  await flood.subscribeAsync(`care/1/${facility}/${loud.device}/refused`);
  const before = performance.now();
  let flooding = true;
  // 500 may come at once, 50 a second then. One reading of the socket takes up to a hundred of them: at least 200 have to wait.
  const times = Array.from({ length: 800 }, (_, index) => loud.time - index * 10_000);
  const pack = (time: number) =>
    bedPack(
      loud.device,
      Array.from({ length: 10 }, (_, index) => time - index * 1000),
    );
  const all = Promise.all(times.map(time => flood.publishAsync(loud.topic, pack(time), { qos: 1 }))).then(() => {
    flooding = false;
  });
  const delays: number[] = [];
  for (let time = quiet.time; flooding; time++) {
    const sent = performance.now();
    await neighbour.publishAsync(quiet.topic, bedPack(quiet.device, [time]), { qos: 1 });
    delays.push(performance.now() - sent);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  await all;
  expect(performance.now() - before).toBeGreaterThan(2500);
  expect(stand.stats().heldBack).toBeGreaterThan(0);
  delays.sort((a, b) => a - b);
  expect(delays.length).toBeGreaterThan(20);
  expect(delays[Math.floor(delays.length * 0.9)]).toBeLessThan(250);
  expect(await heartRates(stand.samples, loud.subject, loud.time - 9_000_000, loud.time + 1)).toHaveLength(8000);
  expect(told.map(({ reason }) => reason)).toEqual(['rate-exceeded']);
  await expect
    .poll(async () => (await stand.registry.devicesOf(facility)).find(({ device }) => device === loud.device))
    .toMatchObject({ accepted: 8000, refused: 0 });
  const { rows } = await stand.database.pool.query('select reason from ingest_refusal where device = $1', [loud.device]);
  expect(rows).toEqual([{ reason: 'rate-exceeded' }]);
});

test('a gateway above its rate is held back too, and all it sent is stored', async () => {
  const own = await openStand({ rates: { device: 50, gateway: 50 } });
  try {
    const facility = unique('facility');
    const bed = await newBed(own, facility);
    const gateway = await own.connect({ ...(await own.registry.createGateway(facility)), device: 'gateway' });
    const times = Array.from({ length: 650 }, (_, index) => bed.time - index * 10_000);
    const pack = (time: number) =>
      bedPack(
        bed.device,
        Array.from({ length: 10 }, (_, index) => time - index * 1000),
      );
    await Promise.all(times.map(time => gateway.publishAsync(bed.topic, pack(time), { qos: 1 })));
    expect(own.stats().heldBack).toBeGreaterThan(0);
    expect(await heartRates(own.samples, bed.subject, bed.time - 8_000_000, bed.time + 1)).toHaveLength(6500);
    const { rows } = await own.database.pool.query("select topic, reason from ingest_refusal where device = 'gateway'");
    expect(rows).toEqual([{ topic: `care/1/${facility}/gateway`, reason: 'rate-exceeded' }]);
  } finally {
    await own.close();
  }
});

test('an allowance gives ten seconds’ worth at once, then its rate, and no more by connecting anew', () => {
  const allowance = new Allowance(10, 0);
  for (let sent = 0; sent < 100; sent++) allowance.spend();
  expect(allowance.wait(0)).toBe(100);
  expect(allowance.wait(150)).toBe(0);
  allowance.spend();
  allowance.spend();
  expect(allowance.wait(150)).toBe(150);
  expect([allowance.isFull(5000), allowance.isFull(60_000)]).toEqual([false, true]);
  expect(new Allowance(Number.POSITIVE_INFINITY, 0).wait(1)).toBe(0);
  const allowances = new Allowances({ device: 1, gateway: 2 });
  const first = allowances.of('device', 'f/a', 0);
  expect(allowances.of('device', 'f/a', 1)).toBe(first);
});
