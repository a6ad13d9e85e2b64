// Kept files: the same content comes back, whole or in part; on disk nobody reads it, and nobody changes it unseen.
import { createHash, randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { type FileStore, openFiles } from '../../hub/store/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hub-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const key = randomBytes(32);
const FRAME = 65_536;

let count = 0;
const fresh = () => path.join(folder, String(count++));
const opened = (dataDirectory = fresh(), area = 'phr') => openFiles({ dataDirectory, area, key });
const onDisk = (directory: string) => globSync('files/**/*', { cwd: directory }).filter(file => /[0-9a-f]{64}$/.test(file));
const content = async (files: FileStore, hash: string, part?: { start: number; end: number }) => buffer(await files.open(hash, part));

test.each([0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 200_000])(
  'a content of %i bytes comes back as it was, with its hash, size and type',
  async bytes => {
    const files = await opened();
    const given = randomBytes(bytes);
    const kept = await files.put(given, { type: 'application/pdf' });
    expect(kept).toEqual({ hash: createHash('sha256').update(given).digest('hex'), size: bytes, type: 'application/pdf' });
    expect(await files.find(kept.hash)).toEqual(kept);
    expect((await content(files, kept.hash)).equals(given)).toBe(true);
  },
);

test('a part can be asked for, as a player does that winds forward', async () => {
  const files = await opened();
  const given = randomBytes(3 * FRAME + 17);
  async function* inPieces() {
    for (let at = 0; at < given.length; at += 10_007) yield given.subarray(at, at + 10_007);
  }
  const { hash } = await files.put(inPieces(), { type: 'video/webm' });
  for (const [start, end] of [
    [0, 1],
    [FRAME - 3, FRAME + 3],
    [2 * FRAME, 3 * FRAME],
    [150_000, given.length],
    [10, 10],
  ] as const) {
    expect((await content(files, hash, { start, end })).equals(given.subarray(start, end))).toBe(true);
  }
});

test('neither content, type nor hash can be read from the disk, and only the hub’s user may look', async () => {
  const directory = fresh();
  const files = await opened(directory);
  const { hash } = await files.put(Buffer.from('患者の記録 '.repeat(100)), { type: 'text/plain' });
  const [file] = onDisk(directory);
  const bytes = readFileSync(path.join(directory, file!));
  expect(bytes.includes('患者')).toBe(false);
  expect(file).not.toContain(hash);
  expect(statSync(path.join(directory, file!)).mode & 0o077).toBe(0);
  expect(statSync(path.join(directory, 'files/phr')).mode & 0o077).toBe(0);
});

test('a changed byte, a file cut at any place, exchanged frames and another key are all found', async () => {
  const directory = fresh();
  const files = await opened(directory);
  const { hash } = await files.put(randomBytes(2 * FRAME + 5), { type: 'image/png' });
  const file = path.join(directory, onDisk(directory)[0]!);
  const whole = readFileSync(file);
  for (const at of [0, 5, 20, 37, 40, 60, FRAME, whole.length - 1]) {
    const changed = Buffer.from(whole);
    changed[at] = changed[at]! ^ 1;
    writeFileSync(file, changed);
    await expect(content(files, hash)).rejects.toThrow();
  }
  for (const length of [0, 10, 60, whole.length - 21, whole.length - 1]) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    await expect(content(files, hash)).rejects.toThrow();
  }
  const head = whole.length - (2 * FRAME + 5 + 3 * 16);
  const frame = (n: number) => whole.subarray(head + n * (FRAME + 16), head + (n + 1) * (FRAME + 16));
  writeFileSync(file, Buffer.concat([whole.subarray(0, head), frame(1), frame(0), frame(2)]));
  await expect(content(files, hash)).rejects.toThrow('changed');
  writeFileSync(file, whole);
  expect((await content(files, hash)).length).toBe(2 * FRAME + 5);
  const other = await openFiles({ dataDirectory: directory, area: 'phr', key: randomBytes(32) });
  expect(await other.find(hash)).toBeNull();
});

test('what is too large is refused while it comes, and leaves nothing behind', async () => {
  const directory = fresh();
  const files = await opened(directory);
  let sent = 0;
  async function* endless() {
    for (;;) {
      sent++;
      yield randomBytes(100_000);
    }
  }
  await expect(files.put(endless(), { type: 'video/webm', limit: 1_000_000 })).rejects.toThrow('larger');
  expect(sent).toBeLessThan(20);
  expect(globSync('files/**/*', { cwd: directory, withFileTypes: true }).filter(entry => entry.isFile())).toEqual([]);
});

test('the same content is kept once; each area forgets its own', async () => {
  const directory = fresh();
  const [mine, other] = [await opened(directory, 'phr'), await opened(directory, 'consult')];
  const given = Buffer.from('the same');
  const { hash } = await mine.put(given, { type: 'text/plain' });
  await mine.put(given, { type: 'text/plain' });
  await other.put(given, { type: 'text/plain' });
  expect(onDisk(directory)).toHaveLength(2);
  await mine.remove(hash);
  expect(await mine.find(hash)).toBeNull();
  expect((await content(other, hash)).equals(given)).toBe(true);
  await expect(mine.open(hash)).rejects.toThrow('no such file');
});

test.each(['../../secret', '', 'a'.repeat(64).toUpperCase(), `${'a'.repeat(63)}/`])('"%s" is no hash and leads nowhere', async hash => {
  const files = await opened();
  expect(await files.find(hash)).toBeNull();
  await expect(files.open(hash)).rejects.toThrow();
  await files.remove(hash);
});
