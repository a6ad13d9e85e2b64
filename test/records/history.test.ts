// Histories by pages, and all that is kept of a patient: with deletions, and without what one may not see.
import type { Bundle, Observation } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type FhirServer, fhirServer } from './fhir-server.ts';
import { type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let server: FhirServer;
let clock = Date.parse('2024-06-01T00:00:00Z');
beforeAll(async () => {
  database = await freshDatabase();
  // Each version gets a second of its own.
  world = await smallWorld(database, () => {
    clock += 1000;
    return new Date(clock);
  });
  server = await fhirServer(world.records);
});
afterAll(async () => {
  await server?.close();
  await database?.close();
});

const observation = (patient: string, more: Partial<Observation> = {}): Observation => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: '脈拍' },
  subject: { reference: `Patient/${patient}` },
  ...more,
});
const get = async (path: string, actor = world.doctor) => {
  const answer = await server.ask<Bundle>(actor, 'GET', path);
  expect(answer.status, JSON.stringify(answer.json)).toBe(200);
  return answer.json;
};
const next = (bundle: Bundle) => bundle.link?.find(({ relation }) => relation === 'next')?.url;
const told = ({ entry }: Bundle) => (entry ?? []).map(({ request }) => `${request?.method} ${request?.url}`);

describe('a history', () => {
  test('of one resource goes from its deletion back to its making, page by page', async () => {
    const made = await world.seed.create(observation(world.patient.id));
    for (const status of ['amended', 'corrected'] as const) await world.seed.update({ ...made, meta: undefined, status });
    await server.ask(world.doctor, 'DELETE', `/Observation/${made.id}`);
    const path = `/Observation/${made.id}/_history`;
    expect(told(await get(path))).toEqual([
      `DELETE Observation/${made.id}`,
      `PUT Observation/${made.id}`,
      `PUT Observation/${made.id}`,
      'POST Observation',
    ]);
    const seen: string[] = [];
    for (let link: string | undefined = `${path}?_count=3`; link; ) {
      const page: Bundle = await get(link);
      seen.push(...(page.entry ?? []).map(({ response }) => response?.etag ?? ''));
      link = next(page);
    }
    expect(seen).toEqual(['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']);
    const versions = await get(path);
    const second = versions.entry?.[2]?.resource?.meta?.lastUpdated;
    expect((await get(`${path}?_since=${second}`)).entry).toHaveLength(3);
    // At that moment the second version was the newest.
    expect((await get(`${path}?_at=${second}`)).entry?.map(({ response }) => response?.etag)).toEqual(['W/"2"']);
  });

  test('of a type, and of all, holds only what one may see, goes on where it ended, and names all patients in one entry of the audit', async () => {
    const strange = await world.seed.create(observation(world.foreign.id));
    const own = await world.seed.create(observation(world.patient.id));
    const first = await get('/Observation/_history?_count=1');
    expect(first.entry?.[0]?.resource?.id).toBe(own.id);
    await world.seed.create(observation(world.patient.id));
    const rest = await get(next(first) ?? '');
    expect(JSON.stringify(rest)).not.toContain(own.id);
    const audits = "select patients from audit_events where resource = '*' order by id desc limit 1";
    const whole = await get('/_history?_count=1000');
    expect(JSON.stringify(whole)).not.toContain(strange.id);
    expect(new Set(told(whole))).toContain('POST Patient');
    expect((await database.pool.query(audits)).rows).toEqual([{ patients: [world.patient.id] }]);
    expect((await server.ask(world.doctor, 'GET', '/_history?since=x', undefined, { prefer: 'handling=strict' })).status).toBe(400);
    expect((await server.ask(world.doctor, 'GET', '/_history?_since=soon')).status).toBe(400);
    expect((await server.ask(world.doctor, 'GET', `/Patient/${world.foreign.id}/_history`)).status).toBe(403);
  });
});

describe('$everything', () => {
  test('of a patient is all that is kept of that patient, and whom and what it names', async () => {
    const encounter = await world.consultation('finished');
    const old = await world.seed.create(observation(world.patient.id, { effectiveDateTime: '2020-01-01' }));
    const path = `/Patient/${world.patient.id}/$everything`;
    const all: Bundle['entry'] = [];
    for (let link: string | undefined = `${path}?_count=2`; link; ) {
      const page: Bundle = await get(link);
      all.push(...(page.entry ?? []));
      link = next(page);
    }
    const matched = all.filter(({ search }) => search?.mode === 'match').map(({ resource }) => resource?.id);
    expect(new Set(matched).size).toBe(matched.length);
    expect(matched).toEqual(expect.arrayContaining([world.patient.id, encounter.id, old.id]));
    const types = new Set(all.filter(({ search }) => search?.mode === 'include').map(({ resource }) => resource?.resourceType));
    expect([...types]).toEqual(expect.arrayContaining(['Organization', 'Practitioner', 'Location']));
    expect(JSON.stringify(all)).not.toContain(world.foreign.id);
  });

  test('can be narrowed to types, to what is new and to a time of care', async () => {
    const path = `/Patient/${world.patient.id}/$everything`;
    const ids = (query: string) => server.ids(world.doctor, `${path}?${query}`);
    const old = await world.seed.create(observation(world.patient.id, { effectiveDateTime: '2019-03-01' }));
    const other = await world.seed.create(observation(world.patient.id, { effectiveDateTime: '2021-03-01' }));
    const year = await ids('_type=Observation&start=2019-01-01&end=2019-12-31');
    expect(year).toContain(old.id);
    expect(year).not.toContain(other.id);
    expect(await ids('_type=Observation&end=2018-12-31')).not.toContain(old.id);
    const since = old.meta?.lastUpdated;
    const late = await world.seed.create(observation(world.patient.id));
    expect(await ids(`_type=Observation,Encounter&_since=${since}`)).toEqual([old.id, other.id, late.id]);
    expect((await server.ask(world.doctor, 'GET', `${path}?colour=red`)).status).toBe(400);
    expect((await server.ask(world.doctor, 'GET', `/Patient/${world.foreign.id}/$everything`)).status).toBe(403);
  });

  test('of an encounter is what was done in it', async () => {
    const encounter = await world.consultation('in-progress');
    const measured = await world.seed.create(observation(world.patient.id, { encounter: { reference: `Encounter/${encounter.id}` } }));
    const answer = await get(`/Encounter/${encounter.id}/$everything`);
    expect(answer.entry?.filter(({ search }) => search?.mode === 'match').map(({ resource }) => resource?.id)).toEqual([
      encounter.id,
      measured.id,
    ]);
    expect(answer.entry?.map(({ resource }) => resource?.resourceType)).toContain('Patient');
    expect((await server.ask(world.caregiver, 'GET', `/Encounter/${encounter.id}/$everything`)).status).toBe(403);
  });
});
