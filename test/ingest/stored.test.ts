// An acknowledged sample is a stored sample (DESIGN, rule 1): PUBACK waits for InfluxDB, whatever happens in between.
import { afterAll, expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, newBed, openStand } from './bench-facility.ts';

const stand = await openStand({ batch: { retryMilliseconds: [10, 50], batchSamples: 50 }, lastWriteMilliseconds: 100 });
afterAll(() => stand.close());

test('a sample is acknowledged only after the store has it', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  stand.store.close();
  let acknowledged = false;
  const published = client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 }).then(() => {
    acknowledged = true;
  });
  await expect.poll(() => stand.stats().waiting).toBe(1);
  expect(acknowledged).toBe(false);
  stand.store.open();
  await published;
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toEqual([[bed.time, 62]]);
});

test('a message with QoS 2 is received only after the store has it, and one with QoS 0 is stored too', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 2 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toEqual([[bed.time, 62]]);
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time + 1000]), { qos: 0 });
  await expect.poll(() => heartRates(stand.samples, bed.subject, bed.time + 1000, bed.time + 1001)).toEqual([[bed.time + 1000, 62]]);
});

test('a store that is away gets no acknowledgement, and everything once it is back', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  stand.store.break(new Error('connect ECONNREFUSED'));
  const times = Array.from({ length: 50 }, (_, index) => bed.time - index * 1000);
  let acknowledged = 0;
  const all = times.map(time =>
    client.publishAsync(bed.topic, bedPack(bed.device, [time]), { qos: 1 }).then(() => {
      acknowledged++;
    }),
  );
  const failures = stand.stats().failures!;
  await expect.poll(() => stand.stats().failures! - failures).toBeGreaterThan(2);
  expect(acknowledged).toBe(0);
  stand.store.mend();
  await Promise.all(all);
  expect(await heartRates(stand.samples, bed.subject, times.at(-1)!, bed.time + 1)).toHaveLength(50);
});

test('the same pack sent twice is there once', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const pack = bedPack(bed.device, [bed.time, bed.time + 1000]);
  await client.publishAsync(bed.topic, pack, { qos: 1 });
  await client.publishAsync(bed.topic, pack, { qos: 1, dup: true });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 2000)).toHaveLength(2);
});

test('a late sample belongs to whom the device watched at its time', async () => {
  const bed = await newBed(stand);
  const next = `Patient/${unique('patient')}`;
  const moved = bed.time - 3_600_000;
  await stand.registry.assign(bed.facility, bed.device, next, new Date(moved));
  const client = await stand.connect(bed);
  await client.publishAsync(bed.topic, bedPack(bed.device, [moved - 1000, moved, moved + 1000]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, moved - 10_000, bed.time)).toEqual([[moved - 1000, 62]]);
  expect(await heartRates(stand.samples, next, moved - 10_000, bed.time)).toEqual([
    [moved, 62],
    [moved + 1000, 62],
  ]);
  await expect(stand.registry.assign(bed.facility, bed.device, bed.subject, new Date(moved - 5000))).rejects.toMatchObject({
    code: 'assignment-in-the-past',
  });
});

test('the hub’s other roles hear of samples once the store has them', async () => {
  const bed = await newBed(stand);
  const hub = await stand.hub();
  const heard: unknown[] = [];
  hub.on('message', (topic, payload) => heard.push([topic, JSON.parse(payload.toString())]));
  await hub.subscribeAsync(`hub/1/stored/${bed.facility}/#`);
  const client = await stand.connect(bed);
  stand.store.close();
  const published = client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  await expect.poll(() => stand.stats().waiting).toBe(1);
  expect(heard).toEqual([]);
  stand.store.open();
  await published;
  await expect
    .poll(() => heard)
    .toEqual([
      [
        `hub/1/stored/${bed.facility}/${bed.subject}`,
        [{ subject: bed.subject, device: bed.device, profile: 'bed', samples: [{ time: bed.time, values: { heart_rate: 62 } }] }],
      ],
    ]);
});

test('one message that the store can never take does not hold up the others', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const store = stand.store.write;
  const poison = bed.time + 1;
  stand.store.write = async points => {
    if (points.some(point => point.time === poison)) throw Object.assign(new Error('A 400 Bad Request'), { res: { statusCode: 400 } });
    await store(points);
  };
  const times = [bed.time, poison, bed.time + 2];
  await Promise.all(times.map(time => client.publishAsync(bed.topic, bedPack(bed.device, [time]), { qos: 1 })));
  stand.store.write = store;
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 3)).toEqual([
    [bed.time, 62],
    [bed.time + 2, 62],
  ]);
});

test('what was acknowledged is in the store after the role ended in the middle of a stream; the rest comes again', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed, { reconnectPeriod: 50 });
  const count = 600;
  const acknowledged = new Set<number>();
  const all = Array.from({ length: count }, (_, index) => {
    const time = bed.time - index * 1000;
    return client.publishAsync(bed.topic, bedPack(bed.device, [time]), { qos: 1 }).then(() => {
      acknowledged.add(time);
    });
  });
  await expect.poll(() => acknowledged.size, { interval: 1 }).toBeGreaterThan(0);
  stand.store.close();
  await stand.stopIngest();
  expect(acknowledged.size).toBeLessThan(count);
  const stored = new Set((await heartRates(stand.samples, bed.subject, bed.time - count * 1000, bed.time + 1)).map(([time]) => time));
  expect([...acknowledged].filter(time => !stored.has(time))).toEqual([]);
  stand.store.open();
  await stand.startIngest();
  await Promise.all(all);
  expect(await heartRates(stand.samples, bed.subject, bed.time - count * 1000, bed.time + 1)).toHaveLength(count);
});
