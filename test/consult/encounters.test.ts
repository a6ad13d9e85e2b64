// Consultations over HTTP: who may create, see and invite, and what lands in the record.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CardView, EncounterView, Invitable } from '../../hub/consult/contract.ts';
import { freshDatabase } from '../harness/index.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

const database = await freshDatabase();
let clinic: Clinic;
let server: ConsultServer;

beforeAll(async () => {
  clinic = await foundClinic(database);
  server = await startServer(database, clinic);
});
afterAll(async () => {
  await server.close();
  await database.close();
});
const create = (someone = clinic.doctor, change: object = {}) =>
  server.ask(someone, 'POST', '/encounters', { pattern: 'DtoP', patient: idOf(clinic.patient), reason: '発熱', ...change });

test('a doctor creates a consultation; the record holds it as an Encounter with the hospital as provider', async () => {
  const { status, body } = await create(clinic.doctor, { pattern: 'DtoPwithD', invite: [idOf(clinic.specialist)] });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    pattern: 'DtoPwithD',
    status: 'planned',
    reason: '発熱',
    patient: { name: '山田 ハナ', birthDate: '1941-03-02' },
    url: `http://hub.test/room/${body.id}`,
    note: null,
  });
  expect(body.participants.map(each => [each.name, each.role, each.organizationName, each.presence])).toEqual([
    ['島田 一', 'doctor', '島の病院', 'invited'],
    ['山田 ハナ', 'patient', '', 'invited'],
    ['専門 三', 'specialist', '大学病院', 'invited'],
  ]);
  const stored = await clinic.records.as(clinic.doctor).read('Encounter', body.id);
  expect(stored).toMatchObject({
    class: { code: 'VR' },
    subject: { reference: clinic.patient.reference },
    serviceProvider: { display: '島の病院' },
    participant: [{ individual: { reference: clinic.doctor.reference } }, { individual: { reference: clinic.specialist.reference } }],
  });
});

test('patients create nothing, and a doctor without relation to the patient does not either', async () => {
  expect((await create(clinic.patient)).status).toBe(403);
  expect((await create(clinic.specialist, { patient: idOf(clinic.stranger) })).status).toBe(403);
  expect((await create(clinic.doctor, { patient: 'unknown' })).status).toBe(404);
  expect((await create(clinic.doctor, { reason: '' })).status).toBe(422);
  expect((await create(clinic.doctor, { invite: [idOf(clinic.patient)] })).status).toBe(422);
});

test('each person sees the consultations of a Tokyo day that are theirs', async () => {
  const late = '2031-05-01T23:30:00+09:00';
  const next = '2031-05-02T00:10:00+09:00';
  const first = (await create(clinic.doctor, { start: late })).body;
  const second = (await create(clinic.doctor, { start: next, invite: [idOf(clinic.specialist)] })).body;
  const listed = async (someone: typeof clinic.doctor, day: string) =>
    (await server.ask<EncounterView[]>(someone, 'GET', `/encounters?on=${day}`)).body.map(view => view.id);
  expect(await listed(clinic.doctor, '2031-05-01')).toEqual([first.id]);
  expect(await listed(clinic.patient, '2031-05-02')).toEqual([second.id]);
  expect(await listed(clinic.specialist, '2031-05-01')).toEqual([]);
  expect(await listed(clinic.specialist, '2031-05-02')).toEqual([second.id]);
  expect(await listed(clinic.stranger, '2031-05-01')).toEqual([]);
  expect((await server.ask(clinic.doctor, 'GET', '/encounters?on=tomorrow')).status).toBe(422);
});

test('only those invited, and the patient, open a consultation', async () => {
  const { body } = await create();
  expect((await server.ask(clinic.patient, 'GET', `/encounters/${body.id}`)).status).toBe(200);
  expect((await server.ask(clinic.specialist, 'GET', `/encounters/${body.id}`)).status).toBe(403);
  expect((await server.ask(clinic.colleague, 'GET', `/encounters/${body.id}`)).status).toBe(403);
  expect((await server.ask(clinic.stranger, 'GET', `/encounters/${body.id}`)).status).toBe(403);
  expect((await server.ask(clinic.doctor, 'GET', '/encounters/none')).status).toBe(404);
});

test('a specialist is found by name or hospital, and once invited sees the patient', async () => {
  const found = await server.ask<Invitable[]>(clinic.doctor, 'GET', `/people?role=specialist&q=${encodeURIComponent('大学')}`);
  expect(found.body).toEqual([
    { practitioner: idOf(clinic.specialist), name: '専門 三', role: 'specialist', organizationName: '大学病院' },
  ]);
  expect((await server.ask(clinic.patient, 'GET', '/people')).status).toBe(403);
  const { body } = await create();
  const invited = await server.ask(clinic.doctor, 'POST', `/encounters/${body.id}/invite`, { practitioner: idOf(clinic.specialist) });
  expect(invited.body.participants).toHaveLength(3);
  const again = await server.ask(clinic.doctor, 'POST', `/encounters/${body.id}/invite`, { practitioner: idOf(clinic.specialist) });
  expect(again.body.participants).toHaveLength(3);
  const seen = await server.ask(clinic.specialist, 'GET', `/encounters/${body.id}`);
  expect(seen.body.patient).toMatchObject({ name: '山田 ハナ', birthDate: '1941-03-02' });
  expect((await server.ask(clinic.patient, 'POST', `/encounters/${body.id}/invite`, { practitioner: idOf(clinic.colleague) })).status).toBe(
    403,
  );
});

test("the patient can open the doctor's card", async () => {
  const { body } = await create();
  const card = await server.ask<CardView>(clinic.patient, 'GET', `/encounters/${body.id}/card/${idOf(clinic.doctor)}`);
  expect(card.body).toMatchObject({ name: '島田 一', organizationName: '島の病院', registeredYear: 2004 });
  expect((await server.ask(clinic.patient, 'GET', `/encounters/${body.id}/card/${idOf(clinic.specialist)}`)).status).toBe(404);
});
