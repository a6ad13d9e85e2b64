// Accounts of leavers, sessions and roles: ended everywhere at once, and worth nothing anywhere else.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io } from 'socket.io-client';
import { afterAll, expect, test } from 'vitest';
import { openSockets } from '../../hub/http/index.ts';
import { accountsOf, ROLES_CHANNEL, SESSIONS_CHANNEL } from '../../hub/identity/index.ts';
import { unique } from '../harness/index.ts';
import { type Browser, openDoor } from './stand.ts';

const door = await openDoor({ twoFactors: false });
// Sockets as the care role opens them.
const server = createServer();
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const sockets = openSockets(server, door.identity.actorOf, { doors: { publicUrl: url, names: [] } });
await door.database.listen(SESSIONS_CHANNEL, () => void sockets.recheck());
await door.database.listen(ROLES_CHANNEL, () => void sockets.recheck());
afterAll(async () => {
  await sockets.close();
  server.close();
  await door.close();
});

const cookieOf = (browser: Browser) => [...browser.cookies].map(pair => pair.join('=')).join('; ');
async function signedIn(account: string) {
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account) });
  return browser;
}
/** An open connection to a room's namespace; `gone` says whether the hub ended it. */
async function connected(browser: Browser) {
  const socket = io(`${url}/consult`, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    extraHeaders: { cookie: cookieOf(browser) },
  });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  return { socket, gone: () => socket.disconnected };
}
async function administrator() {
  const account = await door.identity.people.create({
    name: '管理 者',
    email: `${unique('a')}@example.org`,
    reference: null,
    language: 'ja',
    administrator: true,
  });
  return { account, browser: await signedIn(account.id) };
}

test('an account that is ended is out of every page, socket, room, link and message at once, and can be brought back', async () => {
  const admin = await administrator();
  const account = await door.person('doctor');
  const unused = await door.linkOf(account.id);
  const [one, other] = [await signedIn(account.id), await signedIn(account.id)];
  const room = await connected(one);
  expect(await accountsOf(door.database, [account.reference!])).toHaveLength(1);

  expect(await admin.browser.json('POST', `/api/people/${account.id}/end`)).toMatchObject({ ended: expect.any(String) });
  expect(await one.code('GET', '/api/echo')).toBe('not-signed-in');
  expect(await other.code('GET', '/api/echo')).toBe('not-signed-in');
  await expect.poll(room.gone).toBe(true);
  await expect(connected(one), 'the room again, with the ended session').rejects.toThrow('not-signed-in');
  expect(await door.browser().code('POST', '/api/session/link', { token: unused })).toBe('link-over');
  expect(await admin.browser.code('POST', `/api/people/${account.id}/link`, {})).toBe('account-ended');
  expect(await accountsOf(door.database, [account.reference!]), 'nothing is sent to a leaver').toEqual([]);

  expect(await admin.browser.json('POST', `/api/people/${account.id}/reactivate`)).toMatchObject({ ended: null });
  expect(await one.code('GET', '/api/echo'), 'an old session stays ended').toBe('not-signed-in');
  expect(await (await signedIn(account.id)).code('GET', '/api/echo')).toBe('ok');
});

test('nobody ends the own account, and a manager ends those of caregivers of the own facility only', async () => {
  const admin = await administrator();
  expect(await admin.browser.code('POST', `/api/people/${admin.account.id}/end`)).toBe('own-account');
  const manager = await signedIn((await door.person('manager', 'home-1')).id);
  const own = await door.person('caregiver', 'home-1');
  const foreign = await door.person('caregiver', 'home-2');
  const doctor = await door.person('doctor', 'home-1');
  for (const path of ['end', 'reactivate', 'link']) {
    expect(await manager.code('POST', `/api/people/${foreign.id}/${path}`, {}), path).toBe('not-allowed');
    expect(await manager.code('POST', `/api/people/${doctor.id}/${path}`, {}), path).toBe('not-allowed');
  }
  expect(await manager.code('GET', `/api/people/${foreign.id}/sessions`)).toBe('not-allowed');
  expect(await manager.code('DELETE', `/api/people/${foreign.id}/sessions`)).toBe('not-allowed');
  expect(await manager.code('POST', `/api/people/${own.id}/end`)).toBe('ok');
});

test('a person sees where they are signed in, ends one or all others, and nobody else’s', async () => {
  const account = await door.person('doctor');
  const [here, there, third] = [await signedIn(account.id), await signedIn(account.id), await signedIn(account.id)];
  const listed = await here.json<{ id: string; current: boolean; since: string; lastUsed: string; factors: string[] }[]>(
    'GET',
    '/api/session/sessions',
  );
  expect(listed).toHaveLength(3);
  expect(listed.filter(({ current }) => current)).toHaveLength(1);
  expect(listed[0]).toMatchObject({ factors: ['link'], since: expect.any(String), lastUsed: expect.any(String) });
  const stranger = await signedIn((await door.person('doctor')).id);
  expect(await stranger.code('DELETE', `/api/session/sessions/${listed.find(({ current }) => current)!.id}`)).toBe('not-found');
  const elsewhere = await door.identity.standingOf(new Headers({ cookie: cookieOf(there) }));
  expect(await here.code('DELETE', `/api/session/sessions/${elsewhere!.session}`)).toBe('ok');
  expect(await there.code('GET', '/api/echo')).toBe('not-signed-in');
  expect(await third.code('GET', '/api/echo')).toBe('ok');
  expect(await here.code('DELETE', '/api/session/sessions')).toBe('ok');
  expect(await third.code('GET', '/api/echo')).toBe('not-signed-in');
  expect(await here.code('GET', '/api/echo')).toBe('ok');
});

test('a session that somebody planted in the browser is not the one that is signed in (session fixation)', async () => {
  const attacker = await signedIn((await door.person('caregiver')).id);
  const victim = door.browser();
  const planted = attacker.cookies.get('hub.session_token')!;
  victim.cookies.set('hub.session_token', planted);
  const account = await door.person('doctor');
  await victim.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  expect(victim.cookies.get('hub.session_token')).not.toBe(planted);
  expect(await victim.json('GET', '/api/echo')).toMatchObject({ account: account.id });
  expect(await attacker.code('GET', '/api/echo'), 'what was planted is over').toBe('not-signed-in');
});

test('a role ends with its time or with the word of it, on open sockets too, and is one question to the record until then', async () => {
  let now = new Date('2031-05-01T00:00:00Z');
  const timed = await openDoor({ twoFactors: false, now: () => now });
  const account = await timed.person('doctor');
  timed.roles.set(account.reference!, [
    { role: 'doctor', organization: 'org-1', organizationName: '', until: new Date('2031-05-02T00:00:00Z') } as never,
  ]);
  const roles = () => timed.identity.people.roles(account);
  expect(await roles()).toEqual([{ role: 'doctor', organization: 'org-1', organizationName: '' }]);
  for (let i = 0; i < 20; i++) await roles();
  expect(timed.asked).toHaveLength(1);
  now = new Date('2031-05-02T00:00:01Z');
  expect(await roles(), 'its time is over').toEqual([]);
  timed.roles.set(account.reference!, [{ role: 'specialist', organization: 'org-2', organizationName: '' }]);
  await timed.database.notify(ROLES_CHANNEL, {});
  await expect.poll(roles).toMatchObject([{ role: 'specialist', organization: 'org-2' }]);
  expect(timed.asked).toHaveLength(2);
  await timed.close();

  const held = await door.person('doctor');
  const room = await connected(await signedIn(held.id));
  const [live] = [...sockets.consult.sockets.values()].filter(({ data }) => data.actor.account === held.id);
  door.roles.set(held.reference!, []);
  await door.database.notify(ROLES_CHANNEL, {});
  await expect.poll(() => live!.data.actor.roles).toEqual([]);
  room.socket.close();
});

test('the list of people asks the record once, however many there are', async () => {
  const admin = await administrator();
  for (let i = 0; i < 12; i++) await door.person('caregiver', 'home-9');
  door.identity.people.forgetRoles();
  door.asked.length = 0;
  const people = await admin.browser.json<{ roles: { organization: string }[] }[]>('GET', '/api/people');
  expect(people.filter(({ roles }) => roles.some(({ organization }) => organization === 'home-9'))).toHaveLength(12);
  expect(door.asked).toHaveLength(1);
});
