// A whole hub with data is backed up while it runs and put back into an empty place: the same answers, the same people, the same trail.
import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSecrets } from '../../hub/secrets.ts';
import { openFiles, openSamples, runningInflux } from '../../hub/store/index.ts';
import { Visitor } from '../e2e/visitor.ts';
import { startHub, type TestHub, temporaryFolder } from '../harness/hub.ts';
import { makeWorld } from '../harness/world.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const place = mkdtempSync(path.join(tmpdir(), 'hub-backup-'));
const backups = path.join(place, 'backups');
const restored = temporaryFolder();
const now = Date.now();
const sampled = { subject: 'Patient/somebody', profile: 'bed', quantities: ['heart_rate'], from: now - 600_000, to: now };

let identity = '';
let recipient = '';
let hub: TestHub;
let file = '';
/** What the hub said before, and what it must say afterwards. */
let before: Awaited<ReturnType<typeof answersOf>>;
let administrator: Visitor;
let link = '';
let kept = '';

interface Said {
  status: number;
  out: string;
  err: string;
}

function command(
  name: 'backup' | 'restore-command' | '../records/audit/audit-command',
  args: string[],
  environment: Record<string, string>,
): Promise<Said> {
  const options = { cwd: ROOT, env: { ...process.env, ...environment } };
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [path.join(ROOT, 'hub/backup', `${name}.ts`), ...args],
      options,
      (error: ExecFileException | null, out, err) => resolve({ status: error ? Number(error.code ?? 1) : 0, out, err }),
    );
  });
}
const backUp = (args: string[], environment: Record<string, string> = {}) =>
  command('backup', args, { HUB_DATA: hub.dataDirectory, ...environment });
const restore = (args: string[], environment: Record<string, string> = {}) =>
  command('restore-command', args, { HUB_DATA: restored, HUB_BACKUP_IDENTITY: identity, ...environment });

async function answersOf(dataDirectory: string, asked: Visitor) {
  const samples = await openSamples(runningInflux(path.join(dataDirectory, 'influx'))!.url);
  const practitioners = (await asked.ask('GET', '/fhir/R4/Practitioner?_sort=_id')).body as { entry: { resource: unknown }[] };
  return {
    practitioners: practitioners.entry.map(entry => entry.resource),
    people: (await asked.ask('GET', '/api/people')).body,
    samples: await samples.read(sampled),
  };
}

beforeAll(async () => {
  identity = await generateIdentity();
  recipient = await identityToRecipient(identity);
  hub = await startHub();
  const world = await makeWorld(hub, 2);
  const samples = await openSamples(runningInflux(path.join(hub.dataDirectory, 'influx'))!.url);
  await samples.write(
    Array.from({ length: 300 }, (_, i) => ({
      ...{ profile: 'bed', facility: 'f', device: 'd', subject: sampled.subject },
      ...{ time: now - 500_000 + i * 1000, values: { heart_rate: 60 + (i % 7) } },
    })),
  );
  const files = await openFiles({
    dataDirectory: hub.dataDirectory,
    area: 'consult',
    key: readSecrets({ dataDirectory: hub.dataDirectory }).files,
  });
  kept = (await files.put(Buffer.from('録画のつもり'), { type: 'video/webm' })).hash;
  const linkFor = (account: string) => world.administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, { uses: 1 });
  const { account } = await world.administrator.send<{ account: string }>('GET', '/api/session');
  administrator = await new Visitor(hub.url).signIn((await linkFor(account)).url);
  link = (await linkFor(world.accounts.doctor!)).url;
  before = await answersOf(hub.dataDirectory, administrator);
  const said = await backUp([backups, '--keep', '2'], { HUB_BACKUP_RECIPIENT: recipient });
  expect(said.err).not.toMatch(/Error/);
  expect(said.status).toBe(0);
  file = path.join(backups, readdirSync(backups)[0]!);
}, 120_000);
afterAll(async () => {
  await hub?.stop();
  for (const folder of [place, restored]) rmSync(folder, { recursive: true, force: true });
});

test('without a key and without being told so there is no backup, and the words say what to set', async () => {
  const said = await backUp([path.join(place, 'none')]);
  expect(said).toMatchObject({ status: 1, err: expect.stringMatching(/HUB_BACKUP_RECIPIENT .*HUB_BACKUP_PASSPHRASE.*--unencrypted/) });
  expect(existsSync(path.join(place, 'none'))).toBe(false);
});

test('nobody reads a name in it, and only its owner may open it', () => {
  expect(readFileSync(file).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
  expect(path.basename(file)).toMatch(/^hub-\d{8}T\d{6}Z\.age$/);
});

test('the newest generations are kept; other files of the folder are left alone', async () => {
  writeFileSync(path.join(backups, 'notes.txt'), 'x');
  writeFileSync(path.join(backups, 'hub-20200101T000000Z.age'), 'old');
  writeFileSync(path.join(backups, 'hub-20200102T000000Z.age'), 'old');
  const said = await backUp([backups, '--keep', '2'], { HUB_BACKUP_PASSPHRASE: 'words that nobody guesses' });
  expect(said.status).toBe(0);
  expect(readdirSync(backups).filter(name => name.includes('2020'))).toEqual([]);
  expect(readdirSync(backups)).toHaveLength(3);
  const newest = readdirSync(backups)
    .filter(name => name.endsWith('.age'))
    .sort()
    .at(-1)!;
  const good = await restore([path.join(backups, newest), '--verify'], {
    HUB_BACKUP_PASSPHRASE: 'words that nobody guesses',
    HUB_BACKUP_IDENTITY: '',
  });
  expect(good).toMatchObject({ status: 0, out: expect.stringMatching(/^Good: made/) });
});

describe('refused in words, and nothing is changed:', () => {
  const damaged = path.join(place, 'damaged.age');
  const untouched = async (args: string[], environment: Record<string, string>, words: RegExp) => {
    const said = await restore(args, environment);
    expect(said.status).toBe(1);
    expect(said.err.trim().split('\n').at(-1)).toMatch(words);
    expect(readdirSync(restored)).toEqual([]);
  };
  test('another key, and none', async () => {
    await untouched([file], { HUB_BACKUP_IDENTITY: await generateIdentity() }, /does not open: the key/);
    await untouched([file], { HUB_BACKUP_IDENTITY: '' }, /is encrypted. Set HUB_BACKUP_IDENTITY/);
  });
  test('a backup that was cut off, anywhere', async () => {
    const whole = readFileSync(file);
    for (const length of [whole.length - 1, Math.floor(whole.length / 2), 300]) {
      writeFileSync(damaged, whole);
      truncateSync(damaged, length);
      await untouched([damaged], {}, /was cut off or changed|does not open/);
    }
  });
  test('a backup with a changed byte', async () => {
    const whole = readFileSync(file);
    whole[whole.length - 5000] = whole[whole.length - 5000]! ^ 1;
    writeFileSync(damaged, whole);
    await untouched([damaged], {}, /was cut off or changed/);
  });
  test('a file that is none', async () => {
    writeFileSync(damaged, 'hello');
    await untouched([damaged], {}, /is no backup/);
    await untouched([path.join(place, 'nowhere')], {}, /cannot be read/);
  });
  test('a place where a hub runs, or that holds data', async () => {
    const running = await restore([file], { HUB_DATA: hub.dataDirectory });
    expect(running).toMatchObject({ status: 1, err: expect.stringMatching(/A hub runs on .* Stop it first/) });
    const full = path.join(place, 'full');
    mkdirSync(full);
    writeFileSync(path.join(full, 'secret'), 'mine');
    const held = await restore([file], { HUB_DATA: full });
    expect(held).toMatchObject({ status: 1, err: expect.stringMatching(/holds data already .*--replace/) });
    expect(readdirSync(full)).toEqual(['secret']);
  });
});

test('put back into an empty place, the hub answers as before, people are still signed in, and the trail of accesses is whole', async () => {
  const said = await restore([file]);
  expect(said.err).not.toMatch(/Error/);
  expect(said).toMatchObject({ status: 0, out: expect.stringMatching(/Start it with npm start/) });
  const again = await startHub({ dataDirectory: restored });
  try {
    const same = new Visitor(again.url);
    same.cookie = administrator.cookie;
    const answers = await answersOf(restored, same);
    expect(answers).toEqual({ ...before, people: expect.anything() });
    expect(answers.people).toHaveLength((before.people as unknown[]).length);
    expect(answers.samples).toHaveLength(300);
    const doctor = await new Visitor(again.url).signIn(link);
    expect((await doctor.ask('GET', '/api/session')).body).toMatchObject({ name: expect.any(String) });
    const files = await openFiles({ dataDirectory: restored, area: 'consult', key: readSecrets({ dataDirectory: restored }).files });
    expect(await text(await files.open(kept))).toBe('録画のつもり');
    const audit = await command('../records/audit/audit-command', ['verify'], { HUB_DATA: restored });
    expect(JSON.parse(audit.out)).toMatchObject({ ok: true, faults: [] });
  } finally {
    await again.stop();
  }
}, 120_000);

test('told to, it puts a backup over a hub that was there, and keeps that aside', async () => {
  const said = await restore([file, '--replace']);
  expect(said).toMatchObject({ status: 0, out: expect.stringMatching(/What was here before is in .*before-restore-/) });
  const names = readdirSync(restored);
  expect(names).toEqual(expect.arrayContaining(['postgres', 'influx', 'ca', 'secret', 'files']));
  expect(names.filter(name => name.startsWith('before-restore-'))).toHaveLength(1);
  expect(names).not.toContain('restoring');
});
