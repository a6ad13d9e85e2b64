// The repository as people meet it: valid FHIR in, versions kept, searches that answer or say why not.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
});
afterAll(() => database?.close());

describe('writing', () => {
  test('a resource that is no FHIR is refused with the path of the fault', async () => {
    const wrong = world.seed.create({ resourceType: 'Patient', birthDate: '2020-13-01' });
    await expect(wrong).rejects.toMatchObject({ status: 422, details: [{ path: 'Patient.birthDate' }] });
    const unknown = world.seed.create({ resourceType: 'Patient', favouriteColour: 'red' } as never);
    await expect(unknown).rejects.toMatchObject({ status: 422, details: [{ path: expect.stringContaining('favouriteColour') }] });
  });

  test('a code outside a set that R4 requires is refused, one inside is taken', async () => {
    const observation = {
      resourceType: 'Observation' as const,
      code: { text: '脈拍' },
      subject: { reference: `Patient/${world.patient.id}` },
    };
    const wrong = world.seed.create({ ...observation, status: 'done' as never });
    await expect(wrong).rejects.toMatchObject({ status: 422, details: [{ path: 'Observation.status' }] });
    await expect(world.seed.create({ ...observation, status: 'preliminary' })).resolves.toMatchObject({ status: 'preliminary' });
    const condition = world.seed.create({
      resourceType: 'Condition',
      subject: { reference: `Patient/${world.patient.id}` },
      clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'lively' }] },
    });
    await expect(condition).rejects.toMatchObject({ status: 422, details: [{ path: 'Condition.clinicalStatus' }] });
  });

  test('each change is a new version, and a change on top of an old one is a conflict', async () => {
    const first = await world.seed.create({
      resourceType: 'Patient',
      gender: 'female',
      generalPractitioner: [{ reference: `Organization/${world.hospital.id}` }],
    });
    const second = await world.seed.update({ ...first, gender: 'other' });
    expect(second).toMatchObject({ meta: { versionId: '2' } });
    await expect(world.seed.update({ ...first, gender: 'unknown' })).rejects.toMatchObject({ status: 409 });
    expect((await world.seed.read('Patient', first.id)).gender).toBe('other');
    const { versions } = await world.records
      .guarded({ kind: 'service', name: 'setup' })
      .versions({ types: ['Patient'], id: first.id, count: 10 });
    expect(versions.map(version => version.version)).toEqual(['2', '1']);
  });

  test('a transaction happens wholly or not at all', async () => {
    const before = (await world.seed.search('Practitioner?_count=1000')).length;
    const entry = (resource: object) => ({
      fullUrl: 'urn:uuid:6c4c4c10-1111-4a4a-8a8a-000000000001',
      resource,
      request: { method: 'POST', url: 'Practitioner' },
    });
    await expect(
      world.seed.transaction({
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [
          entry({ resourceType: 'Practitioner' }),
          { ...entry({ resourceType: 'Practitioner', gender: 5 }), fullUrl: undefined },
        ] as never,
      }),
    ).rejects.toMatchObject({ status: 422 });
    expect((await world.seed.search('Practitioner?_count=1000')).length).toBe(before);
  });

  test('references inside a transaction point at what it made', async () => {
    const made = await world.seed.transaction({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: 'urn:uuid:6c4c4c10-1111-4a4a-8a8a-000000000002',
          resource: { resourceType: 'Organization', name: '港診療所' },
          request: { method: 'POST', url: 'Organization' },
        },
        {
          resource: {
            resourceType: 'Location',
            name: '診察室',
            managingOrganization: { reference: 'urn:uuid:6c4c4c10-1111-4a4a-8a8a-000000000002' },
          },
          request: { method: 'POST', url: 'Location' },
        },
      ],
    });
    const organization = made.entry?.[0]?.response?.location?.match(/Organization\/[^/]+/)?.[0];
    expect(await world.seed.search(`Location?organization=${organization}`)).toHaveLength(1);
  });
});

describe('searching', () => {
  test('finds by reference, token, date and order', async () => {
    const encounter = await world.consultation('in-progress');
    const found = await world.seed.search(`Encounter?participant=${world.doctor.reference}&status=in-progress&_count=50&_sort=-date`);
    expect(found.map(({ id }) => id)).toContain(encounter.id);
    const today = new Date(Date.now() + 9 * 3_600_000).toISOString().slice(0, 10);
    expect(await world.seed.search(`Encounter?date=ge${today}&participant=${world.doctor.reference}`)).not.toHaveLength(0);
    expect(await world.seed.search(`Encounter?date=lt2001&_id=${encounter.id}`)).toHaveLength(0);
  });

  test('finds a name written in hiragana, katakana or half width', async () => {
    for (const written of ['たなか', 'タナカ', 'ﾀﾅｶ', '田中']) {
      expect((await world.seed.search(`Patient?name=${encodeURIComponent(written)}`)).map(({ id }) => id)).toEqual([world.patient.id]);
    }
  });

  test.each([
    'Patient?colour=red',
    'Patient?_has:Observation:patient:colour=1',
    'Observation?subject:Patient.colour=red',
    'Patient?name:nonsense=x',
    'Patient?_count=many',
    'Patient?_sort=colour',
    'Wizard?name=x',
    'Patient?birthdate=soon',
    'Patient?_revinclude=Observation:status',
    'Observation?code:in=http://example.com/set',
    'Location?near=35|139',
  ])('says that it cannot answer %s instead of leaving it out', async query => {
    await expect(world.seed.search(query)).rejects.toMatchObject({ status: 400 });
  });

  test('residents of a facility come with room and floor', async () => {
    expect(await world.records.residents(world.caregiver, world.facility.id)).toEqual([
      {
        patient: world.patient.id,
        name: '田中 ハナ',
        birthDate: '1938-04-01',
        room: { id: world.room.id, name: '101' },
        floor: { id: world.floor.id, name: '1階' },
        facility: world.facility.id,
      },
    ]);
    expect(await world.records.residents(world.maker, world.facility.id)).toEqual([]);
  });
});
