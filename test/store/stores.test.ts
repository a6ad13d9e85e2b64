// The stores as the areas use them: samples overwrite by series and time, notifications reach listeners.
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../hub/store/index.ts';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';

const database = await freshDatabase();
afterAll(() => database.close());

test('a sample written twice is there once', async () => {
  const samples = await sampleStore();
  const subject = `Patient/${unique('p')}`;
  const point = { profile: 'bed', facility: 'f', device: 'd', subject, time: 1_700_000_000_000, values: { heart_rate: 71 } };
  await samples.write([point]);
  await samples.write([point]);
  expect(await samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from: point.time, to: point.time + 1 })).toEqual([
    [point.time, 71],
  ]);
});

test('a notification reaches every listener of its channel and no other', async () => {
  const heard: unknown[] = [];
  const stop = await database.listen('here', payload => heard.push(payload));
  await database.listen('elsewhere', () => heard.push('wrong'));
  await database.notify('here', { id: 7 });
  await expect.poll(() => heard).toEqual([{ id: 7 }]);
  await stop();
});

test('a connection that breaks in the middle of a transaction ends that transaction, and nothing else', async () => {
  const problems: string[] = [];
  const own = openDatabase(database.url, { connections: 1, onError: error => problems.push(error.message) });
  const broken = own.kysely.transaction().execute(async transaction => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
    await sql`select pg_terminate_backend(${rows[0]!.pid})`.execute(database.kysely);
    // No question is under way when the connection ends.
    await expect.poll(() => problems.length).toBeGreaterThan(0);
    await sql`select 1`.execute(transaction);
  });
  await expect(broken).rejects.toThrow();
  expect((await sql<{ one: number }>`select 1 as one`.execute(own.kysely)).rows).toEqual([{ one: 1 }]);
  await own.close();
});

test('while the database is away a listener tries again at a calm pace, and hears again afterwards', async () => {
  const behind = new URL(database.url);
  let away = false;
  let attempts = 0;
  const open = new Set<Socket>();
  const front = createServer(socket => {
    socket.on('error', () => undefined);
    if (away) {
      attempts++;
      return socket.destroy();
    }
    const through = createConnection(Number(behind.port), behind.hostname);
    through.on('error', () => undefined);
    open.add(socket.pipe(through).pipe(socket) && socket);
  });
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve));
  const url = new URL(database.url);
  url.port = String((front.address() as AddressInfo).port);
  const listening = openDatabase(url.href, { connections: 1 });
  const heard: unknown[] = [];
  let missed = 0;
  await listening.listen(
    'away',
    payload => heard.push(payload),
    () => missed++,
  );
  away = true;
  const begun = performance.now();
  for (const socket of open) socket.destroy();
  await expect.poll(() => attempts, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
  // After 0.1, 0.2, 0.4 and 0.8 s; when each failed attempt began two new ones, four were through in less than half a second.
  expect(performance.now() - begun).toBeGreaterThan(1200);
  away = false;
  await expect.poll(() => missed, { timeout: 10_000 }).toBe(1);
  await database.notify('away', { id: 8 });
  await expect.poll(() => heard).toEqual([{ id: 8 }]);
  await listening.close();
  front.close();
});

test('a subject name cannot break out of a query', async () => {
  const samples = await sampleStore();
  const subject = `Patient/o'hara\\' or '1'='1`;
  expect(await samples.read({ subject, profile: 'bed', quantities: ['heart_rate'], from: 0, to: 1 })).toEqual([]);
});
