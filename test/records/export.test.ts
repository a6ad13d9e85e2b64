// Bulk export: who gets it, what is in it, what consent keeps out of it, and what becomes of its files.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Consent, Observation, Resource } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import { exportRoutes, startExports } from '../../hub/records/export/index.ts';
import { openMaking } from '../../hub/records/export/make.ts';
import { type Database, type FileStore, openFiles } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { person, type SmallWorld, silent, smallWorld } from './people.ts';

interface Manifest {
  transactionTime: string;
  requiresAccessToken: boolean;
  output: { type: string; url: string; count: number }[];
}

const folder = mkdtempSync(path.join(tmpdir(), 'exports-'));
let database: Database;
let world: SmallWorld;
let files: FileStore;
let app: Hono<HubEnv>;
let actor: Person;
let worker: { close(): Promise<void> };

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  files = await openFiles({ dataDirectory: folder, area: 'export', key: randomBytes(32) });
  worker = await startExports({ database, records: world.records, files, log: silent, pollSeconds: 0.5 });
  app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', actor);
    context.set('log', silent);
    await next();
  });
  app.route('/fhir/R4', exportRoutes({ database, records: world.records, files }));
  for (const [patient, value] of [
    [world.patient.id, 71],
    [world.foreign.id, 72],
  ] as const)
    await world.seed.create<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: '脈拍' },
      subject: { reference: `Patient/${patient}` },
      valueQuantity: { value, unit: '拍/分' },
    });
});
afterAll(async () => {
  await worker?.close();
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(as: Person, method: string, address: string, headers: Record<string, string> = { prefer: 'respond-async' }) {
  actor = as;
  return app.request(address.startsWith('http') ? address : `http://hub.example/fhir/R4${address}`, { method, headers });
}
/** Kicks off, waits, and returns the manifest with its address. */
async function exported(as: Person, address: string): Promise<{ at: string; manifest: Manifest }> {
  const begun = await ask(as, 'GET', address);
  expect(begun.status, await begun.clone().text()).toBe(202);
  const at = begun.headers.get('content-location')!;
  let status: Response | undefined;
  await expect
    .poll(
      async () => {
        status = await ask(as, 'GET', at);
        if (status.status === 202) expect(status.headers.get('x-progress')).toBeTruthy();
        return status.status;
      },
      { timeout: 15_000 },
    )
    .toBe(200);
  return { at, manifest: (await status!.json()) as Manifest };
}
async function linesOf(as: Person, manifest: Manifest): Promise<Resource[]> {
  const found: Resource[] = [];
  for (const { url, count } of manifest.output) {
    const response = await ask(as, 'GET', url);
    expect(response.headers.get('content-type')).toBe('application/fhir+ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.length).toBe(count);
    found.push(...lines.map(line => JSON.parse(line) as Resource));
  }
  return found;
}
const patientsIn = (resources: Resource[]) => resources.filter(({ resourceType }) => resourceType === 'Patient').map(({ id }) => id);
const audited = async (what: string, account: string) => {
  const rows = await database.kysely
    .withTables<{ audit_events: { account: string; action: string; what: { en: string }; patients: string[]; allowed: boolean } }>()
    .selectFrom('audit_events')
    .select(['what', 'patients', 'allowed'])
    .where('action', '=', 'export')
    .where('account', '=', account)
    .execute();
  return rows.filter(row => row.what.en.startsWith(what));
};
const denyAll = (): Consent => ({
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

test('an administrator exports everything for a named purpose, and the trail says why, for whom and what was taken', async () => {
  const { manifest } = await exported(world.administrator, '/$export?purpose=HOPERAT&_type=Patient,Observation,Organization');
  expect(manifest.requiresAccessToken).toBe(true);
  expect(manifest.output.map(({ type, count }) => [type, count])).toEqual([
    ['Patient', 2],
    ['Observation', 2],
    ['Organization', 3],
  ]);
  expect(patientsIn(await linesOf(world.administrator, manifest)).sort()).toEqual([world.patient.id, world.foreign.id].sort());
  const [made] = await audited('bulk export made (for health care operations)', world.administrator.account);
  expect(made!.patients.sort()).toEqual([world.patient.id, world.foreign.id].sort());
  expect(await audited('took a file', world.administrator.account)).toHaveLength(3);
});

test('a doctor exports the patients of the own facility and nobody else’s', async () => {
  const { manifest } = await exported(world.doctor, `/Group/${world.hospital.id}/$export`);
  const lines = await linesOf(world.doctor, manifest);
  expect(patientsIn(lines)).toEqual([world.patient.id]);
  expect(JSON.stringify(lines)).not.toContain(world.foreign.id);
  expect(lines.map(({ resourceType }) => resourceType)).not.toContain('Organization');
});

test('only what changed since a moment is exported when it is asked for', async () => {
  const { manifest } = await exported(world.doctor, '/Patient/$export?_type=Observation');
  expect(manifest.output.map(({ count }) => count)).toEqual([1]);
  const later = await exported(world.doctor, `/Patient/$export?_type=Observation&_since=${encodeURIComponent(manifest.transactionTime)}`);
  expect(later.manifest.output).toEqual([]);
});

test('what a patient denies stays out of the next export, and an export made before is not given out any more', async () => {
  const before = await exported(world.doctor, '/Patient/$export?_type=Observation,Patient');
  const consent = await world.seed.create(denyAll());
  expect((await ask(world.doctor, 'GET', before.manifest.output[0]!.url)).status).toBe(410);
  const { manifest } = await exported(world.doctor, '/Patient/$export?_type=Observation,Patient');
  expect(manifest.output).toEqual([]);
  await world.seed.update({ ...consent, status: 'inactive' });
});

test('nobody else gets any, no stranger sees a status or a file, and each refusal is in the trail', async () => {
  for (const who of [world.self, world.caregiver, world.manager, world.maker, world.specialist])
    for (const address of ['/$export?purpose=HOPERAT', `/Group/${world.hospital.id}/$export`])
      expect((await ask(who, 'GET', address)).status, `${who.name} ${address}`).toBe(403);
  expect((await audited('asked', world.caregiver.account)).map(({ allowed }) => allowed)).toEqual([false, false]);
  expect((await ask(world.doctor, 'GET', `/Group/${world.centre.id}/$export`)).status).toBe(403);
  expect((await ask({ ...world.doctor, scopes: ['user/Observation.rs'] }, 'GET', '/Patient/$export')).status).toBe(403);
  const { at, manifest } = await exported(world.administrator, '/$export?purpose=HRESCH&_type=Patient');
  const other = person(null, [['administrator', '']]);
  expect((await ask(other, 'GET', at)).status).toBe(404);
  expect((await ask(other, 'GET', manifest.output[0]!.url)).status).toBe(404);
  expect((await ask(world.doctor, 'GET', manifest.output[0]!.url)).status).toBe(404);
});

test('what is asked wrongly is refused with words: no purpose, no asynchronous answer, an unknown parameter, type or format', async () => {
  for (const address of [
    '/$export',
    '/$export?purpose=curiosity',
    '/$export?purpose=HOPERAT&_typeFilter=x',
    '/$export?purpose=HOPERAT&_type=Medication',
    '/$export?purpose=HOPERAT&_since=yesterday',
    '/$export?purpose=HOPERAT&_outputFormat=csv',
  ]) {
    const response = await ask(world.administrator, 'GET', address);
    expect(response.status, address).toBe(400);
    expect(await response.json()).toMatchObject({ resourceType: 'OperationOutcome' });
  }
  expect((await ask(world.administrator, 'GET', '/$export?purpose=HOPERAT', {})).status).toBe(400);
});

test('an export that is given up leaves no file, and one that is old is forgotten', async () => {
  const { at, manifest } = await exported(world.doctor, '/Patient/$export?_type=Observation');
  expect(await files.size()).toBeGreaterThan(0);
  expect((await ask(world.doctor, 'DELETE', at)).status).toBe(202);
  expect((await ask(world.doctor, 'GET', manifest.output[0]!.url)).status).toBe(404);
  expect((await ask(world.doctor, 'GET', at)).status).toBe(404);
  const making = openMaking({ database, context: world.records.context, files, log: silent });
  await making.forget(new Date(Date.now() + 60_000));
  expect(await files.size()).toBe(0);
});

test('one account has one export in the making at a time', async () => {
  await worker.close();
  expect((await ask(world.doctor, 'GET', '/Patient/$export')).status).toBe(202);
  expect((await ask(world.doctor, 'GET', '/Patient/$export')).status).toBe(429);
  worker = await startExports({ database, records: world.records, files, log: silent, pollSeconds: 0.5 });
});
