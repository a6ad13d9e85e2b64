// Documents that are drafted: a question from doctor to doctor and its reply, summaries that carers prepare, corrections as new versions.
import type { Bundle, Composition, CompositionSection, DocumentReference, Encounter } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AlertView, PredictionView } from '../../hub/alerts/contract.ts';
import type { DraftView } from '../../hub/records/documents/contract.ts';
import { type DocumentWorld, documentWorld } from './document-world.ts';
import { broken } from './profiles/written.ts';

const DAY = 86_400_000;
const started = Date.now();
const prediction = (at: number, probability: number | null): PredictionView =>
  ({
    id: String(at),
    at: new Date(at).toISOString(),
    horizonMinutes: 60,
    probability,
    coverage: 0.9,
    reasons: [{ feature: 'awake', text: { ja: '夜間の離床が多い', en: 'out of bed' }, weight: 0.2, value: 4, unit: '' }],
    abstained: probability === null ? { ja: 'データ不足', en: 'too little data' } : null,
    model: { name: 'bpsd', version: '1.0.0' },
  }) as PredictionView;
const alert = {
  raisedAt: new Date(started - DAY).toISOString(),
  kind: 'bpsd',
  outcome: 'prevented',
  onset: null,
  comment: '散歩で落ち着いた',
};
const sources = {
  predictions: async () => [
    prediction(started - DAY, 0.3),
    prediction(started - DAY + 60_000, 0.72),
    prediction(started - DAY + 120_000, null),
  ],
  alerts: async () => [alert as unknown as AlertView],
  devices: async () => [{ device: 'bed-101', profile: 'bed', from: new Date(started - 30 * DAY), to: null }],
  summary: async () => [],
  intervals: async (_patient: string, _profile: string, from: Date) =>
    Array.from({ length: 72 }, (_, index) => from.getTime() + index * 600_000),
};

let at: DocumentWorld;
beforeAll(async () => {
  at = await documentWorld({ sources });
});
afterAll(() => at?.close());

const QUESTION = {
  purpose: '夜間の不穏について相談します',
  complaint: 'レビー小体型認知症の疑い',
  illness: '8月から夜に歩き回る',
  medication: 'ドネペジル 5mg',
};
const begin = (as: DocumentWorld['world']['doctor'], kind: string, more: object = {}) =>
  at.must<DraftView>(as, 'POST', '/api/records/drafts', { kind, patient: at.world.patient.id, ...more });
const specialistId = () => at.world.specialist.reference!.split('/')[1]!;
const codes = (sections: CompositionSection[] | undefined): string[] =>
  (sections ?? []).flatMap(section => [section.code?.coding?.[0]?.code ?? '', ...codes(section.section)]);

describe('a question from doctor to doctor', () => {
  test('is a referral that the specialist can read from then on, and answer with a second one', async () => {
    const { doctor, specialist, administrator, self } = at.world;
    const draft = await begin(doctor, 'request');
    const empty = await at.ask<{ error: { code: string; ja: string } }>(doctor, 'POST', `/api/records/drafts/${draft.id}/confirm`, {
      version: 1,
    });
    expect([empty.status, empty.json.error.code]).toEqual([422, 'draft-incomplete']);
    expect(empty.json.error.ja).toContain('紹介目的');
    const id = await at.confirmed(doctor, draft, { content: QUESTION, to: specialistId() });

    const { json: bundle } = await at.ask<Bundle>(specialist, 'GET', `/api/records/documents/${id}`);
    const composition = bundle.entry![0]!.resource as Composition;
    expect(codes(composition.section)).toEqual(['920', '910', '300', '950', '340', '360', '430']);
    const view = await at.view(specialist, id);
    expect(view).toMatchObject({
      kind: 'request',
      signature: { state: 'good' },
      may: { reply: true, amend: false },
      delivery: { state: 'waiting' },
    });
    const [encounter] = await at.world.records.as(specialist).search<Encounter>(`Encounter?participant=${specialist.reference}&type=DtoD`);
    expect(encounter?.reasonCode?.[0]?.text).toBe(QUESTION.purpose);

    const answer = await begin(specialist, 'reply', { repliesTo: id });
    expect(answer).toMatchObject({ to: doctor.reference!.split('/')[1], content: { complaint: QUESTION.complaint } });
    const reply = await at.confirmed(specialist, answer, { content: { illness: '薬の量を見直してください', plan: '2週間後に再診' } });
    expect(await at.view(doctor, reply)).toMatchObject({ kind: 'reply', repliesTo: id, confirmer: '野口 英子', organization: '大学病院' });
    expect((await at.view(doctor, id)).replies.map(each => each.id)).toEqual([reply]);
    expect(JSON.stringify((await at.view(self, reply)).sections)).toContain('薬の量を見直してください');
    expect((await at.ask(administrator, 'GET', `/api/records/documents/${id}/view`)).status).toBe(403);
  });

  test('that the patient has not been told of is not shown to the patient, in any form', async () => {
    const { doctor, self } = at.world;
    const id = await at.confirmed(doctor, await begin(doctor, 'request'), {
      content: QUESTION,
      to: specialistId(),
      withheld: 'UNINFORMED',
    });
    expect(await at.view(doctor, id)).toMatchObject({ withheld: 'UNINFORMED' });
    for (const address of [`documents/${id}`, `documents/${id}/view`, `documents/${id}.pdf`])
      expect((await at.fetchAs(self, `/api/records/${address}`)).status).toBeGreaterThanOrEqual(403);
    const bundle = (await at.world.records.as(doctor).read('DocumentReference', id)).content[0]!.attachment.url!.split('/')[1]!;
    await expect(at.world.records.as(self).read('Bundle', bundle)).rejects.toThrow();
    for (const type of ['Composition', 'Provenance', 'DocumentReference', 'Bundle'])
      expect(JSON.stringify(await at.world.records.as(self).search(`${type}?_count=200`)), type).not.toContain('UNINFORMED');
  });
});

describe('a correction', () => {
  test('is a new version that names the one before; the old one stays as it was', async () => {
    const { doctor, specialist, self } = at.world;
    const first = await at.signed(doctor, doctor);
    const before = await at.must<Bundle>(doctor, 'GET', `/api/records/documents/${first}`);
    expect((await at.ask(specialist, 'POST', `/api/records/documents/${first}/amend`, { reason: '別の施設' })).status).toBe(403);
    const draft = await at.must<DraftView>(doctor, 'POST', `/api/records/documents/${first}/amend`, { reason: '脈拍の書き間違い' });
    expect(draft.content).toMatchObject({ illness: '夜に眠れない', findings: '脈拍 72 整', plan: '照明を調整する' });
    // Begun twice, it is the same draft.
    expect((await at.must<DraftView>(doctor, 'POST', `/api/records/documents/${first}/amend`, { reason: 'もう一度' })).id).toBe(draft.id);
    const second = await at.confirmed(doctor, draft, { content: { findings: '脈拍 82 整' } });

    const view = await at.view(self, second);
    expect(view).toMatchObject({ version: '2.0', current: true, reason: '脈拍の書き間違い', signature: { state: 'good' } });
    expect(view.versions.map(({ id, version, current }) => [id, version, current])).toEqual([
      [first, '1.0', false],
      [second, '2.0', true],
    ]);
    expect(JSON.stringify(view.sections)).toContain('脈拍 82 整');
    const old = await at.view(doctor, first);
    expect(old).toMatchObject({ version: '1.0', current: false, signature: { state: 'good' }, may: { amend: false } });
    expect((await at.must<Bundle>(doctor, 'GET', `/api/records/documents/${first}`)).entry).toEqual(before.entry);
    const after = await at.must<Bundle>(doctor, 'GET', `/api/records/documents/${second}`);
    const [one, two] = [before, after].map(bundle => bundle.entry![0]!.resource as Composition);
    expect(two!.identifier).toEqual(one!.identifier);
    expect(two!.relatesTo).toEqual([{ code: 'replaces', targetIdentifier: before.identifier }]);
    expect(after.identifier!.value).not.toBe(before.identifier!.value);
    expect((await at.world.records.as(doctor).read('DocumentReference', first)) as DocumentReference).toMatchObject({
      status: 'superseded',
    });
    expect((await at.ask(doctor, 'POST', `/api/records/documents/${first}/amend`, { reason: '遅い' })).status).toBe(409);
  });
});

describe('a summary', () => {
  test('of BPSD is prepared by a carer and confirmed by a doctor, by name', async () => {
    const { caregiver, doctor, maker, self } = at.world;
    for (const other of [maker, self])
      expect((await at.ask(other, 'POST', '/api/records/drafts', { kind: 'bpsd', patient: at.world.patient.id })).status).toBe(403);
    expect((await at.ask(caregiver, 'POST', '/api/records/drafts', { kind: 'request', patient: at.world.patient.id })).status).toBe(403);
    const draft = await begin(caregiver, 'bpsd');
    expect(draft).toMatchObject({ mayConfirm: false, author: { name: '佐藤 光' } });
    const filled = await at.must<DraftView>(caregiver, 'PUT', `/api/records/drafts/${draft.id}`, {
      version: 1,
      content: { ...draft.content, comment: '夕方に歌うと落ち着きます。' },
    });
    expect((await at.ask(caregiver, 'POST', `/api/records/drafts/${draft.id}/confirm`, { version: 2 })).status).toBe(403);
    expect((await at.must<DraftView[]>(doctor, 'GET', `/api/records/drafts?patient=${at.world.patient.id}`)).map(({ id }) => id)).toContain(
      draft.id,
    );
    const { document } = await at.must<{ document: string }>(doctor, 'POST', `/api/records/drafts/${draft.id}/confirm`, {
      version: filled.version,
    });
    const view = await at.view(doctor, document);
    expect(view).toMatchObject({
      kind: 'bpsd',
      author: '佐藤 光',
      confirmer: '山田 太郎',
      proxy: true,
      delivery: null,
      signature: { state: 'good' },
    });
    const words = JSON.stringify(view.sections);
    for (const said of [
      '10回のうち7回',
      '起きる前に防げた',
      '散歩で落ち着いた',
      '夕方に歌うと落ち着きます',
      '医療機器としての審査は受けていません',
    ])
      expect(words).toContain(said);
    // Twelve hours of the week so far, which has six to seven days.
    expect(words).toMatch(/"[78]%"/);
    const pdf = await at.fetchAs(doctor, `/api/records/documents/${document}.pdf`);
    expect(pdf.status).toBe(200);
    if (process.env.DOCUMENT_SHOTS)
      (await import('node:fs')).writeFileSync(`${process.env.DOCUMENT_SHOTS}/bpsd.pdf`, Buffer.from(await pdf.arrayBuffer()));
  });

  test('of devices says what watched the person, and a changed draft is a conflict', async () => {
    const { doctor } = at.world;
    const draft = await begin(doctor, 'devices');
    const id = await at.confirmed(doctor, draft, {});
    expect(JSON.stringify((await at.view(doctor, id)).sections)).toContain('bed-101');
    expect((await at.ask(doctor, 'POST', `/api/records/drafts/${draft.id}/confirm`, { version: 2 })).status).toBe(404);
    const other = await begin(doctor, 'devices');
    expect((await at.ask(doctor, 'PUT', `/api/records/drafts/${other.id}`, { version: 9, content: other.content })).status).toBe(409);
    const long = await at.must<DraftView>(doctor, 'PUT', `/api/records/drafts/${other.id}`, {
      version: 1,
      content: { ...other.content, from: '2020-01-01' },
    });
    expect((await at.ask(doctor, 'POST', `/api/records/drafts/${other.id}/confirm`, { version: long.version })).status).toBe(422);
    expect((await at.ask(doctor, 'DELETE', `/api/records/drafts/${other.id}`)).status).toBe(200);
    expect((await at.ask(doctor, 'GET', `/api/records/drafts/${other.id}`)).status).toBe(404);
  });
});

test('what was written above conforms to R4 and, where it claims so, to the Japanese guides', async () => {
  const found = await at.world.records.as(at.world.doctor).search<Bundle>('Bundle?_count=200');
  expect(found.length).toBeGreaterThan(5);
  expect(broken(found)).toEqual([]);
});
