// A whole hub of processes pages people's devices and mail: at once, by the list, and through the death of the process that does it.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAlerts } from '../../hub/alerts/index.ts';
import { DEFAULT_ON_CALL } from '../../hub/alerts/on-call.ts';
import { openRecords } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import type { Mail } from '../../simulator/mail/server.ts';
import type { PushMessage } from '../../simulator/push/service.ts';
import { startHub, type TestHub } from '../harness/hub.ts';
import { freshDatabase, unique } from '../harness/index.ts';
import { makeWorld, type TestWorld } from '../harness/world.ts';

const log = pino({ level: 'silent' });
const children: ChildProcess[] = [];
async function start(file: string, ...args: string[]): Promise<string[]> {
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../simulator', file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return line.match(/(?:http|smtp):\/\/[^\s/]+/g) ?? [];
  throw new Error(`${file} ended`);
}
const read = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;

let database: Database;
let hub: TestHub;
let world: TestWorld;
let push = '';
let mail = '';
beforeAll(async () => {
  const [[pushUrl = ''], [smtpUrl = '', mailUrl = '']] = await Promise.all([
    start('push/main.ts', '--port', '0'),
    start('mail/main.ts', '--port', '0', '--smtp-port', '0'),
  ]);
  [push, mail] = [pushUrl, mailUrl];
  database = await freshDatabase();
  hub = await startHub({
    environment: {
      DATABASE_URL: database.url,
      HUB_PUSH_SERVICES: push,
      HUB_MAIL_URL: smtpUrl,
      HUB_MAIL_FROM: 'hub@hub.example',
      HUB_MEDIA_WORKERS: '1',
    },
  });
  world = await makeWorld(hub, 1);
}, 120_000);
afterAll(async () => {
  await hub?.stop();
  for (const child of children) child.kill();
  await database?.close();
});

test('a call reaches the caregiver’s device; one that falls due while the process is dead reaches the manager by e-mail, once', async () => {
  const facility = world.organizations.home;
  const [caregiver, manager] = [await world.as('caregiver'), await world.as('manager')];
  const { subscription } = await (await fetch(`${push}/devices`, { method: 'POST' })).json();
  await caregiver.send('POST', '/api/alerts/push', subscription);
  const steps = DEFAULT_ON_CALL.steps.map(step =>
    'role' in step.who && step.who.role === 'manager' ? { ...step, afterSeconds: 6 } : step,
  );
  await manager.send('PUT', `/api/alerts/on-call/${facility}`, { ...DEFAULT_ON_CALL, steps });

  const alerts = openAlerts({ database, records: await openRecords({ database, log }), log });
  const raise = () =>
    alerts.raise({
      patient: world.residents[0]!.patient,
      facility,
      kind: 'call',
      detail: { ja: 'ナースコール', en: 'Call button' },
      at: Date.now(),
      key: unique('call'),
    });
  const raised = performance.now();
  const id = (await raise())!;
  const messages = () => read<PushMessage[]>(`${push}/messages`);
  await expect.poll(async () => (await messages()).length, { timeout: 8000, interval: 50 }).toBe(1);
  const seconds = (performance.now() - raised) / 1000;
  expect(seconds, 'seconds from the call to the device').toBeLessThan(6);
  expect(JSON.parse((await messages())[0]!.payload)).toMatchObject({ path: `/alert/${id}` });

  const dead = hub.roles().predict!;
  process.kill(dead, 'SIGKILL');
  const mails = () => read<Mail[]>(`${mail}/messages`);
  await expect.poll(async () => (await mails()).length, { timeout: 40_000, interval: 100 }).toBe(1);
  expect(hub.roles().predict).not.toBe(dead);
  expect((await mails())[0]!.raw).not.toContain('ナースコール');
  expect(await messages(), 'the caregiver is not called twice').toHaveLength(1);

  await caregiver.send('POST', `/api/alerts/${id}/acknowledge`, {});
  const handover = await caregiver.send<{ happened: { what: string }[] }>('GET', `/api/alerts/handover/${facility}`);
  expect(handover.happened.map(({ what }) => what)).toEqual(['raised', 'paged', 'paged', 'acknowledged']);
}, 90_000);
