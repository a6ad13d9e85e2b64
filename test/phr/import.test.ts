// What a patient brings along: taken over once however often it comes, marked as brought, given to nobody unasked, and taken back as a whole.
import type { Bundle, DocumentReference, Observation, Provenance } from '@medplum/fhirtypes';
import { describe, expect, test } from 'vitest';
import type { TimelinePage } from '../../hub/records/contract.ts';
import { appleExport } from './apple-export.ts';
import { useStand } from './stand.ts';

const at = useStand();
const heart = (value: number, minute: number) => ({
  header: {
    id: `p${minute}`,
    creation_date_time: '2026-11-01T01:00:00Z',
    schema_id: { namespace: 'omh', name: 'heart-rate', version: '2.0' },
    acquisition_provenance: { source_name: 'Pulse App', modality: 'sensed' },
  },
  body: {
    heart_rate: { value, unit: 'beats/min' },
    effective_time_frame: { date_time: `2026-11-01T00:${String(minute).padStart(2, '0')}:00Z` },
  },
});
const own = async (type: string) => at().records.as(at().self).search(`${type}?_count=1000&subject=Patient/${at().patient.id}`);

describe('data points of Open mHealth', () => {
  test('are shown before they are taken, with what is refused and where, and then stand in the record as the patient’s own', async () => {
    const bad = { ...heart(60, 9), body: { heart_rate: { value: 60, unit: 'bpm' } } };
    const seen = await at().bring('heart.json', JSON.stringify([heart(60, 1), heart(64, 2), bad]));
    expect(seen).toMatchObject({ state: 'ready', format: 'omh', kinds: [{ kind: 'heart-rate', count: 2 }], refused: 1, known: 0 });
    expect(seen.refusals[0]).toMatchObject({ place: '/2/body/heart_rate/unit' });
    expect(await own('Observation')).toEqual([]);

    const done = await at().take(seen.id);
    expect(done).toMatchObject({ state: 'done', taken: 2, refused: 1 });
    const [first] = (await own('Observation')) as Observation[];
    expect(first).toMatchObject({
      code: { coding: expect.arrayContaining([expect.objectContaining({ system: 'http://loinc.org', code: '8867-4' })]) },
      performer: [{ reference: `Patient/${at().patient.id}` }],
      valueQuantity: { value: 60, system: 'http://unitsofmeasure.org', code: '/min' },
      meta: { tag: expect.arrayContaining([expect.objectContaining({ code: 'phr' }), expect.objectContaining({ code: 'Pulse App' })]) },
    });
    const [original] = (await own('DocumentReference')) as DocumentReference[];
    expect(original!.description).toBe('heart.json');
    const [from] = await at().records.as(at().self).search<Provenance>(`Provenance?patient=Patient/${at().patient.id}`);
    expect(from).toMatchObject({ entity: [{ what: { reference: `DocumentReference/${original!.id}` } }] });
    expect(from!.target).toHaveLength(3);
  });

  test('are not doubled by the same file, nor by another that overlaps it', async () => {
    const same = await at().bring(
      'heart.json',
      JSON.stringify([heart(60, 1), heart(64, 2), { ...heart(60, 9), body: { heart_rate: { value: 60, unit: 'bpm' } } }]),
    );
    expect(same).toMatchObject({ state: 'refused', problem: { ja: expect.stringContaining('もう取り込んであります') } });
    const more = await at().bring('more.json', [heart(64, 2), heart(70, 3)].map(point => JSON.stringify(point)).join('\n'));
    expect(more).toMatchObject({ state: 'ready', known: 1 });
    expect(await at().take(more.id)).toMatchObject({ taken: 1, known: 1 });
    expect(await own('Observation')).toHaveLength(3);
  });

  test('are taken back as a whole; what another import brought too stays', async () => {
    const [more, heartFile] = (await at().imports.list(at().self)).filter(({ state }) => state === 'done');
    await at().imports.undo(at().self, heartFile!.id);
    await at().taking.work(heartFile!.id);
    expect(((await own('Observation')) as Observation[]).map(({ valueQuantity }) => valueQuantity!.value).sort()).toEqual([64, 70]);
    await at().imports.undo(at().self, more!.id);
    await at().taking.work(more!.id);
    expect(await own('Observation')).toEqual([]);
    expect(await own('DocumentReference')).toEqual([]);
    const left = await at().database.pool.query(
      `select count(*)::int as n from resource_history where type in ('Observation', 'Provenance', 'DocumentReference')`,
    );
    expect(left.rows[0].n).toBe(0);
    // Brought again, it is there again.
    const again = await at().bring('heart.json', JSON.stringify([heart(60, 1)]));
    expect(await at().take(again.id)).toMatchObject({ state: 'done', taken: 1 });
  });
});

describe('an export of Apple Health', () => {
  test('becomes one line a day for each quantity on the timeline, blood pressure with both its values, and tells what it leaves out', async () => {
    const seen = await at().bring('export.xml', appleExport({ days: 2, heartRates: 30 }));
    expect(seen).toMatchObject({ state: 'ready', format: 'apple', owner: { match: 'same' } });
    expect(seen.unknown).toContainEqual({ type: 'HKQuantityTypeIdentifierFlightsClimbed', count: 2 });
    const done = await at().take(seen.id);
    expect(done.taken).toBe(seen.kinds.reduce((sum, { count }) => sum + count, 0));
    const { json } = await at().ask<TimelinePage>(
      at().self,
      'GET',
      `/api/records/timeline/${at().patient.id}?kinds=observation&from=2026-10-01&to=2026-10-01`,
    );
    const titles = json.entries.map(({ title }) => title.ja);
    expect(titles).toContainEqual(expect.stringMatching(/^心拍数 60～89回\/分 \(平均 74.5\)$/));
    expect(titles).toContainEqual('血圧 128 / 72 mmHg');
    expect(titles).toContainEqual('歩数 3000歩');
    expect(titles).toContainEqual('血液の酸素 (SpO2) 97%');
    expect(json.entries.find(({ title }) => title.ja.startsWith('心拍数'))).toMatchObject({ count: 30, origin: { kind: 'phr' } });
    // The same once more under another name: every record is known.
    const again = await at().bring('export2.xml', appleExport({ days: 2, heartRates: 30, note: 'newer' }));
    expect(again.known).toBe(done.taken);
  });

  test('of somebody with another birth date is not taken', async () => {
    const seen = await at().bring('export.xml', appleExport({ days: 1, heartRates: 1, birthDate: '1990-01-01' }));
    expect(seen).toMatchObject({ state: 'refused', owner: { match: 'other' } });
  });

  test('that hides entities, breaks off, nests without end or is in another encoding is refused with its line', async () => {
    const bomb = `<?xml version="1.0"?><!DOCTYPE HealthData [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><HealthData><Record type="&b;"/></HealthData>`;
    const outside = `<?xml version="1.0"?><!DOCTYPE HealthData SYSTEM "file:///etc/passwd"><HealthData></HealthData>`;
    const broken = appleExport({ days: 1, heartRates: 3 }).slice(0, -30);
    const deep = `<HealthData>${'<Record>'.repeat(5000)}</HealthData>`;
    const latin = Buffer.concat([
      Buffer.from('<HealthData><Record sourceName="'),
      Buffer.from([0xe9, 0x28, 0xff]),
      Buffer.from('"/></HealthData>'),
    ]);
    for (const [content, why] of [
      [bomb, /entities/],
      [outside, /entities/],
      [broken, /line|end/],
      [deep, /nest/],
      [latin, /UTF-8/],
    ] as const) {
      const seen = await at().bring('export.xml', content);
      expect(seen.state).toBe('refused');
      expect(seen.problem!.en).toMatch(why);
    }
  });
});

describe('a FHIR bundle', () => {
  const bundle = (birthDate: string, more: object[] = []): Bundle =>
    ({
      resourceType: 'Bundle',
      type: 'collection',
      entry: [
        {
          fullUrl: 'https://other.example/Patient/1',
          resource: { resourceType: 'Patient', id: '1', birthDate, name: [{ text: '田中 ハナ' }] },
        },
        { fullUrl: 'https://other.example/Organization/9', resource: { resourceType: 'Organization', id: '9', name: '本土病院' } },
        {
          fullUrl: 'https://other.example/Condition/c',
          resource: {
            resourceType: 'Condition',
            id: 'c',
            code: { text: '高血圧' },
            subject: { reference: 'Patient/1' },
            recordedDate: '2020-05',
          },
        },
        {
          fullUrl: 'https://other.example/MedicationRequest/m',
          resource: {
            resourceType: 'MedicationRequest',
            id: 'm',
            status: 'active',
            intent: 'order',
            medicationCodeableConcept: { text: 'アムロジピン' },
            subject: { reference: 'https://other.example/Patient/1' },
            reasonReference: [{ reference: 'Condition/c' }],
            requester: { reference: 'Organization/9' },
            authoredOn: '2020-05-02',
          },
        },
        ...more,
      ],
    }) as Bundle;

  test('is taken with new ids, references inside it only, and nothing about anybody else', async () => {
    const foreign = {
      resource: { resourceType: 'Condition', id: 'x', code: { text: '別人の病気' }, subject: { reference: `Patient/${at().foreign.id}` } },
    };
    const seen = await at().bring('kokyo.json', JSON.stringify(bundle('1938-04-01', [foreign])));
    expect(seen).toMatchObject({ state: 'ready', format: 'fhir', refused: 1, owner: { match: 'same', name: '田中 ハナ' } });
    expect(seen.refusals).toEqual([{ place: '/entry/4', reason: 'it is about somebody else' }]);
    await at().take(seen.id);
    const [condition] = (await own('Condition')) as { id: string; subject: object }[];
    const [request] = (await own('MedicationRequest')) as { id: string; reasonReference: object[]; requester: object }[];
    expect(condition).toMatchObject({ code: { text: '高血圧' }, subject: { reference: `Patient/${at().patient.id}` } });
    expect(condition!.id).not.toBe('c');
    expect(request).toMatchObject({ reasonReference: [{ reference: `Condition/${condition!.id}` }], requester: { display: '本土病院' } });
    const { json } = await at().ask<TimelinePage>(
      at().self,
      'GET',
      `/api/records/timeline/${at().patient.id}?words=${encodeURIComponent('あむろ')}`,
    );
    expect(json.entries.map(({ title }) => title.ja)).toEqual(['薬の処方: アムロジピン']);
    expect(json.entries[0]!.origin).toEqual({ kind: 'phr', name: '本土病院' });
  });

  test('of another person is refused, and what is no bundle too', async () => {
    expect(await at().bring('x.json', JSON.stringify(bundle('1950-01-01')))).toMatchObject({ state: 'refused', owner: { match: 'other' } });
    expect((await at().bring('x.json', '['.repeat(5000))).problem!.en).toMatch(/nests/);
    expect((await at().bring('x.json', 'hello')).problem!.en).toMatch(/neither/);
    expect((await at().bring('x.zip', 'PK\u0003\u0004')).problem!.en).toMatch(/ZIP/);
  });
});

test('files lie sealed on disk and are given back as they came', async () => {
  const [file] = (await at().imports.list(at().self)).filter(({ name }) => name === 'kokyo.json');
  const { content } = await at().imports.file(at().self, file!.id);
  let text = '';
  for await (const chunk of content) text += chunk;
  expect(JSON.parse(text)).toMatchObject({ resourceType: 'Bundle' });
  await expect(at().imports.file({ ...at().self, reference: `Patient/${at().foreign.id}` }, file!.id)).rejects.toMatchObject({
    status: 404,
  });
});

test('an import that is stopped leaves nothing behind', async () => {
  const before = (await own('Observation')).length;
  const seen = await at().bring('stop.json', JSON.stringify([heart(99, 33)]));
  await at().imports.stop(at().self, seen.id);
  await at().taking.work(seen.id);
  expect(await own('Observation')).toHaveLength(before);
  expect((await at().imports.one(at().self, seen.id)).state).toBe('stopped');
});
