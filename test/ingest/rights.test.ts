// Who may sign in at the broker, what they may follow, and how fast a revocation works.
import { afterAll, expect, test } from 'vitest';
import { unique } from '../harness/index.ts';
import { bedPack, heartRates, newBed, openStand } from './bench-facility.ts';

const stand = await openStand();
afterAll(() => stand.close());

test.each([
  ['a wrong secret', { secret: 'wrong' }],
  ['no secret', { secret: '' }],
  ['an unknown device', { username: 'nowhere/nobody' }],
  ['a username outside the grammar', { username: 'a/b/c' }],
  ['the hub’s name with a device’s secret', { username: 'hub' }],
])('%s is refused at sign-in', async (_what, wrong) => {
  const bed = await newBed(stand);
  await expect(stand.connect({ ...bed, ...wrong })).rejects.toMatchObject({ code: 4 });
});

test('a device that was registered a moment ago can sign in', async () => {
  const facility = unique('facility');
  for (let index = 0; index < 3; index++) expect((await stand.connect(await newBed(stand, facility))).connected).toBe(true);
});

test('a device follows its own configuration and refusals, and nothing else', async () => {
  const [bed, other] = [await newBed(stand), await newBed(stand)];
  const client = await stand.connect(bed);
  const granted = async (topic: string) => (await client.subscribeAsync(topic, { qos: 1 }).catch(() => [{ qos: 128 }]))[0]!.qos;
  expect(await granted(`care/1/${bed.facility}/${bed.device}/config`)).toBe(1);
  expect(await granted(`care/1/${bed.facility}/${bed.device}/refused`)).toBe(1);
  for (const topic of [
    '#',
    'care/1/#',
    `care/1/${bed.facility}/+/config`,
    `care/1/${other.facility}/${other.device}/config`,
    `care/1/${bed.facility}/gateway/devices`,
    `hub/1/stored/${bed.facility}/#`,
    '$SYS/#',
  ])
    expect([topic, await granted(topic)]).toEqual([topic, 128]);
});

test('a gateway delivers for every device of its facility and for none of another', async () => {
  const [own, foreign] = [await newBed(stand), await newBed(stand)];
  const gateway = await stand.registry.createGateway(own.facility);
  const client = await stand.connect(gateway);
  await client.publishAsync(own.topic, bedPack(own.device, [own.time]), { qos: 1 });
  await client.publishAsync(foreign.topic, bedPack(foreign.device, [foreign.time]), { qos: 1 });
  expect(await heartRates(stand.samples, own.subject, own.time, own.time + 1)).toHaveLength(1);
  expect(await heartRates(stand.samples, foreign.subject, foreign.time, foreign.time + 1)).toHaveLength(0);
});

test('a gateway follows as many topics as a facility can have, and not without end', async () => {
  const facility = unique('facility');
  const client = await stand.connect(await stand.registry.createGateway(facility));
  const follow = (from: number, count: number) =>
    client.subscribeAsync(Array.from({ length: count }, (_, index) => `care/1/${facility}/d${from + index}/config`)).catch(error => error);
  for (let from = 0; from < 20_000; from += 1000) expect(await follow(from, 1000)).toHaveLength(1000);
  expect(await follow(20_000, 1)).toBeInstanceOf(Error);
  await client.unsubscribeAsync(`care/1/${facility}/d7/config`);
  expect(await follow(20_000, 1)).toHaveLength(1);
});

test('a gateway gets the list of its facility’s devices, and a new one when the registry changes', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(await stand.registry.createGateway(bed.facility));
  const lists: { device: string; profile: string; secretSha256: string }[][] = [];
  client.on('message', (_topic, payload) => lists.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`care/1/${bed.facility}/gateway/devices`, { qos: 1 });
  await expect
    .poll(() => lists.at(-1))
    .toEqual([{ device: bed.device, profile: 'bed', secretSha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  const room = await stand.registry.createDevice({ facility: bed.facility, profile: 'room' });
  await expect
    .poll(() =>
      lists
        .at(-1)
        ?.map(({ profile }) => profile)
        .sort(),
    )
    .toEqual(['bed', 'room']);
  await stand.registry.revoke(bed.facility, bed.device);
  await expect.poll(() => lists.at(-1)?.map(({ device }) => device)).toEqual([room.device]);
});

test('the list of devices is there again after the role started anew', async () => {
  const bed = await newBed(stand);
  const gateway = await stand.registry.createGateway(bed.facility);
  await stand.stopIngest();
  await stand.startIngest();
  const client = await stand.connect(gateway);
  const lists: unknown[] = [];
  client.on('message', (_topic, payload) => lists.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`care/1/${bed.facility}/gateway/devices`, { qos: 1 });
  await expect.poll(() => lists).toHaveLength(1);
});

test('revoking a device cuts its connection and ends its sign-in; what it sent before still finds its subject', async () => {
  const bed = await newBed(stand);
  const gateway = await stand.connect(await stand.registry.createGateway(bed.facility));
  const client = await stand.connect(bed);
  const cut = new Promise<void>(resolve => client.once('close', () => resolve()));
  await stand.registry.revoke(bed.facility, bed.device);
  await cut;
  await expect(stand.connect(bed)).rejects.toMatchObject({ code: 4 });
  await gateway.publishAsync(bed.topic, bedPack(bed.device, [bed.time, Date.now() + 60_000]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, Date.now() + 120_000)).toEqual([[bed.time, 62]]);
});

test('after a rotation the former secret stays good until the new one is used; then it ends and its connection is cut', async () => {
  const bed = await newBed(stand);
  const client = await stand.connect(bed);
  const cut = new Promise<void>(resolve => client.once('close', () => resolve()));
  const rotated = await stand.registry.rotate(bed.facility, bed.device);
  expect(Date.parse(rotated.formerUntil ?? '') - Date.now()).toBeCloseTo(7 * 86_400_000, -4);
  expect((await stand.connect({ ...bed, device: unique('again') })).connected).toBe(true);
  expect(client.connected).toBe(true);
  // Under another client id, so that it is not the takeover that cuts.
  expect((await stand.connect({ ...rotated, device: unique('new') })).connected).toBe(true);
  await cut;
  await expect(stand.connect(bed)).rejects.toMatchObject({ code: 4 });
});

test('a secret that nobody ever used ends with its rotation', async () => {
  const bed = await newBed(stand);
  const rotated = await stand.registry.rotate(bed.facility, bed.device);
  expect(rotated.formerUntil).toBeNull();
  await expect.poll(() => stand.connect(bed).catch(error => error.code)).toBe(4);
  expect((await stand.connect(rotated)).connected).toBe(true);
});

test('a device’s name as client id of another does not throw it out', async () => {
  const [bed, other] = [await newBed(stand), await newBed(stand)];
  const client = await stand.connect(bed);
  await stand.connect({ ...other, device: bed.device });
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  expect(client.connected).toBe(true);
});

test('the last word of a device that was cut off is that it is offline, for those who follow states', async () => {
  const bed = await newBed(stand);
  const hub = await stand.hub();
  const states: string[] = [];
  hub.on('message', (_topic, payload) => states.push(JSON.parse(payload.toString()).state));
  const topic = bed.topic.replace(/json$/, 'state');
  await hub.subscribeAsync(topic);
  const client = await stand.connect(bed, { will: { topic, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true } });
  await client.publishAsync(topic, '{"state":"online","battery":0.8}', { qos: 1, retain: true });
  client.stream.destroy();
  await expect.poll(() => states).toEqual(['online', 'offline']);
});
