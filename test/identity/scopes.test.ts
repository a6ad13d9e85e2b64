// What a token's scopes leave of a doctor's own rights in the record itself: by type, by action, by patient; never more.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, smallWorld } from '../records/people.ts';

const database = await freshDatabase();
let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld(database);
  await world.consultation();
});
afterAll(() => database.close());

const withToken = (scopes: string[], onlyPatient?: string): Person => ({ ...world.doctor, via: 'token', scopes, onlyPatient });
const typesIn = (resources: { resourceType: string }[]) => [...new Set(resources.map(({ resourceType }) => resourceType))].sort();

test('a token reads the types of its scopes and no others, directly, by search, by include and by chain', async () => {
  const own = world.records.as(world.doctor);
  expect(typesIn(await own.search('Patient?_revinclude=Encounter:patient'))).toContain('Patient');
  expect(await own.search('Encounter?status=in-progress')).not.toEqual([]);

  const app = world.records.as(withToken(['user/Patient.rs']));
  expect((await app.read('Patient', world.patient.id)).id).toBe(world.patient.id);
  expect(typesIn(await app.search('Patient?_revinclude=Encounter:patient'))).toEqual(['Patient']);
  expect(await app.search('Encounter?status=in-progress')).toEqual([]);
  expect(await app.search('Patient?_has:Encounter:patient:status=in-progress'), 'what another type would tell').toEqual([]);
  await expect(app.read('Organization', world.hospital.id)).rejects.toMatchObject({ status: 403 });
});

test('reading is not searching, and neither is writing', async () => {
  const reads = world.records.as(withToken(['user/Patient.r']));
  await reads.read('Patient', world.patient.id);
  expect(await reads.search('Patient')).toEqual([]);
  const patient = await world.records.as(world.doctor).read('Patient', world.patient.id);
  await expect(reads.update(patient)).rejects.toMatchObject({ status: 403 });
  await expect(world.records.as(withToken(['user/Patient.rs', 'user/Observation.cruds'])).update(patient)).rejects.toMatchObject({
    status: 403,
  });
  await expect(world.records.as(withToken(['user/Patient.u'])).update(patient)).resolves.toBeDefined();
});

test('a patient’s scope opens the one patient of the launch, and no scope opens what the doctor may not see', async () => {
  const other = world.foreign.id;
  await world.records.as(withToken(['patient/Patient.rs'], world.patient.id)).read('Patient', world.patient.id);
  await expect(world.records.as(withToken(['patient/Patient.rs'], other)).read('Patient', world.patient.id)).rejects.toMatchObject({
    status: 403,
  });
  await expect(world.records.as(withToken(['patient/*.cruds'])).read('Patient', world.patient.id)).rejects.toMatchObject({ status: 403 });
  await expect(world.records.as(withToken(['user/*.cruds'])).read('Patient', world.foreign.id)).rejects.toMatchObject({ status: 403 });
  await expect(world.records.as(withToken([])).read('Patient', world.patient.id)).rejects.toMatchObject({ status: 403 });
});
