// Signing in as people do: by link, by password, as the first administrator; and what a session is worth afterwards.
import { Hono } from 'hono';
import pino from 'pino';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type HubEnv, makeApp } from '../../hub/http/index.ts';
import { openIdentity, peopleRoutes, type RoleAt, sessionRoutes, signedIn } from '../../hub/identity/index.ts';
import { freshDatabase, unique } from '../harness/index.ts';

const database = await freshDatabase();
afterAll(() => database.close());

const log = pino({ level: 'silent' });
const audited: { action: string; allowed: boolean }[] = [];
const roles = new Map<string, RoleAt[]>();
/** Patient id → organization that treats the patient. */
const treatedBy = new Map<string, string>();
const identity = await openIdentity({
  database,
  secret: 's'.repeat(40),
  publicUrl: 'http://hub.test',
  rolesInRecord: async references =>
    new Map(references.map(reference => [reference, (roles.get(reference) ?? []).map(role => ({ ...role, from: null, until: null }))])),
  audit: async entry => void audited.push(entry),
  demonstration: false,
  twoFactors: false,
  log,
});
const app = makeApp({
  log,
  signedIn: signedIn(identity),
  open: { '/api/session': sessionRoutes(identity) },
  guarded: [
    [
      '/api/people',
      peopleRoutes(identity, async (doctor, patient) =>
        doctor.roles.some(({ role, organization }) => role === 'doctor' && organization === treatedBy.get(patient)),
      ),
    ],
    ['/fhir/R4', new Hono<HubEnv>()],
    ['/api/echo', new Hono<HubEnv>().get('/', context => context.json({ reached: true }))],
  ],
  webDirectory: 'web/dist',
  doors: { publicUrl: 'http://hub.test', names: [] },
  rates: { person: 10_000, address: 10_000 },
});

beforeEach(() => {
  audited.length = 0;
});

const send = async (path: string, options: { method?: string; body?: unknown; cookie?: string; headers?: Record<string, string> } = {}) =>
  app.request(`http://hub.test${path}`, {
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers: {
      'content-type': 'application/json',
      host: 'hub.test',
      ...(options.cookie ? { cookie: options.cookie } : {}),
      ...options.headers,
    },
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
  });
const cookieOf = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .map(cookie => cookie.split(';')[0])
    .join('; ');

async function person(role: RoleAt['role'], organization = 'org-1') {
  const reference = `Practitioner/${unique('dr')}`;
  roles.set(reference, [{ role, organization, organizationName: 'Hospital' }]);
  const account = await identity.people.create({ name: '山田 太郎', email: `${unique('p')}@example.org`, reference, language: 'ja' });
  return { account, reference };
}
async function sessionOf(account: string) {
  const { token } = await identity.links.make({ account, hours: 1, uses: 1, createdBy: null });
  return cookieOf(await send('/api/session/link', { body: { token } }));
}

test('a sign-in link opens a session with the roles that the record gives', async () => {
  const { account, reference } = await person('doctor');
  const answer = await send('/api/session', { cookie: await sessionOf(account.id) });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    name: '山田 太郎',
    reference,
    roles: [{ role: 'doctor', organization: 'org-1' }],
    language: 'ja',
  });
  expect(audited).toContainEqual(expect.objectContaining({ action: 'sign-in', allowed: true }));
});

test('a link works as often as it was made for, and never after its end', async () => {
  const { account } = await person('doctor');
  const twice = await identity.links.make({ account: account.id, hours: 1, uses: 2, createdBy: null });
  const over = await identity.links.make({ account: account.id, hours: -1, uses: 1, createdBy: null });
  const use = (token: string) => send('/api/session/link', { body: { token } }).then(answer => answer.status);
  expect([await use(twice.token), await use(twice.token), await use(twice.token), await use(over.token)]).toEqual([200, 200, 401, 401]);
  expect(audited.filter(entry => !entry.allowed)).toHaveLength(2);
});

test('a session cookie cannot be read by scripts or sent from other sites', async () => {
  const { account } = await person('doctor');
  const { token } = await identity.links.make({ account: account.id, hours: 1, uses: 1, createdBy: null });
  const answer = await send('/api/session/link', { body: { token } });
  const session = answer.headers.getSetCookie().find(cookie => cookie.startsWith('hub.session_token='));
  expect(session).toMatch(/HttpOnly/i);
  expect(session).toMatch(/SameSite=Lax/i);
});

test('without a session nothing behind sign-in is reached, and the refusal says so in both languages', async () => {
  const answer = await send('/api/echo');
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({
    error: { code: 'not-signed-in', ja: expect.stringContaining('サインイン'), en: expect.any(String) },
  });
});

test('a FHIR client is refused in FHIR’s own form', async () => {
  const answer = await send('/fhir/R4/Patient');
  expect(answer.status).toBe(401);
  expect(answer.headers.get('content-type')).toContain('application/fhir+json');
  expect(await answer.json()).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'login' }] });
});

test('after signing out the old cookie is worth nothing', async () => {
  const { account } = await person('doctor');
  const cookie = await sessionOf(account.id);
  expect((await send('/api/echo', { cookie })).status).toBe(200);
  expect((await send('/api/session', { method: 'DELETE', cookie })).status).toBe(204);
  expect((await send('/api/echo', { cookie })).status).toBe(401);
});

test('a page of another site cannot act in the name of a signed-in person', async () => {
  const { account } = await person('doctor');
  const cookie = await sessionOf(account.id);
  const answer = await send('/api/session', { method: 'DELETE', cookie, headers: { origin: 'http://elsewhere.test' } });
  expect(answer.status).toBe(403);
  expect((await send('/api/echo', { cookie })).status).toBe(200);
});

test('a manager makes accounts for caregivers of the own facility only', async () => {
  const manager = await person('manager', 'home-1');
  const cookie = await sessionOf(manager.account.id);
  const own = `Practitioner/${unique('c')}`;
  const foreign = `Practitioner/${unique('c')}`;
  roles.set(own, [{ role: 'caregiver', organization: 'home-1', organizationName: '' }]);
  roles.set(foreign, [{ role: 'caregiver', organization: 'home-2', organizationName: '' }]);
  const make = (reference: string) =>
    send('/api/people', { cookie, body: { name: '介護 花子', email: `${unique('c')}@example.org`, reference } });
  expect((await make(own)).status).toBe(201);
  expect((await make(foreign)).status).toBe(403);
  const seen = (await (await send('/api/people', { cookie })).json()) as { reference: string }[];
  expect(seen.map(each => each.reference)).toEqual([own]);
});

test('a doctor makes accounts and links for patients the own hospital treats, and for nobody else', async () => {
  const doctor = await person('doctor', 'hospital-1');
  const cookie = await sessionOf(doctor.account.id);
  const [own, foreign] = [unique('p'), unique('p')];
  treatedBy.set(own, 'hospital-1').set(foreign, 'hospital-2');
  const colleague = `Practitioner/${unique('c')}`;
  roles.set(colleague, [{ role: 'caregiver', organization: 'hospital-1', organizationName: '' }]);
  const make = (reference: string) =>
    send('/api/people', { cookie, body: { name: '田中 ハナ', email: `${unique('p')}@example.org`, reference } });

  const made = await make(`Patient/${own}`);
  expect(made.status).toBe(201);
  expect((await make(`Patient/${foreign}`)).status).toBe(403);
  expect((await make(colleague)).status).toBe(403);

  const { account } = (await made.json()) as { account: string };
  const link = await send(`/api/people/${account}/link`, { cookie, body: {} });
  expect(link.status).toBe(201);
  const { url } = (await link.json()) as { url: string };
  const asPatient = cookieOf(await send('/api/session/link', { body: { token: url.split('#')[1] } }));
  expect(await (await send('/api/session', { cookie: asPatient })).json()).toMatchObject({ roles: [{ role: 'patient' }] });

  expect(await (await send(`/api/people?reference=Patient/${own}`, { cookie })).json()).toMatchObject([{ account }]);
  expect(await (await send(`/api/people?reference=Patient/${foreign}`, { cookie })).json()).toEqual([]);
  expect((await send('/api/people', { cookie })).status).toBe(403);

  // The patient moved to another hospital: the doctor's hand is off the account at once.
  treatedBy.set(own, 'hospital-2');
  expect((await send(`/api/people/${account}/link`, { cookie, body: {} })).status).toBe(403);
});

test('a manager, a specialist and a caregiver make no patient’s account', async () => {
  const patient = unique('p');
  treatedBy.set(patient, 'org-1');
  for (const role of ['manager', 'specialist', 'caregiver'] as const) {
    const { account } = await person(role);
    const cookie = await sessionOf(account.id);
    const body = { name: '田中 ハナ', email: `${unique('p')}@example.org`, reference: `Patient/${patient}` };
    expect((await send('/api/people', { cookie, body })).status, role).toBe(403);
  }
});

test('a body with wrong fields is refused with the path of each', async () => {
  const answer = await send('/api/session/password', { body: { email: 'not an address', password: '' } });
  expect(answer.status).toBe(422);
  const { error } = (await answer.json()) as { error: { details: { path: string }[] } };
  expect(error.details.map(detail => detail.path).sort()).toEqual(['email', 'password']);
});

test('the first administrator is made once, and signs in with the password afterwards', async () => {
  const fresh = await freshDatabase();
  const first = await openIdentity({
    database: fresh,
    secret: 's'.repeat(40),
    publicUrl: 'http://hub.test',
    rolesInRecord: async () => new Map(),
    audit: async () => undefined,
    demonstration: false,
    twoFactors: false,
    log,
  });
  const routes = makeApp({
    log,
    signedIn: signedIn(first),
    open: { '/api/session': sessionRoutes(first) },
    guarded: [],
    webDirectory: 'web/dist',
    doors: { publicUrl: 'http://hub.test', names: [] },
    rates: { person: 10_000, address: 10_000 },
  });
  const post = (path: string, body: object) =>
    routes.request(`http://hub.test${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', host: 'hub.test' },
      body: JSON.stringify(body),
    });
  const { token } = await first.links.make({ account: null, hours: 1, uses: 1, createdBy: null });
  const admin = { name: '管理 者', email: 'admin@example.org', password: 'correct horse battery' };
  expect((await post('/api/session/first', { token, ...admin, password: 'short' })).status).toBe(422);
  const made = await post('/api/session/first', { token, ...admin });
  expect(made.status).toBe(200);
  expect(await made.json()).toMatchObject({ roles: [{ role: 'administrator' }] });
  expect((await post('/api/session/first', { token, ...admin })).status).toBe(401);
  expect((await post('/api/session/password', { email: admin.email, password: admin.password })).status).toBe(200);
  expect((await post('/api/session/password', { email: admin.email, password: 'another one entirely' })).status).toBe(401);
  await fresh.close();
});
