// Push and e-mail to stand-ins in processes of their own: signed and encrypted as the standards say, and with nothing about a person in them.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMail } from '../../hub/alerts/mail.ts';
import type { OnDuty } from '../../hub/alerts/messenger.ts';
import { openPush, type Push, type Subscription } from '../../hub/alerts/push.ts';
import { vapidKeys } from '../../hub/alerts/vapid.ts';
import type { Mail } from '../../simulator/mail/server.ts';
import type { PushMessage } from '../../simulator/push/service.ts';
import { temporaryFolder } from '../harness/hub.ts';
import { freshDatabase, unique } from '../harness/index.ts';

const children: ChildProcess[] = [];
async function start(file: string, ...args: string[]): Promise<string[]> {
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../simulator', file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return line.match(/(?:http|smtp):\/\/[^\s/]+/g) ?? [];
  throw new Error(`${file} ended`);
}
const ask = async <T>(url: string, method = 'GET', body?: object) => {
  const answer = await fetch(url, { method, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return (text ? JSON.parse(text) : null) as T;
};

const database = await freshDatabase();
const dataDirectory = temporaryFolder();
const config = { dataDirectory, push: { services: [] }, http: { host: '', port: 0, publicUrl: 'http://localhost:8080' } };
const person = (account: string, language: 'ja' | 'en' = 'ja'): OnDuty => ({
  account,
  name: '介護 桜',
  email: `${account}@hub.example`,
  language,
  roles: ['caregiver'],
});
const page = { id: '5a0ff2c4-57b1-4a0d-9a36-5a59a3bb01f4', alert: 'a5b0ff2c-57b1-4a0d-9a36-5a59a3bb01f4' };
afterAll(async () => {
  for (const child of children) child.kill();
  await database.close();
});

describe('a push', () => {
  let service: string;
  let push: Push;
  beforeAll(async () => {
    [service = ''] = await start('push/main.ts', '--port', '0');
    push = openPush({ database, keys: vapidKeys(config), services: [service] });
  });
  const device = () => ask<{ id: string; subscription: Subscription }>(`${service}/devices`, 'POST');
  const messages = async (id: string) => (await ask<PushMessage[]>(`${service}/messages`)).filter(message => message.device === id);

  test('reaches each device of a person, signed and encrypted, and says nothing about anyone', async () => {
    const account = unique('account');
    const devices = [await device(), await device()];
    for (const { subscription } of devices) await push.subscribe(account, subscription);
    const targets = await push.targets([person(account)]);
    expect(targets).toHaveLength(2);
    for (const target of targets) await target.send(page);
    for (const { id } of devices) {
      const [message, ...others] = await messages(id);
      expect(others).toEqual([]);
      expect(message).toMatchObject({ urgency: 'high' });
      expect(JSON.parse(message!.payload)).toEqual({
        title: 'つうちがあります',
        body: 'ひらいて見てください',
        path: `/alert/${page.alert}`,
        tag: page.id,
      });
    }
  });

  test('that comes twice is shown once', async () => {
    const account = unique('account');
    const { id, subscription } = await device();
    await push.subscribe(account, subscription);
    const [target] = await push.targets([person(account, 'en')]);
    await target!.send(page);
    await target!.send(page);
    expect(await messages(id)).toHaveLength(1);
  });

  test('to a device that is gone takes the subscription away and is no failure', async () => {
    const account = unique('account');
    const { id, subscription } = await device();
    await push.subscribe(account, subscription);
    await ask(`${service}/devices/${id}`, 'DELETE');
    const [target] = await push.targets([person(account)]);
    await target!.send(page);
    await expect.poll(() => push.has(account, subscription.endpoint)).toBe(false);
  });

  test('goes to the ten devices that a person added last, however many are asked for', async () => {
    const account = unique('account');
    const { keys } = (await device()).subscription;
    const endpoints = Array.from({ length: 12 }, (_, index) => `https://fcm.googleapis.com/fcm/send/${account}-${index}`);
    for (const endpoint of endpoints) await push.subscribe(account, { endpoint, keys });
    const kept = (await push.targets([person(account)])).map(({ key }) => key);
    expect(kept.sort()).toEqual(endpoints.slice(2).sort());
  });

  test('while the service has trouble is a failure, to be tried again', async () => {
    const account = unique('account');
    await push.subscribe(account, (await device()).subscription);
    const [target] = await push.targets([person(account)]);
    await ask(`${service}/trouble`, 'PUT', { status: 503 });
    await expect(target!.send(page)).rejects.toThrow('503');
    await ask(`${service}/trouble`, 'PUT', { status: null });
  });

  test('goes to services of browsers alone, never to an address somebody made up', async () => {
    const keys = (await device()).subscription.keys;
    for (const endpoint of [
      'http://127.0.0.1:1/x',
      'https://evil.example/x',
      'https://fcm.googleapis.com.evil.example/',
      'http://fcm.googleapis.com/x',
    ])
      await expect(push.subscribe('a', { endpoint, keys }), endpoint).rejects.toMatchObject({ code: 'push-service-unknown' });
    await push.subscribe(unique('account'), { endpoint: 'https://fcm.googleapis.com/fcm/send/x', keys });
  });

  test('ends for a device when its person says so, and only then', async () => {
    const account = unique('account');
    const { subscription } = await device();
    await push.subscribe(account, subscription);
    await push.unsubscribe('someone else', subscription.endpoint);
    expect(await push.has(account, subscription.endpoint)).toBe(true);
    await push.unsubscribe(account, subscription.endpoint);
    expect(await push.targets([person(account)])).toEqual([]);
  });

  test('is signed with the same key after a restart, and on every node with the same secret', () => {
    expect(vapidKeys(config)).toEqual(vapidKeys(config));
    const secret = 'x'.repeat(40);
    expect(vapidKeys({ ...config, dataDirectory: temporaryFolder(), secret })).toEqual(vapidKeys({ ...config, secret }));
  });
});

test('an e-mail has a link and no person in it, and one that is sent twice is one message', async () => {
  const [smtpUrl = '', url = ''] = await start('mail/main.ts', '--port', '0', '--smtp-port', '0');
  const mail = openMail({ url: smtpUrl, from: 'hub@hub.example', publicUrl: 'https://hub.example' });
  const [target] = await mail.targets([person('sakura')]);
  await target!.send(page);
  await target!.send(page);
  mail.close();
  const mails = await ask<Mail[]>(`${url}/messages`);
  expect(mails).toHaveLength(1);
  expect(mails[0]!.to).toEqual(['sakura@hub.example']);
  const [head = '', body = ''] = mails[0]!.raw.split('\r\n\r\n');
  const words = Buffer.from(body, /base64/.test(head) ? 'base64' : 'utf8').toString();
  expect(words.replaceAll(/=\r\n/g, '')).toContain(`https://hub.example/alert/${page.alert}`);
  expect(mails[0]!.raw + words).not.toMatch(/桜|呼び出し|しおさい/);
});

test('without a mail server a page by e-mail fails, and says so', async () => {
  const mail = openMail({ url: 'smtp://127.0.0.1:1', from: 'hub@hub.example', publicUrl: 'https://hub.example' });
  const [target] = await mail.targets([person('sakura')]);
  await expect(target!.send(page)).rejects.toThrow(/ECONNREFUSED/);
});
