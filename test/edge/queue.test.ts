// The gateway's queue on disk: what it promises when the disk fills, takes nothing, or comes from an older gateway.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PackQueue, type QueueOptions } from '../../edge/queue.ts';

let folder: string;
let queue: PackQueue;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'queue-'));
});
afterEach(() => {
  queue.close();
  rmSync(folder, { recursive: true });
});
const file = () => path.join(folder, 'queue.sqlite');
const openQueue = (given: Partial<QueueOptions> = {}) => {
  queue = new PackQueue(file(), { maxPacks: 1000, gatherMilliseconds: 1, ...given });
  return queue;
};
const owner = {};
const pack = (number: number, by: object = owner) => ({
  topic: 't',
  payload: Buffer.from(String(number)),
  device: 'bed-1',
  mark: Buffer.from(String(number).padStart(16, '0')),
  at: 1000 + number,
  urgent: number >= 900,
  owner: by,
});
const onDisk = () => queue.read(0, Number.MAX_SAFE_INTEGER, 1000).map(({ payload }) => Number(Buffer.from(payload).toString()));

test('a commit survives a power cut: write-ahead log, flushed at each commit', () => {
  expect(openQueue().durability).toEqual({ journal: 'wal', synchronous: 2 });
});

test('with too little room on the disk packs wait, and are kept when there is room again', async () => {
  let free = 50;
  openQueue({ keepFreeBytes: 100, freeBytes: () => free });
  let kept = 0;
  const waiting = [1, 2, 3].map(number => queue.append(pack(number)).then(() => kept++));
  await expect.poll(() => queue.full).toBe('disk');
  expect([queue.held, queue.length, kept]).toEqual([3, 0, 0]);
  free = 1_000_000;
  await Promise.all(waiting);
  expect(onDisk()).toEqual([1, 2, 3]);
  expect(queue.full).toBeNull();
});

test('a disk that takes nothing acknowledges nothing, says so, and is tried again', async () => {
  openQueue();
  await queue.append(pack(1));
  const lock = new DatabaseSync(file());
  lock.exec('begin immediate');
  const second = queue.append(pack(2));
  await expect.poll(() => queue.full, { timeout: 5000 }).toBe('fault');
  expect(queue.keptAt('bed-1', pack(2).mark)).toBeUndefined();
  lock.exec('rollback');
  lock.close();
  await second;
  expect(onDisk()).toEqual([1, 2]);
  expect(queue.full).toBeNull();
});

test('what waits for a connection that is gone is not kept: its device sends it again', async () => {
  openQueue({ maxPacks: 1 });
  await queue.append(pack(1));
  const gone = {};
  const [lost, waits] = [queue.append(pack(2, gone)), queue.append(pack(3))];
  queue.withdraw(gone);
  await expect(lost).rejects.toThrow('connection has ended');
  queue.settle(1, () => {});
  await waits;
  expect(onDisk()).toEqual([3]);
});

test('the last packs of a device are known by their marks, also after a restart; old ones are forgotten', async () => {
  openQueue();
  await Promise.all(Array.from({ length: 300 }, (_, number) => queue.append(pack(number))));
  queue.close();
  openQueue();
  expect([0, 43, 44, 299].map(number => queue.keptAt('bed-1', pack(number).mark))).toEqual([undefined, undefined, 1044, 1299]);
  await queue.append(pack(300));
  expect(queue.keptAt('bed-1', pack(44).mark)).toBeUndefined();
  expect(queue.keptAt('bed-1', pack(45).mark)).toBe(1045);
});

test('the queue of an older gateway is taken over', () => {
  const old = new DatabaseSync(file());
  old.exec(
    "create table pack (id integer primary key autoincrement, topic text not null, payload blob not null); insert into pack (topic, payload) values ('t', '5')",
  );
  old.close();
  openQueue();
  expect([queue.length, queue.oldest, onDisk()]).toEqual([1, null, [5]]);
});
