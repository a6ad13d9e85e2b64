// The code that makers copy also speaks TLS, with the secret or with a certificate: each example is run against the hub's broker.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ExampleDevice, exampleMicroPython, examplePack, exampleShell, exampleTypeScript, loadProfiles } from '../../devices/index.ts';
import { contractView } from '../../hub/bench/contract-view.ts';
import { openAuthority } from '../../hub/identity/index.ts';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { unique } from '../harness/index.ts';
import { openStand, type Stand } from '../ingest/bench-facility.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const profile = loadProfiles().get('bed')!;
const facility = unique('maker');
let folder: string;
let stand: Stand;
let secret: Credentials;
let certificate: Credentials;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tls-example-'));
  const authority = await openAuthority({ dataDirectory: path.join(folder, 'ca') });
  stand = await openStand({ authority });
  const subject = `Location/bench-${facility}`;
  secret = await stand.registry.createDevice({ facility, profile: 'bed', subject });
  certificate = await stand.registry.createDevice({ facility, profile: 'bed', subject, credential: 'certificate' });
  // As a maker's own folder: the packages, and the files under the names that the web application saves them with.
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(path.join(folder, 'ca.pem'), authority.caPem);
  writeFileSync(path.join(folder, `${certificate.device}.cert.pem`), certificate.certificate!.pem);
  writeFileSync(path.join(folder, `${certificate.device}.key.pem`), certificate.certificate!.key!);
});
afterAll(async () => {
  await stand.close();
  rmSync(folder, { recursive: true });
});
const exampleOf = ({ device }: Credentials): ExampleDevice => ({
  ...{ url: `mqtts://localhost:${stand.tlsPort}`, facility, device, profile, certificate: device === certificate.device },
});
const acceptedOf = async ({ device }: Credentials) =>
  (await stand.registry.devicesOf(facility)).find(one => one.device === device)!.accepted;
const ways = ['secret', 'certificate'] as const;
const credentialsOf = (way: (typeof ways)[number]) => (way === 'secret' ? secret : certificate);

test.for(ways)('in TypeScript, with a %s', async (way, { expect }) => {
  const credentials = credentialsOf(way);
  const file = path.join(folder, `${way}.ts`);
  writeFileSync(file, exampleTypeScript(exampleOf(credentials)));
  const child = spawn(process.execPath, [file], { cwd: folder, env: { ...process.env, SECRET: secret.secret } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      said += chunk;
    });
  await expect.poll(() => said, { timeout: 15_000 }).toContain('stored');
  child.kill();
  await expect.poll(() => acceptedOf(credentials)).toBeGreaterThan(0);
});

test.for(ways)('on the command line, with a %s', async (way, { expect, skip }) => {
  if (spawnSync('mosquitto_pub', ['--help']).error) skip('mosquitto_pub is not here (Debian: mosquitto-clients)');
  const credentials = credentialsOf(way);
  const before = await acceptedOf(credentials);
  // Not synchronous: the broker is in this process.
  const child = spawn('sh', ['-c', exampleShell(exampleOf(credentials))], { cwd: folder, env: { ...process.env, SECRET: secret.secret } });
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  const status = await new Promise<number | null>(resolve => child.once('close', resolve));
  expect([said, status]).toEqual(['', 0]);
  await expect.poll(() => acceptedOf(credentials)).toBeGreaterThan(before);
});

test.for(ways)('in MicroPython, with a %s: its TLS context is one that the broker takes', async (way, { expect, skip }) => {
  if (spawnSync('python3', ['--version']).status !== 0) skip('python3 is not here');
  const credentials = credentialsOf(way);
  mkdirSync(path.join(folder, 'umqtt'), { recursive: true });
  writeFileSync(path.join(folder, 'umqtt/__init__.py'), '');
  // Stands in for the library of the microcontroller: it makes the connection, and says as whom.
  writeFileSync(
    path.join(folder, 'umqtt/robust.py'),
    `import json, socket
class MQTTClient:
    def __init__(self, client_id, server, port, user, password, keepalive=0, ssl=None):
        print(json.dumps([user, password]))
        self.at, self.ssl = (server, port), ssl
    def set_last_will(self, topic, message, retain=False, qos=0): pass
    def connect(self):
        wrapped = self.ssl.wrap_socket(socket.create_connection(self.at), server_hostname=self.at[0])
        print(json.dumps([wrapped.version(), len(self.ssl.get_ca_certs())]))
    def publish(self, topic, message, retain=False, qos=0): raise SystemExit(0)
`,
  );
  const own = (JSON.parse(examplePack(exampleOf(credentials))) as { n: string }[]).map(({ n }) => `read_${n} = lambda: 1`);
  writeFileSync(path.join(folder, `${way}.py`), `SECRET = "s"\n${own.join('\n')}\n${exampleMicroPython(exampleOf(credentials))}`);
  const child = spawn('python3', [`${way}.py`], { cwd: folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      said += chunk;
    });
  await new Promise(resolve => child.once('close', resolve));
  const login = way === 'secret' ? `["${facility}/${secret.device}", "s"]` : '[null, null]';
  expect(said).toMatch(/\n\["TLSv1\.[23]", 1\]\n$/);
  expect(said.split('\n')[0]).toBe(login);
});

test('the page shows a device with a certificate code that uses it, and one with a secret both ways', () => {
  const config = { mqtt: { url: 'mqtt://hub.example:1883' }, mqtts: { url: 'mqtts://hub.example:8883' } };
  const names = { facility: 'f1', device: 'bed-201' };
  const certified = contractView(config, names, profile, 'certificate');
  expect(certified.examples.shell).toContain('-p 8883 --cafile ca.pem -i bed-201 --cert bed-201.cert.pem --key bed-201.key.pem -q 1');
  expect(certified.examples.typescript).not.toContain('SECRET');
  expect(certified.tlsExamples).toBeNull();
  const withSecret = contractView(config, names, profile, 'secret');
  expect(withSecret.examples.shell).toContain('-p 1883 -i bed-201 -u f1/bed-201 -P "$SECRET"');
  expect(withSecret.tlsExamples?.shell).toContain('-p 8883 --cafile ca.pem -i bed-201 -u f1/bed-201 -P "$SECRET"');
  expect(contractView({ ...config, mqtts: null }, names, profile, 'secret').tlsExamples).toBeNull();
});
