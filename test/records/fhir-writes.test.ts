// Writing over HTTP: on a condition, on a version, many at once; and what the client wants to hear of it.
import type { Bundle, BundleEntry, Condition, Observation, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type FhirServer, fhirServer } from './fhir-server.ts';
import { type SmallWorld, smallWorld } from './people.ts';

const SYSTEM = 'http://example.com/orders';
let database: Database;
let world: SmallWorld;
let server: FhirServer;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  server = await fhirServer(world.records);
});
afterAll(async () => {
  await server?.close();
  await database?.close();
});

const observation = (value: string, more: Partial<Observation> = {}): Observation => ({
  resourceType: 'Observation',
  status: 'final',
  identifier: [{ system: SYSTEM, value }],
  code: { text: '体温' },
  subject: { reference: `Patient/${world.patient.id}` },
  ...more,
});
const condition = (value: string) => `identifier=${SYSTEM}|${value}`;
const ask = <T = unknown>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  server.ask<T>(world.doctor, method, path, body, headers);
const found = (value: string) => server.ids(world.doctor, `/Observation?${condition(value)}`);

describe('on a condition', () => {
  test('a create is done once, however many ask for it at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        ask<Observation>('POST', '/Observation', observation('once'), { 'if-none-exist': condition('once') }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 201]);
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(await found('once')).toHaveLength(1);
  });

  test('an update changes the one that matches, makes it when there is none, and refuses when there are two', async () => {
    const made = await ask<Observation>('PUT', `/Observation?${condition('put')}`, observation('put'));
    expect(made.status).toBe(201);
    const changed = await ask<Observation>('PUT', `/Observation?${condition('put')}`, observation('put', { status: 'amended' }));
    expect(changed).toMatchObject({ status: 200, json: { id: made.json.id, status: 'amended', meta: { versionId: '2' } } });
    expect((await ask('PUT', `/Observation?${condition('put')}`, { ...observation('put'), id: 'another' })).status).toBe(400);
    expect((await ask('PUT', `/Observation?${condition('none')}`, { ...observation('none'), id: 'chosen' })).status).toBe(400);
    await ask('POST', '/Observation', observation('put'));
    expect((await ask('PUT', `/Observation?${condition('put')}`, observation('put'))).status).toBe(412);
  });

  test('a patch and a deletion go to the one that matches', async () => {
    await ask('POST', '/Observation', observation('gone'));
    const patch = [{ op: 'replace', path: '/status', value: 'cancelled' }];
    const headers = { 'content-type': 'application/json-patch+json' };
    expect(await ask('PATCH', `/Observation?${condition('gone')}`, patch, headers)).toMatchObject({
      status: 200,
      json: { status: 'cancelled' },
    });
    expect((await ask('PATCH', `/Observation?${condition('nothing')}`, patch, headers)).status).toBe(404);
    expect((await ask('DELETE', `/Observation?${condition('gone')}`)).status).toBe(200);
    expect(await found('gone')).toEqual([]);
    expect((await ask('DELETE', `/Observation?${condition('gone')}`)).status).toBe(200);
  });

  test('a condition that is not understood, or none, does nothing, however lenient the client', async () => {
    await ask('POST', '/Observation', observation('kept'));
    for (const query of ['', '?', '?colour=red', `?colour=red&${condition('kept')}`])
      expect((await ask('DELETE', `/Observation${query}`)).status, query).toBe(400);
    expect(await found('kept')).toHaveLength(1);
  });

  test('what one may not see does not fulfil it', async () => {
    await world.seed.create({ ...observation('hidden'), subject: { reference: `Patient/${world.foreign.id}` } });
    const made = await ask('POST', '/Observation', observation('hidden'), { 'if-none-exist': condition('hidden') });
    expect(made.status).toBe(201);
    expect((await ask('DELETE', `/Observation?${condition('hidden')}`)).status).toBe(200);
    expect(await world.seed.search(`Observation?${condition('hidden')}`)).toHaveLength(1);
  });
});

describe('on a version', () => {
  test('an old one is a conflict; the one at hand is not sent again', async () => {
    const made = await ask<Observation>('POST', '/Observation', observation('version'));
    const path = `/Observation/${made.json.id}`;
    expect((await ask('GET', path, undefined, { 'if-none-match': 'W/"1"' })).status).toBe(304);
    expect((await ask('GET', path, undefined, { 'if-none-match': 'W/"0"' })).status).toBe(200);
    const modified = made.headers.get('last-modified') ?? '';
    expect((await ask('GET', path, undefined, { 'if-modified-since': modified })).status).toBe(304);
    const { meta: _, ...changed } = { ...made.json, status: 'amended' };
    expect((await ask('PUT', path, changed, { 'if-match': 'W/"1"' })).status).toBe(200);
    expect((await ask('PUT', path, changed, { 'if-match': 'W/"1"' })).status).toBe(412);
    expect((await ask('DELETE', path, undefined, { 'if-match': 'W/"1"' })).status).toBe(412);
    const patch = [{ op: 'replace', path: '/status', value: 'final' }];
    const headers = { 'content-type': 'application/json-patch+json', 'if-match': 'W/"1"' };
    expect((await ask('PATCH', path, patch, headers)).status).toBe(412);
    expect((await ask('PUT', path, made.json)).status).toBe(409);
  });

  test('the answer is as short or as long as the client prefers', async () => {
    const prefer = (value: string) => ask('POST', '/Observation', observation(`prefer-${value}`), { prefer: `return=${value}` });
    const minimal = await prefer('minimal');
    expect(minimal).toMatchObject({ status: 201, json: undefined });
    expect(minimal.headers.get('location')).toMatch(/Observation\/.+\/_history\/1$/);
    expect((await prefer('representation')).json).toMatchObject({ resourceType: 'Observation' });
    expect((await prefer('OperationOutcome')).json).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'information' }],
    });
  });
});

const bundle = (type: Bundle['type'], entry: BundleEntry[]): Bundle => ({ resourceType: 'Bundle', type, entry });
const post = (resource: Observation | Condition | Patient, fullUrl?: string): BundleEntry => ({
  ...(fullUrl ? { fullUrl } : {}),
  resource,
  request: { method: 'POST', url: resource.resourceType },
});

describe('a transaction', () => {
  test('ties what it makes together, by its own addresses and by conditions', async () => {
    const urn = 'urn:uuid:6c4c4c10-1111-4a4a-8a8a-000000000001';
    const patient: Patient = {
      resourceType: 'Patient',
      identifier: [{ system: SYSTEM, value: 'newcomer' }],
      generalPractitioner: [{ reference: `Organization?name=${encodeURIComponent('島しょ病院')}` }],
    };
    const answer = await ask<Bundle>(
      'POST',
      '',
      bundle('transaction', [
        // What leans on the patient stands before it: the order of the entries means nothing.
        post(
          observation('tied', {
            subject: { reference: urn },
            text: { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml"><a href="${urn}">x</a></div>` },
          }),
        ),
        post(patient, urn),
        { request: { method: 'GET', url: `Patient?identifier=${SYSTEM}|newcomer` } },
        { ...post(observation('once')), request: { method: 'POST', url: 'Observation', ifNoneExist: condition('once') } },
      ]),
    );
    expect(answer.status, JSON.stringify(answer.json)).toBe(200);
    const [made, newcomer, searched, existing] = answer.json.entry ?? [];
    expect(answer.json.entry?.map(({ response }) => response?.status)).toEqual(['201', '201', '200', '200']);
    const id = newcomer?.resource?.id;
    expect(made?.resource).toMatchObject({
      subject: { reference: `Patient/${id}` },
      text: { div: expect.stringContaining(`"Patient/${id}"`) },
    });
    expect(newcomer?.resource).toMatchObject({ generalPractitioner: [{ reference: `Organization/${world.hospital.id}` }] });
    expect((searched?.resource as Bundle | undefined)?.entry?.map(({ resource }) => resource?.id)).toEqual([id]);
    expect(existing?.response?.location).toContain((await found('once'))[0]);
  });

  test('deletes, makes, changes and reads in that order', async () => {
    const old = await ask<Observation>('POST', '/Observation', observation('order'));
    const kept = await ask<Observation>('POST', '/Observation', observation('order-kept'));
    const answer = await ask<Bundle>(
      'POST',
      '',
      bundle('transaction', [
        { request: { method: 'GET', url: `Observation?${condition('order')}` } },
        { resource: { ...kept.json, status: 'amended' }, request: { method: 'PUT', url: `Observation/${kept.json.id}`, ifMatch: 'W/"1"' } },
        post(observation('order')),
        { request: { method: 'DELETE', url: `Observation/${old.json.id}` } },
      ]),
    );
    expect(answer.status, JSON.stringify(answer.json)).toBe(200);
    const ids = ((answer.json.entry?.[0]?.resource as Bundle | undefined)?.entry ?? []).map(({ resource }) => resource?.id);
    expect(ids).toEqual([answer.json.entry?.[2]?.resource?.id]);
    expect(answer.json.entry?.[1]?.resource).toMatchObject({ status: 'amended', meta: { versionId: '2' } });
  });

  const wrongs: [what: string, wrong: () => BundleEntry, status: number, words: RegExp][] = [
    ['invalid FHIR', () => post(observation('whole', { status: 'done' as never })), 422, /Entry 2 .*status/],
    ['a stranger’s patient', () => post(observation('whole', { subject: { reference: `Patient/${world.foreign.id}` } })), 403, /Entry 2/],
    [
      'a reference to nobody',
      () => post(observation('whole', { subject: { reference: `Patient?identifier=${SYSTEM}|nobody` } })),
      412,
      /Entry 2/,
    ],
    [
      'an old version',
      () => ({ resource: { ...world.patient }, request: { method: 'PUT', url: `Patient/${world.patient.id}`, ifMatch: 'W/"99"' } }),
      412,
      /Entry 2/,
    ],
    ['no method', () => ({ resource: observation('whole') }), 400, /Entry 2/],
    ['a type that is not kept', () => ({ request: { method: 'DELETE', url: 'Wizard/1' } }), 400, /Entry 2/],
    ['something that is not there', () => ({ request: { method: 'GET', url: 'Patient/not-there' } }), 404, /Entry 2/],
    ['a bundle in it', () => ({ resource: bundle('batch', []), request: { method: 'POST', url: '' } }), 400, /Entry 2/],
  ];
  test.each(wrongs)('with %s is refused whole, and says which entry it was', async (_, wrong, status, words) => {
    const answer = await ask<{ issue: { diagnostics: string; expression?: string[] }[] }>(
      'POST',
      '',
      bundle('transaction', [post(observation('whole')), wrong()]),
    );
    expect(answer.status, JSON.stringify(answer.json)).toBe(status);
    expect(answer.json.issue[0]?.diagnostics).toMatch(words);
    expect(answer.json.issue[0]?.diagnostics).toContain('2 番目の項目');
    expect(answer.json.issue[0]?.expression?.[0]).toMatch(/^Bundle\.entry\[1\]/);
    expect(await found('whole')).toEqual([]);
  });

  test('that names one resource twice is refused', async () => {
    const { id } = (await ask<Observation>('POST', '/Observation', observation('twice'))).json;
    const entry: BundleEntry = { request: { method: 'DELETE', url: `Observation/${id}` } };
    expect((await ask('POST', '', bundle('transaction', [entry, entry]))).status).toBe(400);
    expect(await found('twice')).toEqual([id]);
  });

  test('leaves one entry of the audit for each of its own', async () => {
    const count = async () =>
      Number((await database.pool.query("select count(*) from audit_events where action = 'create' and allowed")).rows[0].count);
    const before = await count();
    await ask(
      'POST',
      '',
      bundle(
        'transaction',
        Array.from({ length: 7 }, (_, index) => post(observation(`many-${index}`))),
      ),
    );
    expect(await count()).toBe(before + 7);
  });
});

test('a batch does each entry by itself', async () => {
  const answer = await ask<Bundle>(
    'POST',
    '',
    bundle('batch', [
      post(observation('batch')),
      post(observation('batch', { status: 'done' as never })),
      { request: { method: 'GET', url: `Patient/${world.foreign.id}` } },
      { request: { method: 'GET', url: `Patient/${world.patient.id}`, ifNoneMatch: 'W/"1"' } },
      {
        request: { method: 'PATCH', url: `Observation?${condition('batch')}` },
        resource: {
          resourceType: 'Binary',
          contentType: 'application/json-patch+json',
          data: Buffer.from('[{"op":"replace","path":"/status","value":"amended"}]').toString('base64'),
        },
      },
      { request: { method: 'GET', url: 'Patient?shoe-size=4' } },
    ]),
  );
  expect(answer.json.entry?.map(({ response }) => response?.status)).toEqual(['201', '422', '403', '304', '200', '200']);
  expect(answer.json.entry?.[1]?.response?.outcome).toMatchObject({ resourceType: 'OperationOutcome' });
});
