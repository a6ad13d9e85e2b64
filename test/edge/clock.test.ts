// Wrong clocks of devices at the gateway: packs go on with the right times and say what was added, and the same pack never goes twice.
import type { MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import type { Edge } from '../../edge/index.ts';
import { FACILITY, gatewayBench, hubGone, listKnown } from './gateway.ts';

const bench = gatewayBench({ 'bed-1': 'secret-of-bed-1' });
const { hubAt, edgeFor, rawDevice } = bench;

const START = Date.parse('2026-01-01T00:00:00Z');
/** Time as the gateway has it; moved by the test. */
let now = START;

async function facility() {
  now = START;
  const hub = await hubAt();
  const edge = await edgeFor(hub.url, {}, () => now);
  await listKnown(edge);
  return { hub, edge, bed: await rawDevice(edge.port, 'bed-1') };
}
interface Sent {
  sequence: number;
  /** How far the device's clock is behind, ms. */
  behind: number;
}
const packOf = ({ sequence, behind }: Sent) =>
  JSON.stringify([
    { bn: 'bed-1:', bt: (now - behind) / 1000, n: 'seq', v: sequence },
    { n: 'clock', u: 's', v: (now - behind) / 1000 },
    { n: 'heart_rate', u: 'beat/min', v: 60 },
  ]);
const send = (bed: MqttClient, pack: string) => bed.publishAsync(`care/1/${FACILITY}/bed-1/json`, pack, { qos: 1 });
const clockOf = (edge: Edge) => edge.status().devices[0];

test('a clock that is a minute slow is corrected, the pack says by how much, and the page tells it', async () => {
  const { hub, edge, bed } = await facility();
  const times: number[] = [];
  for (let sequence = 0; sequence < 4; sequence++) {
    times.push(now);
    await send(bed, packOf({ sequence, behind: 60_000 }));
    now += 30_000;
  }
  await expect.poll(() => hub.packs.length).toBe(4);
  // One pack alone may be late; from the second on it is the clock.
  expect(hub.packs.map(({ clockCorrection }) => clockCorrection)).toEqual([null, 60_000, 60_000, 60_000]);
  expect(hub.packs.map(({ readings }) => readings[0]!.time).slice(1)).toEqual(times.slice(1));
  expect(hub.packs.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3]);
  expect(clockOf(edge)).toMatchObject({ clockOffset: 60, clockCorrection: 60 });
});

test('a clock that is ahead is corrected from the first pack, and let be when it was set right', async () => {
  const { hub, bed } = await facility();
  for (let sequence = 0; sequence < 12; sequence++) {
    await send(bed, packOf({ sequence, behind: sequence < 4 ? -90_000 : 0 }));
    now += 30_000;
  }
  await expect.poll(() => hub.packs.length).toBe(12);
  expect(hub.packs[0]).toMatchObject({ clockCorrection: -90_000, readings: [{ time: START }] });
  expect(hub.packs.slice(-4).map(({ clockCorrection }) => clockCorrection)).toEqual([null, null, null, null]);
});

test('a pack that is sent again is acknowledged and does not go twice, also when its correction has changed and the gateway was restarted', async () => {
  const { hub, edge, bed } = await facility();
  const first = packOf({ sequence: 0, behind: 60_000 });
  await send(bed, first);
  now += 30_000;
  await send(bed, packOf({ sequence: 1, behind: 60_000 }));
  await send(bed, first);
  await expect.poll(() => hub.packs.length).toBe(2);
  const port = hub.port;
  await edge.close();
  await hub.close();

  now += 30_000;
  const again = await edgeFor(`mqtt://127.0.0.1:${port}`, {}, () => now);
  await hubGone(again);
  const back = await rawDevice(again.port, 'bed-1');
  await send(back, first);
  expect(again.status().queue.packs).toBe(0);
  // The correction is known before the estimate is made anew.
  await send(back, packOf({ sequence: 2, behind: 60_000 }));
  const later = await hubAt(port);
  await expect.poll(() => later.packs, { timeout: 15_000 }).toMatchObject([{ sequence: 2, clockCorrection: 60_000 }]);
});

test('a pack without times, sent again at once after a lost acknowledgement, goes once', async () => {
  const { hub, edge, bed } = await facility();
  const pack = JSON.stringify([
    { bn: 'bed-1:', n: 'seq', v: 7 },
    { n: 'heart_rate', u: 'beat/min', v: 60 },
  ]);
  await send(bed, pack);
  now += 5000;
  await send(bed, pack);
  await expect.poll(() => edge.status().queue.packs).toBe(0);
  now += 3_600_000;
  await send(bed, pack);
  await expect.poll(() => hub.packs.map(({ readings }) => readings[0]!.time)).toHaveLength(2);
});
