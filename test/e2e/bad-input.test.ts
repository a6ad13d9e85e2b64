// Whatever is wrong gets a clear refusal, and whoever behaves well beside it notices nothing.
import { connect, type MqttClient } from 'mqtt';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DeviceClient } from '../../devices/index.ts';
import { startHub, type TestHub } from '../harness/hub.ts';
import { makeWorld, type TestWorld } from '../harness/world.ts';
import { type ForeignFacility, makeForeignFacility } from './foreign-facility.ts';
import { LISTED, MOUNTED, ROLES, ROUTES, type Role, rightsAt } from './route-rights.ts';
import { type Answer, say, Visitor } from './visitor.ts';

let hub: TestHub;
let world: TestWorld;
let foreign: ForeignFacility;
let people: Record<Role, Visitor>;
let nobody: Visitor;
const neighbour = {
  device: undefined as DeviceClient | undefined,
  sending: undefined as NodeJS.Timeout | undefined,
  heard: 0,
  patient: '',
};

beforeAll(async () => {
  hub = await startHub({ environment: { HUB_LOG: 'info', HUB_MEDIA_WORKERS: '1' } });
  world = await makeWorld(hub, 2);
  foreign = await makeForeignFacility(hub, world);
  nobody = new Visitor(hub.url);
  people = Object.fromEntries(
    await Promise.all(
      ROLES.map(async role => {
        const account =
          role === 'administrator'
            ? (await world.administrator.send<{ account: string }>('GET', '/api/session')).account
            : world.accounts[role]!;
        const { url } = await world.administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, {});
        return [role, await new Visitor(hub.url).signIn(url)];
      }),
    ),
  ) as Record<Role, Visitor>;

  // A good device of the second resident, and a caregiver who watches that resident.
  const resident = world.residents[1]!;
  neighbour.patient = resident.patient;
  const bed = resident.devices.find(({ profile }) => profile === 'bed')!;
  const device = new DeviceClient({ url: mqttUrl(), facility: world.organizations.home, device: bed.device, secret: bed.secret });
  neighbour.device = device;
  neighbour.sending = setInterval(() => device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 64, time: Date.now() }]), 100);
  const page = await people.caregiver.socket('/live');
  page.on('vitals', () => neighbour.heard++);
  expect(await say(page, 'vitals:watch', { patient: resident.patient })).toEqual({ ok: true });
  expect(await say(page, 'floor:follow', { facility: world.organizations.home })).toEqual({ ok: true });
});
afterAll(async () => {
  clearInterval(neighbour.sending);
  for (const visitor of Object.values(people ?? {})) visitor.close();
  await neighbour.device?.close();
  await hub?.stop();
});

/** The good device is acknowledged, the caregiver hears of it live, the doctor reads; and every role is the process it was. */
afterEach(async () => {
  const before = { acknowledged: neighbour.device!.counts().acknowledged, heard: neighbour.heard };
  await expect.poll(() => neighbour.device!.counts().acknowledged).toBeGreaterThan(before.acknowledged + 1);
  await expect.poll(() => neighbour.heard).toBeGreaterThan(before.heard);
  expect((await people.doctor.ask('GET', `/fhir/R4/Patient/${neighbour.patient}`)).status).toBe(200);
  expect(hub.lines.filter(line => line.includes('ended; starting again'))).toEqual([]);
});

const mqttUrl = () => `mqtt://127.0.0.1:${hub.mqttPort}`;

describe('MQTT', () => {
  let bad: { client: MqttClient; topic: string; device: string };
  const refusals = async () => {
    const { body } = await people.manager.ask('GET', `/api/devices/${bad.device}/refusals`);
    return body as { reason: string; topic: string; text: { ja: string; en: string }; excerpt: string }[];
  };
  const pack = (records: object[]) => JSON.stringify([{ bn: `${bad.device}:`, bt: Date.now() / 1000 }, ...records]);

  beforeAll(async () => {
    const { device, username, secret } = world.residents[0]!.devices.find(({ profile }) => profile === 'wrist')!;
    const client = connect(mqttUrl(), { username, password: secret, clientId: device, reconnectPeriod: 200 });
    client.on('error', () => undefined);
    await new Promise<void>(resolve => client.once('connect', () => resolve()));
    bad = { client, device, topic: `care/1/${world.organizations.home}/${device}` };
  });
  afterAll(() => bad?.client.endAsync(true));

  const nested = Buffer.alloc(60_000, 0x81);
  const cases: [what: string, reason: string, topic: () => string, payload: () => string | Buffer][] = [
    ['an unknown topic', 'topic-unknown', () => 'somewhere/else', () => 'hello'],
    [
      'another device’s topic',
      'topic-unknown',
      () => `care/1/${world.organizations.home}/${world.residents[1]!.devices[0]!.device}/json`,
      () => pack([]),
    ],
    ['another facility’s topic', 'topic-unknown', () => `care/1/${foreign.facility}/${foreign.device}/json`, () => pack([])],
    ['the hub’s own topics', 'topic-unknown', () => `hub/1/stored/${world.organizations.home}/Patient/${neighbour.patient}`, () => '[]'],
    ['JSON that is broken', 'not-senml', () => `${bad.topic}/json`, () => '[{"bn":'],
    ['JSON nested without end', 'not-senml', () => `${bad.topic}/json`, () => '['.repeat(60_000)],
    ['a name with a NUL in it', 'not-senml', () => `${bad.topic}/json`, () => '[{"bn":"a\\u0000\\ud800:","n":"x","v":1}]'],
    ['CBOR that is broken', 'not-senml', () => `${bad.topic}/cbor`, () => Buffer.from('9fa1ffff00', 'hex')],
    ['CBOR nested without end', 'not-senml', () => `${bad.topic}/cbor`, () => nested],
    ['a wrong unit', 'unit-wrong', () => `${bad.topic}/json`, () => pack([{ n: 'pulse_rate', u: 'Hz', v: 1 }])],
    ['a state that is none', 'not-senml', () => `${bad.topic}/state`, () => '{"state":'],
  ];
  test.each(cases)('%s is counted and kept aside with its reason', async (_what, reason, topic, payload) => {
    const before = (await refusals()).length;
    await bad.client.publishAsync(topic(), payload(), { qos: 1 });
    await expect.poll(async () => (await refusals()).length).toBe(before + 1);
    const [kept] = await refusals();
    expect(kept).toMatchObject({ reason, text: { ja: expect.stringMatching(/./), en: expect.stringMatching(/./) } });
  });

  test('a packet over 64 KiB ends its connection before it is read, and is kept aside', async () => {
    const closed = new Promise<void>(resolve => bad.client.once('close', () => resolve()));
    bad.client.publish(`${bad.topic}/json`, 'x'.repeat(200_000), { qos: 0 });
    await closed;
    await expect.poll(async () => (await refusals())[0]?.reason).toBe('packet-too-large');
  });

  test('nobody signs in with another’s name, and nobody listens to another’s topics', async () => {
    const refusedWith = (username: string, password: string) =>
      new Promise<string>(resolve => {
        const client = connect(mqttUrl(), { username, password, reconnectPeriod: 0 });
        client.once('error', error => resolve(error.message));
        client.once('connect', () => resolve('let in'));
        client.once('close', () => client.end(true));
      });
    const secret = world.residents[0]!.devices[0]!.secret;
    for (const username of [
      'hub',
      world.residents[1]!.devices[0]!.username,
      `gateway/${world.organizations.home}`,
      '',
      'a/b/c',
      'x'.repeat(5000),
    ])
      expect(await refusedWith(username, secret), username.slice(0, 50)).not.toBe('let in');
    const granted = await bad.client
      .subscribeAsync([
        '#',
        `hub/1/stored/#`,
        `care/1/${world.organizations.home}/+/json`,
        `care/1/${foreign.facility}/${foreign.device}/refused`,
      ])
      .catch(error => error);
    const codes = granted instanceof Error ? [128] : granted.map(({ qos }: { qos: number }) => qos);
    expect([...new Set(codes)]).toEqual([128]);
  });
});

describe('sockets', () => {
  test.each(['/live', '/consult'])('%s takes nobody without a session, and nobody from another site', async namespace => {
    await expect(nobody.socket(namespace)).rejects.toMatchObject({
      data: { error: { code: 'not-signed-in', ja: expect.stringMatching(/./) } },
    });
    await expect(people.doctor.socket(namespace, { origin: 'https://evil.example' })).rejects.toThrow();
  });

  test('what one may not follow is refused in words', async () => {
    const expected = { ok: false, error: { code: 'not-allowed', ja: expect.stringMatching(/./), en: expect.stringMatching(/./) } };
    for (const role of ROLES) {
      const socket = await people[role].socket('/live');
      expect(await say(socket, 'vitals:watch', { patient: foreign.patient }), role).toEqual(expected);
      expect(await say(socket, 'floor:follow', { facility: foreign.facility }), role).toEqual(expected);
      // An administrator keeps all devices; what a resident's device measures is not shown on a bench.
      if (role !== 'manager' && role !== 'maker' && role !== 'administrator')
        expect(await say(socket, 'bench:watch', { device: foreign.device }), role).toEqual(expected);
      const consult = await people[role].socket('/consult');
      expect(await say(consult, 'join', { encounter: foreign.encounter }), role).toMatchObject({
        ok: false,
        error: { code: 'not-invited' },
      });
      expect(await say(consult, 'chat', { text: 'x' }), role).toMatchObject({ ok: false, error: { code: 'not-in-room' } });
    }
  });

  test('messages that are none are refused in words', async () => {
    const live = await people.caregiver.socket('/live');
    const consult = await people.doctor.socket('/consult');
    const malformed: [Socket, string, ...unknown[]][] = [
      [live, 'vitals:watch'],
      [live, 'vitals:watch', null],
      [live, 'vitals:watch', { patient: '../x' }],
      [live, 'floor:follow'],
      [live, 'floor:follow', { facility: ['a'] }],
      [live, 'no:such'],
      [live, 'bench:watch', { device: '#' }],
      [consult, 'join'],
      [consult, 'join', { encounter: 7 }],
      [consult, 'no-such', {}],
      [consult, 'constructor', {}],
      [consult, 'produce', { transport: 'x' }],
    ];
    for (const [socket, event, ...sent] of malformed) {
      const answer = await say(socket, event, ...sent);
      expect(answer, `${event} ${JSON.stringify(sent)}`).toMatchObject({
        ok: false,
        error: { code: expect.stringMatching(/./), ja: expect.stringMatching(/./) },
      });
      expect(answer.error?.code, event).not.toBe('failed');
    }
  });

  test('signing out ends the person’s open connections', async () => {
    const { url } = await world.administrator.send<{ url: string }>('POST', `/api/people/${world.accounts.caregiver}/link`, {});
    const leaving = await new Visitor(hub.url).signIn(url);
    const socket = await leaving.socket('/live');
    const ended = new Promise<string>(resolve => socket.once('disconnect', resolve));
    expect((await leaving.ask('DELETE', '/api/session')).status).toBe(204);
    expect(await ended).toBe('io server disconnect');
  });

  test('a patient’s denial ends the live stream of the home’s carers at once', async () => {
    const patient = world.residents[0]!.patient;
    const page = await people.manager.socket('/live');
    expect(await say(page, 'vitals:watch', { patient })).toEqual({ ok: true });
    const ended = new Promise(resolve => page.once('vitals:ended', resolve));
    const share = (allow: boolean) => people.patient.ask('POST', '/api/records/sharing', { organization: world.organizations.home, allow });
    expect((await share(false)).status).toBe(200);
    expect(await ended).toEqual({ patient });
    expect(await say(page, 'vitals:watch', { patient })).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
    expect((await share(true)).status).toBe(200);
    expect(await say(page, 'vitals:watch', { patient })).toEqual({ ok: true });
  });
});

describe('HTTP', () => {
  const at = (route: string) => {
    const right = rightsAt(foreign)[route];
    if (!right) throw new Error(`${route} has no row in route-rights.ts: say who may use it`);
    return { method: route.split(' ')[0]!, ...right };
  };
  const guarded = ROUTES.filter(route => !route.includes('/api/session'));
  const worded = (answer: Answer) => {
    if (!answer.type.includes('fhir')) return expect(answer.body).toMatchObject({ error: { code: /./, ja: /./, en: /./ } });
    return expect(answer.body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] });
  };

  test('the list of routes is the one that is mounted', () => {
    expect(LISTED).toEqual(MOUNTED);
    expect(Object.keys(rightsAt(foreign)).sort()).toEqual([...guarded].sort());
  });

  test('every route asks for a session', async () => {
    for (const route of [...guarded, 'GET /api/session', 'PUT /api/session/language']) {
      const { method, path, body } = route.includes('/api/session')
        ? { method: route.split(' ')[0]!, path: route.split(' ')[1]!, body: undefined }
        : at(route);
      const answer = await nobody.ask(method, path, body ?? (method === 'GET' ? undefined : {}));
      expect(answer.status, route).toBe(401);
      const forged = await nobody.ask(method, path, body ?? (method === 'GET' ? undefined : {}), {
        cookie: 'hub.session_token=forged.signature',
      });
      expect(forged.status, route).toBe(401);
    }
  });

  // The administrator comes last: what is the administrator's right is really done.
  test.each(ROLES)('a %s gets from a foreign facility what is everybody’s, and nothing else', async role => {
    const got: Record<string, number> = {};
    const wanted: Record<string, number> = {};
    for (const route of guarded) {
      const { method, path, body, status, other } = at(route);
      const answer = await people[role].ask(method, path, body);
      got[route] = answer.status;
      wanted[route] = other?.[role] ?? status;
      expect(JSON.stringify(answer.body), route).not.toContain('宮城');
    }
    expect(got).toEqual(wanted);
  });

  test('what changes something comes from a page of the hub only', async () => {
    const answer = await people.manager.ask('POST', '/api/devices', {}, { origin: 'https://evil.example' });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'other-origin' } } });
    expect((await people.manager.ask('POST', '/api/devices', {}, { origin: 'null' })).status).toBe(403);
  });

  test('bodies that are none are refused in words', async () => {
    const hint = `/api/alerts/hint/${neighbour.patient}`;
    const cases: [method: string, path: string, body: unknown, status: number][] = [
      ['PUT', hint, '{"text":', 400],
      ['PUT', hint, { text: 7 }, 422],
      ['PUT', hint, { text: 'a\u0000b' }, 422],
      ['PUT', hint, { text: 'x'.repeat(1001) }, 422],
      ['PUT', hint, { text: 'x'.repeat(3 * 1024 * 1024) }, 413],
      ['POST', '/api/session/link', { token: 'x'.repeat(30) }, 401],
      ['GET', '/api/alerts/------------------------------------', undefined, 404],
      ['GET', '/api/no-such-thing', undefined, 404],
      ['GET', '/api/vitals/%00', undefined, 422],
      ['GET', `/api/vitals/${neighbour.patient}?from=yesterday`, undefined, 422],
    ];
    for (const [method, path, body, status] of cases) {
      const answer = await people.caregiver.ask(method, path, body);
      expect(answer.status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 40)}`).toBe(status);
      worded(answer);
    }
  });

  test('FHIR that is invalid, foreign or not understood is an OperationOutcome', async () => {
    const base = '/fhir/R4';
    const mine = { reference: `Patient/${neighbour.patient}` };
    const theirs = { reference: `Patient/${foreign.patient}` };
    const observation = (subject: object) => ({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject });
    const cases: [what: string, method: string, path: string, body: unknown, status: number[]][] = [
      ['not JSON', 'POST', `${base}/Observation`, '{"resourceType"', [400]],
      ['no object', 'POST', `${base}/Observation`, '7', [400]],
      ['too large', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: 'x'.repeat(1_100_000) }] }, [413]],
      ['invalid', 'POST', `${base}/Observation`, { ...observation(mine), status: 'so-so', nonsense: 1 }, [400, 422]],
      ['half a surrogate pair', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: '\ud800' }] }, [400, 422]],
      ['a NUL', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: 'a\u0000b' }] }, [400, 422]],
      ['unknown search parameter', 'GET', `${base}/Patient?shoe-size=40`, undefined, [400]],
      ['chained search', 'GET', `${base}/Observation?subject.name=x`, undefined, [400]],
      ['reverse chained search', 'GET', `${base}/Patient?_has:Observation:patient:code=x`, undefined, [400]],
      ['reverse include', 'GET', `${base}/Patient?_revinclude=Observation:subject`, undefined, [400]],
      ['a NUL in a search', 'GET', `${base}/Patient?name=%00`, undefined, [400, 422]],
      ['somebody else', 'GET', `${base}/Patient/${foreign.patient}`, undefined, [403]],
      ['somebody else’s history', 'GET', `${base}/Patient/${foreign.patient}/_history`, undefined, [403]],
      ['somebody else’s version', 'GET', `${base}/Patient/${foreign.patient}/_history/1`, undefined, [403]],
      ['somebody else’s document', 'GET', `${base}/Bundle/${foreign.bundle}`, undefined, [403]],
      ['for somebody else', 'POST', `${base}/Observation`, observation(theirs), [403]],
      [
        'Binary of somebody else',
        'POST',
        `${base}/Binary`,
        { resourceType: 'Binary', contentType: 'text/plain', securityContext: theirs },
        [403],
      ],
      [
        'Bundle of somebody else',
        'POST',
        `${base}/Bundle`,
        { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { resourceType: 'Patient', id: foreign.patient } }] },
        [403],
      ],
      ['a change', 'PUT', `${base}/Patient/${foreign.patient}`, { resourceType: 'Patient', id: foreign.patient }, [403]],
      ['a patch', 'PATCH', `${base}/Patient/${foreign.patient}`, [{ op: 'replace', path: '/gender', value: 'male' }], [403]],
      ['a deletion', 'DELETE', `${base}/Patient/${foreign.patient}`, undefined, [403]],
    ];
    for (const role of ['doctor', 'patient'] as const) {
      for (const [what, method, path, body, status] of cases) {
        const answer = await people[role].ask(method, path, body);
        if (role === 'doctor') expect(status, `${what}: ${JSON.stringify(answer.body)}`).toContain(answer.status);
        expect(answer.status, what).toBeGreaterThanOrEqual(400);
        expect(answer.status, what).toBeLessThan(500);
        expect(answer.body, what).toMatchObject({ resourceType: 'OperationOutcome' });
      }
    }
  });

  test('a batch, a transaction, an include or a guessed id brings nothing of a foreign patient', async () => {
    const bundle = (type: string) => ({
      resourceType: 'Bundle',
      type,
      entry: [
        { request: { method: 'GET', url: `Patient/${foreign.patient}` } },
        { request: { method: 'GET', url: `Encounter?_id=${foreign.encounter}&_include=Encounter:subject` } },
        {
          request: { method: 'POST', url: 'Observation' },
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'x' },
            subject: { reference: `Patient/${foreign.patient}` },
          },
        },
      ],
    });
    for (const role of ROLES) {
      const batch = await people[role].ask('POST', '/fhir/R4', bundle('batch'));
      const entries = (batch.body as { entry?: { response: { status: string }; resource?: { entry?: unknown[] } }[] }).entry ?? [];
      expect(
        entries.map(({ response }) => response.status.slice(0, 3)),
        role,
      ).toEqual(['403', '200', '403']);
      expect(entries[1]?.resource?.entry ?? [], role).toEqual([]);
      const transaction = await people[role].ask('POST', '/fhir/R4', bundle('transaction'));
      expect(transaction.status, role).toBeGreaterThanOrEqual(400);
      for (const query of [
        `Patient?_id=${foreign.patient}`,
        `Patient?name=宮城`,
        `Observation?subject=Patient/${foreign.patient}`,
        `Bundle?_id=${foreign.bundle}`,
        `Consent?patient=Patient/${foreign.patient}`,
        `Encounter?_total=accurate&patient=Patient/${foreign.patient}`,
      ]) {
        const answer = await people[role].ask('GET', `/fhir/R4/${query}`);
        const found = answer.body as { entry?: unknown[]; total?: number };
        expect(found.entry ?? [], `${role} ${query}`).toEqual([]);
        expect(found.total ?? 0, `${role} ${query}`).toBe(0);
      }
    }
  });

  test('nobody speaks in another’s name, and a manager makes no doctors', async () => {
    const said = (sender: string) => ({
      resourceType: 'Communication',
      status: 'completed',
      subject: { reference: `Patient/${world.residents[0]!.patient}` },
      sender: { reference: sender },
      payload: [{ contentString: 'x' }],
    });
    expect((await people.patient.ask('POST', '/fhir/R4/Communication', said(`Practitioner/${world.practitioners.doctor}`))).status).toBe(
      403,
    );
    expect((await people.patient.ask('POST', '/fhir/R4/Communication', said(`Patient/${world.residents[0]!.patient}`))).status).toBe(201);
    const role = (code: string) => ({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference: `Practitioner/${world.practitioners.manager}` },
      organization: { reference: `Organization/${world.organizations.home}` },
      code: [{ coding: [{ system: 'urn:remote-care-hub:role', code }] }],
    });
    expect((await people.manager.ask('POST', '/fhir/R4/PractitionerRole', role('doctor'))).status).toBe(403);
    expect((await people.manager.ask('POST', '/fhir/R4/PractitionerRole', role('caregiver'))).status).toBe(201);
  });

  test('nothing of this put a name into the log', () => {
    expect(hub.lines.length).toBeGreaterThan(3);
    expect(hub.lines.filter(line => /宮城|高橋|鈴木|@|様子をみる/.test(line))).toEqual([]);
  });
});
