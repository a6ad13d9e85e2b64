// The code that makers copy does what it says: it stands in the README as the web application shows it, and each example is run.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  checkReadings,
  decodePack,
  type ExampleDevice,
  exampleMicroPython,
  examplePack,
  exampleShell,
  exampleTypeScript,
  loadProfiles,
} from '../../devices/index.ts';
import type { Credentials } from '../../hub/ingest/contract.ts';
import { unique } from '../harness/index.ts';
import { openStand, type Stand } from '../ingest/bench-facility.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SAMPLE = { url: 'mqtt://gateway:1884', facility: 'f1', device: 'bed-201', profile: loadProfiles().get('bed')! };
const EXAMPLES = { ts: exampleTypeScript, sh: exampleShell, python: exampleMicroPython };

let stand: Stand;
let credentials: Credentials;
let example: ExampleDevice;
/** As a maker's own folder: the packages are there. */
let folder: string;
beforeAll(async () => {
  stand = await openStand();
  const facility = unique('maker');
  credentials = await stand.registry.createDevice({ facility, profile: 'bed', subject: `Location/bench-${facility}` });
  example = { url: `mqtt://127.0.0.1:${stand.port}`, facility, device: credentials.device, profile: SAMPLE.profile };
  folder = mkdtempSync(path.join(tmpdir(), 'example-'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(async () => {
  await stand.close();
  rmSync(folder, { recursive: true });
});
const acceptedOf = async () => (await stand.registry.devicesOf(example.facility))[0]!.accepted;

test('the README shows the same examples as the web application', () => {
  const readme = readFileSync(path.join(ROOT, 'devices/README.md'), 'utf8');
  for (const [language, make] of Object.entries(EXAMPLES)) expect(readme).toContain(`\`\`\`${language}\n${make(SAMPLE)}\`\`\``);
});

test('every profile’s example pack is taken whole', () => {
  for (const profile of loadProfiles().values()) {
    const now = Date.now();
    const pack = decodePack(Buffer.from(examplePack({ ...SAMPLE, profile })), 'json', now);
    expect(checkReadings(profile, pack, { receivedAt: now }).refusals, profile.id).toEqual([]);
  }
});

test('the TypeScript example type-checks, runs, and what it sends is stored', async () => {
  const file = path.join(folder, 'example.ts');
  writeFileSync(file, exampleTypeScript(example));
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const typed = spawnSync(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, '--ignoreConfig', file], {
    encoding: 'utf8',
  });
  expect(typed.stdout).toBe('');
  const before = await acceptedOf();
  const child = spawn(process.execPath, [file], { env: { ...process.env, SECRET: credentials.secret } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      said += chunk;
    });
  await expect.poll(() => said, { timeout: 15_000 }).toContain('stored');
  child.kill();
  await expect.poll(acceptedOf).toBeGreaterThan(before);
});

test('the command line sends a pack that is stored', async ({ annotate }) => {
  const line = exampleShell(example);
  const before = await acceptedOf();
  const real = spawnSync('mosquitto_pub', ['--help']).error === undefined;
  if (real) {
    // Not waited for in one go: the broker is in this process.
    const run = spawn('sh', ['-c', line], { env: { ...process.env, SECRET: credentials.secret } });
    let said = '';
    for (const stream of [run.stdout, run.stderr])
      stream.on('data', chunk => {
        said += chunk;
      });
    const status = await new Promise(resolve => run.once('close', resolve));
    expect([said, status]).toEqual(['', 0]);
  } else {
    await annotate('mosquitto_pub is not here (Debian: mosquitto-clients): its arguments are read by the shell and sent by mqtt');
    const shell = `mosquitto_pub() { printf '%s\\0' "$@"; }\n${line}`;
    const { stdout } = spawnSync('sh', ['-c', shell], { env: { ...process.env, SECRET: credentials.secret }, encoding: 'utf8' });
    const given = stdout.split('\0');
    const option = (name: string) => given[given.indexOf(name) + 1]!;
    expect(option('-q')).toBe('1');
    const client = await connectAsync(`mqtt://${option('-h')}:${option('-p')}`, {
      ...{ clientId: option('-i'), username: option('-u'), password: option('-P') },
    });
    await client.publishAsync(option('-t'), option('-m'), { qos: 1 });
    await client.endAsync();
  }
  await expect.poll(acceptedOf).toBeGreaterThan(before);
});

test('the MicroPython example runs, and its pack is one that the hub takes', ({ skip }) => {
  if (spawnSync('python3', ['--version']).status !== 0) skip('python3 is not here');
  mkdirSync(path.join(folder, 'umqtt'));
  writeFileSync(path.join(folder, 'umqtt/__init__.py'), '');
  // Stands in for the library of the microcontroller: writes down what is asked of it.
  writeFileSync(
    path.join(folder, 'umqtt/robust.py'),
    `import json
def told(*what):
    print(json.dumps([one.decode() if isinstance(one, bytes) else one for one in what]))
class MQTTClient:
    def __init__(self, client_id, server, port, user, password, keepalive=0): told("new", client_id, server, port, user, password, keepalive)
    def set_last_will(self, topic, message, retain=False, qos=0): told("will", topic, message, retain, qos)
    def connect(self): told("connect")
    def publish(self, topic, message, retain=False, qos=0): told("publish", topic, message, retain, qos)
`,
  );
  const values = JSON.parse(examplePack(example)) as { n: string; v?: number }[];
  const own = values.map(({ n, v }) => `read_${n} = lambda: ${v ?? 'True'}`);
  const around = `SECRET = "s"
${own.join('\n')}
import time
def stop(seconds): raise SystemExit(0)
time.sleep = stop
`;
  writeFileSync(path.join(folder, 'example.py'), around + exampleMicroPython(example));
  const run = spawnSync('python3', ['example.py'], { cwd: folder, encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const told = run.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown[]);
  const { device, facility } = example;
  const base = `care/1/${facility}/${device}`;
  expect(told.slice(0, 4)).toEqual([
    ['new', device, '127.0.0.1', stand.port, `${facility}/${device}`, 's', 60],
    ['will', `${base}/state`, '{"state":"offline"}', true, 1],
    ['connect'],
    ['publish', `${base}/state`, '{"state":"online"}', true, 1],
  ]);
  const [, topic, payload, , qos] = told[4]!;
  expect([topic, qos]).toEqual([`${base}/json`, 1]);
  const now = Date.now();
  const pack = decodePack(Buffer.from(String(payload)), 'json', now);
  expect(pack).toMatchObject({ device, sequence: 0 });
  expect(checkReadings(example.profile as typeof SAMPLE.profile, pack, { receivedAt: now }).refusals).toEqual([]);
  expect(pack.readings).toHaveLength(example.profile.quantities.length);
});
