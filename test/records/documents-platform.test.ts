// Documents and the shared platform: updates in two steps that heal, refusals that people mend, timestamps that come later, records from elsewhere.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle, Condition, Observation, Patient, Provenance } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { DraftView, ElsewhereView } from '../../hub/records/documents/contract.ts';
import { elsewhereRoutes, startOutbox, startStamping } from '../../hub/records/index.ts';
import { freePort } from '../../hub/store/child.ts';
import { type Platform, startPlatform } from '../../simulator/national/platform.ts';
import { type SigningService, startSigning } from '../../simulator/national/signing/service.ts';
import { type DocumentWorld, documentWorld } from './document-world.ts';
import { silent } from './people.ts';

const DAY = 86_400_000;
const folder = mkdtempSync(path.join(tmpdir(), 'hub-platform-'));
/** It begins yesterday. */
let later = -DAY;
let delivered: string;
const now = () => new Date(Date.now() + later);
let signing: SigningService;
let platform: Platform;
let at: DocumentWorld;
let stampPort: number;

beforeAll(async () => {
  signing = await startSigning({ port: 0, data: path.join(folder, 'signing'), now });
  stampPort = await freePort();
  platform = await startPlatform({ port: 0, data: path.join(folder, 'platform'), now });
  at = await documentWorld({
    now,
    environment: {
      HUB_SIGNER_URL: `${signing.url}/signer/`,
      HUB_SIGNER_CA: signing.signerCa,
      HUB_TSA_URL: `http://127.0.0.1:${stampPort}/tsa`,
      HUB_TSA_CA: signing.stampCa,
    },
  });
});
afterAll(async () => {
  await at?.close();
  await platform?.close();
  await signing?.close();
  rmSync(folder, { recursive: true, force: true });
});

type Send = typeof fetch;
const outbox = (send?: Send) =>
  startOutbox({ config: { platformUrl: platform.url }, database: at.database, records: at.world.records, log: silent, fetch: send });
const deliveryOf = async (document: string) => (await at.deliveries()).find(one => one.document === document);
const there = async () => (await (await fetch(`${platform.url}/bundles`)).json()) as { identifier: string; deletedAt: string | null }[];
const identifierOf = async (document: string) =>
  (await at.must<Bundle>(at.world.doctor, 'GET', `/api/records/documents/${document}`)).identifier!.value!;
const corrected = async (document: string, plan: string) =>
  at.confirmed(
    at.world.doctor,
    await at.must<DraftView>(at.world.doctor, 'POST', `/api/records/documents/${document}/amend`, { reason: '訂正' }),
    {
      content: { plan },
    },
  );

describe('an update', () => {
  test('takes the former version back and registers the new one; a crash or a night between the two heals', async () => {
    const first = await at.signed(at.world.doctor, at.world.doctor);
    expect((await at.view(at.world.doctor, first)).signature).toMatchObject({ state: 'good', signer: '山田 太郎', local: false });
    let sending = await outbox();
    await expect.poll(async () => (await deliveryOf(first))?.state, { timeout: 15_000 }).toBe('delivered');
    await sending.close();

    // The line breaks after the first of the two steps.
    const second = await corrected(first, '照明を暗くする');
    expect(await deliveryOf(second)).toMatchObject({ state: 'waiting', step: 'delete' });
    const calls: string[] = [];
    sending = await outbox(async (input, init) => {
      const { pathname } = new URL(String(input));
      calls.push(pathname);
      if (pathname === '/bundles') throw new TypeError('cut');
      return fetch(input, init);
    });
    await expect.poll(async () => (await deliveryOf(second))?.problem, { timeout: 15_000 }).toContain('cut');
    await sending.close();
    expect(await deliveryOf(second)).toMatchObject({ state: 'waiting', step: 'register' });
    expect((await there()).map(({ identifier }) => identifier)).not.toContain(await identifierOf(first));

    // It goes on the next day, when the platform wants both steps again.
    later = 0;
    await at.must(at.world.administrator, 'POST', `/api/records/deliveries/${(await deliveryOf(second))!.id}/retry`);
    const healed: string[] = [];
    sending = await outbox(async (input, init) => {
      healed.push(new URL(String(input)).pathname);
      return fetch(input, init);
    });
    await expect.poll(async () => (await deliveryOf(second))?.state, { timeout: 15_000 }).toBe('delivered');
    await sending.close();
    expect(calls.slice(0, 2)).toEqual(['/bundles/delete', '/bundles']);
    expect(healed).toEqual(['/bundles/undo', '/bundles/delete', '/bundles']);
    expect((await there()).map(({ identifier }) => identifier)).toEqual([await identifierOf(second)]);
    expect((await deliveryOf(first))?.state).toBe('delivered');
    delivered = second;
  }, 60_000);

  test('that skips a step is refused by the platform', async () => {
    const bundle = await at.must<Bundle>(at.world.doctor, 'GET', `/api/records/documents/${await corrected(delivered, '様子を見る')}`);
    const answer = await fetch(`${platform.url}/bundles`, { method: 'POST', body: JSON.stringify(bundle) });
    expect([answer.status, JSON.stringify(await answer.json())]).toEqual([422, expect.stringContaining('take back the document')]);
  });
});

describe('a refusal', () => {
  test('for want of the insured number is mended by a doctor: the number goes into the record and a new version out', async () => {
    const { seed, patient, doctor, caregiver } = at.world;
    const known = (await seed.read('Patient', patient.id)) as Patient & { id: string };
    await seed.update({ ...known, identifier: [] });
    const first = await at.signed(doctor, doctor);
    const sending = await outbox();
    try {
      await expect.poll(async () => (await deliveryOf(first))?.state, { timeout: 15_000 }).toBe('refused');
      const refused = (await deliveryOf(first))!;
      expect(refused).toMatchObject({ remedy: 'insured-number', problem: expect.stringContaining('R1012') });
      const fix = { insuredNumber: '00012345:タナカ:187:05' };
      expect((await at.ask(caregiver, 'POST', `/api/records/deliveries/${refused.id}/correct`, fix)).status).toBe(403);
      expect((await at.ask(doctor, 'POST', `/api/records/deliveries/${refused.id}/correct`, { insuredNumber: '1' })).status).toBe(422);
      const { document } = await at.must<{ document: string }>(doctor, 'POST', `/api/records/deliveries/${refused.id}/correct`, fix);
      await expect.poll(async () => (await deliveryOf(document))?.state, { timeout: 15_000 }).toBe('delivered');
      expect((await deliveryOf(first))?.state).toBe('replaced');
      expect((await at.view(doctor, document)).version).toBe('2.0');
    } finally {
      await sending.close();
    }
  }, 60_000);

  test('can be given up with a reason by who wrote it, and by nobody else', async () => {
    const { doctor, specialist } = at.world;
    const document = await at.signed(doctor, doctor);
    const { id } = (await deliveryOf(document))!;
    expect((await at.ask(specialist, 'POST', `/api/records/deliveries/${id}/give-up`, { reason: '不要' })).status).toBe(403);
    await at.must(doctor, 'POST', `/api/records/deliveries/${id}/give-up`, { reason: '患者さんが望まないため' });
    expect(await deliveryOf(document)).toMatchObject({ state: 'given-up', reason: '患者さんが望まないため (山田 太郎)' });
    expect((await at.ask(doctor, 'POST', `/api/records/deliveries/${id}/give-up`, { reason: '二度目' })).status).toBe(409);
  });
});

test('a signature waits for its timestamp while the authority is away, and gets it when it is back', async () => {
  const { doctor } = at.world;
  const id = await at.signed(doctor, doctor);
  expect((await at.view(doctor, id)).stamp.state).toBe('waiting');
  const stamping = await startStamping({ config: at.config, database: at.database, records: at.world.records, log: silent });
  let authority: SigningService | undefined;
  try {
    const attempts = async () =>
      at.database.pool
        .query('select attempts, problem from document_stamps where document = $1', [id])
        .then(({ rows }) => rows[0] as { attempts: number });
    await expect.poll(async () => (await attempts()).attempts, { timeout: 15_000 }).toBeGreaterThan(0);
    expect((await at.view(doctor, id)).stamp.state).toBe('waiting');
    authority = await startSigning({ port: stampPort, data: path.join(folder, 'signing') });
    await expect.poll(async () => (await at.view(doctor, id)).stamp.state, { timeout: 20_000 }).toBe('good');
    expect((await at.view(doctor, id)).stamp).toMatchObject({ authority: 'Simulated Timestamp Authority', at: expect.any(String) });
  } finally {
    await stamping.close();
    await authority?.close();
  }
}, 60_000);

describe('records from elsewhere', () => {
  const member = '00012345:タナカ:187:05';
  const elsewhere = (identifier: string, entry: Bundle['entry'], type: Bundle['type'] = 'collection'): Bundle => ({
    resourceType: 'Bundle',
    meta: { lastUpdated: '2025-06-01T12:00:00+09:00', tag: [] },
    type,
    identifier: { system: 'http://jpfhir.jp/fhir/clins/bundle-identifier', value: identifier },
    timestamp: '2025-06-01T12:00:00+09:00',
    entry: [
      {
        fullUrl: 'urn:uuid:00000000-0000-4000-8000-000000000002',
        resource: {
          resourceType: 'Patient',
          id: 'theirs',
          identifier: [{ system: 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID', value: member }],
        },
      },
      { fullUrl: 'urn:uuid:00000000-0000-4000-8000-000000000004', resource: { resourceType: 'Organization', name: '本土総合病院' } },
      ...(entry ?? []),
    ],
  });
  const subject = { reference: 'urn:uuid:00000000-0000-4000-8000-000000000002' };
  const condition: Condition = {
    resourceType: 'Condition',
    code: { text: '高血圧症' },
    subject,
    encounter: { reference: 'urn:uuid:00000000-0000-4000-8000-000000000009' },
    recordedDate: '2025-05-01',
  };
  const withheld: Observation = {
    resourceType: 'Observation',
    meta: { tag: [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication', code: 'UNINFORMED' }] },
    status: 'final',
    code: { text: '未告知の検査' },
    subject,
    effectiveDateTime: '2025-05-02',
  };

  test('come with the patient’s consent only, once, say where they are from, and change nothing that is here', async () => {
    const { doctor, self, specialist, patient, records } = at.world;
    const bundles = [
      elsewhere('1310000001^2025^a', [
        { fullUrl: 'urn:uuid:00000000-0000-4000-8000-000000000010', resource: condition },
        { fullUrl: 'urn:uuid:00000000-0000-4000-8000-000000000011', resource: withheld },
      ]),
      // Of this hub itself, and of somebody else: neither is taken.
      await at.must<Bundle>(doctor, 'GET', `/api/records/documents/${await at.signed(doctor, doctor)}`),
      { ...elsewhere('1310000001^2025^b', [{ resource: condition }]), entry: [{ resource: condition }] } as Bundle,
    ];
    const asked: { member: string; consent: string }[] = [];
    const app = new Hono<HubEnv>();
    let actor = doctor;
    app.use(async (context, next) => {
      context.set('actor', actor);
      await next();
    });
    app.onError((error, context) => context.json({ error: String(error) }, (error as { status?: 403 }).status ?? 500));
    const answer = async (_: unknown, init?: RequestInit) => {
      asked.push(JSON.parse(String(init?.body)) as (typeof asked)[0]);
      return Response.json({ resourceType: 'Bundle', type: 'collection', entry: bundles.map(resource => ({ resource })) });
    };
    app.route('/', elsewhereRoutes({ config: { platformUrl: platform.url }, records, database: at.database, fetch: answer as Send }));
    const ask = async <T>(as: typeof actor, method: string, body?: object) => {
      actor = as;
      const response = await app.request(`/elsewhere/${patient.id}`, { method, body: body && JSON.stringify(body) });
      return { status: response.status, json: (await response.json()) as T };
    };
    expect((await ask(doctor, 'POST')).status).toBe(403);
    expect((await ask(doctor, 'PUT', { days: 30 })).status).toBe(403);
    expect((await ask<ElsewhereView>(self, 'PUT', { days: 30 })).json).toMatchObject({ own: true, consentUntil: expect.any(String) });
    expect((await ask<object>(doctor, 'POST')).json).toEqual({ taken: 1, known: 0, refused: 1 });
    expect((await ask<object>(doctor, 'POST')).json).toEqual({ taken: 0, known: 1, refused: 1 });
    expect(asked[0]).toMatchObject({ member, consent: expect.any(String) });

    const found = await records.as(doctor).search<Condition>(`Condition?subject=Patient/${patient.id}&_count=200`);
    const [brought] = found.filter(({ code }) => code?.text === '高血圧症');
    expect(found.filter(({ code }) => code?.text === '高血圧症')).toHaveLength(1);
    expect(brought).toMatchObject({ subject: { reference: `Patient/${patient.id}` }, meta: { source: platform.url } });
    expect(brought?.encounter).toBeUndefined();
    const [trace] = await records.as(doctor).search<Provenance>(`Provenance?target=Condition/${brought!.id}`);
    expect(trace?.entity?.[0]).toMatchObject({ role: 'source', what: { display: '本土総合病院' } });
    const original = await records.as(doctor).read('Binary', trace!.entity![0]!.what.reference!.split('/')[1]!);
    expect(JSON.parse(Buffer.from(original.data!, 'base64').toString())).toMatchObject({ identifier: { value: '1310000001^2025^a' } });
    // What the patient was not told there, the patient is not told here: neither by the resource nor by the original.
    expect(JSON.stringify(await records.as(self).search(`Observation?_count=200`))).not.toContain('未告知の検査');
    await expect(records.as(self).read('Binary', original.id)).rejects.toThrow();
    expect((await ask(specialist, 'GET')).status).toBeGreaterThanOrEqual(200);

    expect((await ask<ElsewhereView>(self, 'PUT', { days: 0 })).json.consentUntil).toBeNull();
    expect((await ask(doctor, 'POST')).status).toBe(403);
  });
});
