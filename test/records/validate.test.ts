// Resources are held to the profiles they claim wherever they come in, and $validate says the same without keeping anything.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle, Observation, OperationOutcome } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HubEnv } from '../../hub/http/server-types.ts';
import { fhirRoutes } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

const PULSE = 'http://example.com/StructureDefinition/pulse';
const folder = mkdtempSync(path.join(tmpdir(), 'validate-'));
let database: Database;
let world: SmallWorld;
let app: Hono<HubEnv>;

beforeAll(async () => {
  const inside = path.join(folder, 'example#1.0.0', 'package');
  mkdirSync(inside, { recursive: true });
  writeFileSync(path.join(inside, 'package.json'), JSON.stringify({ name: 'example', version: '1.0.0' }));
  const profile = {
    ...{ resourceType: 'StructureDefinition', url: PULSE, status: 'active', kind: 'resource', type: 'Observation', abstract: false },
    baseDefinition: 'http://hl7.org/fhir/StructureDefinition/Observation',
    differential: { element: [{ id: 'Observation.device', path: 'Observation.device', min: 1 }] },
  };
  writeFileSync(path.join(inside, 'StructureDefinition-pulse.json'), JSON.stringify(profile));
  database = await freshDatabase();
  world = await smallWorld(database, undefined, { folder, cache: path.join(folder, 'cache') });
  app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', world.doctor);
    context.set('log', silent);
    await next();
  });
  app.route('/fhir/R4', fhirRoutes({ records: world.records }));
});
afterAll(async () => {
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask<T = OperationOutcome>(method: string, address: string, body?: unknown) {
  const response = await app.request(`http://hub.example/fhir/R4${address}`, {
    method,
    headers: { 'content-type': 'application/fhir+json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as T };
}
const pulse = (more: object = {}) => ({
  ...{ resourceType: 'Observation', meta: { profile: [PULSE] }, status: 'final', code: { text: '脈拍' } },
  subject: { reference: `Patient/${world.patient.id}` },
  ...more,
});
const told = ({ issue }: OperationOutcome) =>
  issue.map(({ severity, expression, details }) => [severity, expression?.[0], details?.coding?.at(-1)?.code]);
const MISSING = ['error', 'Observation.device', 'Observation.device min 1'];

describe('a resource that does not conform to the profile it claims', () => {
  test('is refused when it is created, with place, rule and words in both languages', async () => {
    const { status, json } = await ask('POST', '/Observation', pulse());
    expect(status).toBe(422);
    expect(told(json)).toEqual([MISSING]);
    expect(json.issue[0]!.diagnostics).toMatch(/1 個以上いります.*at least 1 needed/);
  });

  test('is refused when it is changed, and takes its whole transaction with it', async () => {
    const made = await ask<Observation>('POST', '/Observation', pulse({ device: { display: '腕時計' } }));
    expect(made.status).toBe(201);
    const { device: _, ...without } = made.json;
    expect(told((await ask('PUT', `/Observation/${made.json.id}`, without)).json)).toEqual([MISSING]);
    const entry = [pulse({ device: { display: '1' }, note: [{ text: '取引' }] }), pulse()].map(resource => ({
      resource,
      request: { method: 'POST', url: 'Observation' },
    }));
    expect((await ask('POST', '/', { resourceType: 'Bundle', type: 'transaction', entry })).status).toBe(422);
    const kept = await ask<Bundle<Observation>>('GET', `/Observation?subject=Patient/${world.patient.id}`);
    expect(kept.json.entry?.filter(each => each.resource?.note)).toEqual([]);
  });
});

describe('$validate', () => {
  test('says of a resource what its creation would, and keeps nothing', async () => {
    const { status, json } = await ask('POST', '/Observation/$validate', pulse());
    expect(status).toBe(200);
    expect(told(json)).toEqual([MISSING]);
    expect(told((await ask('POST', '/Observation/$validate', pulse({ device: { display: '1' } }))).json)).toEqual([
      ['information', undefined, undefined],
    ]);
    expect(told((await ask('POST', '/Observation/$validate', { resourceType: 'Observation' })).json)).toContainEqual([
      ...['error', 'Observation.status', 'Missing required property'],
    ]);
  });

  test('holds to a profile that is asked for, in the address or in Parameters', async () => {
    const plain = pulse({ meta: undefined });
    expect(told((await ask('POST', '/Observation/$validate', plain)).json)).toEqual([['information', undefined, undefined]]);
    expect(told((await ask('POST', `/Observation/$validate?profile=${PULSE}`, plain)).json)).toEqual([MISSING]);
    const parameter = [
      { name: 'resource', resource: plain },
      { name: 'profile', valueUri: PULSE },
      { name: 'mode', valueCode: 'create' },
    ];
    expect(told((await ask('POST', '/Observation/$validate', { resourceType: 'Parameters', parameter })).json)).toEqual([MISSING]);
    const unknown = await ask('POST', '/Observation/$validate?profile=http://example.com/unknown', plain);
    expect(told(unknown.json)).toEqual([['error', 'Observation.meta.profile', 'meta.profile']]);
  });

  test('of a stored resource reads it as any access does, and knows the modes', async () => {
    const { json } = await ask<Observation>('POST', '/Observation', pulse({ device: { display: '1' } }));
    expect(told((await ask('GET', `/Observation/${json.id}/$validate`)).json)).toEqual([['information', undefined, undefined]]);
    expect((await ask('GET', '/Observation/nobody/$validate')).status).toBe(404);
    expect((await ask('POST', `/Observation/${json.id}/$validate?mode=delete`, { resourceType: 'Parameters' })).status).toBe(200);
    expect((await ask('POST', '/Observation/$validate?mode=delete', { resourceType: 'Parameters' })).status).toBe(400);
    expect((await ask('POST', '/Observation/$validate?mode=guess', json)).status).toBe(400);
    const other = await ask('POST', `/Observation/${json.id}/$validate`, { ...json, id: 'other' });
    expect(told(other.json)).toContainEqual(['error', 'id', '$validate id']);
    expect(told((await ask('POST', '/Patient/$validate', json)).json)).toContainEqual(['error', 'resourceType', '$validate resourceType']);
  });
});
