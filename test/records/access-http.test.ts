// Over HTTP: who acts for a patient, the audit trail as pages, files and FHIR AuditEvents.
import type { AuditEvent, Bundle } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemOf } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { AuditView, ProxyView } from '../../hub/records/contract.ts';
import { actsFor, fhirRoutes, recordRoutes } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { person, type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
});
afterAll(() => database?.close());

async function ask(actor: Person, method: string, address: string, body?: object) {
  const app = new Hono<HubEnv>();
  app.onError((error, context) => {
    const told = problemOf(error);
    return told ? context.json(told.body(), told.status) : context.text((error as Error).stack ?? '', 500);
  });
  app.use(async (context, next) => {
    context.set('actor', actor);
    await next();
  });
  app.route('/api/records', recordRoutes({ records: world.records, database }));
  app.route('/fhir/R4', fhirRoutes({ records: world.records }));
  const answer = await app.request(`http://hub.example${address}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: <T>() => JSON.parse(text) as T };
}
const proxies = () => `/api/records/proxies/${world.patient.id}`;

test('a daughter whom the patient names looks on the patient’s behalf, within what was said, until it ends', async () => {
  const named = { name: '田中 良子', relationship: 'family', categories: ['demographics', 'vitals'] };
  expect((await ask(world.doctor, 'POST', proxies(), named)).status).toBe(403);
  expect((await ask(world.self, 'POST', proxies(), { ...named, relationship: 'guardian' })).status).toBe(422);
  const made = await ask(world.self, 'POST', proxies(), named);
  expect(made.status, made.text).toBe(201);
  const { reference } = made.json<{ reference: string }>();
  const id = reference.split('/')[1]!;
  const daughter: Person = {
    ...person(reference, [['patient', '']], '田中 良子'),
    actsFor: (await actsFor(world.records, id)) ?? undefined,
  };
  expect(daughter.actsFor).toBe(world.patient.id);
  expect(await world.records.as(daughter).read('Patient', world.patient.id)).toMatchObject({ id: world.patient.id });
  expect(await world.records.as(daughter).search('Condition?')).toEqual([]);
  await expect(world.records.as(daughter).read('Patient', world.foreign.id)).rejects.toMatchObject({ status: 403 });
  expect((await ask(world.self, 'GET', proxies())).json<ProxyView[]>()).toMatchObject([
    { name: '田中 良子', standing: true, account: false, categories: ['demographics', 'vitals'] },
  ]);
  const trail = (await ask(world.self, 'GET', '/api/records/audit?who=良子')).json<AuditView[]>();
  expect(trail.filter(({ onBehalf }) => onBehalf).map(({ allowed }) => allowed)).toContain(true);
  expect((await ask(world.self, 'POST', `${proxies()}/${id}/end`)).json<ProxyView[]>()).toMatchObject([{ standing: false }]);
  await expect(world.records.as(daughter).read('Patient', world.patient.id)).rejects.toMatchObject({ status: 403 });
  expect(await actsFor(world.records, id)).toBeNull();
});

test('a guardian is entered by an administrator, with evidence', async () => {
  const guardian = { name: '司法 書子', relationship: 'guardian' };
  expect((await ask(world.administrator, 'POST', proxies(), guardian)).status).toBe(422);
  const made = await ask(world.administrator, 'POST', proxies(), { ...guardian, evidence: '登記事項証明書 2026-10-01' });
  expect(made.status, made.text).toBe(201);
  expect((await ask(world.administrator, 'GET', proxies())).json<ProxyView[]>()[0]).toMatchObject({
    relationship: 'guardian',
    evidence: '登記事項証明書 2026-10-01',
  });
});

test('administrators search the trail and take it along; both leave their line', async () => {
  await world.records
    .as(world.specialist)
    .read('Patient', world.foreign.id)
    .catch(() => undefined);
  const refused = (await ask(world.administrator, 'GET', '/api/records/audit?allowed=false')).json<AuditView[]>();
  expect(refused.every(({ allowed }) => !allowed)).toBe(true);
  const [newest, next] = (await ask(world.administrator, 'GET', '/api/records/audit?limit=2')).json<AuditView[]>();
  const older = (await ask(world.administrator, 'GET', `/api/records/audit?limit=1&before=${newest!.id}`)).json<AuditView[]>();
  expect(older[0]!.id).toBe(next!.id);
  expect((await ask(world.doctor, 'GET', '/api/records/audit/export?format=csv')).status).toBe(403);
  const csv = await ask(world.administrator, 'GET', `/api/records/audit/export?format=csv&patient=${world.patient.id}`);
  expect(csv.headers.get('content-disposition')).toContain('audit.csv');
  expect(csv.text.split('\r\n')[0]).toBe(
    'id,at,who,reference,role,organization_name,action,what,resource,patients,refused,allowed,purpose,on_behalf',
  );
  const lines = (await ask(world.administrator, 'GET', '/api/records/audit/export?format=ndjson')).text.trim().split('\n');
  expect(lines.map(line => JSON.parse(line).action)).toContain('export');
});

test('the trail is FHIR AuditEvent: a patient reads the own ones only, and nobody writes', async () => {
  const mine = (await ask(world.self, 'GET', '/fhir/R4/AuditEvent?_count=200')).json<Bundle<AuditEvent>>();
  const events = mine.entry!.map(({ resource }) => resource!);
  expect(events.length).toBeGreaterThan(3);
  for (const event of events) {
    const about = event.entity?.filter(({ what }) => what?.reference?.startsWith('Patient/')).map(({ what }) => what!.reference);
    expect(new Set(about)).toEqual(new Set([`Patient/${world.patient.id}`]));
  }
  expect(events.some(event => event.meta?.profile?.[0]?.endsWith('IHE.BasicAudit.PatientRead'))).toBe(true);
  expect(events.some(event => event.agent.some(({ who }) => who?.reference === `Patient/${world.patient.id}`))).toBe(true);
  expect((await ask(world.self, 'GET', `/fhir/R4/AuditEvent/${events[0]!.id}`)).json<AuditEvent>()).toMatchObject({ id: events[0]!.id });
  expect((await ask(world.self, 'GET', `/fhir/R4/AuditEvent?patient=${world.foreign.id}`)).status).toBe(403);
  expect((await ask(world.doctor, 'GET', '/fhir/R4/AuditEvent')).status).toBe(403);
  expect((await ask(world.administrator, 'GET', '/fhir/R4/AuditEvent?source=x')).status).toBe(400);
  const refused = (await ask(world.administrator, 'GET', '/fhir/R4/AuditEvent?outcome=4')).json<Bundle<AuditEvent>>();
  expect(refused.entry?.every(({ resource }) => resource?.outcome === '4')).toBe(true);
  const foreign = (await ask(world.administrator, 'GET', `/fhir/R4/AuditEvent?patient=${world.foreign.id}`)).json<Bundle<AuditEvent>>();
  const others = foreign.entry?.find(({ resource }) => resource)?.resource?.id;
  expect((await ask(world.self, 'GET', `/fhir/R4/AuditEvent/${others}`)).status).toBe(404);
  for (const method of ['POST', 'PUT', 'DELETE'])
    expect((await ask(world.administrator, method, `/fhir/R4/AuditEvent${method === 'POST' ? '' : '/1'}`, {})).status).toBeGreaterThan(399);
});

test('while the trail is away FHIR answers 503 in words, and nothing else', async () => {
  const holder = await database.pool.connect();
  await holder.query('begin; lock table audit_events in access exclusive mode');
  const answer = await ask(world.doctor, 'GET', `/fhir/R4/Patient/${world.patient.id}`);
  await holder.query('rollback');
  holder.release();
  expect(answer.status).toBe(503);
  expect(answer.text).toContain('記録できない');
  expect(answer.text).not.toContain('田中');
}, 20_000);
