// Emergency access: opened by the entitled with a reason, for an hour and the summary only, told of, reviewed; disaster mode; the journal.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Hono } from 'hono';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Problem, problemOf } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import { consentWith } from '../../hub/records/access/provisions.ts';
import { startSealer } from '../../hub/records/audit/audit-seal.ts';
import { verifyAudit } from '../../hub/records/audit/audit-verify.ts';
import type { EmergencySummary, FoundPerson, GrantView, Notices, OpenedView } from '../../hub/records/emergency/contract.ts';
import { emergencyRoutes, type Journal, openJournal, watchEmergencies } from '../../hub/records/emergency/index.ts';
import { ROLE_SYSTEM } from '../../hub/records/systems.ts';
import type { Database } from '../../hub/store/index.ts';
import { temporaryFolder } from '../harness/hub.ts';
import { freshDatabase } from '../harness/index.ts';
import { person, type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let journal: Journal;
let app: Hono<HubEnv>;
let now = new Date('2026-11-22T12:00:00Z');
let fresh = true;
let entitled: Person;
const mails: string[] = [];
const folder = temporaryFolder();
const MINUTE = 60_000;

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database, () => now);
  journal = openJournal({ connection: world.records.context.connection, directory: path.join(folder, 'audit'), now: () => now });
  const remote = await world.seed.create({ resourceType: 'Practitioner', name: [{ text: '当直 一郎' }] });
  await world.seed.create({
    resourceType: 'PractitionerRole',
    active: true,
    practitioner: { reference: `Practitioner/${remote.id}` },
    organization: { reference: `Organization/${world.centre.id}` },
    code: [{ coding: [{ system: ROLE_SYSTEM, code: 'doctor' }] }, { coding: [{ system: ROLE_SYSTEM, code: 'break-glass' }] }],
  });
  entitled = person(`Practitioner/${remote.id}`, [['doctor', world.centre.id]], '当直 一郎');
  const subject = { reference: `Patient/${world.patient.id}` };
  await world.seed.create({
    resourceType: 'AllergyIntolerance',
    patient: subject,
    clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', code: 'active' }] },
    code: { text: 'ペニシリン' },
    criticality: 'high',
  });
  await world.seed.create({ resourceType: 'Condition', subject, code: { text: '心不全' } });
  await world.seed.create({ resourceType: 'Communication', status: 'completed', subject, payload: [{ contentString: '内緒の話' }] });
  app = new Hono<HubEnv>();
  app.onError((error, context) => {
    const told = problemOf(error);
    return told ? context.json(told.body(), told.status) : context.json({ error: { code: (error as Error).message } }, 500);
  });
});
afterAll(async () => {
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  fresh = true;
});

const watch = () =>
  watchEmergencies({
    records: world.records,
    journal,
    log: silent,
    everyMs: 3_600_000,
    administrators: async () => [{ account: 'a1', email: 'admin@hub.example', language: 'ja' }],
    patient: async () => [{ account: 'p1', email: 'hana@hub.example', language: 'ja' }],
    mail: async (to, page) => void mails.push(`${to.email} ${page}`),
  });

async function ask<T>(actor: Person, method: string, address: string, body?: object): Promise<{ status: number; body: T }> {
  const hub = new Hono<HubEnv>();
  hub.onError((error, context) => {
    const told = problemOf(error);
    return told ? context.json(told.body(), told.status) : context.json({ error: { code: (error as Error).stack } }, 500);
  });
  hub.use(async (context, next) => {
    context.set('actor', actor);
    await next();
  });
  hub.route(
    '/',
    emergencyRoutes({
      records: world.records,
      journal,
      requireFresh: async () => {
        if (!fresh) throw new Problem(403, 'confirm-needed', { ja: '確認', en: 'confirm' });
      },
    }),
  );
  const answer = await hub.request(address, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: answer.status, body: (await answer.json()) as T };
}
const openFor = (actor: Person, reason = 'unconscious', area: string | null = null) =>
  ask<{ id: string; until: string }>(actor, 'POST', '/grants', { patient: world.patient.id, reason, area, words: '救急で運ばれた' });
const trail = async () =>
  (
    await sql<{
      action: string;
      purpose: string;
      allowed: boolean;
    }>`select action, purpose, allowed from audit_events order by id desc limit 5`.execute(database.kysely)
  ).rows;

describe('breaking the glass', () => {
  test('needs the flag and a fresh second factor', async () => {
    expect((await openFor(world.specialist)).status).toBe(403);
    expect((await openFor(world.self)).status).toBe(403);
    fresh = false;
    expect((await openFor(entitled)).body).toMatchObject({ error: { code: 'confirm-needed' } });
    // The flag of one organization is none at another.
    expect((await openFor({ ...entitled, roles: [{ role: 'doctor', organization: 'elsewhere', organizationName: '' }] })).status).toBe(403);
  });

  test('opens the summary of one patient for an hour, and nothing else', async () => {
    const { body: grant, status } = await openFor(entitled);
    expect(status).toBe(201);
    expect(Date.parse(grant.until) - now.getTime()).toBe(60 * MINUTE);
    const summary = await ask<EmergencySummary>(entitled, 'GET', `/grants/${grant.id}`);
    expect(summary.body).toMatchObject({ name: '田中 ハナ', allergies: [{ text: 'ペニシリン' }], diseases: [{ text: '心不全' }] });
    expect(JSON.stringify(summary.body)).not.toContain('内緒');
    expect((await trail())[0]).toMatchObject({ action: 'read', purpose: 'ETREAT', allowed: true });
    // The person's own rights have not grown.
    await expect(world.records.as(entitled).read('Patient', world.patient.id)).rejects.toMatchObject({ status: 403 });
    const under: Person = { ...entitled, via: 'break-glass', emergency: { grant: grant.id } };
    expect(await world.records.as(under).search('Condition?')).toHaveLength(1);
    expect(await world.records.as(under).search('Communication?')).toEqual([]);
    await expect(world.records.as(under).read('Patient', world.foreign.id)).rejects.toMatchObject({ status: 403 });
    const exported = await world.records.allowed(under, [world.patient.id], 'summary', 'export', { ja: '取り出す', en: 'export' });
    expect(exported.size).toBe(0);
    // Another person's grant is no way in.
    expect((await ask(world.specialist, 'GET', `/grants/${grant.id}`)).status).toBe(404);
    const before = now;
    now = new Date(now.getTime() + 61 * MINUTE);
    expect((await ask(entitled, 'GET', `/grants/${grant.id}`)).body).toMatchObject({ error: { code: 'grant-over' } });
    await expect(world.records.as(under).read('Patient', world.patient.id)).rejects.toMatchObject({ status: 403 });
    now = before;
  });

  test('a denial of the patient gives way, one that speaks of emergencies does not', async () => {
    const mine = world.records.as(world.self);
    const deny = (purpose?: object) =>
      mine.create(
        consentWith(world.patient.id, `Patient/${world.patient.id}`, now.toISOString(), [{ type: 'deny', ...purpose }], '本人の意思'),
      );
    const all = await deny();
    const { body: grant } = await openFor(entitled);
    expect((await ask(entitled, 'GET', `/grants/${grant.id}`)).status).toBe(200);
    const never = await deny({ purpose: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'ETREAT' }] });
    expect((await ask(entitled, 'GET', `/grants/${grant.id}`)).status).toBe(403);
    for (const consent of [all, never]) await mine.update({ ...consent, status: 'inactive' });
    expect((await ask(entitled, 'POST', `/grants/${grant.id}/end`)).status).toBe(200);
    expect((await ask(entitled, 'GET', `/grants/${grant.id}`)).status).toBe(403);
  });

  test('finds exactly one person by what is certain', async () => {
    const find = (asked: object) => ask<FoundPerson[]>(entitled, 'POST', '/find', asked);
    expect((await find({ name: 'たなか　はな', birthDate: '1938-04-01' })).body).toMatchObject([{ patient: world.patient.id }]);
    expect((await find({ insured: '00012345:タナカ:187:05' })).body).toMatchObject([{ patient: world.patient.id }]);
    expect((await find({ name: '田中', birthDate: '1938-04-01' })).body).toEqual([]);
    expect((await find({ name: '田中 ハナ' })).status).toBe(422);
    expect((await ask(world.specialist, 'POST', '/find', { insured: '00012345:タナカ:187:05' })).status).toBe(403);
  });

  test('the patient and administrators are told; a review that is late raises an alarm; nobody reviews their own', async () => {
    await sql`delete from emergency_grants`.execute(database.kysely);
    const { body: grant } = await openFor(entitled, 'life-threat');
    const sees = watch();
    mails.length = 0;
    await sees.look();
    await sees.look();
    expect(mails).toEqual(['admin@hub.example /emergency/reviews', 'hana@hub.example /sharing']);
    expect((await ask<Notices>(world.self, 'GET', '/notices')).body).toMatchObject({ opened: 1, waiting: 0 });
    expect((await ask<OpenedView[]>(world.self, 'GET', '/mine')).body).toMatchObject([
      { who: '当直 一郎', reason: 'life-threat', seen: false },
    ]);
    expect((await ask<OpenedView[]>(world.self, 'POST', '/mine/seen')).body).toMatchObject([{ seen: true }]);
    expect((await ask<Notices>(world.administrator, 'GET', '/notices')).body).toMatchObject({ waiting: 1, late: 0 });
    const before = now;
    now = new Date(now.getTime() + 73 * 60 * MINUTE);
    mails.length = 0;
    await sees.look();
    await sees.look();
    expect(mails).toEqual(['admin@hub.example /emergency/reviews']);
    expect((await ask<Notices>(world.administrator, 'GET', '/notices')).body).toMatchObject({ waiting: 1, late: 1 });
    expect((await ask<GrantView[]>(world.administrator, 'GET', '/reviews')).body).toMatchObject([{ state: 'late', own: false }]);
    const verdict = { verdict: 'justified', words: '意識がなかった' };
    const himself: Person = { ...entitled, roles: [...entitled.roles, { role: 'administrator', organization: '', organizationName: '' }] };
    expect((await ask(himself, 'POST', `/reviews/${grant.id}`, verdict)).status).toBe(403);
    expect((await ask(world.doctor, 'POST', `/reviews/${grant.id}`, verdict)).status).toBe(403);
    expect((await ask<GrantView[]>(world.administrator, 'POST', `/reviews/${grant.id}`, verdict)).body).toMatchObject([
      { state: 'justified', reviewWords: '意識がなかった' },
    ]);
    expect((await ask(world.administrator, 'POST', `/reviews/${grant.id}`, verdict)).status).toBe(404);
    expect((await ask<OpenedView[]>(world.self, 'GET', '/mine')).body).toMatchObject([{ review: { verdict: 'justified' } }]);
    now = before;
    await sees.close();
  });

  test('administrators give and take the flag; a manager cannot', async () => {
    const list = (await ask<{ role: string; name: string; entitled: boolean }[]>(world.administrator, 'GET', '/staff')).body;
    const specialist = list.find(({ name }) => name === '野口 英子')!;
    expect((await ask(world.manager, 'POST', `/staff/${specialist.role}`, { entitled: true })).status).toBe(403);
    await ask(world.administrator, 'POST', `/staff/${specialist.role}`, { entitled: true });
    expect((await ask<Notices>(world.specialist, 'GET', '/notices')).body.entitled).toBe(true);
    await ask(world.administrator, 'POST', `/staff/${specialist.role}`, { entitled: false });
    expect((await ask<Notices>(world.specialist, 'GET', '/notices')).body.entitled).toBe(false);
    const own = list.find(({ name }) => name === '佐藤 光')!;
    const role = await world.seed.read('PractitionerRole', own.role);
    const grabbed = { ...role, code: [...role.code!, { coding: [{ system: ROLE_SYSTEM, code: 'break-glass' }] }] };
    await expect(world.records.as(world.manager).update(grabbed)).rejects.toMatchObject({ status: 403 });
  });
});

describe('disaster mode', () => {
  test('inside its area and window doctors find people by what is known, and all of it ends by itself', async () => {
    const area = (body: object) =>
      ask<{ id: string }>(world.administrator, 'POST', '/areas', { name: '島の地震', reason: '震度6強', ...body });
    expect((await area({ facilities: [world.facility.id], until: new Date(now.getTime() - 1).toISOString() })).status).toBe(422);
    expect((await area({ until: new Date(now.getTime() + MINUTE).toISOString() })).status).toBe(422);
    const until = new Date(now.getTime() + 30 * MINUTE).toISOString();
    const { body: made } = await area({ facilities: [world.facility.id], until });
    expect((await ask<Notices>(world.caregiver, 'GET', '/notices')).body.disasters).toMatchObject([{ name: '島の地震' }]);
    expect((await ask<Notices>(world.self, 'GET', '/notices')).body.disasters).toEqual([]);
    const find = (asked: object) => ask<FoundPerson[]>(world.specialist, 'POST', '/find', { area: made.id, ...asked });
    expect((await find({ name: 'はな' })).body).toMatchObject([{ patient: world.patient.id }]);
    expect((await find({ birthDate: '1938-04-01', gender: 'female' })).body).toHaveLength(1);
    expect((await find({ name: 'ヨシ' })).body).toEqual([]);
    expect((await find({})).status).toBe(422);
    const { body: grant, status } = await openFor(world.specialist, 'disaster', made.id);
    expect(status).toBe(201);
    expect(grant.until).toBe(until);
    expect((await ask(world.specialist, 'GET', `/grants/${grant.id}`)).status).toBe(200);
    const outside = { patient: world.foreign.id, reason: 'disaster', area: made.id, words: '—' };
    expect((await ask(world.specialist, 'POST', '/grants', outside)).status).toBe(404);
    const before = now;
    now = new Date(now.getTime() + 31 * MINUTE);
    expect((await find({ name: 'はな' })).status).toBe(403);
    expect((await ask(world.specialist, 'GET', `/grants/${grant.id}`)).status).toBe(403);
    expect((await ask<Notices>(world.caregiver, 'GET', '/notices')).body.disasters).toEqual([]);
    now = before;
    await ask(world.administrator, 'POST', `/areas/${made.id}/end`);
    expect((await ask(world.specialist, 'GET', `/grants/${grant.id}`)).status).toBe(403);
    expect((await ask(world.doctor, 'POST', '/areas', { name: 'x', reason: 'x', prefectures: ['東京都'], until })).status).toBe(403);
  });
});

test('while the audit trail is away ordinary access is refused in words, and emergency reading goes on in a journal that the chain takes over', async () => {
  const { body: earlier } = await openFor(entitled);
  const holder = await database.pool.connect();
  await holder.query('begin; lock table audit_events in access exclusive mode');
  const ordinary = world.records.as(world.doctor).read('Patient', world.patient.id);
  const written = world.records
    .as(world.doctor)
    .create({ resourceType: 'Condition', code: { text: '不眠' }, subject: { reference: `Patient/${world.patient.id}` } });
  const [read, write, opened, summary] = await Promise.all([
    ordinary.catch((error: Problem) => error),
    written.catch((error: Problem) => error),
    openFor(entitled),
    ask<EmergencySummary>(entitled, 'GET', `/grants/${earlier.id}`),
  ]);
  expect(read).toMatchObject({ status: 503, code: 'audit-unavailable', text: { ja: expect.stringContaining('記録できない') } });
  expect(write).toMatchObject({ status: 503 });
  expect(opened.status).toBe(201);
  expect(summary.body).toMatchObject({ name: '田中 ハナ' });
  expect(existsSync(path.join(folder, 'audit', 'emergency.ndjson'))).toBe(true);
  await holder.query('rollback');
  holder.release();
  const taken = sql<{ count: number }>`select count(*)::int as count from audit_events where journal is not null`;
  expect((await taken.execute(database.kysely)).rows[0]!.count).toBe(0);
  expect(await journal.replay()).toBe(2);
  expect(await journal.replay()).toBe(0);
  expect((await taken.execute(database.kysely)).rows[0]!.count).toBe(2);
  const sealer = startSealer({ database, log: silent, everyMs: 3_600_000 });
  await sealer.seal();
  await sealer.seal();
  expect((await verifyAudit(world.records.context.connection)).faults).toEqual([]);
  await sealer.close();
}, 30_000);
