// From the doctor's note to the shared record platform: drafts, signing as one deed, delivery through absence and refusal.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle, Composition, Encounter, Observation, RiskAssessment } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../hub/config.ts';
import type { NoteView } from '../../hub/consult/contract.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { AuditView, DeliveryView, SharingView, TimelinePage } from '../../hub/records/contract.ts';
import { delayAfter } from '../../hub/records/documents/outbox.ts';
import { documentRoutes, noteRoutes, openSigning, recordRoutes, sensorSummary, startOutbox } from '../../hub/records/index.ts';
import { freePort } from '../../hub/store/child.ts';
import type { Database, SampleStore } from '../../hub/store/index.ts';
import { startPlatform } from '../../simulator/national/platform.ts';
import { freshDatabase, sampleStore, unique } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let samples: SampleStore;
let world: SmallWorld;
let app: Hono<HubEnv>;
let actor: Person;
const folder = mkdtempSync(path.join(tmpdir(), 'hub-note-'));
const prediction = (id: string, probability: number | null) => ({
  id,
  at: new Date().toISOString(),
  horizonMinutes: 60,
  probability,
  coverage: 0.93,
  reasons: [
    { feature: 'awake', text: { ja: '夜間の離床がふだんより多い', en: 'out of bed more than usual' }, weight: 0.2, value: 4, unit: '' },
  ],
  abstained: null,
  model: { name: 'bpsd', version: '1.0.0' },
});

beforeAll(async () => {
  database = await freshDatabase();
  samples = await sampleStore();
  world = await smallWorld(database);
  app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', actor);
    await next();
  });
  app.onError((error, context) =>
    error instanceof Problem ? context.json(error.body(), error.status) : context.json({ error: String(error.stack) }, 500),
  );
  const config = readConfig({ HUB_DATA: folder });
  const dayRisk = async () => [prediction('low', 0.2), prediction('high', 0.7), prediction('none', null)];
  app.route('/api/consult', noteRoutes({ records: world.records, database, config, daySummary: sensorSummary(samples), dayRisk }));
  const signing = await openSigning({ config, seed: Buffer.alloc(32, 1), log: silent });
  app.route('/api/records', documentRoutes({ records: world.records, database, ...signing }));
  app.route('/api/records', recordRoutes({ records: world.records, database }));
});
afterAll(async () => {
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask<T>(as: Person, method: string, address: string, body?: unknown): Promise<{ status: number; json: T }> {
  actor = as;
  const response = await app.request(address, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as T };
}
const words = {
  subjective: '夜に眠れない <と言う>',
  objective: '脈拍 72 整',
  assessment: '不眠症\n睡眠環境の影響',
  plan: '照明を調整する',
};
const toSpecialist = () => world.specialist.reference!.split('/')[1];

/** A consultation with a signed note. */
async function signed(note: object = words) {
  const encounter = await world.consultation();
  const address = `/api/consult/encounters/${encounter.id}/note`;
  await ask(world.doctor, 'PUT', address, { ...note, to: toSpecialist(), version: 0 });
  const answer = await ask<NoteView>(world.doctor, 'POST', `${address}/sign`, {});
  expect(answer.status, JSON.stringify(answer.json)).toBe(200);
  return { encounter, address, note: answer.json };
}
const count = async (table: string) =>
  Number((await sql<{ count: string }>`select count(*) from ${sql.table(table)}`.execute(database.kysely)).rows[0]!.count);

describe('a draft', () => {
  test('is seen and written by the clinicians of the consultation only', async () => {
    const encounter = await world.consultation();
    const address = `/api/consult/encounters/${encounter.id}/note`;
    expect((await ask<NoteView>(world.doctor, 'GET', address)).json).toMatchObject({ version: 0, status: 'draft', document: null });
    expect((await ask<NoteView>(world.doctor, 'PUT', address, { ...words, version: 0 })).json).toMatchObject({ ...words, version: 1 });
    expect((await ask<NoteView>(world.specialist, 'PUT', address, { ...words, plan: '様子を見る', version: 1 })).json.version).toBe(2);
    for (const other of [world.caregiver, world.self, world.maker, world.administrator]) {
      expect((await ask(other, 'GET', address)).status).toBe(403);
      expect((await ask(other, 'PUT', address, { ...words, version: 2 })).status).toBe(403);
    }
  });

  test('that somebody else changed meanwhile is a conflict, not overwritten', async () => {
    const encounter = await world.consultation();
    const address = `/api/consult/encounters/${encounter.id}/note`;
    const both = await Promise.all([1, 2].map(each => ask(world.doctor, 'PUT', address, { ...words, plan: `案 ${each}`, version: 0 })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await ask(world.doctor, 'PUT', address, { ...words, version: 0 })).status).toBe(409);
  });
});

describe('signing', () => {
  test('makes document, measurements, predictions and diagnosis part of the record', async () => {
    const now = Date.now();
    const facility = unique('f');
    await samples.write(
      [60, 70, 80].map((rate, index) => ({
        profile: 'bed',
        facility,
        device: 'bed-1',
        subject: `Patient/${world.patient.id}`,
        time: now - 3000 + index * 1000,
        values: { heart_rate: rate, in_bed: 1 },
      })),
    );
    const { encounter, note, address } = await signed();
    expect(note).toMatchObject({ status: 'signed', author: world.doctor.reference, document: { delivery: 'waiting' } });

    const doctor = world.records.as(world.doctor);
    const observations = await doctor.search<Observation>(`Observation?encounter=Encounter/${encounter.id}`);
    const rate = observations.find(({ code }) => code.coding?.[0]?.code === '8867-4')!;
    expect(rate.valueQuantity).toMatchObject({ value: 70, code: '/min' });
    expect(rate.component?.map(({ code, valueQuantity }) => [code.coding?.[0]?.code, valueQuantity?.value])).toEqual([
      ['average', 70],
      ['minimum', 60],
      ['maximum', 80],
      ['count', 3],
    ]);
    const risks = await doctor.search<RiskAssessment>(`RiskAssessment?encounter=Encounter/${encounter.id}`);
    expect(risks.map(risk => risk.prediction?.[0]?.probabilityDecimal)).toEqual([0.7]);
    const [changed] = await doctor.search<Encounter>(`Encounter?_id=${encounter.id}&diagnosis:missing=false`);
    expect(changed?.diagnosis).toHaveLength(1);
    const [composition] = await doctor.search<Composition>(`Composition?encounter=Encounter/${encounter.id}&type=57133-1`);
    expect(composition?.subject?.reference).toBe(`Patient/${world.patient.id}`);

    const document = await ask<Bundle>(world.doctor, 'GET', `/api/records/documents/${note.document!.id}`);
    const codes = (sections: Composition['section']): string[] =>
      (sections ?? []).flatMap(section => [section.code?.coding?.[0]?.code ?? '', ...codes(section.section)]);
    const first = document.json.entry?.[0]?.resource as Composition;
    expect(codes(first.section)).toEqual(['920', '910', '300', '950', '340', '360', '610', '420', '330']);
    expect(document.json.identifier?.value).toMatch(/^1311234567\^\d{4}\^[A-Za-z0-9-]{1,36}$/);
    expect(JSON.stringify(first)).toContain('夜に眠れない &lt;と言う&gt;');

    const { json: timeline } = await ask<TimelinePage>(world.self, 'GET', `/api/records/timeline/${world.patient.id}`);
    expect(timeline.entries.find(entry => entry.reference === `DocumentReference/${note.document!.id}`)).toMatchObject({
      kind: 'document',
      by: '山田 太郎',
      text: expect.stringContaining('照明を調整する'),
    });
    expect(new Set(timeline.entries.map(entry => entry.kind))).toEqual(
      new Set(['consultation', 'document', 'observation', 'risk', 'condition']),
    );

    const again = await ask<{ error: { code: string } }>(world.doctor, 'POST', `${address}/sign`, {});
    expect([again.status, again.json.error.code]).toEqual([409, 'note-signed']);
    expect((await ask(world.doctor, 'PUT', address, { ...words, version: note.version })).status).toBe(409);
  });

  test('by a specialist, and without a recipient, works too', async () => {
    const encounter = await world.consultation();
    const address = `/api/consult/encounters/${encounter.id}/note`;
    await ask(world.specialist, 'PUT', address, { ...words, version: 0 });
    expect((await ask<NoteView>(world.specialist, 'POST', `${address}/sign`, { version: 1 })).json).toMatchObject({ status: 'signed' });
  });

  test.each(['resources', 'resource_history', 'deliveries', 'audit_events', 'patient_relations'])(
    'that fails on its way at %s leaves nothing half done',
    async table => {
      const encounter = await world.consultation();
      const address = `/api/consult/encounters/${encounter.id}/note`;
      await ask(world.doctor, 'PUT', address, { ...words, version: 0 });
      const before = [await count('resources'), await count('resource_history'), await count('deliveries')];
      // The last of the writes to this table fails: Encounter (resources, history, relations), its audit entry, the delivery.
      await sql`create function stumble() returns trigger language plpgsql as $$ begin
        if current_setting('application_name') = 'x' then return new; end if;
        if tg_table_name = 'deliveries' or to_jsonb(new) ->> 'type' = 'DocumentReference' or to_jsonb(new) ->> 'resource' like 'DocumentReference/%' or tg_table_name = 'patient_relations' then
          raise exception 'the machine died here'; end if;
        return new; end $$`.execute(database.kysely);
      await sql`create trigger stumble before insert on ${sql.table(table)} for each row execute function stumble()`.execute(
        database.kysely,
      );
      const failed = await ask(world.doctor, 'POST', `${address}/sign`, {});
      await sql`drop trigger stumble on ${sql.table(table)}`.execute(database.kysely);
      await sql`drop function stumble`.execute(database.kysely);
      expect(failed.status).toBeGreaterThanOrEqual(500);
      expect([await count('resources'), await count('resource_history'), await count('deliveries')]).toEqual(before);
      expect((await ask<NoteView>(world.doctor, 'GET', address)).json).toMatchObject({ status: 'draft', document: null });
      expect((await ask<NoteView>(world.doctor, 'POST', `${address}/sign`, {})).json.status).toBe('signed');
    },
  );

  test('an empty note, or an institution without its number, is refused with words', async () => {
    const encounter = await world.consultation();
    const address = `/api/consult/encounters/${encounter.id}/note`;
    expect((await ask<{ error: { code: string } }>(world.doctor, 'POST', `${address}/sign`, {})).json.error.code).toBe('note-empty');
    const numbered = await world.seed.read('Organization', world.hospital.id);
    const bare = await world.seed.update({ ...numbered, identifier: undefined });
    await ask(world.doctor, 'PUT', address, { ...words, version: 0 });
    const refused = await ask<{ error: { code: string; ja: string } }>(world.doctor, 'POST', `${address}/sign`, {});
    expect([refused.status, refused.json.error.code]).toEqual([422, 'document-incomplete']);
    expect(refused.json.error.ja).toContain('島しょ病院');
    await world.seed.update({ ...bare, identifier: numbered.identifier, meta: undefined });
  });
});

describe('delivery', () => {
  const deliveries = async () => (await ask<DeliveryView[]>(world.administrator, 'GET', '/api/records/deliveries')).json;
  const stateOf = async (document: string) => (await deliveries()).find(delivery => delivery.document === document)?.state;

  test('waits longer after each failure, up to ten minutes', () => {
    expect([1, 2, 3, 4, 9, 10, 50].map(delayAfter)).toEqual([2, 4, 8, 16, 512, 600, 600]);
  });

  test('waits for a platform that is absent, survives a restart of the outbox, and delivers once', async () => {
    const { note } = await signed();
    const port = await freePort();
    const config = { platformUrl: `http://127.0.0.1:${port}` };
    const first = await startOutbox({ config, database, records: world.records, log: silent });
    await expect
      .poll(async () => (await deliveries()).find(delivery => delivery.document === note.document!.id)?.problem, { timeout: 15_000 })
      .toContain('つながりません');
    expect((await deliveries()).find(delivery => delivery.document === note.document!.id)).toMatchObject({
      state: 'waiting',
      nextAttempt: expect.any(String),
    });
    await first.close();

    const data = path.join(folder, 'platform');
    const platform = spawn(process.execPath, ['simulator/national/main.ts', '--port', String(port), '--data', data], { stdio: 'ignore' });
    const second = await startOutbox({ config, database, records: world.records, log: silent });
    try {
      await expect.poll(() => stateOf(note.document!.id), { timeout: 30_000, interval: 200 }).toBe('delivered');
      const { json: document } = await ask<Bundle>(world.doctor, 'GET', `/api/records/documents/${note.document!.id}`);
      const found = (await (
        await fetch(`${config.platformUrl}/bundles?identifier=${encodeURIComponent(document.identifier!.value!)}`)
      ).json()) as { key: string }[];
      expect(found).toHaveLength(1);
      const copy = (await (await fetch(`${config.platformUrl}/bundles/${found[0]!.key}`)).json()) as Bundle;
      expect(copy.entry?.length).toBe(document.entry?.length);

      // The answer was lost and the document goes out again: still one copy there.
      await sql`update deliveries set state = 'waiting', next_attempt = now() where document = ${note.document!.id}`.execute(
        database.kysely,
      );
      await database.notify('outbox', {});
      await expect.poll(() => stateOf(note.document!.id), { timeout: 15_000, interval: 200 }).toBe('delivered');
      const all = (await (await fetch(`${config.platformUrl}/bundles`)).json()) as { identifier: string }[];
      expect(all.filter(taken => taken.identifier === document.identifier!.value)).toHaveLength(1);
      const { json: trail } = await ask<AuditView[]>(world.self, 'GET', '/api/records/audit?limit=1000');
      expect(trail.filter(entry => entry.action === 'deliver' && entry.allowed).length).toBeGreaterThan(0);
    } finally {
      await second.close();
      platform.kill();
    }
  }, 90_000);

  test('shows a refusal in the platform’s words, and tries again when asked', async () => {
    const platform = await startPlatform({ port: 0, data: path.join(folder, 'strict') });
    const { note } = await signed();
    // The document lacks what the platform's own checks look for.
    const [bundle] = (
      await sql<{
        row: string;
        content: Bundle;
      }>`select r.row, r.content from resources r join deliveries d on d.bundle = r.id where d.document = ${note.document!.id}`.execute(
        database.kysely,
      )
    ).rows;
    const spoiled = {
      ...bundle!.content,
      entry: bundle!.content.entry!.filter(({ resource }) => resource?.resourceType !== 'Organization'),
    };
    await sql`update resources set content = ${JSON.stringify(spoiled)}::jsonb where row = ${bundle!.row}`.execute(database.kysely);
    const outbox = await startOutbox({ config: { platformUrl: platform.url }, database, records: world.records, log: silent });
    try {
      await expect.poll(() => stateOf(note.document!.id), { timeout: 15_000, interval: 200 }).toBe('refused');
      const [delivery] = (await deliveries()).filter(({ document }) => document === note.document!.id);
      expect(delivery?.problem).toContain('two Organizations are needed');
      expect((await ask(world.doctor, 'POST', `/api/records/deliveries/${delivery!.id}/retry`)).status).toBe(403);
      await sql`update resources set content = ${JSON.stringify(bundle!.content)}::jsonb where row = ${bundle!.row}`.execute(
        database.kysely,
      );
      expect((await ask(world.administrator, 'POST', `/api/records/deliveries/${delivery!.id}/retry`)).status).toBe(200);
      await expect.poll(() => stateOf(note.document!.id), { timeout: 15_000, interval: 200 }).toBe('delivered');
    } finally {
      await outbox.close();
      await platform.close();
    }
  }, 60_000);
});

describe('a patient', () => {
  test('sees who may look, closes and opens it, and reads who looked', async () => {
    const { json: before } = await ask<SharingView[]>(world.self, 'GET', '/api/records/sharing');
    expect(before.map(({ name, relation, allowed }) => [name, relation, allowed])).toEqual([
      ['島しょ病院', 'treats', true],
      ['ひだまり苑', 'residence', true],
      ['大学病院', 'consulted', true],
    ]);
    const closed = await ask<SharingView[]>(world.self, 'POST', '/api/records/sharing', { organization: world.facility.id, allow: false });
    expect(closed.json.find(({ organization }) => organization === world.facility.id)).toMatchObject({
      allowed: false,
      since: expect.any(String),
    });
    expect((await ask(world.caregiver, 'GET', `/api/records/timeline/${world.patient.id}`)).status).toBe(403);
    await ask(world.self, 'POST', '/api/records/sharing', { organization: world.facility.id, allow: true });
    expect((await ask(world.caregiver, 'GET', `/api/records/timeline/${world.patient.id}`)).status).toBe(200);
    const { json: trail } = await ask<AuditView[]>(world.self, 'GET', '/api/records/audit');
    expect(trail.filter(entry => entry.who === '佐藤 光').map(entry => entry.allowed)).toEqual(expect.arrayContaining([true, false]));
    expect((await ask(world.self, 'GET', `/api/records/audit?patient=${world.foreign.id}`)).status).toBe(403);
    expect((await ask(world.doctor, 'GET', '/api/records/audit')).status).toBe(403);
    expect((await ask(world.doctor, 'GET', '/api/records/sharing')).status).toBe(403);
  });
});
