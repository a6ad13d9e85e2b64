// The gateway's certificate towards the hub: signing in with it, getting a new one in time, and never being locked out by a bad one.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync } from 'mqtt';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { gatewayTopic } from '../../devices/index.ts';
import type { Pkcs10CertificateRequest } from '../../devices/x509.ts';
import { readEdgeConfig } from '../../edge/index.ts';
import { FACILITY, gatewayBench, listKnown } from './gateway.ts';
import { serialOf, startTlsHub, type TestAuthority, testAuthority } from './tls-hub.ts';

const NAME = `gateway/${FACILITY}`;
const bench = gatewayBench({ 'bed-1': 'secret-of-bed-1' });
let authority: TestAuthority;
beforeAll(async () => {
  authority = await testAuthority();
});

const file = (name: string) => path.join(bench.folder, name);
async function gatewayWith({
  days = 300,
  answer,
  given,
}: {
  days?: number;
  answer?: (request: Pkcs10CertificateRequest) => Promise<string | null>;
  given?: { cert: string; key: string };
}) {
  const hub = await startTlsHub({ facility: FACILITY, authority, ...(answer && { answer }) });
  bench.closing.push(() => hub.close());
  const { cert, key } = given ?? (await authority.issue(NAME, days));
  writeFileSync(file('gateway.crt'), cert);
  writeFileSync(file('gateway.key'), key);
  const start = () =>
    bench.edgeFor(hub.url, {
      secret: null,
      ca: authority.caPem,
      certificate: { certFile: file('gateway.crt'), keyFile: file('gateway.key') },
    });
  return { hub, cert, key, start, edge: await start() };
}
const renewed =
  (days = 365) =>
  (request: Pkcs10CertificateRequest) =>
    authority.sign(request.publicKey, NAME, days);

test('the gateway signs in with its certificate alone, and holds the hub’s against the given authority', async () => {
  const { hub, edge } = await gatewayWith({});
  await expect.poll(() => edge.status().hub.connected).toBe(true);
  expect(hub.signedIn).toMatchObject([{ username: NAME, commonName: NAME, password: false }]);
  expect(hub.requests).toEqual([]);
  expect(Date.parse(edge.status().hub.certificateUntil!)).toBeGreaterThan(Date.now());

  const stranger = await testAuthority();
  const other = await bench.edgeFor(hub.url, {
    dataDirectory: mkdtempSync(path.join(bench.folder, 'other-')),
    ca: stranger.caPem,
    certificate: { certFile: file('gateway.crt'), keyFile: file('gateway.key') },
  });
  await expect.poll(() => other.status().hub.lastError).toMatch(/certificate/i);
  expect(other.status().hub.connected).toBe(false);
});

test.each<[string, { days: number; asked: boolean }]>([
  ['within 30 days of its end', { days: 29, asked: false }],
  ['when the hub asks for it', { days: 300, asked: true }],
])('a certificate is renewed %s, with a new key, and the new one is used from then on', async (_when, { days, asked }) => {
  const { hub, edge, cert, key, start } = await gatewayWith({ days, answer: renewed() });
  if (asked) {
    await expect.poll(() => edge.status().hub.connected).toBe(true);
    hub.publish(gatewayTopic(FACILITY, 'config'), '{"renew":true}', true);
  }
  await expect.poll(() => hub.signedIn.length, { timeout: 10_000 }).toBe(2);
  await expect.poll(() => existsSync(file('identity.pem'))).toBe(true);
  const pem = readFileSync(file('identity.pem'), 'utf8');
  expect(hub.signedIn.map(({ serial }) => serial)).toEqual([serialOf(cert), serialOf(pem)]);
  expect(serialOf(pem)).not.toBe(serialOf(cert));
  expect(pem).not.toContain(key.split('\n')[1]);
  expect(statSync(file('identity.pem')).mode & 0o777).toBe(0o600);
  expect(existsSync(file('identity.new.pem'))).toBe(false);
  const [request] = hub.requests;
  expect(request?.subject).toBe(`CN=${NAME}`);
  expect(await request?.verify()).toBe(true);

  // The hub's wish is retained; it does not go round in circles, and a restart begins with the new one.
  await edge.close();
  await start();
  await expect.poll(() => hub.signedIn.map(({ serial }) => serial), { timeout: 10_000 }).toEqual([cert, pem, pem].map(serialOf));
  expect(hub.requests).toHaveLength(1);
});

test('a new certificate that the hub does not take is given up for the old one', async () => {
  const { hub, edge, cert } = await gatewayWith({
    days: 20,
    answer: async request => {
      const pem = await renewed()(request);
      hub.refused.add(serialOf(pem));
      return pem;
    },
  });
  await expect.poll(() => hub.signedIn.length, { timeout: 15_000 }).toBe(2);
  expect(hub.signedIn[1]?.serial).toBe(serialOf(cert));
  await expect.poll(() => edge.status().hub.connected).toBe(true);
  expect(existsSync(file('identity.new.pem'))).toBe(false);
  expect(existsSync(file('identity.pem'))).toBe(false);
  expect(hub.requests).toHaveLength(1);
});

test.each<[string, (request: Pkcs10CertificateRequest) => Promise<string>]>([
  ['is no certificate', async () => 'no certificate'],
  ['is for another key', async () => (await authority.issue(NAME, 365)).cert],
  ['is another gateway’s', request => authority.sign(request.publicKey, 'gateway/f2', 365)],
  ['has ended', request => authority.sign(request.publicKey, NAME, -0.01)],
])('an answer that %s changes nothing', async (_what, answer) => {
  let answered = false;
  const { hub, edge } = await gatewayWith({
    days: 20,
    answer: async request => {
      answered = true;
      return answer(request);
    },
  });
  await expect.poll(() => answered).toBe(true);
  await expect.poll(() => edge.status().hub.connected).toBe(true);
  expect(hub.signedIn).toHaveLength(1);
  expect(existsSync(file('identity.new.pem'))).toBe(false);
});

test('a new certificate that the disk does not take changes nothing, and the gateway goes on', async () => {
  const { hub, edge } = await gatewayWith({
    days: 20,
    answer: request => {
      // In the place of the file that would be written first.
      mkdirSync(file('identity.new.pem.draft'));
      return renewed()(request);
    },
  });
  await expect.poll(() => hub.requests.length).toBe(1);
  await expect.poll(() => edge.status().hub.connected).toBe(true);
  const page = await fetch(`http://127.0.0.1:${edge.statusPort}/status`);
  expect(page.status).toBe(200);
  expect(hub.signedIn).toHaveLength(1);
});

test('a gateway that died with a new certificate not yet tried tries it at its next start', async () => {
  const { hub, cert, edge, start } = await gatewayWith({});
  await edge.close();
  const next = await authority.issue(NAME, 365);
  writeFileSync(file('identity.new.pem'), `${next.key}\n${next.cert}`, { mode: 0o600 });
  // The old one has gone with it: only the new one opens the door.
  hub.refused.add(serialOf(cert));
  await start();
  await expect.poll(() => hub.signedIn.at(-1)?.serial, { timeout: 10_000 }).toBe(serialOf(next.cert));
  await expect.poll(() => existsSync(file('identity.pem'))).toBe(true);
});

test('a certificate without its key ends the start with words', async () => {
  const [one, other] = [await authority.issue(NAME, 30), await authority.issue(NAME, 30)];
  await expect(gatewayWith({ given: { cert: one.cert, key: other.key } })).rejects.toThrow('EDGE_KEY');
});

test('a device may speak TLS to the gateway', async () => {
  const { cert, key } = await authority.server();
  const hub = await bench.hubAt();
  const edge = await bench.edgeFor(hub.url, { tls: { port: 0, cert, key } });
  await listKnown(edge);
  const bed = await connectAsync(`mqtts://127.0.0.1:${edge.tlsPort}`, {
    ca: authority.caPem,
    clientId: 'bed-1',
    username: `${FACILITY}/bed-1`,
    password: 'secret-of-bed-1',
    reconnectPeriod: 0,
  });
  bench.closing.push(() => bed.endAsync(true));
  const pack = '[{"bn":"bed-1:","n":"seq","v":5},{"n":"heart_rate","u":"beat/min","v":60}]';
  await bed.publishAsync(`care/1/${FACILITY}/bed-1/json`, pack, { qos: 1 });
  await expect.poll(() => hub.sequences('bed-1')).toEqual([5]);
});

describe('configuration', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'edge-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const read = (given: Record<string, string>) => readEdgeConfig({ EDGE_DATA: folder, EDGE_FACILITY: 'f1', ...given });

  test.each<[string, Record<string, string>, string]>([
    ['neither a secret nor a certificate', {}, 'EDGE_SECRET'],
    ['a certificate without a key', { EDGE_CERT: 'a.crt', EDGE_HUB_URL: 'mqtts://hub' }, 'EDGE_KEY'],
    ['a certificate over plain MQTT', { EDGE_CERT: 'a.crt', EDGE_KEY: 'a.key' }, 'mqtts://'],
    ['a PIN that is none', { EDGE_SECRET: 's', EDGE_STATUS_PIN: 'abc' }, 'EDGE_STATUS_PIN'],
    ['a server certificate without its key', { EDGE_SECRET: 's', EDGE_TLS_CERT: 'a.crt' }, 'EDGE_TLS_KEY'],
    ['an authority that cannot be read', { EDGE_SECRET: 's', EDGE_CA: '/nowhere/ca.pem' }, 'EDGE_CA'],
  ])('%s is refused, and the variable named', (_what, given, words) => expect(() => read(given)).toThrow(words));

  test('a certificate stands in for a secret', () => {
    const config = read({ EDGE_CERT: 'a.crt', EDGE_KEY: 'a.key', EDGE_HUB_URL: 'mqtts://hub:8883' });
    expect(config).toMatchObject({ secret: null, certificate: { certFile: path.resolve('a.crt'), keyFile: path.resolve('a.key') } });
  });
});
