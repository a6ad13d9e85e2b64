// MQTT over TLS with real clients: whose certificate is let in, how one takes the place of another, and how fast a revocation works.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { DeviceClient, identityUri } from '../../devices/index.ts';
import { newRequest } from '../../devices/request.ts';
import { openAuthority } from '../../hub/identity/index.ts';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { settleCredentials } from '../../hub/ingest/credentials.ts';
import { openRegistry } from '../../hub/ingest/index.ts';
import { unique } from '../harness/index.ts';
import { audited, bedPack, heartRates, newBed, openStand } from './bench-facility.ts';

const DAY = 86_400_000;
const dataDirectory = mkdtempSync(path.join(tmpdir(), 'hub-tls-'));
const authority = await openAuthority({ dataDirectory });
const stand = await openStand({ authority });
const clients: MqttClient[] = [];
afterAll(async () => {
  await Promise.all(clients.map(client => client.endAsync(true)));
  await stand.close();
  rmSync(dataDirectory, { recursive: true });
});

async function connect(options: IClientOptions): Promise<MqttClient> {
  const common = { ca: authority.caPem, clientId: unique('client'), reconnectPeriod: 0 };
  const client = await connectAsync(`mqtts://localhost:${stand.tlsPort}`, { ...common, ...options }, false);
  client.on('error', () => {});
  clients.push(client);
  return client;
}
const keyed = ({ certificate }: Credentials) => ({ cert: certificate?.pem, key: certificate?.key ?? undefined });
const certified = (facility = unique('facility')) => newBed(stand, facility, { credential: 'certificate' });
const cut = (client: MqttClient) => new Promise<void>(resolve => client.once('close', () => resolve()));

/** What comes on the topic, from now on. */
async function heard(client: MqttClient, topic: string): Promise<string[]> {
  const messages: string[] = [];
  client.on('message', (on, payload) => on === topic && messages.push(payload.toString()));
  await client.subscribeAsync(topic, { qos: 1 });
  return messages;
}
const own = ({ facility, device }: Credentials, channel: string) => `care/1/${facility}/${device}/${channel}`;

test('a device signs in by its certificate alone, and its samples are stored', async () => {
  const bed = await certified();
  expect(bed).toMatchObject({ secret: '', certificate: { ca: authority.caPem } });
  const client = await connect(keyed(bed));
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toHaveLength(1);
  expect((await connect({ ...keyed(bed), username: bed.username })).connected).toBe(true);
});

test('a certificate for the maker’s own request lets in whoever holds its key', async () => {
  const { csr, key } = await newRequest('anything');
  const bed = await newBed(stand, unique('facility'), { csr });
  expect(bed.certificate?.key).toBeNull();
  expect((await connect({ cert: bed.certificate?.pem, key })).connected).toBe(true);
});

test('a secret works over TLS and without it', async () => {
  const bed = await newBed(stand);
  expect((await connect({ username: bed.username, password: bed.secret })).connected).toBe(true);
  const plain = await stand.connect(bed);
  await plain.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toHaveLength(1);
});

test('certificates that are not in force are refused in CONNACK, counted, and no secret makes up for them', async () => {
  const bed = await certified();
  const holder = { commonName: bed.username, uri: identityUri({ kind: 'device', facility: bed.facility, device: bed.device }) };
  const foreign = mkdtempSync(path.join(tmpdir(), 'hub-tls-'));
  const issued = async (from: Promise<{ pem: string; key: string }>) => {
    const { pem, key } = await from;
    return { cert: pem, key };
  };
  const past = await openAuthority({ dataDirectory, now: () => Date.now() - 500 * DAY });
  const expired = await openRegistry({ ...stand, mqttUrl: '', authority: past }).createDevice({
    facility: bed.facility,
    profile: 'bed',
    credential: 'certificate',
  });
  const withSecret = await newBed(stand, bed.facility);
  const refused = stand.stats().refusedSignIns!;
  const cases: [string, IClientOptions, number][] = [
    ['of another authority', await issued((await openAuthority({ dataDirectory: foreign })).issueWithKey(holder)), 5],
    ['of our authority that the registry does not know', await issued(authority.issueWithKey(holder)), 5],
    ['of a server', await issued(authority.serverCertificate(['localhost'])), 5],
    ['that is over', keyed(expired), 5],
    ['of another device than the user name says', { ...keyed(bed), username: withSecret.username, password: withSecret.secret }, 4],
    ['of a device that says it is the hub', { ...keyed(bed), username: 'hub', password: 'internal-secret-of-the-test' }, 4],
  ];
  for (const [what, options, code] of cases)
    expect([
      what,
      await connect(options).then(
        () => 'in',
        error => error.code,
      ),
    ]).toEqual([what, code]);
  expect(stand.stats().refusedSignIns! - refused).toBe(cases.length);
  rmSync(foreign, { recursive: true });
});

test('a device with a certificate writes and reads its own topics only', async () => {
  const [bed, other] = [await certified(), await certified()];
  const client = await connect(keyed(bed));
  await client.publishAsync(other.topic, bedPack(other.device, [other.time]), { qos: 1 });
  expect(await heartRates(stand.samples, other.subject, other.time, other.time + 1)).toHaveLength(0);
  for (const topic of [own(other, 'certificate'), own(other, 'config'), `care/1/${bed.facility}/+/certificate`])
    expect((await client.subscribeAsync(topic, { qos: 1 }).catch(() => [{ qos: 128 }]))[0]?.qos).toBe(128);
});

test('revoking cuts a device’s connections of both kinds within a second and ends its sign-in', async () => {
  const bed = await newBed(stand);
  const withSecret = await connect({ username: bed.username, password: bed.secret });
  const rotated = await stand.registry.rotate(bed.facility, bed.device, { credential: 'certificate' });
  const gone = cut(withSecret);
  const begun = performance.now();
  await stand.registry.revoke(bed.facility, bed.device);
  await gone;
  expect(performance.now() - begun).toBeLessThan(1000);
  await expect(connect(keyed(rotated))).rejects.toMatchObject({ code: 5 });

  const certificate = await certified();
  const client = await connect(keyed(certificate));
  const closed = cut(client);
  const again = performance.now();
  await stand.registry.revoke(certificate.facility, certificate.device);
  await closed;
  expect(performance.now() - again).toBeLessThan(1000);
  await expect(connect(keyed(certificate))).rejects.toMatchObject({ code: 5 });
});

test('a gateway with a certificate delivers for its facility until it is revoked', async () => {
  const bed = await newBed(stand);
  const gateway = await stand.registry.createGateway(bed.facility, { credential: 'certificate' });
  const client = await connect(keyed(gateway));
  await client.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toHaveLength(1);
  const closed = cut(client);
  await stand.registry.revokeGateway(bed.facility);
  await closed;
  await expect(connect(keyed(gateway))).rejects.toMatchObject({ code: 5 });
});

test('of credentials that are made for a gateway at the same time one is good', async () => {
  const facility = unique('facility');
  await Promise.all(Array.from({ length: 4 }, () => stand.registry.createGateway(facility, { credential: 'certificate' })));
  const { rowCount } = await stand.database.pool.query('select 1 from ingest_credential where facility = $1 and revoked is null', [
    facility,
  ]);
  expect(rowCount).toBe(1);
});

test('a rotated certificate stays good until the new one is used; then its connection is cut', async () => {
  const bed = await certified();
  const client = await connect(keyed(bed));
  const closed = cut(client);
  const rotated = await stand.registry.rotate(bed.facility, bed.device);
  expect((await connect(keyed(bed))).connected).toBe(true);
  expect(client.connected).toBe(true);
  await connect(keyed(rotated));
  await closed;
  await expect.poll(() => connect(keyed(bed)).catch(error => error.code)).toBe(5);
});

test('a rotated certificate whose successor nobody uses ends after seven days', async () => {
  const bed = await certified();
  const client = await connect(keyed(bed));
  const closed = cut(client);
  const rotated = await stand.registry.rotate(bed.facility, bed.device);
  await settleCredentials(stand.database, new Date(Date.now() + 6.9 * DAY));
  expect((await connect(keyed(bed))).connected).toBe(true);
  await settleCredentials(stand.database, new Date(Date.now() + 7.1 * DAY));
  await closed;
  expect((await connect(keyed(rotated))).connected).toBe(true);
});

test('a device asks for its next certificate over MQTT with a key of its own, and goes over to it', async () => {
  const bed = await certified();
  const client = await connect(keyed(bed));
  const answers = await heard(client, own(bed, 'certificate'));
  const { csr, key } = await newRequest('somebody-else');
  await client.publishAsync(own(bed, 'csr'), csr, { qos: 1 });
  await expect.poll(() => answers).toHaveLength(1);
  expect(answers[0]).toContain(authority.caPem);
  expect(audited.at(-1)?.en).toBe(`The device ${bed.device} renewed its own certificate`);
  const closed = cut(client);
  const next = await connect({ cert: answers[0], key });
  await closed;
  await next.publishAsync(bed.topic, bedPack(bed.device, [bed.time]), { qos: 1 });
  expect(await heartRates(stand.samples, bed.subject, bed.time, bed.time + 1)).toHaveLength(1);
});

test('nobody asks for a certificate of another: not a device, not its gateway', async () => {
  const bed = await certified();
  const before = (await stand.registry.devicesOf(bed.facility))[0]?.certificateEnds;
  const askers = [
    await connect(keyed(await certified(bed.facility))),
    await connect(keyed(await stand.registry.createGateway(bed.facility, { credential: 'certificate' }))),
  ];
  const owner = await connect(keyed(bed));
  const answers = await heard(owner, own(bed, 'certificate'));
  for (const asker of askers) await asker.publishAsync(own(bed, 'csr'), (await newRequest('x')).csr, { qos: 1 });
  expect(answers).toEqual([]);
  const rows = await stand.database.pool.query('select 1 from ingest_credential where username = $1', [bed.username]);
  expect([rows.rowCount, (await stand.registry.devicesOf(bed.facility))[0]?.certificateEnds]).toEqual([1, before]);
});

test('a request that is none is refused in words and changes nothing; too many are not answered', async () => {
  const bed = await certified();
  const client = await connect(keyed(bed));
  const refusals = await heard(client, own(bed, 'refused'));
  await client.publishAsync(own(bed, 'csr'), 'please', { qos: 1 });
  await expect
    .poll(() => refusals.map(text => JSON.parse(text)))
    .toMatchObject([{ reason: 'csr-refused', text: { ja: expect.any(String) } }]);
  expect((await connect(keyed(bed))).connected).toBe(true);

  const answers = await heard(client, own(bed, 'certificate'));
  for (let count = 0; count < 6; count++) await client.publishAsync(own(bed, 'csr'), (await newRequest('x')).csr, { qos: 1 });
  await expect.poll(() => answers.length).toBe(4);
  await expect.poll(() => refusals.length).toBe(3);
  expect(refusals.at(-1)).toContain('at most 5 an hour');
});

test('a device whose certificate ends soon is asked to renew it, and no longer once it has', async () => {
  const bed = await certified();
  const client = await connect(keyed(bed));
  await settleCredentials(stand.database, new Date(Date.now() + 366 * DAY));
  const configs = await heard(client, own(bed, 'config'));
  expect((await stand.registry.devicesOf(bed.facility))[0]).toMatchObject({ renewAsked: false });
  await settleCredentials(stand.database, new Date(Date.now() + 368 * DAY));
  await expect.poll(() => configs).toEqual(['{"renew":true}']);
  expect((await stand.registry.devicesOf(bed.facility))[0]).toMatchObject({ credential: 'certificate', renewAsked: true });
  await client.publishAsync(own(bed, 'csr'), (await newRequest('x')).csr, { qos: 1 });
  await expect.poll(() => configs).toEqual(['{"renew":true}', '']);
});

test('a device’s configuration is there when it connects, also after the role started anew, and with the request to renew', async () => {
  const bed = await certified();
  await stand.registry.configure(bed.facility, bed.device, { intervalSeconds: 30 });
  await stand.registry.askRenewal(bed.facility, bed.device);
  await stand.stopIngest();
  await stand.startIngest();
  const configs = await heard(await connect(keyed(bed)), own(bed, 'config'));
  await expect.poll(() => configs).toEqual(['{"intervalSeconds":30,"renew":true}']);
  await stand.registry.configure(bed.facility, bed.device, { intervalSeconds: 10 });
  await expect.poll(() => configs.at(-1)).toBe('{"intervalSeconds":10,"renew":true}');
});

test('a resumed TLS session signs in while its certificate is in force, and not after', async () => {
  const bed = await certified();
  const client = await connect({ ...keyed(bed), maxVersion: 'TLSv1.2' } as IClientOptions);
  const held = (client.stream as unknown as { getSession(): Buffer }).getSession();
  const again = await connect({ ...keyed(bed), maxVersion: 'TLSv1.2', session: held } as IClientOptions);
  expect((again.stream as unknown as { isSessionReused(): boolean }).isSessionReused()).toBe(true);
  const gone = cut(again);
  await stand.registry.revoke(bed.facility, bed.device);
  // The broker has heard of it then.
  await gone;
  await expect(connect({ ...keyed(bed), maxVersion: 'TLSv1.2', session: held } as IClientOptions)).rejects.toMatchObject({ code: 5 });
});

test('what is older than TLS 1.2, and what is no TLS, gets no answer, and others go on', async () => {
  const fault = await new Promise<string>(resolve => {
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    connectTls({ host: 'localhost', port: stand.tlsPort ?? 0, ca: authority.caPem, ...old }).once('error', error => resolve(String(error)));
  });
  expect(fault).toMatch(/alert|version|protocol/i);
  await expect(connectAsync(`mqtt://127.0.0.1:${stand.tlsPort}`, { reconnectPeriod: 0, connectTimeout: 2000 }, false)).rejects.toThrow();
  expect((await connect(keyed(await certified()))).connected).toBe(true);
});

test('the device client renews when the hub asks, keeps its packs meanwhile, and the former certificate ends', async () => {
  const bed = await certified();
  const kept: string[] = [];
  const device = new DeviceClient({
    ...{ url: `mqtts://localhost:${stand.tlsPort}`, facility: bed.facility, device: bed.device, reconnectMilliseconds: 20 },
    ...{ ca: bed.certificate?.ca, ...keyed(bed), onCertificate: ({ cert }) => void kept.push(cert), onFault: () => {} },
  });
  await expect.poll(() => device.connected).toBe(true);
  await stand.registry.askRenewal(bed.facility, bed.device);
  for (let index = 0; index < 50; index++)
    device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 60, time: bed.time - index * 1000 }]);
  await expect.poll(() => kept).toHaveLength(1);
  await device.flushed();
  expect(await heartRates(stand.samples, bed.subject, bed.time - 100_000, bed.time + 1)).toHaveLength(50);
  await expect.poll(() => connect(keyed(bed)).catch(error => error.code)).toBe(5);
  expect((await stand.registry.devicesOf(bed.facility))[0]).toMatchObject({ renewAsked: false, formerUntil: null });
  await device.renewCertificate();
  expect(kept).toHaveLength(2);
  await expect.poll(() => device.connected).toBe(true);
  await device.close();
});

test('the device client goes over from its secret to a certificate, and says why it cannot', async () => {
  const bed = await newBed(stand);
  const options = { facility: bed.facility, device: bed.device, reconnectMilliseconds: 20, secret: bed.secret, onFault: () => {} };
  const plain = new DeviceClient({ ...options, url: `mqtt://127.0.0.1:${stand.port}` });
  await expect.poll(() => plain.connected).toBe(true);
  await expect(plain.renewCertificate()).rejects.toThrow('needs TLS');
  await plain.close();
  await expect(plain.renewCertificate()).rejects.toThrow('not connected');
  const device = new DeviceClient({ ...options, url: `mqtts://localhost:${stand.tlsPort}`, ca: authority.caPem });
  await expect.poll(() => device.connected).toBe(true);
  await device.renewCertificate();
  await expect.poll(() => stand.connect(bed).catch(error => error.code)).toBe(4);
  await expect.poll(() => device.connected).toBe(true);
  await device.close();
});
