// Devices behind a gateway, with the real hub: certificates, rotation, revocation and rooms reach the gateway, and what is used there the hub.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync, type IClientOptions } from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { DeviceClient, deviceTopic } from '../../devices/index.ts';
import type { Edge, EdgeConfig } from '../../edge/index.ts';
import { openAuthority } from '../../hub/identity/index.ts';
import { RIGHTS_CHANNEL } from '../../hub/records/records.ts';
import { unique } from '../harness/index.ts';
import { heartRates, newBed, openStand } from '../ingest/bench-facility.ts';
import { gatewayBench } from './gateway.ts';

const bench = gatewayBench({});
const dataDirectory = mkdtempSync(path.join(tmpdir(), 'edge-behind-'));
const authority = await openAuthority({ dataDirectory });
const rooms = new Map<string, string>();
const stand = await openStand({ authority, placesOf: async () => new Map(rooms) });
afterAll(async () => {
  await stand.close();
  rmSync(dataDirectory, { recursive: true });
});

type Bed = Awaited<ReturnType<typeof newBed>>;
const soon = { timeout: 10_000 };
const server = await authority.serverCertificate(['localhost', '127.0.0.1']);

async function gatewayOf(facility: string, given: Partial<EdgeConfig> = {}): Promise<Edge> {
  const { secret } = await stand.registry.createGateway(facility);
  const tls = { port: 0, cert: server.pem, key: server.key };
  return bench.edgeFor(`mqtt://127.0.0.1:${stand.port}`, { facility, secret, ca: authority.caPem, tls, ...given });
}
const listed = (edge: Edge, device: string) =>
  expect.poll(() => edge.status().devices.some(each => each.device === device), soon).toBe(true);
async function signIn(edge: Edge, options: IClientOptions) {
  const client = await connectAsync(`mqtts://localhost:${edge.tlsPort}`, { ca: authority.caPem, reconnectPeriod: 0, ...options }, false);
  client.on('error', () => {});
  bench.closing.push(() => client.endAsync(true));
  return client;
}
const keyed = ({ device, certificate }: Pick<Bed, 'device' | 'certificate'>): IClientOptions => ({
  clientId: device,
  cert: certificate!.pem,
  key: certificate!.key!,
});
const refusal = (signedIn: Promise<unknown>) => signedIn.catch((error: { code: number }) => error.code);
const inForce = async ({ username }: Bed) =>
  (await stand.database.pool.query('select used from ingest_credential where username = $1 and revoked is null', [username])).rows;

test('a device signs in at the gateway by its certificate, also without the hub; revoking it cuts it off', async () => {
  const bed = await newBed(stand, unique('facility'), { credential: 'certificate' });
  const other = await newBed(stand, unique('facility'), { credential: 'certificate' });
  const edge = await gatewayOf(bed.facility);
  await listed(edge, bed.device);
  const client = await signIn(edge, keyed(bed));
  await client.publishAsync(
    bed.topic,
    JSON.stringify([{ bn: `${bed.device}:`, bt: bed.time / 1000, n: 'heart_rate', u: 'beat/min', v: 61 }]),
    {
      qos: 1,
    },
  );
  await expect.poll(() => heartRates(stand.samples, bed.subject, bed.time, bed.time + 1), soon).toHaveLength(1);

  expect(await refusal(signIn(edge, keyed(other)))).toBe(5);
  expect(await refusal(signIn(edge, { ...keyed(bed), username: other.username }))).toBe(4);
  // What everybody may know of a device is no password.
  const known = Buffer.from(bed.certificate!.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  expect(await refusal(signIn(edge, { clientId: bed.device, username: bed.username, password: known }))).toBe(4);

  await edge.close();
  const alone = await gatewayOf(bed.facility, { hubUrl: 'mqtt://127.0.0.1:9' });
  expect((await signIn(alone, keyed(bed))).connected).toBe(true);
  await alone.close();

  const back = await gatewayOf(bed.facility);
  const again = await signIn(back, keyed(bed));
  const cut = new Promise<void>(resolve => again.once('close', () => resolve()));
  await stand.registry.revoke(bed.facility, bed.device);
  await cut;
  expect(await refusal(signIn(back, keyed(bed)))).toBe(5);
});

test('a new secret that is first used at the gateway ends the former one, there and at the hub', async () => {
  const bed = await newBed(stand);
  const edge = await gatewayOf(bed.facility);
  await listed(edge, bed.device);
  const login = { clientId: bed.device, username: bed.username };
  const old = await signIn(edge, { ...login, password: bed.secret });
  await expect.poll(async () => (await inForce(bed)).map(({ used }) => used !== null), soon).toEqual([true]);
  const { secret, formerUntil } = await stand.registry.rotate(bed.facility, bed.device);
  expect(formerUntil).not.toBeNull();
  expect(old.connected).toBe(true);

  const cut = new Promise<void>(resolve => old.once('close', () => resolve()));
  await expect.poll(() => refusal(signIn(edge, { ...login, clientId: 'next', password: secret })), soon).toMatchObject({ connected: true });
  await cut;
  await expect.poll(async () => (await inForce(bed)).map(({ used }) => used !== null), soon).toEqual([true]);
  expect(await refusal(signIn(edge, { ...login, password: bed.secret }))).toBe(4);
  await expect(stand.connect(bed)).rejects.toMatchObject({ code: 4 });
});

test('a device renews its certificate through the gateway when the hub has asked it to, and not otherwise', async () => {
  const bed = await newBed(stand, unique('facility'), { credential: 'certificate' });
  const edge = await gatewayOf(bed.facility);
  await listed(edge, bed.device);
  const refused: string[] = [];
  let renewed: { cert: string } | undefined;
  const device = new DeviceClient({
    ...{ url: `mqtts://localhost:${edge.tlsPort}`, facility: bed.facility, device: bed.device, ca: authority.caPem },
    ...{ cert: bed.certificate!.pem, key: bed.certificate!.key!, reconnectMilliseconds: 100 },
    onCertificate: given => {
      renewed = given;
    },
    onRefused: payload => refused.push(payload.toString()),
    onFault: () => {},
  });
  bench.closing.push(() => device.close());
  await expect.poll(() => device.connected, soon).toBe(true);
  await expect(device.renewCertificate()).rejects.toThrow('csr-refused');
  expect(renewed).toBeUndefined();

  await stand.registry.askRenewal(bed.facility, bed.device);
  await expect.poll(() => renewed?.cert, soon).toContain('CERTIFICATE');
  await expect.poll(async () => (await inForce(bed)).map(({ used }) => used !== null), soon).toEqual([true]);
  await expect.poll(() => device.connected, soon).toBe(true);
  expect(await refusal(signIn(edge, keyed(bed)))).toBe(5);
});

test('without the hub a request for a certificate is refused in words', async () => {
  const bed = await newBed(stand, unique('facility'), { credential: 'certificate' });
  const online = await gatewayOf(bed.facility);
  await listed(online, bed.device);
  await online.close();
  const edge = await gatewayOf(bed.facility, { hubUrl: 'mqtt://127.0.0.1:9' });
  const client = await signIn(edge, keyed(bed));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(payload.toString()));
  await client.subscribeAsync(deviceTopic(bed.facility, bed.device, 'refused'), { qos: 1 });
  await client.publishAsync(deviceTopic(bed.facility, bed.device, 'csr'), 'request', { qos: 1 });
  await expect.poll(() => told.join(), soon).toContain('csr-refused');
});

test('the gateway shows the room of a device’s resident, and the new one after a move', async () => {
  const bed = await newBed(stand);
  rooms.set(bed.subject, '201');
  const edge = await gatewayOf(bed.facility);
  const place = () => edge.status().devices.find(({ device }) => device === bed.device)?.place;
  await expect.poll(place, soon).toBe('201');
  rooms.set(bed.subject, '305');
  await stand.database.notify(RIGHTS_CHANNEL, { patient: bed.subject.split('/')[1] });
  await expect.poll(place, soon).toBe('305');
});
