// The CapabilityStatement against what really answers: every interaction and every parameter of every type, and nothing besides.
import type { Bundle, CapabilityStatement, CapabilityStatementRestResource, Resource } from '@medplum/fhirtypes';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESOURCE_TYPES } from '../../hub/records/definitions.ts';
import { PREFIXES } from '../../hub/records/search/search-request.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type FhirServer, fhirServer } from './fhir-server.ts';
import { type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let server: FhirServer;
let statement: CapabilityStatement;
let types: CapabilityStatementRestResource[];
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  server = await fhirServer(world.records);
  statement = (await server.ask<CapabilityStatement>(world.doctor, 'GET', '/metadata')).json;
  // Subscriptions and the audit have routes, and tests, of their own.
  types = (statement.rest?.[0]?.resource ?? []).filter(({ type }) => (RESOURCE_TYPES as readonly string[]).includes(type));
});
afterAll(async () => {
  await server?.close();
  await database?.close();
});

const VALUES: Readonly<Record<string, string>> = {
  token: 'x',
  string: 'x',
  reference: 'x',
  date: '2024-01-01',
  number: '1',
  quantity: '1',
  uri: 'http://example.com/x',
  composite: 'x$1',
};
const askedOf = (name: string, type: string) =>
  name === 'code-value-date' ? 'x$2024' : name === 'relationship' ? 'x$DocumentReference/1' : VALUES[type];
const strict = { prefer: 'handling=strict' };

/** Asks many things at once: a batch of searches, which share a request. Gives the status of each. */
async function statuses(urls: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < urls.length; at += 200) {
    const part = urls.slice(at, at + 200);
    const entry = part.map(url => ({ request: { method: 'GET' as const, url } }));
    const answer = await server.ask<Bundle>(world.doctor, 'POST', '', { resourceType: 'Bundle', type: 'batch', entry }, strict);
    for (const [index, url] of part.entries()) found.set(url, answer.json.entry?.[index]?.response?.status ?? '');
  }
  return found;
}

test('every parameter it names answers, with every modifier and prefix it names, and what it does not name is refused', async () => {
  const [good, bad]: [string[], string[]] = [[], []];
  for (const { type, searchParam = [] } of types) {
    for (const { name, type: kind, documentation = '' } of searchParam) {
      const value = askedOf(name, kind);
      good.push(`${type}?${name}=${value}&_count=0`);
      if (type !== 'Patient' && type !== 'Observation' && type !== 'RiskAssessment') continue;
      const modifiers = [
        'missing',
        'not',
        'exact',
        'contains',
        'text',
        'identifier',
        'of-type',
        'above',
        'below',
        'in',
        'not-in',
        'nonsense',
      ];
      for (const modifier of modifiers) {
        const special = { missing: 'true', 'of-type': 'a|b|c' }[modifier];
        const named = new RegExp(`:${modifier}\\b(?!-)`).test(documentation);
        (named ? good : bad).push(`${type}?${name}:${modifier}=${special ?? value}&_count=0`);
      }
      if (/Prefixes/.test(documentation)) for (const prefix of PREFIXES) good.push(`${type}?${name}=${prefix}${value}&_count=0`);
      const sorted = `${type}?_sort=${name}&_count=1`;
      (kind === 'composite' ? bad : good).push(sorted);
    }
    bad.push(`${type}?no-such-parameter=x`, `${type}?_text=x`, `${type}?_filter=x`, `${type}?_list=x`);
  }
  const found = await statuses([...good, ...bad]);
  expect(good.length).toBeGreaterThan(600);
  expect(good.filter(url => found.get(url) !== '200')).toEqual([]);
  expect(bad.filter(url => found.get(url) !== '400')).toEqual([]);
}, 120_000);

test('every include and reverse include it names is answered', async () => {
  const urls = types.flatMap(({ type, searchInclude = [], searchRevInclude = [] }) => [
    `${type}?_id=x&${searchInclude.map(value => `_include=${value}`).join('&')}`,
    `${type}?_id=x&${searchRevInclude.map(value => `_revinclude=${value}`).join('&')}`,
  ]);
  const found = await statuses(urls);
  expect(urls.filter(url => found.get(url) !== '200')).toEqual([]);
});

test('every interaction it names is there for every type, and no other', async () => {
  const tries: Readonly<Record<string, (type: string) => [method: string, path: string, body?: unknown]>> = {
    read: type => ['GET', `/${type}/x`],
    vread: type => ['GET', `/${type}/x/_history/1`],
    update: type => ['PUT', `/${type}/x`, { resourceType: type, id: 'x' }],
    patch: type => ['PATCH', `/${type}/x`, [{ op: 'add', path: '/language', value: 'ja' }]],
    delete: type => ['DELETE', `/${type}/x`],
    'history-instance': type => ['GET', `/${type}/x/_history`],
    'history-type': type => ['GET', `/${type}/_history`],
    create: type => ['POST', `/${type}`, { resourceType: type, nonsense: 1 }],
    'search-type': type => ['GET', `/${type}?_count=1`],
  };
  /** What tells that the interaction is there, though nothing has the id x and nonsense is no element. */
  const expected: Readonly<Record<string, number[]>> = { create: [422], update: [404, 422], 'history-type': [200], 'search-type': [200] };
  for (const { type, interaction = [] } of types) {
    expect(interaction.map(({ code }) => code).sort()).toEqual(Object.keys(tries).sort());
    for (const [code, request] of Object.entries(tries)) {
      const [method, path, body] = request(type);
      const { status, json } = await server.ask(world.doctor, method, path, body);
      expect(expected[code] ?? [404], `${code} ${type}: ${JSON.stringify(json)}`).toContain(status);
      // A route that is not there has no words of ours.
      expect(JSON.stringify(json), `${code} ${type}`).not.toContain('"Not found"');
    }
  }
  const codes = statement.rest?.[0]?.interaction?.map(({ code }) => code).sort();
  expect(codes).toEqual(['batch', 'history-system', 'search-system', 'transaction']);
  expect((await server.ask(world.doctor, 'GET', '/_history')).status).toBe(200);
  expect((await server.ask(world.doctor, 'GET', '/?_type=Patient')).status).toBe(200);
  for (const type of ['batch', 'transaction'])
    expect((await server.ask(world.doctor, 'POST', '', { resourceType: 'Bundle', type, entry: [] })).status).toBe(200);
  for (const [method, path] of [
    ['POST', '/$graphql'],
    ['GET', '/$export'],
    ['PUT', '/'],
    ['DELETE', '/'],
  ] as const)
    expect((await server.ask(world.doctor, method, path, method === 'GET' ? undefined : {})).status, path).toBeGreaterThanOrEqual(400);
});

test('every operation it names answers', async () => {
  const stored: Readonly<Record<string, Resource>> = { Patient: world.patient, Encounter: await world.consultation() };
  for (const { type, operation = [] } of types) {
    for (const { name } of operation) {
      const path = name === 'validate' ? `/${type}/$validate` : `/${type}/${stored[type]?.id}/$${name}`;
      const answer = await server.ask(world.doctor, 'POST', path, { resourceType: name === 'validate' ? type : 'Parameters' });
      expect(answer.status, `${path} ${JSON.stringify(answer.json)}`).toBe(200);
    }
  }
});
