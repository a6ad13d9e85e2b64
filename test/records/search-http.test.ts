// Searching over HTTP: what comes along, what is counted, how pages go on, and that nothing tells of what one may not see.
import type { Bundle, BundleEntry, Encounter, Observation, OperationOutcome, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type FhirServer, fhirServer } from './fhir-server.ts';
import { name, type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let server: FhirServer;
let encounter: Encounter & { id: string };
/** Of the own patient: three of a pulse, one of a weight; of a stranger: one pulse. */
const pulses: string[] = [];
let weight: string;
let strange: string;

const observation = (patient: string, code: string, value: number, more: Partial<Observation> = {}): Observation => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code, display: code === '8867-4' ? 'Heart rate' : 'Body weight' }] },
  subject: { reference: `Patient/${patient}` },
  valueQuantity: { value, unit: 'x', system: 'http://unitsofmeasure.org', code: '/min' },
  ...more,
});

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  server = await fhirServer(world.records);
  encounter = (await world.consultation('in-progress')) as typeof encounter;
  const { id } = world.patient;
  for (const [index, value] of [61, 72, 72].entries())
    pulses.push(
      (
        await world.seed.create(
          observation(id, '8867-4', value, {
            effectiveDateTime: `2024-03-0${index + 1}`,
            encounter: { reference: `Encounter/${encounter.id}` },
          }),
        )
      ).id,
    );
  weight = (await world.seed.create(observation(id, '29463-7', 48))).id;
  strange = (await world.seed.create(observation(world.foreign.id, '8867-4', 99))).id;
});
afterAll(async () => {
  await server?.close();
  await database?.close();
});

const bundle = async (path: string, actor = world.doctor, headers = {}) => {
  const answer = await server.ask<Bundle>(actor, 'GET', path, undefined, headers);
  expect(answer.status, JSON.stringify(answer.json)).toBe(200);
  return answer.json;
};
const shown = ({ entry }: Bundle) =>
  (entry ?? []).map(({ search, resource }: BundleEntry) => `${search?.mode} ${resource?.resourceType}`).sort();
const mine = () => `patient=${world.patient.id}`;

describe('what follows a reference', () => {
  test('a chain asks of the resource that is referred to, through several references', async () => {
    const found = (query: string) => server.ids(world.doctor, `/Observation?${query}`);
    expect(await found('subject:Patient.name=たなか&code=8867-4')).toEqual(pulses);
    expect(await found('patient.birthdate=1938-04-01&code=29463-7')).toEqual([weight]);
    expect(await found('subject.name=よそのひと')).toEqual([]);
    expect(await found(`encounter.participant:Practitioner.name=${encodeURIComponent('山田')}`)).toEqual(pulses);
  });

  test('_has asks of those that point here', async () => {
    const found = (query: string) => server.ids(world.doctor, `/Patient?${query}`);
    expect(await found('_has:Observation:patient:code=8867-4')).toEqual([world.patient.id]);
    expect(await found('_has:Observation:patient:code=8867-4&name=ちがう')).toEqual([]);
    expect(await found('_has:Observation:patient:value-quantity=gt98')).toEqual([]);
    expect(await found('_has:Encounter:patient:_has:Observation:encounter:code=8867-4')).toEqual([world.patient.id]);
  });

  test('what is pointed at and what points here comes along, once, and step by step where asked', async () => {
    const along = await bundle(`/Observation?${mine()}&code=8867-4&_include=Observation:subject&_include=Observation:encounter`);
    expect(shown(along)).toEqual(['include Encounter', 'include Patient', ...Array(3).fill('match Observation')]);
    const iterated = await bundle(`/Observation?_id=${pulses[0]}&_include=Observation:encounter&_include:iterate=Encounter:participant`);
    expect(shown(iterated)).toEqual(['include Encounter', 'include Practitioner', 'include Practitioner', 'match Observation']);
    const reverse = await bundle(`/Encounter?_id=${encounter.id}&_revinclude=Observation:encounter`);
    expect(shown(reverse)).toEqual([...Array(3).fill('include Observation'), 'match Encounter']);
    const typed = await bundle(`/Observation?_id=${pulses[0]}&_include=Observation:subject:Device`);
    expect(shown(typed)).toEqual(['match Observation']);
  });
});

describe('what one may not see', () => {
  test('is not found by a chain, a reverse chain, an order, a total or an include', async () => {
    const stranger = encodeURIComponent('高橋');
    expect((await bundle(`/Observation?subject:Patient.name=${stranger}&_total=accurate`)).total).toBe(0);
    expect((await bundle('/Observation?code=8867-4&_summary=count')).total).toBe(3);
    expect(await server.ids(world.doctor, '/Observation?code=8867-4&_sort=-value-quantity')).not.toContain(strange);
    expect(await server.ids(world.doctor, `/Organization?_has:Patient:general-practitioner:name=${stranger}`)).toEqual([]);
    expect(await server.ids(world.doctor, `/Organization?_has:Patient:general-practitioner:name=${encodeURIComponent('田中')}`)).toEqual([
      world.hospital.id,
    ]);
    // An own resource that points at a stranger's patient does not open that patient.
    const linked = await world.seed.create<Patient>({
      resourceType: 'Patient',
      name: name('試験 一', 'シケン イチ'),
      generalPractitioner: [{ reference: `Organization/${world.hospital.id}` }],
      link: [{ type: 'seealso', other: { reference: `Patient/${world.foreign.id}` } }],
    });
    expect(shown(await bundle(`/Patient?_id=${linked.id}&_include=Patient:link`))).toEqual(['match Patient']);
    expect(await server.ids(world.doctor, `/Patient?link:Patient.name=${stranger}`)).toEqual([]);
    expect(shown(await bundle(`/Patient?_id=${world.foreign.id}&_revinclude=Observation:patient`))).toEqual([]);
  });

  test('a caregiver finds the pulse by chain, but not by what was said to the doctor', async () => {
    expect(await server.ids(world.caregiver, '/Observation?patient.name=たなか&code=8867-4')).toEqual(pulses);
    expect(await server.ids(world.caregiver, '/Observation?encounter.class=VR')).toEqual([]);
    expect(shown(await bundle(`/Observation?_id=${pulses[0]}&_include=Observation:encounter`, world.caregiver))).toEqual([
      'match Observation',
    ]);
  });

  test('a search leaves one entry of the audit that names all the patients in it', async () => {
    const entries = () =>
      database.pool.query("select action, resource, patients, allowed from audit_events where action = 'search' order by id");
    const before = (await entries()).rows.length;
    await bundle(`/Observation?code=8867-4&_include=Observation:subject`);
    const { rows } = await entries();
    expect(rows.slice(before)).toEqual([{ action: 'search', resource: 'Observation', patients: [world.patient.id], allowed: true }]);
  });
});

describe('a parameter that is not known', () => {
  test('is an error where the client wants it to be one, else a warning, and the self link says what was used', async () => {
    const strict = await server.ask(world.doctor, 'GET', '/Patient?shoe-size=40', undefined, { prefer: 'handling=strict' });
    expect(strict).toMatchObject({ status: 400, json: { resourceType: 'OperationOutcome', issue: [{ code: 'not-supported' }] } });
    const lenient = await bundle(`/Patient?shoe-size=40&name=たなか`);
    const warning = lenient.entry?.find(({ search }) => search?.mode === 'outcome')?.resource as OperationOutcome;
    expect(warning.issue[0]).toMatchObject({ severity: 'warning', details: { text: expect.stringContaining('shoe-size') } });
    const self = lenient.link?.find(({ relation }) => relation === 'self')?.url ?? '';
    expect(self).toContain('name=');
    expect(self).not.toContain('shoe-size');
  });

  test.each([
    'Observation?code:in=http://example.com/set',
    'Observation?status:above=final',
    'Observation?date:exact=2024',
    'Observation?value-quantity=many',
    'Observation?date=soon',
    'Observation?code-value-quantity=8867-4',
    'Observation?subject.name.family=x',
    'Patient?_sort=shoe-size&_count=1',
    'Patient?_count=lots',
    'Patient?_summary=some',
    'Patient?_include=Patient:name',
    'Patient?_has:Observation:performer:code=1&_has:Observation=2',
  ])('in %s something that is known and wrong is an error for everyone', async query => {
    const answer = await server.ask(
      world.doctor,
      'GET',
      `/${query}`,
      undefined,
      query.includes('_sort') ? { prefer: 'handling=strict' } : {},
    );
    expect(answer).toMatchObject({ status: 400, json: { resourceType: 'OperationOutcome' } });
  });
});

describe('an answer as it was asked for', () => {
  test('only the summary, the text, the data, some elements or the number', async () => {
    const one = async (query: string) => (await bundle(`/Patient?_id=${world.patient.id}&${query}`)).entry?.[0]?.resource as Patient;
    expect(await one('_summary=true')).toMatchObject({ name: expect.anything(), meta: { tag: [{ code: 'SUBSETTED' }] } });
    expect(await one('_summary=true')).not.toHaveProperty('generalPractitioner.0.display');
    expect(Object.keys(await one('_elements=birthDate')).sort()).toEqual(['birthDate', 'id', 'meta', 'resourceType']);
    expect(await one('_summary=data')).toHaveProperty('generalPractitioner');
    expect(Object.keys(await one('_summary=text')).sort()).toEqual(['id', 'meta', 'resourceType']);
    const counted = await bundle(`/Observation?${mine()}&_summary=count`);
    expect(counted).toMatchObject({ total: 4, entry: [] });
    const weighed = (await bundle(`/Observation?_id=${weight}&_elements=value`)).entry?.[0]?.resource;
    expect(weighed).toMatchObject({ valueQuantity: { value: 48 }, status: 'final' });
  });

  test('in several orders at once, whatever has no value last', async () => {
    const found = await server.ids(world.doctor, `/Observation?${mine()}&_sort=-value-quantity,date`);
    expect(found).toEqual([pulses[1], pulses[2], pulses[0], weight]);
    expect(await server.ids(world.doctor, `/Observation?${mine()}&_sort=-date`)).toEqual([...pulses.toReversed(), weight]);
  });

  test('by POST, whose links hold nothing of the form', async () => {
    const answer = await server.ask<Bundle>(
      world.doctor,
      'POST',
      '/Observation/_search?_count=2',
      `patient=${world.patient.id}&code=8867-4`,
      {
        'content-type': 'application/x-www-form-urlencoded',
      },
    );
    expect(answer.json.entry?.map(({ resource }) => resource?.id)).toEqual(pulses.slice(0, 2));
    const next = answer.json.link?.find(({ relation }) => relation === 'next')?.url ?? '';
    expect(next).not.toContain(world.patient.id);
    expect(await server.ids(world.doctor, next)).toEqual(pulses.slice(2));
  });

  test('of a patient’s compartment, one type or all, and only to who may enter it', async () => {
    expect(await server.ids(world.doctor, `/Patient/${world.patient.id}/Observation?code=8867-4`)).toEqual(pulses);
    const all = await bundle(`/Patient/${world.patient.id}/*?_count=200`);
    expect(new Set(shown(all))).toEqual(new Set(['match Encounter', 'match Observation']));
    expect((await server.ask(world.doctor, 'GET', `/Patient/${world.foreign.id}/Observation`)).status).toBe(403);
    expect((await server.ask(world.doctor, 'GET', '/Patient/nobody/*')).status).toBe(404);
    expect((await server.ask(world.doctor, 'GET', `/Patient/${world.patient.id}/Organization`)).status).toBe(400);
  });

  test('of several types at once by what all of them have', async () => {
    const ids = await server.ids(world.doctor, `/?_type=Patient,Organization&_id=${world.patient.id},${world.hospital.id}`);
    expect(ids.sort()).toEqual([world.patient.id, world.hospital.id].sort());
    expect(
      (await server.ask(world.doctor, 'GET', '/?_type=Patient,Organization&birthdate=2000', undefined, { prefer: 'handling=strict' }))
        .status,
    ).toBe(400);
  });
});

describe('pages', () => {
  test('go on where they ended, in any order, though rows are added and one is taken away meanwhile', async () => {
    const of = await world.seed.create<Patient>({
      resourceType: 'Patient',
      generalPractitioner: [{ reference: `Organization/${world.hospital.id}` }],
    });
    const made: string[] = [];
    // Two of each moment, and some without any.
    for (let index = 0; index < 11; index++)
      made.push(
        (await world.seed.create(observation(of.id, 'x', index, index > 8 ? {} : { effectiveDateTime: `2024-05-0${1 + (index >> 1)}` })))
          .id,
      );
    const seen: string[] = [];
    let link: string | undefined = `/Observation?patient=${of.id}&_sort=-date&_count=3`;
    for (let page = 0; link; page++) {
      const answer: Bundle = await bundle(link);
      seen.push(...(answer.entry ?? []).map(({ resource }) => resource?.id ?? ''));
      link = answer.link?.find(({ relation }) => relation === 'next')?.url;
      if (page === 0) await world.seed.create(observation(of.id, 'x', 50, { effectiveDateTime: '2024-05-09' }));
      if (page === 1) await server.ask(world.doctor, 'DELETE', `/Observation/${seen[0]}`);
    }
    expect(seen).toHaveLength(11);
    expect(new Set(seen)).toEqual(new Set(made));
    expect(seen.slice(-2)).toEqual(made.slice(-2));
  });

  test('a cursor that is made up, changed or of another search is refused', async () => {
    const next = (await bundle(`/Observation?${mine()}&_count=1`)).link?.find(({ relation }) => relation === 'next')?.url ?? '';
    const cursor = new URL(next).searchParams.get('_cursor') ?? '';
    expect((await server.ask(world.doctor, 'GET', next)).status).toBe(200);
    const changed = `${cursor.slice(0, -4)}${cursor.slice(-4) === 'AAAA' ? 'BBBB' : 'AAAA'}`;
    for (const path of [
      `/Encounter?_cursor=${cursor}`,
      `/Observation?_cursor=${changed}`,
      '/Observation?_cursor=x',
      `/Observation?_cursor=${cursor}&code=x`,
    ])
      expect((await server.ask(world.doctor, 'GET', path)).status, path).toBe(400);
    // Another person who follows the link sees what that person may see.
    expect(await server.ids(world.maker, next)).toEqual([]);
  });
});
