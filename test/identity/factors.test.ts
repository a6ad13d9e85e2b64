// Two factors for staff: what a link opens, setting up a password with one-time codes, and who waits after guessing.
import { afterAll, expect, test } from 'vitest';
import { delayAfter } from '../../hub/identity/attempts.ts';
import { codeAt, keyUri, stepOf } from '../../hub/identity/totp.ts';
import { unique } from '../harness/index.ts';
import { type Browser, codeOf, openDoor } from './stand.ts';

const door = await openDoor();
afterAll(() => door.close());
const PASSWORD = 'correct horse battery';

/** Signs in by a link and sets up a password with a code app. */
async function enrolled(role: 'doctor' | 'manager' = 'doctor') {
  const account = await door.person(role);
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  await browser.json('PUT', '/api/session/factors/password', { password: PASSWORD });
  const { secret } = await browser.json<{ secret: string }>('POST', '/api/session/factors/totp/begin');
  const { backupCodes } = await browser.json<{ backupCodes: string[] }>('POST', '/api/session/factors/totp', {
    code: codeOf(secret, new Date(), -1),
  });
  return { account, browser, secret, backupCodes };
}
const byPassword = async (browser: Browser, email: string) =>
  browser.json<{ step?: string }>('POST', '/api/session/password', { email, password: PASSWORD });

test('the codes are those of RFC 6238 (appendix B, SHA-1) and of every authenticator app', () => {
  // The RFC's secret "12345678901234567890" in base32; its eight digits, of which apps show the last six.
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const vectors: [number, string][] = [
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ];
  for (const [seconds, code] of vectors) expect(codeAt(secret, Math.floor(seconds / 30))).toBe(code.slice(2));
  expect(stepOf(secret, '287082', new Date(59_000), 0)).toBe(1);
  expect(stepOf(secret, '287082', new Date(59_000), 1), 'a step that was used').toBeNull();
  expect(stepOf(secret, '287082', new Date(149_000), 0), 'an old one').toBeNull();
  expect(keyUri(secret, 'a@b.example', 'ハブ')).toMatch(/^otpauth:\/\/totp\/.*secret=GEZD/);
});

test('a link that was handed over opens the setting up of factors, and nothing else', async () => {
  const account = await door.person('doctor');
  const browser = door.browser();
  expect(await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) })).toMatchObject({
    step: 'enrol',
    roles: [],
  });
  expect(await browser.code('GET', '/api/echo')).toBe('enrol-first');
  expect(await browser.code('GET', '/api/people')).toBe('enrol-first');
  expect(await door.identity.actorOf(new Headers({ cookie: [...browser.cookies].map(pair => pair.join('=')).join('; ') }))).toBeNull();
  expect(await browser.json('GET', '/api/session/factors')).toMatchObject({ password: false, totp: false, passkeys: [], twoFactors: true });
});

test('with a password and a code of the app the sign-in is finished, in a new session', async () => {
  const account = await door.person('doctor');
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  const before = browser.cookies.get('hub.session_token');
  expect(await browser.code('POST', '/api/session/factors/totp', { code: '123456' })).toBe('password-first');
  expect(await browser.code('PUT', '/api/session/factors/password', { password: 'short' })).toBe('invalid');
  await browser.json('PUT', '/api/session/factors/password', { password: PASSWORD });
  const { secret, uri } = await browser.json<{ secret: string; uri: string }>('POST', '/api/session/factors/totp/begin');
  expect(uri).toContain(secret);
  expect(await browser.code('GET', '/api/echo'), 'a password alone').toBe('enrol-first');
  expect(await browser.code('POST', '/api/session/factors/totp', { code: '000000' })).toBe('wrong-code');
  const { backupCodes } = await browser.json<{ backupCodes: string[] }>('POST', '/api/session/factors/totp', {
    code: codeOf(secret, new Date()),
  });
  expect(new Set(backupCodes).size).toBe(10);
  expect(browser.cookies.get('hub.session_token')).not.toBe(before);
  expect(await browser.json('GET', '/api/echo')).toMatchObject({
    account: account.id,
    factors: ['link', 'password', 'totp'],
    roles: [{ role: 'doctor' }],
  });
});

test('the next sign-in asks for password and code, and takes each code and each backup code once', async () => {
  const { account, secret, backupCodes } = await enrolled();
  const browser = door.browser();
  expect(await byPassword(browser, account.email)).toMatchObject({ step: 'second', roles: [] });
  expect(await browser.code('GET', '/api/echo')).toBe('second-factor-needed');
  expect(await browser.code('POST', '/api/session/factors/totp/begin'), 'a second app, set up with the password alone').toBe(
    'second-factor-needed',
  );
  const code = codeOf(secret, new Date());
  expect(await browser.json('POST', '/api/session/second', { code })).toMatchObject({ roles: [{ role: 'doctor' }] });
  expect(await browser.code('GET', '/api/echo')).toBe('ok');

  const elsewhere = door.browser();
  await byPassword(elsewhere, account.email);
  expect(await elsewhere.code('POST', '/api/session/second', { code }), 'the same code again').toBe('wrong-code');
  expect(await elsewhere.code('POST', '/api/session/second', { code: backupCodes[0]!.toLowerCase() })).toBe('ok');
  const third = door.browser();
  await byPassword(third, account.email);
  expect(await third.code('POST', '/api/session/second', { code: backupCodes[0] })).toBe('wrong-code');
  expect(await elsewhere.json('GET', '/api/session/factors')).toMatchObject({ backupCodes: 9 });
});

test('the last way in with two factors stays', async () => {
  const { browser } = await enrolled();
  expect(await browser.code('DELETE', '/api/session/factors/totp')).toBe('last-factor');
});

test('a dangerous act asks for a fresh factor, and the proof counts for some minutes', async () => {
  const { account, browser, secret } = await enrolled();
  const [session] = await browser.json<{ id: string }[]>('GET', '/api/session/sessions');
  const actor = { account: account.id, session: session!.id };
  await door.identity.requireFresh(actor);
  await door.identity.sessions.confirm(actor.session, new Date(Date.now() - 20 * 60_000));
  await expect(door.identity.requireFresh(actor)).rejects.toMatchObject({ status: 403, code: 'confirm-needed' });
  expect(await browser.code('POST', '/api/session/factors/totp/begin')).toBe('confirm-needed');
  expect(await browser.code('POST', '/api/session/confirm', { code: '000000' })).toBe('wrong-code');
  expect(await browser.code('POST', '/api/session/confirm', { code: codeOf(secret, new Date(), 1) })).toBe('ok');
  await door.identity.requireFresh(actor);
  await expect(door.identity.requireFresh({ ...actor, account: 'somebody else' })).rejects.toMatchObject({ code: 'confirm-needed' });
});

test('a patient’s link opens the own record: one factor is enough', async () => {
  const account = await door.identity.people.create({
    name: '田中 ハナ',
    email: `${unique('t')}@example.org`,
    reference: `Patient/${unique('p')}`,
    language: 'ja',
  });
  const browser = door.browser();
  expect(await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) })).toMatchObject({
    roles: [{ role: 'patient' }],
  });
});

test('who guesses a password waits, longer each time, and is told until when; an unknown address gets the same words', async () => {
  const { account } = await enrolled();
  const guess = async (email: string) => {
    const answer = await door.browser().send('POST', '/api/session/password', { email, password: 'a guess' });
    return { status: answer.status, ja: ((await answer.json()) as { error: { ja: string } }).error.ja.replace(/\d+:\d+:\d+/, 'T') };
  };
  const known = [];
  const unknown = [];
  for (let i = 0; i < 7; i++) {
    known.push(await guess(account.email));
    unknown.push(await guess('nobody@example.org'));
  }
  expect(known.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429, 429]);
  expect(unknown).toEqual(known);
  expect(known.at(-1)?.ja).toContain('T まで');
  expect(
    await door.browser().code('POST', '/api/session/password', { email: account.email, password: PASSWORD }),
    'the right one, meanwhile',
  ).toBe('too-many');
  const rule = { free: 5, first: 60, most: 3600 };
  expect([4, 5, 6, 7, 11, 30].map(failures => delayAfter(failures, rule))).toEqual([0, 60, 120, 240, 3600, 3600]);
  expect(door.audited.filter(({ action, allowed }) => action === 'sign-in' && !allowed).length).toBeGreaterThanOrEqual(14);
});
