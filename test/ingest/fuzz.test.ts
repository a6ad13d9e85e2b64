// A short run of what `npm run bench fuzz` does at length: malformed packets end no role, each refusal is counted, and a good device
// beside them goes on.
import { afterAll, expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, newBed, openStand } from './bench-facility.ts';
import { type FuzzTarget, fuzzMqtt, fuzzSenml } from './fuzz.ts';

const stand = await openStand({ rates: { device: Number.POSITIVE_INFINITY, gateway: Number.POSITIVE_INFINITY } });
afterAll(() => stand.close());

test('2,000 malformed packets: every refusal is counted, and a good device goes on', { timeout: 120_000 }, async () => {
  const facility = unique('facility');
  const good = await newBed(stand, facility);
  const target = async (): Promise<FuzzTarget> => {
    const from = Date.now() - 85 * 86_400_000;
    const bed = await stand.registry.createDevice({
      ...{ facility, profile: 'bed', subject: `Patient/${unique('fuzz')}`, from: new Date(from) },
    });
    return { port: stand.port, from, ...bed };
  };
  const [atMqtt, atSenml] = [await target(), await target()];
  const client = await stand.connect(good);
  let over = false;
  const times: number[] = [];
  const beside = (async () => {
    for (let time = good.time; !over; time++) {
      await client.publishAsync(good.topic, bedPack(good.device, [time]), { qos: 1 });
      times.push(time);
    }
  })();
  const until = Date.now() + 60_000;
  const mqtt = await fuzzMqtt(atMqtt, { packets: 1000, seed: 1, until });
  const senml = await fuzzSenml(atSenml, { packets: 1000, seed: 2, until });
  over = true;
  await beside;
  expect(mqtt).toMatchObject({ sent: 1000, unanswered: 0 });
  const { protocolFaults, oversized, refusedSignIns } = stand.stats();
  expect(protocolFaults! + oversized! + refusedSignIns!).toBe(mqtt.closed);
  expect(mqtt.closed).toBeGreaterThan(300);
  expect(senml).toMatchObject({ sent: 1000, acknowledged: 1000 });
  const counted = async () => new Map((await stand.registry.devicesOf(facility)).map(({ device, refused }) => [device, refused]));
  await expect.poll(async () => (await counted()).get(atSenml.device)).toBe(senml.refusals);
  expect(senml.refusals).toBeGreaterThan(500);
  expect(times.length).toBeGreaterThan(5);
  expect(await heartRates(stand.samples, good.subject, good.time, good.time + times.length)).toHaveLength(times.length);
  expect((await counted()).get(good.device)).toBe(0);
  await expect.poll(() => stand.stats().connections).toBe(1);
});
