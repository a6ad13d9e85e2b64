// Links, doctors' requests, copies and erasing: the patient decides, sees every look, and what is ended is ended at once.
import { inflateRawSync } from 'node:zlib';
import type { Bundle } from '@medplum/fhirtypes';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DownloadView, ErasureFacts, ErasureView, RequestView, SharedView, ShareMade, ShareView } from '../../hub/phr/contract.ts';
import { WRONG_PINS } from '../../hub/phr/shares.ts';
import type { AuditView, TimelinePage } from '../../hub/records/contract.ts';
import { PUBLIC_URL, useStand } from './stand.ts';

const at = useStand();
const weight = (value: number, day: number) => ({
  body_weight: { value, unit: 'kg' },
  effective_time_frame: { date_time: `2026-10-${String(day).padStart(2, '0')}T00:00:00Z` },
});
const tokenOf = ({ url }: ShareMade) => url.slice(`${PUBLIC_URL}/shared#`.length);
const look = (token: string, pin: string | null = null) =>
  at().ask<SharedView & { error?: { code: string } }>(null, 'POST', '/api/shared', { token, pin });
const link = async (more: object = {}) =>
  (
    await at().ask<ShareMade>(at().self, 'POST', '/api/phr/shares', {
      ...{ categories: ['phr'], minutes: 60, since: null, purpose: '薬局で見せる', pin: null },
      ...more,
    })
  ).json;
const timeline = (who: 'doctor' | 'self') => at().ask<TimelinePage>(at()[who], 'GET', `/api/records/timeline/${at().patient.id}`);

beforeAll(async () => {
  const { id } = await at().bring('weight.json', JSON.stringify([weight(50, 1), weight(51, 2)]));
  await at().take(id);
  await at().consultation('finished');
});

describe('a link', () => {
  test('shows whoever holds it what the patient chose and nothing else, and every look is told', async () => {
    const made = await link();
    expect(tokenOf(made)).toMatch(/^[\w-]{43}$/);
    const kept = await at().database.pool.query('select row_to_json(s)::text as row from phr_shares s');
    expect(kept.rows.map(({ row }) => row).join()).not.toContain(tokenOf(made));
    const { json } = await look(tokenOf(made));
    expect(json).toMatchObject({ patientName: '田中 ハナ', purpose: '薬局で見せる' });
    expect(json.entries.map(({ title }) => title.ja)).toEqual(
      ['体重 51 kg', '体重 50 kg', 'weight.json'].sort((a, b) => (a.endsWith('json') ? -1 : b.endsWith('json') ? 1 : 0)),
    );
    const [view] = (await at().ask<ShareView[]>(at().self, 'GET', '/api/phr/shares')).json;
    expect(view).toMatchObject({ state: 'open', looks: [{ what: 'opened' }] });
    const all = await link({ categories: ['consultation'] });
    expect((await look(tokenOf(all))).json.entries.map(({ kind }) => kind)).toEqual(['consultation']);
    // What the record itself wrote of it is for the patient to read.
    const { json: audit } = await at().ask<AuditView[]>(at().self, 'GET', `/api/records/audit?patient=${at().patient.id}`);
    expect(audit.find(({ role }) => role === 'share')).toMatchObject({ who: expect.stringContaining('薬局で見せる'), allowed: true });
  });

  test('shows nothing older than the patient said', async () => {
    const made = await link({ since: '2026-10-02' });
    expect((await look(tokenOf(made))).json.entries.map(({ title }) => title.ja)).not.toContain('体重 50 kg');
  });

  test('is over at once when the patient ends it, and when its time is over', async () => {
    const made = await link();
    const waiting = at().ask<{ open: boolean }>(null, 'POST', '/api/shared/wait', { token: tokenOf(made), pin: null });
    await at().ask(at().self, 'POST', `/api/phr/shares/${made.id}/end`, {});
    expect((await waiting).json).toEqual({ open: false });
    expect(await look(tokenOf(made))).toMatchObject({ status: 404, json: { error: { code: 'link-over' } } });
    const short = await link({ minutes: 10 });
    at().clock.ms += 10 * 60_000;
    expect((await look(tokenOf(short))).status).toBe(404);
    expect((await look('A'.repeat(43))).json.error!.code).toBe('link-over');
  });

  test('is ended in the record itself: a token that is still believed opens nothing', async () => {
    const made = await link();
    const holder = {
      ...at().self,
      reference: null,
      roles: [],
      via: 'share' as const,
      share: { id: made.id, categories: ['demographics', 'phr'] },
    };
    expect((await at().records.as(holder).search('Observation')).length).toBe(2);
    expect(await at().records.as(holder).search('Encounter?status=finished')).toEqual([]);
    await expect(
      at()
        .records.as(holder)
        .create({
          resourceType: 'Observation',
          status: 'final',
          code: { text: 'x' },
          subject: { reference: `Patient/${at().patient.id}` },
        }),
    ).rejects.toMatchObject({ status: 403 });
    await at().ask(at().self, 'POST', `/api/phr/shares/${made.id}/end`, {});
    expect(await at().records.as(holder).search('Observation')).toEqual([]);
    await expect(at().records.as(holder).read('Patient', at().patient.id)).rejects.toMatchObject({ status: 403 });
  });

  test('with a PIN takes few tries, then none, whoever tries', async () => {
    const made = await link({ pin: '4711' });
    expect((await look(tokenOf(made))).json.error!.code).toBe('pin-asked');
    expect((await look(tokenOf(made), '4711')).status).toBe(200);
    for (let left = WRONG_PINS - 1; left > 0; left--) expect((await look(tokenOf(made), '0000')).json.error!.code).toBe('pin-wrong');
    expect((await look(tokenOf(made), '0000')).status).toBe(404);
    expect((await look(tokenOf(made), '4711')).status).toBe(404);
    const [view] = (await at().ask<ShareView[]>(at().self, 'GET', '/api/phr/shares')).json;
    expect(view).toMatchObject({ state: 'locked' });
    expect(view!.looks.filter(({ what }) => what === 'wrong-pin').length).toBeGreaterThan(0);
  });

  test('is made by the patient alone, for at least one kind and no longer than a month', async () => {
    expect(
      (await at().ask(at().doctor, 'POST', '/api/phr/shares', { categories: ['phr'], minutes: 60, since: null, purpose: 'x', pin: null }))
        .status,
    ).toBe(403);
    expect(
      (await at().ask(at().self, 'POST', '/api/phr/shares', { categories: ['sharing'], minutes: 60, since: null, purpose: 'x', pin: null }))
        .status,
    ).toBe(422);
    expect(
      (
        await at().ask(at().self, 'POST', '/api/phr/shares', {
          categories: ['phr'],
          minutes: 60 * 24 * 31,
          since: null,
          purpose: 'x',
          pin: null,
        })
      ).status,
    ).toBe(422);
  });
});

describe('a doctor’s request', () => {
  test('opens what was brought along only after the patient said yes, and until the patient ends it', async () => {
    const brought = async () => (await timeline('doctor')).json.entries.filter(({ origin }) => origin.kind === 'phr').length;
    expect(await brought()).toBe(0);
    const asked = await at().ask<RequestView>(at().doctor, 'POST', '/api/phr/requests', {
      ...{ patient: at().patient.id, organization: at().hospital.id, what: '家で測った体重' },
    });
    expect(asked.status).toBe(201);
    expect(await brought()).toBe(0);
    const [request] = (await at().ask<RequestView[]>(at().self, 'GET', '/api/phr/requests')).json;
    expect(request).toMatchObject({ what: '家で測った体重', doctorName: '山田 太郎', answer: null });
    expect((await at().ask(at().doctor, 'POST', `/api/phr/requests/${request!.id}/answer`, { allow: true })).status).toBe(403);
    await at().ask(at().self, 'POST', `/api/phr/requests/${request!.id}/answer`, { allow: true, days: 30 });
    expect(await brought()).toBeGreaterThan(0);
    expect((await at().ask<RequestView[]>(at().doctor, 'GET', `/api/phr/requests?patient=${at().patient.id}`)).json[0]).toMatchObject({
      answer: 'yes',
    });
    await at().ask(at().self, 'POST', `/api/phr/requests/${request!.id}/end`, {});
    expect(await brought()).toBe(0);
  });

  test('comes from those who treat the patient, and nobody else', async () => {
    const ask = (who: 'specialist' | 'caregiver' | 'self') =>
      at().ask(at()[who], 'POST', '/api/phr/requests', { patient: at().patient.id, organization: at().hospital.id, what: 'x' });
    expect([(await ask('specialist')).status, (await ask('caregiver')).status, (await ask('self')).status]).toEqual([403, 403, 403]);
    expect(
      (await at().ask(at().doctor, 'POST', '/api/phr/requests', { patient: at().foreign.id, organization: at().hospital.id, what: 'x' }))
        .status,
    ).toBe(403);
  });
});

test('a copy holds all versions as FHIR, a readable overview and the files as they came, and ends after a day', async () => {
  const { json, status } = await at().ask<DownloadView[]>(at().self, 'POST', '/api/phr/downloads', {});
  expect(status).toBe(202);
  await at().making.work(json[0]!.id);
  const [ready] = (await at().ask<DownloadView[]>(at().self, 'GET', '/api/phr/downloads')).json;
  expect(ready).toMatchObject({ state: 'ready' });
  const archive = await at().raw(at().self, `/api/phr/downloads/${ready!.id}/file`);
  expect(archive.length).toBe(ready!.size);
  const files = unzip(archive);
  expect([...files.keys()]).toEqual(['README.txt', 'record.fhir.json', 'overview.pdf', 'brought/1-weight.json']);
  const bundle = JSON.parse(files.get('record.fhir.json')!.toString()) as Bundle;
  expect(bundle).toMatchObject({ resourceType: 'Bundle', type: 'collection' });
  expect(bundle.entry!.length).toBe(ready!.entries);
  expect(bundle.entry!.filter(({ resource }) => resource?.resourceType === 'Observation')).toHaveLength(2);
  // Consents of ended links are there in both versions.
  const consents = bundle.entry!.filter(({ resource }) => resource?.resourceType === 'Consent');
  expect(new Set(consents.map(({ resource }) => resource!.meta!.versionId))).toEqual(new Set(['1', '2']));
  expect(JSON.stringify(bundle)).not.toContain(at().foreign.id);
  expect(files.get('overview.pdf')!.subarray(0, 5).toString()).toBe('%PDF-');
  expect(JSON.parse(files.get('brought/1-weight.json')!.toString())).toHaveLength(2);
  at().clock.ms += 25 * 3_600_000;
  await at().making.forgetOld();
  expect((await at().ask(at().self, 'GET', `/api/phr/downloads/${ready!.id}/file`)).status).toBe(404);
});

describe('erasing', () => {
  test('says what stays, by which rule and until when', async () => {
    const { json } = await at().ask<ErasureFacts>(at().self, 'GET', '/api/phr/erasures');
    expect(json.brought).toMatchObject({ imports: 1, things: 2 });
    expect(json.kept).toEqual([expect.objectContaining({ what: 'charts', count: 1, until: expect.stringMatching(/^2031-11-/) })]);
  });

  test('of what was brought along is done at once and whole: content, what it is found by, files, links', async () => {
    const { json, status } = await at().ask<ErasureView>(at().self, 'POST', '/api/phr/erasures', { what: 'brought', wish: '' });
    expect([status, json.decision]).toEqual([200, 'erased']);
    const left = await at().database.pool.query(`select
      (select count(*) from resources where category = 'phr')::int + (select count(*) from resource_history where content::text like '%brought-from%')::int as rows,
      (select count(*) from phr_shares)::int + (select count(*) from phr_items)::int + (select count(*) from phr_imports)::int as own`);
    expect(left.rows[0]).toEqual({ rows: 0, own: 0 });
    expect(await at().files.size()).toBe(0);
    const { json: audit } = await at().ask<AuditView[]>(at().self, 'GET', `/api/records/audit?patient=${at().patient.id}`);
    expect(audit.some(({ what }) => what.ja.startsWith('持ってきた記録を消した'))).toBe(true);
  });

  test('of charts is a wish that an administrator answers, and the patient sees the answer', async () => {
    const { json } = await at().ask<ErasureView>(at().self, 'POST', '/api/phr/erasures', { what: 'charts', wish: '全部消してほしい' });
    expect(json.decision).toBeNull();
    expect((await at().ask(at().doctor, 'GET', '/api/phr/erasures/all')).status).toBe(403);
    const [wish] = (await at().ask<ErasureView[]>(at().administrator, 'GET', '/api/phr/erasures/all')).json;
    expect(wish).toMatchObject({ patientName: '田中 ハナ', wish: '全部消してほしい' });
    await at().ask(at().administrator, 'POST', `/api/phr/erasures/${wish!.id}/decision`, { reason: '2031年まで残す決まりです' });
    const { json: facts } = await at().ask<ErasureFacts>(at().self, 'GET', '/api/phr/erasures');
    expect(facts.wishes[0]).toMatchObject({ decision: 'kept', reason: '2031年まで残す決まりです', patientName: null });
  });
});

/** The files of an archive, by its central directory. */
function unzip(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const end = archive.lastIndexOf(Buffer.from('PK\u0005\u0006'));
  let place = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [packed, names, extra] = [archive.readUInt32LE(place + 20), archive.readUInt16LE(place + 28), archive.readUInt16LE(place + 30)];
    const name = archive.toString('utf8', place + 46, place + 46 + names);
    const local = archive.readUInt32LE(place + 42);
    const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    files.set(name, inflateRawSync(archive.subarray(begin, begin + packed)));
    place += 46 + names + extra;
  }
  return files;
}
