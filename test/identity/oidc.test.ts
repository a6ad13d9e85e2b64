// Signing in elsewhere, against providers of their own: the way in, first bindings, and every answer that must be refused.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { wellKnownRoutes } from '../../hub/identity/index.ts';
import { freePort } from '../../hub/store/child.ts';
import { startIdentityProvider } from '../../simulator/national/identity.ts';
import { FAULTS } from '../../simulator/national/identity-faults.ts';
import type { Identified } from '../../simulator/national/identity-people.ts';
import { unique } from '../harness/index.ts';
import { type Browser, openDoor, PUBLIC_URL } from './stand.ts';

const HANA: Identified = { id: 'hana', name: '田中　ハナ', birthdate: '1941-03-12', gender: 'female', address: '沖縄県青波村１－２' };
const TARO: Identified = {
  id: 'taro',
  name: '山田 太郎',
  medicalRegistrationNumber: '123456',
  hcRole: 'Medical Doctor',
  certificateSerial: '0A:1B',
  certificateNotAfter: '2099-01-01T00:00:00Z',
};
const people: Identified[] = [];
// The hub's public keys, where the provider fetches them.
let keys: Hono | undefined;
const keyServer: Server = createServer((request, response) => void getRequestListener(keys!.fetch)(request, response));
await new Promise<void>(resolve => keyServer.listen(0, '127.0.0.1', resolve));
const client = (kind: string) => ({
  id: 'hub',
  redirectUri: `${PUBLIC_URL}/oidc/${kind}`,
  jwksUri: `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/.well-known/jwks.json`,
});
const national = await startIdentityProvider({ port: await freePort(), kind: 'patient', people: () => people, client: client('patient') });
const hpki = await startIdentityProvider({ port: await freePort(), kind: 'clinician', people: () => people, client: client('clinician') });
const door = await openDoor({
  providers: { patient: { issuer: national.issuer, client: 'hub' }, clinician: { issuer: hpki.issuer, client: 'hub' } },
});
keys = new Hono().route('/.well-known', wellKnownRoutes(door.identity) as never);
afterAll(async () => {
  await Promise.all([national.close(), hpki.close()]);
  keyServer.close();
  await door.close();
});
beforeEach(() => {
  people.splice(0, people.length, HANA, TARO);
  national.fault(null);
  hpki.fault(null);
  door.audited.length = 0;
});

type Back = { state: string; code?: string; iss?: string };

/** As a browser at the provider: follows it from the hub's address to where it sends back. */
async function away(
  browser: Browser,
  provider: 'patient' | 'clinician',
  person: string,
  change: (url: URL) => void = () => undefined,
): Promise<Back> {
  const { url } = await browser.json<{ url: string }>('POST', `/api/session/oidc/${provider}`);
  const start = new URL(url);
  change(start);
  const cookies = new Map<string, string>();
  let at = start.href;
  for (let hop = 0; hop < 8; hop++) {
    if (/\/interaction\//.test(at)) at += `?person=${person}`;
    const answer = await fetch(at, { redirect: 'manual', headers: { cookie: [...cookies].map(pair => pair.join('=')).join('; ') } });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = cookie.split(';')[0]!.split('=');
      cookies.set(name, value);
    }
    const next = answer.headers.get('location');
    if (!next) throw new Error(`the provider answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
    at = new URL(next, at).href;
    if (at.startsWith(PUBLIC_URL)) return Object.fromEntries(new URL(at).searchParams) as unknown as Back;
  }
  throw new Error('the provider never sent back');
}
const back = (browser: Browser, provider: string, body: Back) => browser.send('POST', `/api/session/oidc/${provider}/callback`, body);
const codeIn = async (answer: Response) => (answer.ok ? 'ok' : ((await answer.json()) as { error: { code: string } }).error.code);
const INSURED = { insurer: '47130012', symbol: '青波', number: '10001', branch: '1' };

/** A patient in the record, as the card says. */
function patient(more: object = {}) {
  const id = unique('p');
  door.patients.push({
    memberId: '47130012:青波:10001:01',
    facts: { id, names: ['田中 ハナ', 'タナカ ハナ'], birthDate: '1941-03-12', gender: 'female', addresses: ['沖縄県青波村1-2'], ...more },
  });
  return id;
}

test('a patient signs in by card: the first time with the insured number, then at once, and is known by no number of the card', async () => {
  door.patients.length = 0;
  const id = patient();
  const browser = door.browser();
  const first = await back(browser, 'patient', await away(browser, 'patient', 'hana'));
  expect(await first.json()).toEqual({ bind: { name: '田中　ハナ' } });
  expect(await browser.code('GET', '/api/echo')).toBe('not-signed-in');
  expect(await browser.code('POST', '/api/session/oidc/bind', { ...INSURED, number: '99999' })).toBe('nobody-found');
  expect(await browser.json('POST', '/api/session/oidc/bind', INSURED)).toMatchObject({ entered: { reference: `Patient/${id}` } });
  expect(await browser.json('GET', '/api/echo')).toMatchObject({ factors: ['oidc'], roles: [{ role: 'patient' }] });

  const later = door.browser();
  const again = await back(later, 'patient', await away(later, 'patient', 'hana'));
  expect(await again.json()).toMatchObject({ entered: { reference: `Patient/${id}` } });
});

test('a card that differs in name, birth, sex or address, or an insured number of two, opens nothing', async () => {
  for (const more of [{ names: ['田中 花'] }, { birthDate: '1941-03-13' }, { gender: 'male' }, { addresses: ['東京都'] }]) {
    door.patients.length = 0;
    patient(more);
    people.splice(0, people.length, { ...HANA, id: unique('h') });
    const browser = door.browser();
    await back(browser, 'patient', await away(browser, 'patient', people[0]!.id));
    expect(await browser.code('POST', '/api/session/oidc/bind', INSURED), JSON.stringify(more)).toBe('nobody-found');
  }
  door.patients.length = 0;
  patient();
  patient();
  people.splice(0, people.length, { ...HANA, id: unique('h') });
  const browser = door.browser();
  await back(browser, 'patient', await away(browser, 'patient', people[0]!.id));
  expect(await browser.code('POST', '/api/session/oidc/bind', INSURED)).toBe('nobody-found');
  expect(door.audited.some(({ action, allowed }) => action === 'sign-in' && !allowed)).toBe(true);
});

test('a patient whom staff gave a link ties the card to that account, unless the card is another person’s', async () => {
  door.patients.length = 0;
  const id = patient({ addresses: [] });
  const account = await door.identity.people.create({
    name: '田中 ハナ',
    email: `${unique('t')}@example.org`,
    reference: `Patient/${id}`,
    language: 'ja',
  });
  people.splice(0, people.length, { ...HANA, id: unique('own') }, { ...HANA, id: unique('other'), birthdate: '1950-01-01' });
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  expect(await codeIn(await back(browser, 'patient', await away(browser, 'patient', people[1]!.id)))).toBe('nobody-found');
  expect(await codeIn(await back(browser, 'patient', await away(browser, 'patient', people[0]!.id)))).toBe('ok');
  const later = door.browser();
  const again = await back(later, 'patient', await away(later, 'patient', people[0]!.id));
  expect(await again.json()).toMatchObject({ entered: { account: account.id } });
});

test('a doctor signs in by card where certificate, registration and facility hold, each with the time it was seen', async () => {
  const account = await door.person('doctor');
  door.practitioners.set('123456', [account.reference!]);
  const browser = door.browser();
  expect(await (await back(browser, 'clinician', await away(browser, 'clinician', 'taro'))).json()).toMatchObject({
    entered: { roles: [{ role: 'doctor' }] },
  });
  const { licence } = await browser.json<{ licence: Record<string, string> }>('GET', '/api/session/factors');
  expect(licence).toMatchObject({
    registrationNumber: '123456',
    hcRole: 'Medical Doctor',
    certificateSerial: '0A:1B',
    affiliations: ['Hospital'],
  });
  for (const seen of ['certificateSeen', 'registrationSeen', 'affiliationSeen'])
    expect(Date.parse(licence[seen]!)).toBeGreaterThan(Date.now() - 60_000);

  const refusals: [Partial<Identified>, string][] = [
    [{ certificateNotAfter: '2020-01-01T00:00:00Z' }, 'certificate-over'],
    [{ hcRole: 'Nurse' }, 'no-licence'],
    [{ medicalRegistrationNumber: '999' }, 'no-licence'],
  ];
  for (const [more, code] of refusals) {
    people.splice(0, people.length, { ...TARO, ...more });
    const other = door.browser();
    expect(await codeIn(await back(other, 'clinician', await away(other, 'clinician', 'taro')))).toBe(code);
  }
  people.splice(0, people.length, TARO);
  door.roles.set(account.reference!, []);
  door.identity.people.forgetRoles();
  const left = door.browser();
  expect(await codeIn(await back(left, 'clinician', await away(left, 'clinician', 'taro'))), 'no facility any more').toBe('no-licence');
});

test('an answer is good once, in the browser that asked, with its own state, from its own issuer', async () => {
  door.patients.length = 0;
  patient();
  const browser = door.browser();
  const good = await away(browser, 'patient', 'hana');
  const cookie = browser.cookies.get('hub.elsewhere')!;
  expect(await codeIn(await back(door.browser(), 'patient', good)), 'another browser (sign-in forced on a victim)').toBe('oidc-refused');
  expect(await codeIn(await back(browser, 'patient', good))).toBe('ok');
  browser.cookies.set('hub.elsewhere', cookie);
  expect(await codeIn(await back(browser, 'patient', good)), 'replayed').toBe('oidc-refused');

  const forgedState = door.browser();
  expect(await codeIn(await back(forgedState, 'patient', { ...(await away(forgedState, 'patient', 'hana')), state: 'x' }))).toBe(
    'oidc-refused',
  );
  const mixedUp = door.browser();
  expect(await codeIn(await back(mixedUp, 'patient', { ...(await away(mixedUp, 'patient', 'hana')), iss: hpki.issuer }))).toBe(
    'oidc-refused',
  );
  const swapped = door.browser();
  const other = await away(swapped, 'clinician', 'taro');
  expect(await codeIn(await back(swapped, 'patient', other)), 'the answer of one provider given for the other').toBe('oidc-refused');

  // A stolen code in an attempt of one's own: the provider knows the code's own challenge (PKCE).
  const thief = door.browser();
  const stolen = (await away(door.browser(), 'patient', 'hana')).code!;
  const own = await away(thief, 'patient', 'hana');
  expect(await codeIn(await back(thief, 'patient', { ...own, code: stolen }))).toBe('oidc-refused');
  expect(door.audited.filter(({ allowed }) => !allowed).length).toBeGreaterThanOrEqual(6);
});

test.each(FAULTS)('an ID token that is wrong is refused and audited: %s', async fault => {
  national.fault(fault);
  const browser = door.browser();
  expect(await codeIn(await back(browser, 'patient', await away(browser, 'patient', 'hana')))).toBe('oidc-refused');
  expect(door.audited).toContainEqual(expect.objectContaining({ action: 'sign-in', allowed: false }));
  expect(await browser.code('GET', '/api/echo')).toBe('not-signed-in');
});

test('the provider itself refuses what its contract refuses: no PKCE, plain PKCE', async () => {
  const withoutPkce = await away(door.browser(), 'patient', 'hana', url => {
    url.searchParams.delete('code_challenge');
    url.searchParams.delete('code_challenge_method');
  });
  expect(withoutPkce).toMatchObject({ error: 'invalid_request' });
  const plain = await away(door.browser(), 'patient', 'hana', url => url.searchParams.set('code_challenge_method', 'plain'));
  expect(plain).toMatchObject({ error: 'invalid_request' });
});
