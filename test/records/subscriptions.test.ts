// Subscriptions: who is told of what, what a word holds, where it may lead, and what becomes of one that cannot be delivered.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Consent, Observation, Subscription } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import { endpointFault } from '../../hub/records/subscriptions/endpoint.ts';
import {
  attachSubscriptions,
  SOCKET_PATH,
  type SubscriptionSockets,
  startSubscriptions,
  subscriptionRoutes,
} from '../../hub/records/subscriptions/index.ts';
import { delayAfter } from '../../hub/records/subscriptions/watch.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let hub: Server;
let receiver: Server;
let address: string;
let hosts: string[];
const people = new Map<string, Person>();
const closing: { close(): Promise<void> }[] = [];
let sockets: SubscriptionSockets;
/** What the receiver was sent, and what it answers. */
const heard: { method: string; url: string; body: string; header: string | undefined }[] = [];
let answer = 200;

const listen = (server: Server) =>
  new Promise<string>(resolve => server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`)));

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', piece => {
      body += piece;
    });
    request.on('end', () => {
      heard.push({ method: request.method!, url: request.url!, body, header: request.headers.authorization });
      response.writeHead(answer).end();
    });
  });
  hosts = [await listen(receiver)];
  const app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', people.get(context.req.header('x-test-person') ?? '')!);
    context.set('log', silent);
    await next();
  });
  app.route('/fhir/R4', subscriptionRoutes({ database, records: world.records, hosts }));
  hub = createServer(getRequestListener(app.fetch));
  address = await listen(hub);
  const subscriberOf = async (account: string) => people.get(account) ?? null;
  closing.push(await startSubscriptions({ database, records: world.records, subscriberOf, hosts, log: silent, pollSeconds: 0.5 }));
  const admit = async (request: { headers: Record<string, unknown> }) => people.get(String(request.headers['x-test-person'])) ?? null;
  sockets = await attachSubscriptions({ server: hub, database, admit });
  closing.push(sockets);
});
afterAll(async () => {
  for (const each of closing) await each.close();
  hub?.close();
  receiver?.close();
  await database?.close();
});

async function ask<T = Subscription>(actor: Person, method: string, path: string, body?: unknown) {
  people.set(actor.account, actor);
  const response = await fetch(`http://${address}/fhir/R4${path}`, {
    method,
    headers: { 'x-test-person': actor.account, 'content-type': 'application/fhir+json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, json: (text ? JSON.parse(text) : undefined) as T };
}
const wish = (channel: Partial<Subscription['channel']> = {}, more: Partial<Subscription> = {}): Subscription => ({
  resourceType: 'Subscription',
  status: 'requested',
  reason: '脈拍の変化',
  criteria: 'Observation?status=final',
  channel: { type: 'rest-hook', endpoint: `http://${hosts[0]}/hook`, header: ['Authorization: Bearer abc'], ...channel },
  ...more,
});
const measured = (value: number, patient = world.patient.id, status: Observation['status'] = 'final') =>
  world.seed.create<Observation>({
    ...{ resourceType: 'Observation', status, code: { text: '脈拍' }, subject: { reference: `Patient/${patient}` } },
    valueQuantity: { value, unit: '拍/分' },
  });
const told = (path: string) => heard.filter(({ url }) => url.startsWith(path));
const wait = { timeout: 10_000 };

describe('a rest-hook', () => {
  test('is called without any content when something matches that its subscriber may see, and not otherwise', async () => {
    const made = await ask(world.doctor, 'POST', '/Subscription', wish({ endpoint: `http://${hosts[0]}/empty` }));
    expect(made).toMatchObject({ status: 201, json: { status: 'active' } });
    await measured(70, world.foreign.id);
    await measured(70, world.patient.id, 'preliminary');
    await measured(71);
    await expect.poll(() => told('/empty').length, wait).toBe(1);
    expect(told('/empty')).toEqual([{ method: 'POST', url: '/empty', body: '', header: 'Bearer abc' }]);
    await ask(world.doctor, 'DELETE', `/Subscription/${made.json.id}`);
    expect((await ask(world.doctor, 'GET', `/Subscription/${made.json.id}`)).status).toBe(404);
  });

  test('gets the resource only where it was asked for, each version once, and nothing after the patient denied it', async () => {
    const payload = 'application/fhir+json';
    const made = await ask(world.doctor, 'POST', '/Subscription', wish({ endpoint: `http://${hosts[0]}/full`, payload }));
    const first = await measured(72);
    await expect.poll(() => told('/full').length, wait).toBe(1);
    expect(told('/full')[0]).toMatchObject({ method: 'PUT', url: `/full/Observation/${first.id}` });
    expect(JSON.parse(told('/full')[0]!.body)).toMatchObject({ valueQuantity: { value: 72 } });
    const consent = await world.seed.create<Consent>({
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
      patient: { reference: `Patient/${world.patient.id}` },
      policyRule: { text: '本人の意思' },
      provision: {
        type: 'deny',
        actor: [{ role: { text: '共有先' }, reference: { reference: `Organization/${world.hospital.id}` } }],
      },
    });
    const looks = async () =>
      Number(
        (await database.pool.query("select count(*) from audit_events where action = 'search' and account = $1", [world.doctor.account]))
          .rows[0].count,
      );
    const before = await looks();
    const denied = await measured(73);
    await expect.poll(looks, wait).toBeGreaterThan(before);
    expect(told(`/full/Observation/${denied.id}`)).toEqual([]);
    await world.seed.update({ ...consent, status: 'inactive' });
    const last = await measured(74);
    await expect.poll(() => told(`/full/Observation/${last.id}`).length, wait).toBe(1);
    expect(told(`/full/Observation/${first.id}`)).toHaveLength(1);
    await ask(world.doctor, 'DELETE', `/Subscription/${made.json.id}`);
  });

  test('that fails is tried again later each time, says what is wrong, and begins again when its subscriber says so', async () => {
    answer = 500;
    const made = await ask(world.doctor, 'POST', '/Subscription', wish({ endpoint: `http://${hosts[0]}/down` }));
    await measured(75);
    await expect.poll(async () => (await ask(world.doctor, 'GET', `/Subscription/${made.json.id}`)).json.error, wait).toBe('answered 500');
    expect([1, 2, 3, 12].map(delayAfter)).toEqual([5, 10, 20, 3600]);
    // One try before it is given up.
    await database.pool.query('update subscriptions set failures = 11, next_attempt = null where id = $1', [made.json.id]);
    await measured(76);
    await expect.poll(async () => (await ask(world.doctor, 'GET', `/Subscription/${made.json.id}`)).json.status, wait).toBe('error');
    answer = 200;
    const before = told('/down').length;
    const again = await ask(world.doctor, 'PUT', `/Subscription/${made.json.id}`, { ...made.json, status: 'requested' });
    expect(again.json).toMatchObject({ status: 'active' });
    expect(again.json.error).toBeUndefined();
    await measured(77);
    await expect.poll(() => told('/down').length, wait).toBe(before + 1);
    await ask(world.doctor, 'DELETE', `/Subscription/${made.json.id}`);
  });

  test('ends with the account of its subscriber', async () => {
    const leaver = { ...world.doctor, account: '6f8c2a4e-0000-4000-8000-000000000001' };
    const made = await ask(leaver, 'POST', '/Subscription', wish({ endpoint: `http://${hosts[0]}/leaver` }));
    people.delete(leaver.account);
    await measured(78);
    const state = async () =>
      (await database.pool.query<{ state: string }>('select state from subscriptions where id = $1', [made.json.id])).rows[0]?.state;
    await expect.poll(state, wait).toBe('off');
    expect(told('/leaver')).toEqual([]);
  });

  test.each([
    'http://example.com/hook',
    'https://127.0.0.1/hook',
    'https://10.1.2.3/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://0x7f000001/',
    'https://localhost/',
    'https://printer.local/',
    'https://user:secret@example.com/',
    'ftp://example.com/',
    'nowhere',
  ])('may not lead to %s', endpoint => {
    expect(endpointFault(endpoint, ['hooks.inside:8443'])).toMatchObject({ ja: expect.any(String), en: expect.any(String) });
  });
  test.each(['https://example.com/hook', 'https://hooks.inside:8443/x', 'http://hooks.inside:8443/x'])('may lead to %s', endpoint => {
    expect(endpointFault(endpoint, ['hooks.inside:8443'])).toBeNull();
  });
});

describe('a websocket', () => {
  const connect = async (actor: Person | null) => {
    if (actor) people.set(actor.account, actor);
    const socket = new WebSocket(`ws://${address}${SOCKET_PATH}`, { headers: { 'x-test-person': actor?.account ?? 'nobody' } });
    const lines: string[] = [];
    let closed: number | undefined;
    socket.on('message', content => lines.push(String(content)));
    socket.on('close', code => {
      closed = code;
    });
    socket.on('unexpected-response', (_, response) => {
      closed = response.statusCode;
    });
    socket.on('error', () => undefined);
    await expect.poll(() => socket.readyState === WebSocket.OPEN || closed !== undefined, wait).toBe(true);
    return { socket, lines, closed: () => closed };
  };

  test('that is bound to a subscription hears that something changed, and never what', async () => {
    const made = await ask(world.doctor, 'POST', '/Subscription', wish({ type: 'websocket', endpoint: undefined, header: undefined }));
    const { socket, lines } = await connect(world.doctor);
    socket.send(`bind ${made.json.id}`);
    await expect.poll(() => lines, wait).toEqual([`bound ${made.json.id}`]);
    await measured(80);
    await expect.poll(() => lines, wait).toEqual([`bound ${made.json.id}`, `ping ${made.json.id}`]);
    socket.close();
  });

  test('is closed to strangers: without sign-in, with another’s subscription, with nonsense, and when the session has ended', async () => {
    const made = await ask(world.doctor, 'POST', '/Subscription', wish({ type: 'websocket', endpoint: undefined, header: undefined }));
    expect((await connect(null)).closed()).toBe(401);
    for (const word of [`bind ${made.json.id}`, 'hello']) {
      const { socket, closed } = await connect(world.caregiver);
      socket.send(word);
      await expect.poll(closed, wait).toBe(1008);
    }
    const own = await connect(world.doctor);
    own.socket.send(`bind ${made.json.id}`);
    await expect.poll(() => own.lines.length, wait).toBe(1);
    const held = people.get(world.doctor.account)!;
    people.delete(held.account);
    await sockets.recheck();
    await expect.poll(own.closed, wait).toBe(1008);
    people.set(held.account, held);
  });
});

test('a subscription is its subscriber’s alone, and what it asks must be something the hub can answer', async () => {
  const made = await ask(world.doctor, 'POST', '/Subscription', wish());
  for (const method of ['GET', 'PUT', 'DELETE'])
    expect((await ask(world.caregiver, method, `/Subscription/${made.json.id}`, method === 'PUT' ? wish() : undefined)).status).toBe(404);
  for (const who of [world.maker, world.administrator, { ...world.doctor, account: 'app', scopes: ['user/Observation.rs'] }])
    expect((await ask(who, 'POST', '/Subscription', wish())).status).toBe(403);
  const wrong: [Partial<Subscription['channel']>, Partial<Subscription>][] = [
    [{}, { criteria: 'Observation?nonsense=1' }],
    [{}, { criteria: 'Nothing' }],
    [{ type: 'email' }, {}],
    [{ endpoint: 'https://10.0.0.1/' }, {}],
    [{ payload: 'text/plain' }, {}],
    [{ header: ['Host: elsewhere'] }, {}],
    [{ header: ['X-Y: a\r\nHost: b'] }, {}],
    [{}, { reason: undefined as unknown as string }],
  ];
  for (const [channel, more] of wrong) {
    const { status } = await ask(world.doctor, 'POST', '/Subscription', wish(channel, more));
    expect([400, 422], JSON.stringify([channel, more])).toContain(status);
  }
  const mine = await ask<{ total: number }>(world.caregiver, 'GET', '/Subscription');
  expect(mine.json.total).toBe(0);
});
