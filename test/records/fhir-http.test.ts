// FHIR R4 over HTTP: what a client of /fhir/R4 meets, in particular when it is wrong.
import type { Bundle, BundleEntry, Observation, OperationOutcome } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import { fhirRoutes } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let app: Hono<HubEnv>;
let actor: Person;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', actor);
    context.set('log', silent);
    await next();
  });
  app.route('/fhir/R4', fhirRoutes({ records: world.records }));
  actor = world.doctor;
});
afterAll(() => database?.close());

async function ask<T = OperationOutcome>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await app.request(`http://hub.example/fhir/R4${path}`, {
    method,
    headers: { 'content-type': 'application/fhir+json', ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as T };
}

describe('a client that does right', () => {
  test('finds a resource by its tag and its profile, and those without', async () => {
    const observation = (tag: string) => ({
      resourceType: 'Observation',
      meta: { tag: [{ system: 'urn:example:tag', code: tag }], profile: [`http://example.com/${tag}`] },
      status: 'final',
      code: { text: '体重' },
      subject: { reference: `Patient/${world.patient.id}` },
    });
    const made = (await ask<Observation>('POST', '/Observation', observation('winter'))).json.id;
    await ask<Observation>('POST', '/Observation', observation('summer'));
    const found = async (query: string) =>
      (await ask<Bundle>('GET', `/Observation?${query}`)).json.entry?.map(({ resource }) => resource?.id);
    expect(await found('_tag=urn:example:tag|winter')).toEqual([made]);
    expect(await found('_profile=http://example.com/winter')).toEqual([made]);
    expect(await found('_tag:not=urn:example:tag|winter')).not.toContain(made);
  });

  test('creates, reads, changes with If-Match, and finds the history', async () => {
    const observation = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: '体温' },
      subject: { reference: `Patient/${world.patient.id}` },
    };
    const made = await ask<Observation>('POST', '/Observation', observation);
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`http://hub.example/fhir/R4/Observation/${made.json.id}/_history/1`);
    expect(made.headers.get('etag')).toBe('W/"1"');
    const changed = await ask<Observation>(
      'PUT',
      `/Observation/${made.json.id}`,
      { ...made.json, status: 'amended', meta: undefined },
      { 'if-match': 'W/"1"' },
    );
    expect(changed.status).toBe(200);
    const late = await ask<OperationOutcome>(
      'PUT',
      `/Observation/${made.json.id}`,
      { ...made.json, meta: undefined },
      { 'if-match': 'W/"1"' },
    );
    expect(late.status).toBe(412);
    expect(late.json).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'conflict' }] });
    const patched = await ask<Observation>(
      'PATCH',
      `/Observation/${made.json.id}`,
      [{ op: 'replace', path: '/status', value: 'corrected' }],
      {
        'content-type': 'application/json-patch+json',
      },
    );
    expect(patched.json.status).toBe('corrected');
    const history = await ask<Bundle<Observation>>('GET', `/Observation/${made.json.id}/_history`);
    expect(history.json.entry?.map(entry => entry.resource?.status)).toEqual(['corrected', 'amended', 'final']);
    expect((await ask<Observation>('GET', `/Observation/${made.json.id}/_history/1`)).json.status).toBe('final');
    expect((await ask('DELETE', `/Observation/${made.json.id}`)).status).toBe(200);
    expect((await ask('GET', `/Observation/${made.json.id}`)).status).toBe(410);
  });

  test('pages through a search and gets what it includes', async () => {
    for (const text of ['a', 'b', 'c'])
      await ask('POST', '/Condition', { resourceType: 'Condition', code: { text }, subject: { reference: `Patient/${world.patient.id}` } });
    const first = await ask<Bundle>(
      'GET',
      `/Condition?patient=${world.patient.id}&_count=2&_sort=_lastUpdated&_total=accurate&_include=Condition:patient`,
    );
    expect(first.json).toMatchObject({ resourceType: 'Bundle', type: 'searchset', total: 3 });
    const modes = first.json.entry?.map((entry: BundleEntry) => `${entry.search?.mode} ${entry.fullUrl?.split('/')[5]}`);
    expect(modes).toEqual(['match Condition', 'match Condition', 'include Patient']);
    const next = first.json.link?.find(link => link.relation === 'next')?.url ?? '';
    const second = await ask<Bundle>('GET', next.replace('http://hub.example/fhir/R4', ''));
    expect(second.json.entry?.filter(entry => entry.search?.mode === 'match')).toHaveLength(1);
    expect(second.json.link?.map(link => link.relation)).toEqual(['self']);
  });
});

describe('a client that does wrong gets an OperationOutcome', () => {
  const outcome = { resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] };
  test.each([
    ['invalid FHIR, with the path', 'POST', '/Patient', { resourceType: 'Patient', gender: ['x'] }, 422],
    ['an unknown property', 'POST', '/Patient', { resourceType: 'Patient', wizard: 1 }, 422],
    ['no JSON', 'POST', '/Patient', '{"resourceType":', 400],
    ['another type than the address', 'POST', '/Patient', { resourceType: 'Organization', name: 'x' }, 400],
    ['an unknown modifier', 'GET', '/Patient?name:sounds=x', undefined, 400],
    ['a type that is not kept', 'GET', '/Wizard?x=1', undefined, 400],
    ['nothing there', 'GET', '/Patient/not-there', undefined, 404],
    ['too much', 'POST', '/Patient', { resourceType: 'Patient', language: 'x'.repeat(1_100_000) }, 413],
    ['GraphQL', 'POST', '/$graphql', { query: '{}' }, 404],
  ])('%s', async (_, method, path, body, status) => {
    actor = world.doctor;
    const answer = await ask(method, path, body);
    expect(answer.json).toMatchObject(outcome);
    expect(answer.status).toBe(status);
  });

  test('naming the element that is wrong', async () => {
    const answer = await ask('POST', '/Encounter', {
      resourceType: 'Encounter',
      status: 'planned',
      subject: { reference: `Patient/${world.patient.id}` },
    });
    expect(answer.json.issue[0]?.expression).toEqual(['Encounter.class']);
  });

  test('for a stranger’s patient', async () => {
    const answer = await ask('GET', `/Patient/${world.foreign.id}`);
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ ...outcome, issue: [{ code: 'forbidden' }] });
  });

  test('another media type', async () => {
    expect((await ask('POST', '/Patient', '<Patient/>', { 'content-type': 'application/fhir+xml' })).status).toBe(415);
    expect((await ask('GET', '/Patient', undefined, { accept: 'application/fhir+xml' })).status).toBe(406);
  });
});
