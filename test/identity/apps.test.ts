// Apps and partners: what a token opens, how it is had, and every way of having one that must be refused.
import { createHash } from 'node:crypto';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scopeOf } from '../../hub/identity/actor.ts';
import { appRoutes, oauthRoutes, type RoleAt, signedIn } from '../../hub/identity/index.ts';
import { covers, readScopes } from '../../hub/identity/scopes.ts';
import { unique } from '../harness/index.ts';
import { type Browser, openDoor, PUBLIC_URL } from './stand.ts';

const door = await openDoor({ twoFactors: false });
afterAll(() => door.close());
door.app.route(
  '/api/oauth',
  oauthRoutes(door.identity, async (_, patient) => patient === 'seen'),
);
door.app.use('/api/apps/*', signedIn(door.identity));
door.app.use('/api/apps', signedIn(door.identity));
door.app.route(
  '/api/apps',
  appRoutes(door.identity, async id => (id === 'org-1' ? 'Hospital' : undefined)),
);
door.app.use('/fhir/R4/*', signedIn(door.identity));
door.app.get('/fhir/R4/whoami', context => context.json(context.var.actor));

const TOKEN_URL = `${PUBLIC_URL}/api/oauth/token`;
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
let administrator: Browser;
let pair: GenerateKeyPairResult;
let service: { id: string };

const form = (path: string, body: Record<string, string>) =>
  door.app.request(`${PUBLIC_URL}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(body).toString(),
  });
const whoami = (token: string, headers: Record<string, string> = {}) =>
  door.app.request(`${PUBLIC_URL}/fhir/R4/whoami`, { headers: { authorization: `Bearer ${token}`, ...headers } });

interface Claims {
  sub?: string;
  aud?: string;
  jti?: string;
  life?: string;
}
const assertion = (claims: Claims = {}, key: GenerateKeyPairResult['privateKey'] = pair.privateKey, alg = 'ES384') =>
  new SignJWT()
    .setProtectedHeader({ alg, kid: 'k1' })
    .setIssuer(claims.sub ?? service.id)
    .setSubject(claims.sub ?? service.id)
    .setAudience(claims.aud ?? TOKEN_URL)
    .setJti(claims.jti ?? unique('jti'))
    .setIssuedAt()
    .setExpirationTime(claims.life ?? '1m')
    .sign(key);
const ask = (client_assertion: string, scope = 'system/Patient.rs') =>
  form('/api/oauth/token', { grant_type: 'client_credentials', scope, client_assertion_type: JWT_BEARER, client_assertion });
const tokenOf = async (scope?: string) => ((await (await ask(await assertion(), scope)).json()) as { access_token: string }).access_token;

beforeAll(async () => {
  const account = await door.identity.people.create({
    name: '管理 者',
    email: `${unique('a')}@example.org`,
    reference: null,
    language: 'ja',
    administrator: true,
  });
  administrator = door.browser();
  await administrator.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  pair = await generateKeyPair('ES384', { extractable: true });
  service = await administrator.json<{ id: string }>('POST', '/api/apps', {
    name: '地域連携システム',
    kind: 'service',
    keys: { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] },
    scopes: 'system/Patient.rs system/Observation.read',
    role: 'doctor',
    organization: 'org-1',
  });
});

test('only administrators register apps, with whole facts, and no private key', async () => {
  const doctor = door.browser();
  await doctor.json('POST', '/api/session/link', { token: await door.linkOf((await door.person('doctor')).id) });
  expect(await doctor.code('GET', '/api/apps')).toBe('not-allowed');
  expect(await doctor.code('POST', '/api/apps', {})).toBe('not-allowed');
  const good = { name: 'x', kind: 'user', redirects: ['https://app.example/back'], scopes: 'patient/Observation.rs' };
  for (const [more, code] of [
    [{ scopes: 'everything' }, 'app-wrong'],
    [{ scopes: 'system/Patient.rs' }, 'app-wrong'],
    [{ redirects: ['http://app.example/back'] }, 'app-wrong'],
    [{ redirects: ['javascript:alert(1)'] }, 'invalid'],
    [{ kind: 'service', scopes: 'system/Patient.rs' }, 'app-wrong'],
    [{ keys: { keys: [await exportJWK(pair.privateKey)] } }, 'invalid'],
  ] as const)
    expect(await administrator.code('POST', '/api/apps', { ...good, ...more }), JSON.stringify(more)).toBe(code);
});

test('a service proves itself by its key and acts with its role, within its scopes, at the FHIR interface alone', async () => {
  const token = await tokenOf('system/Patient.rs');
  expect(await (await whoami(token)).json()).toMatchObject({
    account: `app:${service.id}`,
    via: 'token',
    scopes: ['system/Patient.rs'],
    roles: [{ role: 'doctor', organization: 'org-1' }],
  });
  const elsewhere = await door.app.request(`${PUBLIC_URL}/api/echo`, { headers: { authorization: `Bearer ${token}` } });
  expect(elsewhere.status).toBe(401);
});

test.each<[string, () => Promise<Response>]>([
  [
    'a replayed assertion',
    async () => {
      const same = await assertion();
      await ask(same);
      return ask(same);
    },
  ],
  ['another key', async () => ask(await assertion({}, (await generateKeyPair('ES384')).privateKey))],
  ['an assertion for another server', async () => ask(await assertion({ aud: 'https://elsewhere.example/token' }))],
  ['an assertion that lives too long', async () => ask(await assertion({ life: '1h' }))],
  ['an expired one', async () => ask(await assertion({ life: '-1m' }))],
  ['an app that is not there', async () => ask(await assertion({ sub: 'nobody' }))],
  [
    'no signature',
    async () =>
      ask(
        new UnsecuredJWT({ jti: 'x' }).setIssuer(service.id).setSubject(service.id).setAudience(TOKEN_URL).setExpirationTime('1m').encode(),
      ),
  ],
  [
    'HS256 with the public key as the secret',
    async () =>
      ask(
        await new SignJWT()
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .setIssuer(service.id)
          .setSubject(service.id)
          .setAudience(TOKEN_URL)
          .setJti('y')
          .setExpirationTime('1m')
          .sign(new TextEncoder().encode(JSON.stringify(await exportJWK(pair.publicKey)))),
      ),
  ],
  ['scopes beyond those registered', async () => ask(await assertion(), 'system/*.rs')],
  ['no scope', async () => ask(await assertion(), '')],
])('no token for %s, and it is audited', async (_, attempt) => {
  door.audited.length = 0;
  const answer = await attempt();
  expect([400, 401]).toContain(answer.status);
  expect(await answer.json()).toMatchObject({ error: expect.stringMatching(/^invalid_/) });
  expect(door.audited).toContainEqual(expect.objectContaining({ action: 'sign-in', allowed: false }));
});

test('a token that is forged, foreign or turned is refused and audited', async () => {
  const token = await tokenOf();
  const [, payload = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const own = await generateKeyPair('ES256');
  const signed = (header: object, changed: object = {}) =>
    new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(own.privateKey);
  const jwk = await exportJWK(own.publicKey);
  const attacks = [
    `${part({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .sign(new TextEncoder().encode(JSON.stringify(door.identity.keys[1]))),
    await signed({ kid: door.identity.keys[1]?.kid }),
    await signed({ kid: 'mine', jwk, jku: 'https://evil.example/keys' }),
    // A token of the hub's other key: what it signs for sign-ins elsewhere is no access token.
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: door.identity.keys[0]!.kid! })
      .sign(door.identity.oidc.key.privateKey),
    `${token.slice(0, -4)}AAAA`,
    'no token at all',
  ];
  door.audited.length = 0;
  for (const attack of attacks) expect((await whoami(attack)).status, attack.slice(0, 60)).toBe(401);
  expect(door.audited.filter(({ allowed }) => !allowed)).toHaveLength(attacks.length - 1);
});

test('a token ends with its app, and by the app’s own word', async () => {
  const mine = await tokenOf();
  expect(
    (await form('/api/oauth/revoke', { token: mine, client_assertion_type: JWT_BEARER, client_assertion: await assertion() })).status,
  ).toBe(200);
  expect((await whoami(mine)).status).toBe(401);
  const other = await administrator.json<{ id: string }>('POST', '/api/apps', {
    name: 'つぎ',
    kind: 'service',
    keys: { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] },
    scopes: 'system/Patient.rs',
    role: 'doctor',
    organization: 'org-1',
  });
  const theirs = ((await (await ask(await assertion({ sub: other.id }))).json()) as { access_token: string }).access_token;
  expect((await whoami(theirs)).status).toBe(200);
  await administrator.json('POST', `/api/apps/${other.id}/end`);
  expect((await whoami(theirs)).status).toBe(401);
  expect((await ask(await assertion({ sub: other.id }))).status).toBe(401);
});

const VERIFIER = 'v'.repeat(50);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

async function userApp() {
  const app = await administrator.json<{ id: string }>('POST', '/api/apps', {
    name: '歩数アプリ',
    kind: 'user',
    redirects: ['https://app.example/back'],
    scopes: 'launch/patient patient/Observation.rs user/Patient.r',
  });
  const request = {
    response_type: 'code',
    client_id: app.id,
    redirect_uri: 'https://app.example/back',
    scope: 'launch/patient patient/Observation.rs',
    state: 's1',
    aud: `${PUBLIC_URL}/fhir/R4`,
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  };
  return { app, request };
}
const exchange = (app: string, code: string, more: Record<string, string> = {}) =>
  form('/api/oauth/token', {
    grant_type: 'authorization_code',
    client_id: app,
    code,
    code_verifier: VERIFIER,
    redirect_uri: 'https://app.example/back',
    ...more,
  });

test('a person allows an app: it gets what they may, of the one patient, once a code; it ends with the person’s account', async () => {
  const { app, request } = await userApp();
  const account = await door.identity.people.create({
    name: '田中 ハナ',
    email: `${unique('t')}@example.org`,
    reference: 'Patient/hana',
    language: 'ja',
  });
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  expect(await browser.json('POST', '/api/oauth/asked', request)).toMatchObject({ app: '歩数アプリ', needsPatient: false });
  const allow = async () => new URL((await browser.json<{ url: string }>('POST', '/api/oauth/allow', request)).url);
  const back = await allow();
  expect(back.origin).toBe('https://app.example');
  expect(back.searchParams.get('state')).toBe('s1');
  expect(back.searchParams.get('iss')).toBe(PUBLIC_URL);
  const code = back.searchParams.get('code')!;
  const answer = (await (await exchange(app.id, code)).json()) as { access_token: string; patient: string };
  expect(answer.patient).toBe('hana');
  expect(await (await whoami(answer.access_token)).json()).toMatchObject({
    account: account.id,
    reference: 'Patient/hana',
    onlyPatient: 'hana',
    scopes: ['launch/patient', 'patient/Observation.rs'],
  });

  expect(await (await exchange(app.id, code)).json(), 'the code again').toMatchObject({ error: 'invalid_grant' });
  const other = await userApp();
  const wrong: [string, Record<string, string>][] = [
    ['another verifier', { code_verifier: 'w'.repeat(50) }],
    ['another address', { redirect_uri: 'https://app.example/other' }],
    ['another app', { client_id: other.app.id }],
  ];
  for (const [name, more] of wrong)
    expect(await (await exchange(app.id, (await allow()).searchParams.get('code')!, more)).json(), name).toMatchObject({
      error: 'invalid_grant',
    });

  expect(await door.identity.endAccount(account.id, 'test')).toBe(true);
  expect((await whoami(answer.access_token)).status, 'the token of a leaver').toBe(401);
});

test('a person is asked nothing for an app that asks wrongly, and nothing is sent to an address that was not registered', async () => {
  const { request } = await userApp();
  const account = await door.person('doctor');
  const browser = door.browser();
  await browser.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
  for (const [more, code] of [
    [{ redirect_uri: 'https://evil.example/back' }, 'unknown-app'],
    [{ redirect_uri: 'https://app.example/back/more' }, 'unknown-app'],
    [{ client_id: service.id }, 'unknown-app'],
    [{ scope: 'user/*.cruds' }, 'app-request'],
    [{ aud: 'https://elsewhere.example/fhir' }, 'app-request'],
    [{ code_challenge_method: 'plain' }, 'invalid'],
    [{ code_challenge: undefined }, 'invalid'],
  ] as const)
    expect(await browser.code('POST', '/api/oauth/allow', { ...request, ...more }), JSON.stringify(more)).toBe(code);
  expect(await browser.code('POST', '/api/oauth/allow', request), 'no patient chosen').toBe('which-patient');
  expect(await browser.code('POST', '/api/oauth/allow', { ...request, patient: 'unseen' })).toBe('which-patient');
  expect(await browser.code('POST', '/api/oauth/allow', { ...request, patient: 'seen' })).toBe('ok');
  expect(await door.browser().code('POST', '/api/oauth/allow', request)).toBe('not-signed-in');
});

test('scopes narrow, by type, letter and patient, and an export needs all', () => {
  const actor = (scopes: string[], onlyPatient?: string) =>
    ({
      kind: 'person',
      account: 'a',
      session: 's',
      name: '',
      reference: null,
      roles: [] as RoleAt[],
      language: 'ja',
      scopes,
      onlyPatient,
    }) as const;
  expect(scopeOf(actor(['user/Patient.r']), 'read', 'Patient')).toBe('all');
  expect(scopeOf(actor(['user/Patient.r']), 'search', 'Patient')).toBe('none');
  expect(scopeOf(actor(['user/Patient.r']), 'read', 'Observation')).toBe('none');
  expect(scopeOf(actor(['patient/*.rs'], 'p1'), 'read', 'Observation')).toEqual({ patient: 'p1' });
  expect(scopeOf(actor(['patient/*.rs']), 'read', 'Observation')).toBe('none');
  expect(scopeOf(actor(['user/*.r']), 'export', 'Patient')).toBe('none');
  expect(scopeOf(actor(['user/*.cruds']), 'export', 'Patient')).toBe('all');
  expect(scopeOf(actor([]), 'read', 'Patient')).toBe('none');
  expect(scopeOf({ ...actor([]), scopes: undefined }, 'read', 'Patient')).toBe('all');
  expect(readScopes('patient/Observation.read user/*.* launch/patient')).toEqual([
    'patient/Observation.rs',
    'user/*.cruds',
    'launch/patient',
  ]);
  expect([readScopes('patient/Observation'), readScopes('patient/Observation.'), readScopes('patient/*.sr')]).toEqual([null, null, null]);
  expect([
    covers(['user/*.rs'], 'user/Patient.r'),
    covers(['user/*.rs'], 'user/Patient.c'),
    covers(['user/*.rs'], 'patient/Patient.r'),
  ]).toEqual([true, false, false]);
});
