// Set-up: what is done is skipped, what cannot be done is said with its remedy, several at once do not trip over each other.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Checkout, GOOD_WORKER, LINK_PACKAGES, makeCheckout } from './checkout.ts';

const checkouts: Checkout[] = [];
afterEach(() => {
  for (const checkout of checkouts.splice(0)) checkout.remove();
});

function checkout(options?: { packages?: boolean }): Checkout {
  const made = makeCheckout(options);
  checkouts.push(made);
  return made;
}

/** A checkout where everything but the web application, which it does not have, is there. */
function completeCheckout(options?: { packages?: boolean }): Checkout {
  const made = checkout(options);
  made.program('influxd', '#!/bin/sh\n');
  return made;
}

const worker = (made: Checkout) => ({ MEDIASOUP_WORKER_BIN: made.program('worker', GOOD_WORKER) });
const isRoot = process.getuid?.() === 0;
const asOrdinaryUser = ['/usr/bin/unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];
const hasNamespaces = spawnSync(asOrdinaryUser[0]!, [...asOrdinaryUser.slice(1), 'true']).status === 0;
/** How to run as somebody who is not root; undefined where that cannot be arranged. */
const ordinary = isRoot ? (hasNamespaces ? asOrdinaryUser : undefined) : [];

test('a second run has nothing to do and takes under 3 seconds', async () => {
  const made = completeCheckout();
  expect(await made.setUp([], worker(made))).toMatchObject({ status: 0 });
  const started = performance.now();
  const { status, err } = await made.setUp([], worker(made));
  expect(performance.now() - started).toBeLessThan(3000);
  expect(status).toBe(0);
  expect(err.trim().split('\n')).toHaveLength(7);
  expect(err).not.toContain('cannot');
});

test('the result names what the hub starts', async () => {
  const made = completeCheckout();
  const environment = worker(made);
  await made.setUp([], environment);
  expect(made.state()).toMatchObject({
    mediasoupWorkerBin: environment.MEDIASOUP_WORKER_BIN,
    tensorflow: 'wasm',
    influxd: path.join(made.folder, 'bin/influxd'),
  });
});

test('without influxd and apt-get it says what to install, and which variable spares it', async () => {
  const made = checkout();
  const { status, err } = await made.setUp([], worker(made));
  expect(status).toBe(1);
  expect(err).toContain('InfluxDB: influxdb for the sensor samples (influxd): this machine has no apt-get.');
  expect(err).toContain('or set INFLUX_URL to a running one');

  expect(await made.setUp([], { ...worker(made), INFLUX_URL: 'http://127.0.0.1:1' })).toMatchObject({ status: 0 });
});

test.skipIf(!ordinary)('somebody who is not root gets one command for all missing Debian packages', async () => {
  const made = checkout();
  made.program('apt-get', '#!/bin/sh\necho "apt-get must not be called" >&2\nexit 1\n');
  const { status, err } = await made.setUp([], {}, ordinary);
  expect(status).toBe(1);
  expect(err).toContain('2 steps of set-up could not be done.');
  expect(err).toContain('→ sudo apt-get install influxdb\n');
  expect(err).toMatch(/All Debian packages at once:\n {2}→ sudo apt-get install .*meson.*influxdb/);
  expect(err).not.toContain('must not be called');
});

test.skipIf(!isRoot)('root gets influxd by apt-get, without the service that would take its port', async () => {
  const made = checkout();
  const log = path.join(made.folder, 'apt.log');
  made.program(
    'apt-get',
    `#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >> ${log}
case "$*" in
  -s*) exit 0 ;;
  *install*) sh /usr/sbin/policy-rc.d influxdb start; echo "policy $?" >> ${log}; cp ${made.folder}/bin/true ${made.folder}/bin/influxd ;;
esac
`,
  );
  const policyBefore = existsSync('/usr/sbin/policy-rc.d');
  const { status, err } = await made.setUp([], worker(made));
  expect(err).toContain(`InfluxDB … ready: ${made.folder}/bin/influxd`);
  expect(status).toBe(0);
  expect(readFileSync(log, 'utf8')).toMatch(/noninteractive -y .*install influxdb\n/);
  expect(readFileSync(log, 'utf8')).toContain('policy 101');
  expect(existsSync('/usr/sbin/policy-rc.d')).toBe(policyBefore);
});

test('a wrong MEDIASOUP_WORKER_BIN is refused with what is wrong with it', async () => {
  const made = completeCheckout();
  const refused = async (file: string) => {
    const { status, err } = await made.setUp([], { MEDIASOUP_WORKER_BIN: file });
    expect(status).toBe(1);
    expect(err).toContain('unset it to let set-up find or build a worker');
    return err;
  };
  expect(await refused('/nowhere/worker')).toContain('there is no such file');
  expect(await refused(made.file('text', 'not a program'))).toContain('it is not executable (chmod +x)');
  expect(await refused(made.program('other', '#!/bin/sh\nexit 3\n'))).toContain('ends with 3 instead of 41');
});

test('a worker that lacks its libraries leads to their packages', async () => {
  const made = completeCheckout();
  const lacking = '#!/bin/sh\necho "worker: error while loading shared libraries: libsrtp2.so.1: cannot open" >&2\nexit 127\n';
  const { status, err } = await made.setUp([], { MEDIASOUP_WORKER_BIN: made.program('worker', lacking) });
  expect(status).toBe(1);
  expect(err).toContain('libuv1, libsrtp2-1 which the mediasoup worker uses');
});

test('a prebuilt worker is taken when its checksum is the known one, and only then', async () => {
  const made = completeCheckout();
  const packing = path.join(made.folder, 'packing');
  mkdirSync(packing);
  writeFileSync(path.join(packing, 'mediasoup-worker'), GOOD_WORKER, { mode: 0o755 });
  spawnSync('tar', ['-czf', 'worker.tgz', 'mediasoup-worker'], { cwd: packing });
  const packed = readFileSync(path.join(packing, 'worker.tgz'));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.end(packed);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  try {
    const place = { MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const wrong = await made.setUp([], { ...place, MEDIASOUP_WORKER_SHA256: 'f'.repeat(64) });
    expect(wrong.status).toBe(1);
    expect(asked).toEqual([expect.stringMatching(/^\/[\d.]+\/mediasoup-worker-[\d.]+-[a-z0-9-]+\.tgz$/)]);

    const known = { ...place, MEDIASOUP_WORKER_SHA256: createHash('sha256').update(packed).digest('hex') };
    expect((await made.setUp([], known)).err).toContain('mediasoup worker … ready: downloaded');
    expect(spawnSync(made.state().mediasoupWorkerBin!).status).toBe(41);
    expect((await made.setUp([], known)).err).toContain('mediasoup worker … ready: cached');
    expect(asked).toHaveLength(2);
  } finally {
    server.close();
  }
});

test('a fresh clone gets its packages by npm ci, and once', async () => {
  const made = completeCheckout({ packages: false });
  const log = path.join(made.folder, 'npm.log');
  made.program('npm', `#!/bin/sh\necho "$1" >> ${log}\n${LINK_PACKAGES}\n`);
  for (let times = 0; times < 2; times++) expect(await made.setUp([], worker(made))).toMatchObject({ status: 0 });
  expect(readFileSync(log, 'utf8')).toBe('ci\n');
});

test('packages that are not those of the lock are installed again', async () => {
  const made = completeCheckout();
  const lock = JSON.parse(readFileSync(path.join(made.folder, 'package-lock.json'), 'utf8'));
  lock.packages['node_modules/zod'].version = '0.0.1';
  made.file('package-lock.json', JSON.stringify(lock));
  made.program('npm', '#!/bin/sh\necho "the registry is away" >&2\nexit 1\n');
  const { status, err } = await made.setUp([], worker(made));
  expect(status).toBe(1);
  expect(err).toContain('the registry is away');
  expect(err).toContain('Check that the npm registry can be reached');
});

test('two at once: one works, the other waits and finds it done', async () => {
  const made = completeCheckout({ packages: false });
  const log = path.join(made.folder, 'npm.log');
  made.program('npm', `#!/bin/sh\necho "$1" >> ${log}\nwhile [ ! -e ${made.folder}/go ]; do sleep 0.05; done\n${LINK_PACKAGES}\n`);
  const first = made.start('setup.mjs', [], worker(made));
  await expect.poll(() => existsSync(log)).toBe(true);
  const second = made.start('setup.mjs', [], worker(made));
  await expect.poll(second.err, { timeout: 5000 }).toContain(`waiting for another set-up (process ${first.child.pid})`);
  made.file('go', '');
  expect(await Promise.all([first.ended, second.ended])).toEqual([
    expect.objectContaining({ status: 0 }),
    expect.objectContaining({ status: 0 }),
  ]);
  expect(readFileSync(log, 'utf8')).toBe('ci\n');
});

test('the lock of a set-up that was killed holds nobody up', async () => {
  const made = completeCheckout({ packages: false });
  const log = path.join(made.folder, 'npm.log');
  const npm = made.program('npm', `#!/bin/sh\necho $$ >> ${log}\nexec sleep 60\n`);
  const killed = made.start('setup.mjs', [], worker(made));
  await expect.poll(() => existsSync(log) && readFileSync(log, 'utf8')).toMatch(/\d+\n/);
  killed.child.kill('SIGKILL');
  process.kill(Number(readFileSync(log, 'utf8')), 'SIGKILL');
  await killed.ended;

  writeFileSync(npm, `#!/bin/sh\n${LINK_PACKAGES}\n`);
  expect(await made.setUp([], worker(made))).toMatchObject({ status: 0 });
});

test('a set-up that is stopped says so, stops what it runs, and ends with the status of the signal', async () => {
  const made = completeCheckout({ packages: false });
  const log = path.join(made.folder, 'npm.log');
  made.program('npm', `#!/bin/sh\necho $$ >> ${log}\nexec sleep 60\n`);
  const running = made.start('setup.mjs', [], worker(made));
  await expect.poll(() => existsSync(log) && readFileSync(log, 'utf8')).toMatch(/\d+\n/);
  running.child.kill('SIGINT');
  const { status, err } = await running.ended;
  expect(status).toBe(130);
  expect(err).toContain('It goes on where it was when you run it again.');
  expect(() => process.kill(Number(readFileSync(log, 'utf8')), 0)).toThrow('ESRCH');
});

test('the web application is built again when, and only when, its sources change', async () => {
  const made = completeCheckout();
  made.file('web/index.html', '<!doctype html><title>hub</title><script type="module" src="/main.ts"></script>');
  const page = (text: string) => made.file('web/main.ts', `document.title = '${text}';\n`);
  const built = async () => /vite build/.test((await made.setUp([], worker(made))).err);
  page('one');
  expect(await built()).toBe(true);
  expect(existsSync(path.join(made.folder, 'web/dist/index.html'))).toBe(true);
  expect(await built()).toBe(false);
  page('two');
  expect(await built()).toBe(true);
  made.file('hub/alerts/contract.ts', 'export type Alert = string;\n');
  expect(await built()).toBe(true);
  expect(await built()).toBe(false);
});

test('a web application that cannot be built keeps the last one and shows why', async () => {
  const made = completeCheckout();
  made.file('web/index.html', '<!doctype html><title>hub</title><script type="module" src="/main.ts"></script>');
  made.file('web/main.ts', 'document.title = "good";\n');
  expect(await made.setUp([], worker(made))).toMatchObject({ status: 0 });
  made.file('web/main.ts', "import './gone.ts';\n");
  const { status, err } = await made.setUp([], worker(made));
  expect(status).toBe(1);
  expect(err).toContain('gone.ts');
  expect(existsSync(path.join(made.folder, 'web/dist/index.html'))).toBe(true);
});

test('tests need a Chromium: a given one is taken, a wrong one refused', async () => {
  const made = completeCheckout();
  const chromium = made.program('some-chromium', '#!/bin/sh\n');
  const taken = await made.setUp(['--for', 'test'], { ...worker(made), CHROMIUM_BIN: chromium });
  expect(taken).toMatchObject({ status: 0 });
  expect(made.state().chromium).toBe(chromium);
  const refused = await made.setUp(['--for', 'test'], { ...worker(made), CHROMIUM_BIN: '/nowhere' });
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('Correct CHROMIUM_BIN') });
});

test('an unknown option is refused, --help explains', async () => {
  const made = completeCheckout();
  expect(await made.setUp(['--fast'])).toMatchObject({ status: 1, err: expect.stringContaining('Unknown option --fast') });
  expect(await made.setUp(['--help'])).toMatchObject({ status: 0, out: expect.stringContaining('Usage: node hub/setup/setup.mjs') });
});
